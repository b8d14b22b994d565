"""A SeaweedFS's store, and below it the free space that its compacted files have gone back to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from backends.contract import (
    Check,
    Context,
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
from backends.files.free import KIND, FreeSpaces, wanted_from
from backends.files.trees import from_settings
from backends.seaweedfs._places import COMPACTED_AWAY
from backends.wrappers import Wrapper


class ScrubbedStore(Wrapper):
    """See :class:`backends.contract.Store`. A scope more for each file system of the server's."""

    def __init__(self, inner: Store, free: FreeSpaces) -> None:
        super().__init__(inner)
        self._free = free

    @property
    def traits(self) -> Traits:
        """The inner store's, and scrubbing."""
        inner = super().traits
        return replace(inner, techniques=inner.techniques | {Technique.SCRUB_FREE_SPACE})

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
        return replace(seen, holdings=tuple(map(_reached, seen.holdings)))

    def glance(self, unit: Unit, matcher: Matcher) -> bool:
        """Nothing tells whether something was freed."""
        return unit.kind != KIND and super().glance(unit, matcher)

    def companions(self, holdings: Sequence[Holding], matcher: Matcher) -> Iterator[Holding]:
        """The inner store's, and the free space that these will go back to."""
        held = [each for each in holdings if each.kind != KIND]
        yield from map(_reached, super().companions(held, matcher))
        if held:
            yield from self._free.every()

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


def scrubbed(
    store: Store, settings: Mapping[str, object], context: Context, folder: Path | None
) -> Store:
    """Lay it round a store whose files lie in a folder, if it is wanted. Raises SettingError."""
    wanted = wanted_from(store.name, settings)
    if wanted is None or folder is None:
        return store
    trees = from_settings(store.name, {"roots": [str(folder)]}, context)
    return ScrubbedStore(store, FreeSpaces(trees, wanted))


def _reached(holding: Holding) -> Holding:
    """What was compacted away is written over afterwards."""
    left = tuple(code for code in holding.limitations if code != COMPACTED_AWAY)
    return replace(holding, limitations=left) if left != holding.limitations else holding
