"""Residue goes last, wherever it is, and what locks others out goes in its hours."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.contract import Cost, Holding, Technique, Verdict
from shredder import clock
from shredder.errors import ExitCode, Refused, UsageError, Waiting
from shredder.journal import Phase
from shredder.plan import Options, read_items
from shredder.run import machine
from shredder.run.results import read_results
from shredder.run.window import Window
from shredder.spool import spooled
from tests.upper.place import DATASET, Place, opened_as
from tests.upper.scripted import Scripted, View, holding

SCRUB, RECYCLE = Technique.SCRUB_FREE_SPACE, Technique.RECYCLE_WAL
NIGHT = "22:00-05:30"


def residue(locator: str, technique: Technique, *, store: str = "mem") -> Holding:
    return holding(
        locator,
        store=store,
        kind="residue",
        records=None,
        foreign_records=None,
        whole=technique,
        partial=None,
    )


def at(monkeypatch: pytest.MonkeyPatch, hour: int, minute: int = 0) -> None:
    monkeypatch.setattr(clock, "time_of_day", lambda: dt.time(hour, minute))


def planned(place: Place, **facts: str) -> str:
    run = machine.begin(place.work, DATASET, Options(), destroying=True, **facts)
    with spooled(place.work.state.root) as spool:
        machine.plan(place.work, run, spool)
    return run


def test_residue_goes_after_everything_else_in_all_stores(two: Place) -> None:
    ordered: list[str] = []
    verified: list[str] = []

    class Watched(Scripted):
        def destroy(self, orders, matcher):  # type: ignore[no-untyped-def]
            ordered.extend(f"{self.name}/{order.holding.locator}" for order in orders)
            return super().destroy(orders, matcher)

        def verify(self, orders, matcher):  # type: ignore[no-untyped-def]
            verified.extend(f"{self.name}/{order.holding.locator}" for order in orders)
            return super().verify(orders, matcher)

    def store(name: str) -> Watched:
        found = [
            residue(f"a {name}", SCRUB, store=name),
            residue("b", RECYCLE, store=name),
            holding("c", store=name),
        ]
        return Watched(View(units={"desk": [found]}), View(units={"desk": [[]]}), name=name)

    with opened_as({"left": store("left"), "right": store("right")}):
        ended = two.destroy()
    assert ordered == ["left/c", "right/c", "left/b", "right/b", "left/a left", "right/a right"]
    assert verified == ordered, "what is looked at last is what the others can still free into"
    assert two.outcome(ended) == "complete"


def test_residue_that_was_not_looked_for_in_vain_keeps_the_outcome_from_complete(
    place: Place,
) -> None:
    found = [holding("c"), residue("wal", RECYCLE)]
    again = [residue("wal", RECYCLE)]
    store = Scripted(View(units={"desk": [found]}), View(units={"desk": [again]}))
    with opened_as({"mem": store}):
        ended = place.destroy()
    statuses = {each.technique: each.status.value for each in read_results(place.work, ended.id)}
    assert statuses == {Technique.FORGET: "destroyed-verified", RECYCLE: "failed"}
    assert place.outcome(ended) == "partial"


def test_residue_that_was_only_to_come_does_not_come_back(place: Place) -> None:
    """What is left by the plan would leave residue if it were destroyed, and was not."""
    left = holding("left", verdict=Verdict.LIKELY)
    wal = residue("wal", RECYCLE)
    first = View(units={"desk": [[holding("c"), left]]}, companions=[wal])
    store = Scripted(first, View(units={"desk": [[left]]}, companions=[wal]))
    with opened_as({"mem": store}):
        ended = place.destroy()
    statuses = {each.technique: each.status.value for each in read_results(place.work, ended.id)}
    assert statuses == {
        Technique.FORGET: "destroyed-verified",
        RECYCLE: "destroyed-verified",
        None: "undecided",
    }


@pytest.mark.parametrize(("versions", "times"), [(("1", "1"), 1), (("1", "2"), 2)])
def test_a_file_system_is_scrubbed_once_though_two_stores_lie_on_it(
    two: Place, versions: tuple[str, str], times: int
) -> None:
    def store(name: str, version: str) -> Scripted:
        free = replace(residue("free space", SCRUB, store=name), version=version)
        return Scripted(View(units={"desk": [[free]]}), View(units={"desk": [[]]}), name=name)

    stores = {name: store(name, v) for name, v in zip(("left", "right"), versions, strict=True)}
    with opened_as(stores):
        ended = two.destroy()
    assert sum(len(each.ordered) for each in stores.values()) == times
    results = list(read_results(two.work, ended.id))
    assert [each.status.value for each in results] == ["destroyed-verified"] * 2
    assert two.outcome(ended) == "complete"


def costly(locator: str, *, exclusive: bool) -> Holding:
    return holding(locator, cost=Cost(exclusive, 100, 2))


def scripted() -> Scripted:
    found = [costly("a", exclusive=True), costly("b", exclusive=False), residue("wal", RECYCLE)]
    return Scripted(View(units={"desk": [found]}), View(units={"desk": [[]]}))


def test_a_plan_that_locks_others_out_is_not_begun_outside_of_its_hours(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = scripted()
    at(monkeypatch, 12)
    with opened_as({"mem": store}):
        run = planned(place, window=NIGHT)
        with pytest.raises(Refused, match="locks others out, and it is not 22:00-05:30 now"):
            place.drive(run)
        assert store.ordered == []
        at(monkeypatch, 23)
        assert place.outcome(place.drive(run)) == "complete"


def test_what_locks_others_out_waits_when_the_hours_end_and_the_rest_goes_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = scripted()
    at(monkeypatch, 5, 29)
    with opened_as({"mem": store}):
        run = planned(place, window=NIGHT)
        place.drive_to(run, Phase.ANNOUNCED)
        at(monkeypatch, 5, 30)
        with pytest.raises(Waiting, match="1 of 3 holdings wait") as raised:
            place.drive(run)
        assert raised.value.exit_code is ExitCode.PENDING
        locators = {i.id: i.holding.locator for i in read_items(place.work.plan_file(run))}
        # Nor does residue go: what is cleaned up then is not there yet.
        assert [[locators[id_] for id_ in batch] for batch in store.ordered] == [["b"]]
        at(monkeypatch, 22)
        ended = place.drive(run)
    assert [[locators[id_] for id_ in batch] for batch in store.ordered] == [["b"], ["a"], ["wal"]]
    assert place.outcome(ended) == "complete"


def test_what_comes_after_something_that_waits_waits_with_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of its own store: a log is moved on once a table has been written anew."""
    later = replace(costly("b", exclusive=False), details={"phase": 1})
    found = [costly("a", exclusive=True), costly("c", exclusive=False), later]
    store = Scripted(View(units={"desk": [found]}), View(units={"desk": [[]]}))
    at(monkeypatch, 5, 29)
    with opened_as({"mem": store}):
        run = planned(place, window=NIGHT)
        place.drive_to(run, Phase.ANNOUNCED)
        at(monkeypatch, 5, 30)
        with pytest.raises(Waiting, match="2 of 3 holdings wait"):
            place.drive(run)
        locators = {i.id: i.holding.locator for i in read_items(place.work.plan_file(run))}
        assert [[locators[id_] for id_ in batch] for batch in store.ordered] == [["c"]]
        at(monkeypatch, 22)
        assert place.outcome(place.drive(run)) == "complete"


def test_without_hours_nothing_waits(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 12)
    with opened_as({"mem": scripted()}):
        assert place.outcome(place.destroy()) == "complete"


@given(st.times(), st.times(), st.times())
def test_a_window_is_open_from_its_beginning_to_its_end(
    begins: dt.time, ends: dt.time, now: dt.time
) -> None:
    begins, ends = begins.replace(second=0, microsecond=0), ends.replace(second=0, microsecond=0)
    if begins == ends:
        return
    minutes = [60 * each.hour + each.minute for each in (begins, ends, now)]
    length, since = (minutes[1] - minutes[0]) % 1440, (minutes[2] - minutes[0]) % 1440
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "time_of_day", lambda: now)
        assert Window.parse(f"{begins:%H:%M}-{ends:%H:%M}").open() == (since < length)


@pytest.mark.parametrize("text", ["", "22-5", "24:00-05:00", "22:00-22:00", "9:00-17:00", "a-b"])
def test_what_is_no_hours_of_a_day_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no hours of a day"):
        Window.parse(text)
