"""A dataset's keys as holdings: the key store as a store like any other, for sweep, plan and run.

Its units are the records of the dataset's keys, so that a key that was put back is found; those of
its key tree are among them (`DATASET/…`), so that none is left that opens half of something. What
ends with a key in other stores is not destroyed by an order: what became of it is told by the
key's. Where that was pending it is looked for by the key that its details name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from backends.contract import (
    CoverageStatus,
    Destruction,
    Examination,
    Finding,
    Gap,
    Holding,
    KeyErasure,
    Known,
    Matcher,
    Method,
    Order,
    Result,
    Technique,
    Unit,
    Verdict,
    Verification,
)
from backends.errors import CouldNotTell, Unreachable
from backends.fsops.ground import OBSTACLES
from shredder.keystores.as_store import IN_USE, UNREADABLE, KeysAsStore, refused, unreadable
from shredder.keystores.contract import (
    KEY_BYTES,
    KeyDestruction,
    KeyFinding,
    KeyRecord,
    KeyState,
    KeyStore,
)
from shredder.keystores.errors import KeyStoreError, NoKey, StoreBusy
from shredder.keystores.slotfile import CACHED
from shredder.plan.keyed import (
    BACKED_UP,
    CANCELLED,
    CLEAR,
    ESCROWED,
    KEY,
    OVERWRITES,
    STATE,
    UNTIL,
    WAITS_DAYS,
    WINDOW,
)

_KIND, _OF_TREE = "key", "tree-key"
_PROBE = "probe"  # a detail: the digest of what was sealed to the key
_FIRST = -(2**52)  # phase: in a plan, what comes first; in the last stage nothing else does


@dataclass(frozen=True)
class KeyHoldings(KeysAsStore):
    """A dataset's keys; see :class:`backends.contract.Store`."""

    dataset: str
    store: KeyStore

    batch: ClassVar[int] = 1000

    @property
    def identity(self) -> str:
        """The first key that was ever made there: its record outlives it."""
        first = self._records()[0]
        return f"keys:{self.store.traits.kind}:{first.id}"

    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        """Yield the dataset's keys, destroyed ones as well."""
        for record in sorted(self._records(), key=lambda each: each.id):
            whose = record.dataset.partition("/")[0]
            if whose == self.dataset and record.id > after:
                kind = _KIND if record.dataset == whose else _OF_TREE
                yield Unit(scope, record.id, record.check, kind, KEY_BYTES, record.id)

    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        """Say that a key lives, or look for one that was destroyed."""
        del matcher
        record = self._record(unit.locator)
        told: tuple[str, ...] = ()
        if record.state in {KeyState.PENDING, KeyState.DESTROYED}:
            seen = self._look(record.id)
            told = (seen.reason,) if seen.reason == CANCELLED else ()
            if seen.finding is Finding.ABSENT or seen.reason == CACHED:
                return Examination(unit)
            if seen.finding is Finding.INCONCLUSIVE:
                gap = Gap(unit.scope, CoverageStatus.FAILED, seen.reason, unit.locator)
                return Examination(unit, gap=gap)
        return Examination(unit, (self._holding(unit, record, told),))

    def _holding(self, unit: Unit, record: KeyRecord, told: tuple[str, ...]) -> Holding:
        return Holding(
            store=self.name,
            scope=unit.scope,
            locator=unit.locator,
            version=unit.version,
            kind=unit.kind,
            verdict=Verdict.COPY,
            records=None,
            foreign_records=0,
            size=KEY_BYTES,
            whole=Technique.CRYPTOGRAPHIC_ERASE,
            limitations=tuple(dict.fromkeys((*record.limitations, *told))),
            details={
                "phase": _FIRST,
                **({STATE: record.state.value} if unit.kind == _KIND else {}),
                _PROBE: _digest(record),
                "created": record.created,
                "wrapping": record.wrapping.value,
                ESCROWED: record.escrowed.value,
                BACKED_UP: record.backed_up.value,
                OVERWRITES: self._overwrites(record),
                CLEAR: record.in_clear.value,
                **({UNTIL: record.until} if record.until and not told else {}),
                **({WAITS_DAYS: self.claims.waits} if self.claims.waits else {}),
            },
        )

    def _overwrites(self, record: KeyRecord) -> int:
        """Whether it can be shown that the key was overwritten, as far as is known of its place."""
        return int(self.claims.overwrites and OBSTACLES.isdisjoint(record.limitations))

    def end(self, orders: Sequence[Order]) -> Sequence[Destruction]:
        """Destroy keys, and with them what is sealed to them."""
        records = [self._record(order.holding.locator) for order in orders]
        return [self._end(*pair) for pair in zip(orders, records, strict=True)]

    def _end(self, order: Order, record: KeyRecord) -> Destruction:
        if no := refused(order, record.check):
            return no
        clear = Known(str(order.holding.details.get(CLEAR, Known.UNKNOWN.value)))
        came = self._erase(record.id)
        if isinstance(came, str):
            erasure = self._erasure(record, clear, destroyed=False)
            return Destruction(order.id, Result.FAILED, reason=came, erasure=erasure)
        if came.record.state is KeyState.PENDING:
            return Destruction(
                order.id,
                Result.PENDING,
                reason=WINDOW,
                until=came.record.until,
                limitations=came.record.limitations,
                numbers=came.numbers,
                erasure=replace(self._erasure(came.record, clear, destroyed=False), scheduled=1),
            )
        erasure = self._erasure(came.record, clear, destroyed=True)
        return Destruction(
            order.id,
            Result.ALREADY_ABSENT if came.before else Result.DESTROYED,
            method=_method(erasure, in_place=came.in_place),
            limitations=came.record.limitations,
            numbers=came.numbers,
            erasure=erasure,
        )

    def _erase(self, key: str) -> KeyDestruction | str:
        """Destroy one key, or say why that failed. Raises Unreachable while it is in use."""
        try:
            return self.store.destroy(key)
        except StoreBusy as error:
            raise Unreachable(error.message, reason=IN_USE) from None
        except KeyStoreError:
            return self._look(key).reason or UNREADABLE

    def _erasure(self, record: KeyRecord, clear: Known, *, destroyed: bool) -> KeyErasure:
        traits = self.claims
        # A copy that was put back is one that was made, whatever was said.
        copied = "key-restored" in record.limitations
        return KeyErasure(
            ever_in_clear=clear,
            escrowed=Known(record.escrowed.value),
            backed_up=Known.YES if copied else Known(record.backed_up.value),
            strength_bits=traits.strength_bits,
            entropy_bits=traits.entropy_bits,
            destroyed=int(destroyed),
        )

    def verify(self, orders: Sequence[Order], matcher: Matcher) -> Iterator[Verification]:
        """Look for each order's key where it lay, and try what lies there on its probe."""
        del matcher
        seen: dict[str, KeyFinding] = {}
        for order in orders:
            own = order.holding.store == self.name
            key = order.holding.locator if own else str(order.holding.details.get(KEY, ""))
            if key not in seen:
                seen[key] = self._look(key)
            found = self._by_its_probe(order.holding, seen[key]) if own else seen[key]
            yield Verification(order.id, found.finding, found.looked, found.reason)

    def _by_its_probe(self, holding: Holding, found: KeyFinding) -> KeyFinding:
        """Take no absence that was shown by another probe than the one the plan commits to."""
        record = self._record(holding.locator)
        if found.finding is not Finding.ABSENT or _digest(record) == holding.details.get(_PROBE):
            return found
        return KeyFinding(Finding.INCONCLUSIVE, (), "key-record-altered")

    def _records(self) -> Sequence[KeyRecord]:
        try:
            return self.store.records()
        except KeyStoreError as error:
            raise unreadable(error) from None

    def _record(self, key: str) -> KeyRecord:
        try:
            return self.store.record(key)
        except NoKey:
            raise CouldNotTell("a key has no record", reason="key-not-found") from None
        except KeyStoreError as error:
            raise unreadable(error) from None

    def _look(self, key: str) -> KeyFinding:
        try:
            return self.store.verify(key)
        except KeyStoreError as error:
            raise unreadable(error) from None


def _digest(record: KeyRecord) -> str:
    return hashlib.sha256(record.probe.encode("ascii")).hexdigest()


def _method(erasure: KeyErasure, *, in_place: bool) -> Method:
    """What is earned: of the key's own bytes, or of whatever nobody opens any more."""
    if not in_place:
        return Method.LOGICAL_DELETE
    return Method.PURGE if erasure.purges else Method.CLEAR
