"""How long a sweep will take is told to whoever watches, and costs nothing where nobody does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from backends.contract import Gap, Store, Unit
from backends.errors import BackendError, Unreachable
from backends.memory import MemoryStore
from shredder.journal import Phase
from shredder.sweep import counted_ahead
from shredder.sweep.ahead import _Count
from tests.support.faulty import Fault, Faulty, unreachable
from tests.upper.place import Place, foreign, opened_as, rows


def filled(place: Place, number: int = 30) -> MemoryStore:
    for n in range(number):
        place.space.put("desk", f"{n:03}", foreign(n))
    return MemoryStore("mem", place.space.name)


def waited_for(total: Any) -> int:
    end = time.monotonic() + 5
    while not total() and time.monotonic() < end:
        time.sleep(0.005)
    return int(total())


@contextmanager
def _open(*stores: Store | BackendError) -> Iterator[Mapping[str, Store | BackendError]]:
    yield {str(n): store for n, store in enumerate(stores)}


def test_units_are_counted(place: Place) -> None:
    with counted_ahead(lambda: _open(filled(place), filled(place))) as total:
        assert waited_for(total) == 60


def test_a_listing_that_fails_makes_no_number(place: Place) -> None:
    faulty = Faulty(filled(place), Fault("units", unreachable, after_items=3))
    with counted_ahead(lambda: _open(faulty)) as total:
        for thread in threading.enumerate():
            if thread.name == "count-ahead":
                thread.join(5)
        assert total() == 0


def test_a_store_that_cannot_be_opened_is_counted_as_nothing(place: Place) -> None:
    with counted_ahead(lambda: _open(Unreachable("gone"), filled(place))) as total:
        assert waited_for(total) == 30


def test_counting_ends_with_the_sweep(place: Place) -> None:
    class Endless(Faulty):
        def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
            while True:
                yield from super().units(scope, after)

    with counted_ahead(lambda: _open(Endless(filled(place)))) as total:
        assert total() == 0
    assert "count-ahead" not in [thread.name for thread in threading.enumerate()]


def test_nobody_watches_and_nothing_is_listed_twice(place: Place) -> None:
    store = Faulty(filled(place))
    with opened_as({"mem": store}):
        place.look()
    assert store.calls.counts["units"] == 1
    assert {total for _, _, total in place.watcher.steps} == {0}


def test_who_watches_is_told_the_total(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = threading.Event()

    class Waits(Faulty):
        def examine(self, unit: Unit, matcher: Any) -> Any:
            counted.wait(5)  # until the count is done: a sweep that is slower than a listing
            return super().examine(unit, matcher)

    class Tells(_Count):
        def run(self, opening: Any) -> None:
            super().run(opening)
            counted.set()

    place.watcher.watched = True
    monkeypatch.setattr("shredder.sweep.ahead._Count", Tells)
    with opened_as({"mem": Waits(filled(place))}):
        place.look()
    assert place.watcher.steps[-1] == ("sweep", 30, 30)


def test_the_second_sweep_knows_from_the_first(place: Place) -> None:
    filled(place)
    place.space.put("desk", "a.csv", rows(0))
    run = place.plan()
    place.drive_to(run, Phase.EXECUTED)
    place.watcher.steps.clear()
    place.drive_to(run, Phase.VERIFIED)
    totals = {total for what, _, total in place.watcher.steps if what == "sweep"}
    assert totals == {31}


def test_more_units_than_were_counted_make_no_total(place: Place) -> None:
    filled(place, 3)
    place.look(units=2)
    assert [(units, total) for _, units, total in place.watcher.steps] == [
        (0, 2),
        (1, 2),
        (2, 2),
        (3, 0),
    ]


def test_what_could_not_be_examined_counts_as_done(place: Place) -> None:
    store = Faulty(filled(place, 4), Fault("examine", unreachable))
    with opened_as({"mem": store}):
        place.look(units=4)
    assert place.watcher.steps[-1] == ("sweep", 4, 4)
