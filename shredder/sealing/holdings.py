"""The own keys of chosen records as holdings: a store like any other, for sweep, plan and run.

Its units are places in the dataset's key tree, one a record; nothing else tells of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
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
from backends.errors import Unreachable
from shredder.keystores import KeyRecord, KeyStoreError, StoreBusy
from shredder.keystores.as_store import IN_USE, UNREADABLE, KeysAsStore, refused, unreadable
from shredder.keystores.contract import KeyFinding
from shredder.plan.keyed import CANCELLED, UNTIL, WAITS_DAYS, WINDOW
from shredder.sealing.places import Places
from shredder.sealing.records import RecordKeys, RecordsDestroyed

_KIND = "record-key"
_BYTES = 32


@dataclass(frozen=True)
class RecordKeyHoldings(KeysAsStore):
    """The keys of chosen records; see :class:`backends.contract.Store`."""

    keys: RecordKeys
    record: KeyRecord  # of the dataset's key
    places: Places
    note: Callable[[Places], None]  # has them written down, with the last tree that had any

    batch: ClassVar[int] = 100_000  # at once: each batch takes a slot of the key store

    @property
    def identity(self) -> str:
        """The dataset's key, under which the tree is: its record outlives it."""
        return f"{self.name}:{self.claims.kind}:{self.record.id}"

    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        """Yield the places of the records, whether their keys live or not."""
        for path in sorted(each.hex() for each in self.places.paths):
            if path > after:
                yield Unit(scope, path, self.record.id, _KIND, _BYTES, path)

    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        """Say whether a record's key can be derived, or could again while a provider waits."""
        del matcher
        if bytes.fromhex(unit.locator) in self._living:
            return Examination(unit, (self._holding(unit),))
        found, until = self._before
        if found.finding is Finding.ABSENT:
            return Examination(unit)
        if found.finding is Finding.INCONCLUSIVE:
            gap = Gap(unit.scope, CoverageStatus.FAILED, found.reason, unit.locator)
            return Examination(unit, gap=gap)
        if found.reason == CANCELLED:
            return Examination(unit, (self._holding(unit, CANCELLED),))
        return Examination(unit, (self._holding(unit, until=until),))

    @cached_property
    def _living(self) -> frozenset[bytes]:
        """Of the places, those that have a key: read once a sweep, which has the store opened."""
        try:
            return frozenset(self.keys.living(self.places.paths))
        except KeyStoreError as error:
            raise unreadable(error) from None

    @cached_property
    def _before(self) -> tuple[KeyFinding, str]:
        """What is seen of pending keys of trees that had the records, and until when they wait."""
        try:
            waits = self.keys.waiting(self.places.last)
            found = self.keys.look_for(waits) if waits else KeyFinding(Finding.ABSENT)
        except KeyStoreError as error:
            raise unreadable(error) from None
        return found, max((each.until for each in waits), default="")

    def _holding(self, unit: Unit, *told: str, until: str = "") -> Holding:
        return Holding(
            store=self.name,
            scope=unit.scope,
            locator=unit.locator,
            version=unit.version,
            kind=_KIND,
            verdict=Verdict.COPY,
            records=1,
            foreign_records=0,
            size=_BYTES,
            whole=Technique.CRYPTOGRAPHIC_ERASE,
            limitations=(*self.record.limitations, *told),
            details={
                **({WAITS_DAYS: self.claims.waits} if self.claims.waits else {}),
                **({UNTIL: until} if until else {}),
            },
        )

    def end(self, orders: Sequence[Order]) -> Sequence[Destruction]:
        """Prune the tree, once for all of the orders."""
        wrong = {each.id: no for each in orders if (no := refused(each, self.record.id))}
        paths = [_path(order) for order in orders if order.id not in wrong]
        try:
            living = set(self.keys.living(paths))
            done = self.keys.destroy_paths(paths, self.places.last) if paths else None
            self._note(had=bool(living))
        except StoreBusy as error:
            raise Unreachable(error.message, reason=IN_USE) from None
        except KeyStoreError:
            failed = Destruction("", Result.FAILED, reason=UNREADABLE, erasure=self._erasure(0))
            return [wrong.get(each.id) or replace(failed, order=each.id) for each in orders]
        return [wrong.get(each.id) or self._came(each, living, done) for each in orders]

    def _note(self, *, had: bool) -> None:
        """Note the last tree that had any of the records, once none is in the present one.

        A crash before that leaves it unknown: then all keys that wait are waited for.
        """
        wanted = self.claims.waits and (had or not self.places.last)
        if wanted and not self.keys.living(self.places.paths):
            self.note(replace(self.places, last=self.keys.number - 1))

    def _came(self, order: Order, living: set[bytes], done: RecordsDestroyed | None) -> Destruction:
        assert done is not None
        if done.until:
            return Destruction(
                order.id,
                Result.PENDING,
                reason=WINDOW,
                until=done.until,
                limitations=done.key.record.limitations,
                erasure=replace(self._erasure(0), scheduled=1),
            )
        return Destruction(
            order.id,
            Result.DESTROYED if _path(order) in living else Result.ALREADY_ABSENT,
            method=Method.CLEAR if done.key.in_place else Method.LOGICAL_DELETE,
            limitations=done.key.record.limitations,
            erasure=self._erasure(1),
        )

    def _erasure(self, destroyed: int) -> KeyErasure:
        """The conditions: what is sealed under a record may lie in the clear elsewhere."""
        return KeyErasure(
            ever_in_clear=Known.UNKNOWN,
            escrowed=Known(self.record.escrowed.value),
            backed_up=Known(self.record.backed_up.value),
            strength_bits=self.claims.strength_bits,
            entropy_bits=self.claims.entropy_bits,
            destroyed=destroyed,
        )

    def verify(self, orders: Sequence[Order], matcher: Matcher) -> Iterator[Verification]:
        """Read the tree again, and look for the keys that it was under before."""
        del matcher
        try:
            found = self.keys.look([_path(order) for order in orders], self.places.last)
        except KeyStoreError as error:
            raise unreadable(error) from None
        for order in orders:
            lives = _path(order) in found.living
            finding = Finding.RESIDUE if lives else found.key.finding
            reason = "key-lives" if lives else found.key.reason
            yield Verification(order.id, finding, found.key.looked, reason)


def _path(order: Order) -> bytes:
    return bytes.fromhex(order.holding.locator)
