"""A dataset's keys as holdings: the key store as a store like any other, for sweep, plan and run.

Its units are the records of the dataset's keys, so that a key that was put back is found; those of
its key tree are among them (`DATASET/…`), so that none is left that opens half of something. An
order by CRYPTOGRAPHIC_ERASE on something sealed in another store comes here, too: what destroys it
is the end of the key that its details name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from backends.contract import (
    Check,
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
    Scope,
    SourceRows,
    SourceSpec,
    Technique,
    Traits,
    Unit,
    Verdict,
    Verification,
)
from backends.errors import CouldNotTell, SourceError, Unreachable
from shredder.keystores.contract import (
    KEY_BYTES,
    KeyDestruction,
    KeyFinding,
    KeyRecord,
    KeyState,
    KeyStore,
)
from shredder.keystores.errors import KeyStoreError, StoreBusy
from shredder.keystores.slotfile import CACHED
from shredder.plan.keyed import CLEAR, KEY, STATE

_KIND, _OF_TREE = "key", "tree-key"
_SCOPE = "keys"
_LAST = 2**61  # phase: after whatever is sealed in other stores
_BATCH = 1000
_UNREADABLE = "key-store-unreadable"


@dataclass(frozen=True)
class KeyHoldings:
    """A dataset's keys; see :class:`backends.contract.Store`."""

    name: str
    dataset: str
    store: KeyStore

    @cached_property
    def traits(self) -> Traits:
        """What it can do."""
        return Traits(
            batch=_BATCH,
            concurrency=1,  # a store may be locked for one
            techniques=frozenset({Technique.CRYPTOGRAPHIC_ERASE}),
            blind_spots=self.store.traits.limitations,
        )

    @property
    def identity(self) -> str:
        """The first key that was ever made there: its record outlives it."""
        first = self._records()[0]
        return f"keys:{self.store.traits.kind}:{first.id}"

    def scopes(self) -> Sequence[Scope]:
        """Return the one that there is."""
        return [Scope(_SCOPE)]

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
        if record.state is KeyState.DESTROYED:
            seen = self._look(record.id)
            if seen.finding is Finding.ABSENT or seen.reason == CACHED:
                return Examination(unit)
            if seen.finding is Finding.INCONCLUSIVE:
                gap = Gap(unit.scope, CoverageStatus.FAILED, seen.reason, unit.locator)
                return Examination(unit, gap=gap)
        return Examination(unit, (self._holding(unit, record),))

    def _holding(self, unit: Unit, record: KeyRecord) -> Holding:
        probe = hashlib.sha256(record.probe.encode("ascii")).hexdigest()
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
            limitations=record.limitations,
            details={
                "phase": _LAST,
                **({STATE: record.state.value} if unit.kind == _KIND else {}),
                "probe": probe,
                "created": record.created,
                "wrapping": record.wrapping.value,
                CLEAR: record.in_clear.value,
            },
        )

    def glance(self, unit: Unit, matcher: Matcher) -> bool:
        """Return False: a key is looked for anew each time."""
        del unit, matcher
        return False

    def companions(self, holdings: Sequence[Holding], matcher: Matcher) -> Iterator[Holding]:
        """Yield nothing: all of a key is in its slot."""
        del holdings, matcher
        return iter(())

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        """Destroy keys, and with them what is sealed to them."""
        del matcher
        if len(orders) > _BATCH:
            raise ValueError(f"{len(orders)} orders in one call; {_BATCH} at the most")
        done: dict[str, KeyDestruction | str] = {}
        return [self._destroy(order, done) for order in orders]

    def _destroy(self, order: Order, done: dict[str, KeyDestruction | str]) -> Destruction:
        if order.technique is not Technique.CRYPTOGRAPHIC_ERASE:
            return Destruction(order.id, Result.FAILED, reason="technique-not-offered")
        key, own = self._key_of(order), order.holding.store == self.name
        record = self._record(key)
        clear = Known(str(order.holding.details.get(CLEAR, Known.UNKNOWN.value)))
        if own and order.holding.version != record.check:
            return Destruction(order.id, Result.CHANGED)
        if key not in done:
            done[key] = self._erase(key)
        came = done[key]
        if isinstance(came, str):
            erasure = self._erasure(record, clear, destroyed=False)
            return Destruction(order.id, Result.FAILED, reason=came, erasure=erasure)
        erasure = self._erasure(came.record, clear, destroyed=True)
        # The key's own order comes with those of what is sealed to it, in whatever turn.
        before = own and came.before
        return Destruction(
            order.id,
            Result.ALREADY_ABSENT if before else Result.DESTROYED,
            method=_method(erasure, own=own, in_place=came.in_place),
            limitations=came.record.limitations if own else ("sealed-bytes-stay",),
            numbers=came.numbers if own else {},
            erasure=erasure,
        )

    def _erase(self, key: str) -> KeyDestruction | str:
        """Destroy one key, or say why that failed. Raises Unreachable while it is in use."""
        try:
            return self.store.destroy(key)
        except StoreBusy as error:
            raise Unreachable(error.message, reason=_UNREADABLE) from None
        except KeyStoreError:
            return self._look(key).reason or _UNREADABLE

    def _erasure(self, record: KeyRecord, clear: Known, *, destroyed: bool) -> KeyErasure:
        traits = self.store.traits
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
            key = self._key_of(order)
            if key not in seen:
                seen[key] = self._look(key)
            found = seen[key]
            yield Verification(order.id, found.finding, found.looked, found.reason)

    def source(self, spec: SourceSpec) -> SourceRows:
        """Raise SourceError: keys are no records."""
        del spec
        raise SourceError(f"store {self.name}: keys are no source of records")

    def check(self) -> Iterator[Check]:
        """Yield nothing: doctor tells of each key by itself."""
        return iter(())

    def close(self) -> None:
        """Do nothing: nothing is held open."""

    def _key_of(self, order: Order) -> str:
        holding = order.holding
        own = holding.store == self.name
        return holding.locator if own else str(holding.details.get(KEY, ""))

    def _records(self) -> Sequence[KeyRecord]:
        try:
            return self.store.records()
        except KeyStoreError as error:
            raise CouldNotTell(error.message, hint=error.hint, reason=_UNREADABLE) from None

    def _record(self, key: str) -> KeyRecord:
        for record in self._records():
            if record.id == key:
                return record
        raise CouldNotTell(f"store {self.name}: a key has no record", reason="key-not-found")

    def _look(self, key: str) -> KeyFinding:
        try:
            return self.store.verify(key)
        except KeyStoreError as error:
            raise CouldNotTell(error.message, hint=error.hint, reason=_UNREADABLE) from None


def _method(erasure: KeyErasure, *, own: bool, in_place: bool) -> Method:
    """What is earned: of the key's own bytes, and of what nobody opens any more."""
    if not in_place:
        return Method.LOGICAL_DELETE
    if erasure.purges:
        return Method.PURGE
    return Method.CLEAR if own else Method.LOGICAL_DELETE
