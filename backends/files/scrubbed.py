"""A store, and below it the free space that what it deletes goes back to.

Whatever store has files on this host can be laid into it: a tree's, a server's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from backends.contract import (
    Check,
    Destruction,
    Examination,
    Gap,
    Holding,
    Matcher,
    Order,
    Scope,
    Store,
    Technique,
    Traits,
    Unit,
    Verification,
)
from backends.files.free import KIND, FreeSpaces
from backends.wrappers import Selected, Wrapper

Below = Callable[[Sequence[Holding]], Iterator[Holding]]


class ScrubbedStore(Wrapper):
    """See :class:`backends.contract.Store`. A scope more for each file system."""

    def __init__(
        self, inner: Store, free: FreeSpaces, below: Below, reached: frozenset[str]
    ) -> None:
        """`below`: the free space of some holdings. `reached`: codes that scrubbing takes away."""
        super().__init__(inner)
        self._free = free
        self._below = below
        self._reached = reached

    @property
    def traits(self) -> Traits:
        """The inner store's, and scrubbing."""
        inner = super().traits
        return replace(
            inner,
            techniques=inner.techniques | {Technique.SCRUB_FREE_SPACE},
            blind_spots=self._left(inner.blind_spots),
        )

    def scopes(self) -> Sequence[Scope]:
        """The inner store's, and the file systems."""
        return [*super().scopes(), *self._free.scopes()]

    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        """A file system's free space is one unit."""
        if not self._free.has(scope):
            return super().units(scope, after)
        return iter(()) if after else self._free.units(scope)

    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        """Look at what the device has, or at what the inner store has."""
        if unit.kind == KIND:
            return self._free.examine(unit, matcher)
        seen = super().examine(unit, matcher)
        return replace(seen, holdings=tuple(map(self._told, seen.holdings)))

    def glance(self, unit: Unit, matcher: Matcher) -> bool:
        """Nothing tells whether something was freed."""
        return unit.kind != KIND and super().glance(unit, matcher)

    def companions(self, holdings: Sequence[Holding], matcher: Matcher) -> Iterator[Holding]:
        """The inner store's, and the free space that these will go back to."""
        held = Selected(holdings, lambda each: each.kind != KIND)
        yield from self._below(held)  # first: the others can end in that nobody can tell
        yield from map(self._told, super().companions(held, matcher))

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        """Scrub after everything else."""
        inner = [each for each in orders if each.holding.kind != KIND]
        done = {each.order: each for each in super().destroy(inner, matcher)} if inner else {}
        for order in orders:
            if order.holding.kind == KIND:
                done[order.id] = self._free.destroy(order)
        return [done[order.id] for order in orders]

    def verify(self, orders: Sequence[Order], matcher: Matcher) -> Iterator[Verification]:
        """Look again."""
        inner = [each for each in orders if each.holding.kind != KIND]
        rest = super().verify(inner, matcher) if inner else iter(())
        for order in orders:
            if order.holding.kind == KIND:
                yield self._free.verify(order, matcher)
            else:
                yield next(rest)

    def check(self) -> Iterator[Check]:
        """What the inner store says, and whether the device can be scrubbed and looked at."""
        yield from super().check()
        yield from self._free.check()

    def _told(self, holding: Holding) -> Holding:
        """What went back to the file system is written over afterwards."""
        left = self._left(holding.limitations)
        return replace(holding, limitations=left) if left != holding.limitations else holding

    def _left(self, codes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(code for code in codes if code not in self._reached)
