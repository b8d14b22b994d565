"""What a sweep found: as much of it as grows with the stores lies in a spool, and ends with it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from backends.contract import Gap, Holding
from shredder.spool import sort_key
from shredder.sweep.coverage import ScopeCoverage

_LAST = 2**62  # phase
_TO_COME, _LISTED = "to-come", "listed"  # details


@dataclass(frozen=True, slots=True)
class Problem:
    """A gap, and whose. Holds a locator: for the operator's eyes only."""

    store: str
    gap: Gap


class Holdings(Iterable[Holding]):
    """The holdings of all stores, in the order of a plan: by phase, store, scope and locator."""

    def __init__(self, stores: Sequence[Iterable[Holding]], found: Mapping[str, int]) -> None:
        """Each of `stores` is in the order of `place`; `found` has the number of each verdict."""
        self._stores = stores
        self.found = found

    def __len__(self) -> int:
        return sum(self.found.values())

    def __iter__(self) -> Iterator[Holding]:
        return heapq.merge(*self._stores, key=phase_of)  # of equal ones, the first store's first


@dataclass(frozen=True, slots=True)
class Sweep:
    """All that a sweep found."""

    holdings: Holdings
    coverage: tuple[ScopeCoverage, ...]
    problems: Sequence[Problem]
    bytes_read: int
    records_read: int
    started: str
    finished: str


def to_come(holding: Holding) -> Holding:
    """Mark residue that nobody saw: the destruction of other holdings would leave it there."""
    return replace(holding, details={**holding.details, _TO_COME: 1})


def is_to_come(holding: Holding) -> bool:
    """Whether residue is not there yet, as far as anybody has looked."""
    return _TO_COME in holding.details


def as_listed(holding: Holding, version: str) -> Holding:
    """Keep the version that the listing had of what is sealed: one that nothing is read for."""
    if not holding.sealed or holding.version == version:
        return holding
    return replace(holding, details={**holding.details, _LISTED: version})


def listed_place(holding: Holding) -> tuple[str, str, str]:
    """The store, the locator and the version of a holding's unit, as a listing has them."""
    version = str(holding.details.get(_LISTED, holding.version))
    return holding.store, holding.locator, version


def place(holding: Holding) -> bytes:
    """A key that sorts one store's holdings in the order of a plan."""
    first = (phase_of(holding) + _LAST).to_bytes(8, "big")
    return first + sort_key(holding.scope, holding.locator, holding.version)


def phase_of(holding: Holding) -> int:
    """Backends number what must wait for others: a materialised view comes after its tables."""
    phase = holding.details.get("phase", 0)
    return max(-_LAST, min(phase, _LAST)) if isinstance(phase, int) else 0
