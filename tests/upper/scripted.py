"""A store that says what it is told to say, right or wrong: a third party's at its worst."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from backends.contract import (
    Destruction,
    Examination,
    Finding,
    Gap,
    Holding,
    Matcher,
    Method,
    Order,
    Result,
    Scope,
    Technique,
    Traits,
    Unit,
    Verdict,
    Verification,
)

TRAITS = Traits(batch=3, concurrency=2, techniques=frozenset(Technique), blind_spots=("dark-side",))


def holding(locator: str = "a", **changes: Any) -> Holding:
    """A whole file that is wholly the dataset's."""
    found = Holding(
        store="mem",
        scope="desk",
        locator=locator,
        version="1",
        kind="bytes",
        verdict=Verdict.COPY,
        records=3,
        foreign_records=0,
        size=9,
        whole=Technique.FORGET,
        partial=Technique.REWRITE_WITHOUT_RECORDS,
    )
    return replace(found, **changes)


def destroyed(order: Order) -> Destruction:
    return Destruction(order.id, Result.DESTROYED, Method.CLEAR)


def absent(order: Order) -> Verification:
    return Verification(order.id, Finding.ABSENT, ("listing",))


@dataclass
class Breaks:
    """Where a listing cannot go on."""

    error: Exception


@dataclass
class View:
    """What one sweep finds. A unit is listed as what examining it gives, or raises."""

    scopes: Any = (Scope("desk"),)
    units: dict[str, list[Any]] = field(default_factory=dict)
    companions: Sequence[Any] = ()
    examine: Callable[[Unit], Any] | None = None
    version: str = "1"  # of all units, as they are listed


class Scripted:
    """See :class:`backends.contract.Store`. Each call of scopes() begins the next view."""

    def __init__(
        self,
        *views: View,
        name: str = "mem",
        identity: Any = "scripted:1",
        traits: Any = TRAITS,
        destroy: Callable[[Order], Any] = destroyed,
        verify: Callable[[Order], Any] = absent,
    ) -> None:
        self.views = list(views)
        self.name, self.identity, self.traits = name, identity, traits
        self._destroy, self._verify = destroy, verify
        self._sweeps = 0
        self.ordered: list[list[str]] = []  # ids, call by call
        self.answered: dict[str, Any] = {}
        self.verified: dict[str, Any] = {}

    @property
    def view(self) -> View:
        return self.views[min(self._sweeps, len(self.views)) - 1]

    def scopes(self) -> Sequence[Scope]:
        self._sweeps += 1
        scopes: Sequence[Scope] = _said(self.view.scopes)
        return scopes

    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        for number, entry in enumerate(self.view.units.get(scope, [])):
            if isinstance(entry, Gap):
                yield entry
            elif isinstance(entry, Breaks):
                raise entry.error
            else:
                yield Unit(scope, f"unit-{number}", self.view.version, "bytes", 1, f"{number:04}")

    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        if self.view.examine is not None:
            answer: Examination = self.view.examine(unit)
            return answer
        said = _said(self.view.units[unit.scope][int(unit.cursor)])
        if isinstance(said, Examination):
            return replace(said, unit=unit)
        return Examination(unit, tuple(said), bytes_read=1, records_read=1)

    def glance(self, unit: Unit, matcher: Matcher) -> bool:
        return True

    def companions(self, holdings: Sequence[Holding], matcher: Matcher) -> Iterator[Holding]:
        for each in self.view.companions:
            yield _said(each)

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        self.ordered.append([order.id for order in orders])
        answers = []
        for order in orders:
            answer = self._destroy(order)
            self.answered[order.id] = answer
            answers.append(_said(answer))
        return answers

    def verify(self, orders: Sequence[Order], matcher: Matcher) -> Iterator[Verification]:
        for order in orders:
            answer = self._verify(order)
            self.verified[order.id] = answer
            yield _said(answer)

    def source(self, spec: object) -> Any:
        raise AssertionError

    def check(self) -> Any:
        return iter(())

    def close(self) -> None:
        """Nothing is held."""


def _said(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value
