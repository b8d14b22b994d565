"""The own keys of chosen records as holdings: a store like any other, for sweep, plan and run.

Its units are places in the dataset's key tree, one a record; nothing else tells of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backends.contract import (
    Check,
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
from shredder.keystores import KeyRecord, KeyStoreError, KeyTraits, StoreBusy
from shredder.sealing.records import RecordKeys, RecordsDestroyed

_KIND = "record-key"
_BYTES = 32
_BATCH = 100_000  # at once: each batch takes a slot of the key store
_UNREADABLE = "key-store-unreadable"


@dataclass(frozen=True, slots=True)
class RecordKeyHoldings:
    """The keys of chosen records; see :class:`backends.contract.Store`."""

    name: str
    keys: RecordKeys
    record: KeyRecord  # of the dataset's key
    claims: KeyTraits  # of the store that the tree's keys are in
    paths: Sequence[bytes]

    @property
    def traits(self) -> Traits:
        """What it can do."""
        return Traits(
            batch=_BATCH,
            concurrency=1,  # the key store may be locked for one
            techniques=frozenset({Technique.CRYPTOGRAPHIC_ERASE}),
            blind_spots=self.claims.limitations,
        )

    @property
    def identity(self) -> str:
        """The dataset's key, under which the tree is: its record outlives it."""
        return f"{self.name}:{self.claims.kind}:{self.record.id}"

    def scopes(self) -> Sequence[Scope]:
        """Return the one that there is."""
        return [Scope(self.name)]

    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        """Yield the places of the records, whether their keys live or not."""
        for path in sorted(each.hex() for each in self.paths):
            if path > after:
                yield Unit(scope, path, self.record.id, _KIND, _BYTES, path)

    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        """Say whether a record's key can be derived."""
        del matcher
        if not self._alive([bytes.fromhex(unit.locator)]):
            return Examination(unit)
        holding = Holding(
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
            limitations=self.record.limitations,
        )
        return Examination(unit, (holding,))

    def glance(self, unit: Unit, matcher: Matcher) -> bool:
        """Return False: a key is looked for anew each time."""
        del unit, matcher
        return False

    def companions(self, holdings: Sequence[Holding], matcher: Matcher) -> Iterator[Holding]:
        """Yield nothing: there is nothing of a record's key but its place."""
        del holdings, matcher
        return iter(())

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        """Prune the tree, once for all of the orders."""
        del matcher
        if len(orders) > _BATCH:
            raise ValueError(f"{len(orders)} orders in one call; {_BATCH} at the most")
        right = [order for order in orders if not self._wrong(order)]
        paths = [_path(order) for order in right]
        try:
            living = set(self._alive(paths))
            done = self.keys.destroy_paths(paths) if paths else None
        except StoreBusy as error:
            raise Unreachable(error.message, reason=_UNREADABLE) from None
        except (KeyStoreError, CouldNotTell):
            failed = Destruction("", Result.FAILED, reason=_UNREADABLE, erasure=self._erasure(0))
            return [self._wrong(order) or _of(order, failed) for order in orders]
        return [self._wrong(order) or self._came(order, living, done) for order in orders]

    def _wrong(self, order: Order) -> Destruction | None:
        """What is to be said of an order that cannot be carried out; None of all others."""
        if order.technique is not Technique.CRYPTOGRAPHIC_ERASE:
            return Destruction(order.id, Result.FAILED, reason="technique-not-offered")
        if order.holding.version != self.record.id:
            return Destruction(order.id, Result.CHANGED)
        return None

    def _came(self, order: Order, living: set[bytes], done: RecordsDestroyed | None) -> Destruction:
        assert done is not None
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
        """Read the tree again, and look for the key that it was under before."""
        del matcher
        try:
            found = self.keys.look([_path(order) for order in orders])
        except KeyStoreError as error:
            raise CouldNotTell(error.message, hint=error.hint, reason=_UNREADABLE) from None
        for order in orders:
            lives = _path(order) in found.living
            finding = Finding.RESIDUE if lives else found.key.finding
            reason = "key-lives" if lives else found.key.reason
            yield Verification(order.id, finding, found.key.looked, reason)

    def source(self, spec: SourceSpec) -> SourceRows:
        """Raise SourceError: keys are no records."""
        del spec
        raise SourceError(f"store {self.name}: keys are no source of records")

    def check(self) -> Iterator[Check]:
        """Yield nothing: doctor tells of the dataset's key."""
        return iter(())

    def close(self) -> None:
        """Do nothing: nothing is held open."""

    def _alive(self, paths: Sequence[bytes]) -> list[bytes]:
        try:
            return self.keys.living(paths)
        except StoreBusy:
            raise
        except KeyStoreError as error:
            raise CouldNotTell(error.message, hint=error.hint, reason=_UNREADABLE) from None


def _path(order: Order) -> bytes:
    return bytes.fromhex(order.holding.locator)


def _of(order: Order, said: Destruction) -> Destruction:
    return Destruction(order.id, said.result, reason=said.reason, erasure=said.erasure)
