"""The base of a store whose units are byte strings that are read and removed as wholes.

It keeps the contract for whoever can list, read and remove: what is left to write is what only
that kind of store knows. ``docs/writing-a-backend.md`` has a complete backend built on it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, ClassVar, NamedTuple

from backends.content import examine_stream
from backends.contract import (
    Check,
    CheckStatus,
    CoverageStatus,
    Destruction,
    Examination,
    Finding,
    Gap,
    Holding,
    Matcher,
    Order,
    Result,
    Scope,
    SourceRows,
    SourceSpec,
    Technique,
    Traits,
    Unit,
    Verification,
)
from backends.errors import SourceError, Vanished


class Entry(NamedTuple):
    """One unit as it is listed; whoever writes to it gives it another version."""

    name: str
    version: str
    size: int | None = None  # bytes


class WholeStore(ABC):
    """A store of whole units. Every method may raise BackendError; absence is never raised.

    A subclass sets `kind`, `technique` and `blind_spots`, and defines the four abstract methods.
    """

    kind: ClassVar[str]
    technique: ClassVar[Technique]
    blind_spots: ClassVar[tuple[str, ...]] = ()
    limitations: ClassVar[tuple[str, ...]] = ()
    batch: ClassVar[int] = 20
    concurrency: ClassVar[int] = 1

    def __init__(self, name: str, identity: str) -> None:
        """`identity` is stable and free of secrets: it gets signed."""
        self.name = name
        self.identity = identity

    @abstractmethod
    def scopes(self) -> Sequence[Scope]:
        """Return the scopes; raises if the store does not answer."""

    @abstractmethod
    def entries(self, scope: str, after: str) -> Iterable[Entry]:
        """List a scope in the order of names, after a name. Raises Vanished for no scope."""

    @abstractmethod
    def read(self, name: str) -> tuple[str, BinaryIO] | None:
        """Open one unit: its version and its bytes; None only if it is known not to be there."""

    @abstractmethod
    def remove(self, name: str, version: str) -> bool:
        """Remove one unit durably if it has this version, in one step; whether it had."""

    @property
    def traits(self) -> Traits:
        """What the class says of itself."""
        techniques = frozenset({self.technique})
        return Traits(self.batch, self.concurrency, techniques, self.blind_spots)

    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        """Yield every entry as a unit."""
        for entry in self.entries(scope, after):
            yield Unit(
                scope,
                entry.name,
                entry.version,
                self.kind,
                entry.size,
                cursor=entry.name,
                state=entry.version,
            )

    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        """Read one unit, containers opened."""
        opened = self.read(unit.locator)
        if opened is None or opened[0] != unit.version:
            raise Vanished(f"store {self.name}: a {self.kind} is not what was listed")
        with opened[1] as stream:
            seen = examine_stream(stream, matcher)
        gap = None
        if seen.reason:
            gap = Gap(unit.scope, CoverageStatus.FAILED, seen.reason, unit.locator)
        holdings: tuple[Holding, ...] = ()
        if seen.evidence.verdict is not None:
            found = Holding(
                store=self.name,
                scope=unit.scope,
                locator=unit.locator,
                version=unit.version,
                kind=unit.kind,
                verdict=seen.evidence.verdict,
                records=seen.evidence.records,
                foreign_records=seen.foreign_records,
                size=unit.size,
                whole=self.technique,
                obstacle="no-record-rewrite",
                limitations=(*self.limitations, *seen.limitations),
                signs=seen.evidence.signs,
            )
            holdings = (found,)
        return Examination(unit, holdings, gap, seen.bytes_read, seen.evidence.windows)

    def glance(self, unit: Unit, matcher: Matcher) -> bool:
        """Return True: content is all there is, and its version covers it."""
        del unit, matcher
        return True

    def companions(self, holdings: Sequence[Holding], matcher: Matcher) -> Iterator[Holding]:
        """Yield nothing: a whole unit has no companions."""
        del holdings, matcher
        return iter(())

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        """Remove exactly the versions that were ordered."""
        if len(orders) > self.batch:
            raise ValueError("more orders than a batch takes")
        return [self._destroy(order, matcher) for order in orders]

    def _destroy(self, order: Order, matcher: Matcher) -> Destruction:
        holding = order.holding
        opened = self.read(holding.locator)
        if opened is None:
            return Destruction(order.id, Result.ALREADY_ABSENT)
        with opened[1] as stream:
            if opened[0] != holding.version:
                return Destruction(order.id, Result.CHANGED)
            if order.technique is not self.technique:
                return Destruction(order.id, Result.FAILED, reason="technique-not-offered")
            # Looked at once more, so that no plan's mistake costs a foreign record.
            if not order.whole and examine_stream(stream, matcher).foreign_records != 0:
                return Destruction(order.id, Result.FAILED, reason="foreign-records-inside")
        gone = self.remove(holding.locator, holding.version)
        return Destruction(
            order.id,
            Result.DESTROYED if gone else Result.CHANGED,
            limitations=self.limitations if gone else (),
        )

    def verify(self, orders: Sequence[Order], matcher: Matcher) -> Iterator[Verification]:
        """Look whether the unit is there, and what is in it if it is."""
        for order in orders:
            opened = self.read(order.holding.locator)
            if opened is None:
                yield Verification(order.id, Finding.ABSENT, ("listing",))
                continue
            with opened[1] as stream:
                seen = examine_stream(stream, matcher)
            if seen.evidence.verdict is not None:
                yield Verification(order.id, Finding.RESIDUE, ("listing",), "records-left")
            elif seen.reason:
                yield Verification(order.id, Finding.INCONCLUSIVE, (), seen.reason)
            else:
                yield Verification(order.id, Finding.ABSENT, ("listing",))

    def source(self, spec: SourceSpec) -> SourceRows:
        """Refuse, unless a subclass knows better."""
        del spec
        raise SourceError(f"store {self.name}: a {self.kind} is no source of records")

    def check(self) -> Iterator[Check]:
        """Say that the store answers; asking for the scopes raises if it does not."""
        yield Check("scopes", CheckStatus.OK, f"{len(self.scopes())} in all")

    def close(self) -> None:  # noqa: B027 - most have nothing to release
        """Release nothing, unless a subclass holds something open."""
