"""The second sweep: what is found again, what is new, what was left; and recheck's answer."""

from __future__ import annotations

from typing import Any

import pytest

from backends.contract import Destruction, Order, Result, Verdict
from backends.errors import Unreachable
from shredder import report
from shredder.errors import ExitCode, Inconclusive
from shredder.journal import Run
from shredder.plan import Options, read_header, read_items
from shredder.run.again import again_file
from shredder.run.results import read_results
from tests.support.faulty import Fault, Faulty, unreachable
from tests.upper.place import Place, foreign, opened_as, rows
from tests.upper.scripted import Scripted, View, holding

LIKELY, MAYBE, COPY = Verdict.LIKELY, Verdict.MAYBE, Verdict.COPY
INCLUDE = Options(include=frozenset({LIKELY, MAYBE}))


def seen_twice(place: Place, before: list[Any], after: list[Any], **changes: Any) -> Run:
    store = Scripted(
        View(units={"desk": [before]}), View(units={"desk": [after]}),
        **{key: changes.pop(key) for key in ("destroy", "verify") if key in changes},
    )  # fmt: skip
    with opened_as({"mem": store}):
        return place.destroy(changes.pop("options", INCLUDE))


def came(place: Place, run: Run) -> list[str]:
    return [each.reason or each.status.value for each in read_results(place.work, run.id)]


def appeared(place: Place, run: Run) -> list[str]:
    return [item.holding.locator for item in read_items(again_file(place.work, run.id))]


@pytest.mark.parametrize("verdict", [COPY, LIKELY, MAYBE])
def test_what_is_found_again_as_it_was_is_residue_whatever_its_verdict(
    place: Place, verdict: Verdict
) -> None:
    found = holding(verdict=verdict)
    ended = seen_twice(place, [found], [found])
    assert came(place, ended) == ["residue"]
    assert appeared(place, ended) == []
    assert report.exit_code(place.work, ended) is ExitCode.RESIDUE
    assert place.outcome(ended) == "failed"


@pytest.mark.parametrize(
    ("before", "after", "back"),
    [
        (COPY, COPY, True),
        (COPY, LIKELY, False),  # a rewritten file in which persons are still named
        (COPY, MAYBE, False),
        (LIKELY, COPY, True),
        (LIKELY, LIKELY, True),
        (LIKELY, MAYBE, False),
        (MAYBE, MAYBE, True),
    ],
)
def test_another_version_at_the_same_place_is_residue_unless_it_says_less(
    place: Place, before: Verdict, after: Verdict, back: bool
) -> None:
    ended = seen_twice(place, [holding(verdict=before)], [holding(verdict=after, version="2")])
    assert came(place, ended) == ["residue" if back else "destroyed-verified"]
    assert appeared(place, ended) == ([] if back else ["a"])
    assert place.outcome(ended) != "complete"


def test_of_several_versions_at_a_place_the_one_that_is_back_is_residue(place: Place) -> None:
    before = [holding(version="1"), holding(version="2"), holding(version="3")]
    ended = seen_twice(place, before, [holding(version="2")])
    assert came(place, ended) == ["destroyed-verified", "residue", "destroyed-verified"]


def test_what_came_in_between_is_told_and_keeps_from_complete(place: Place) -> None:
    ended = seen_twice(place, [holding("a")], [holding("b")])
    assert came(place, ended) == ["destroyed-verified"]
    assert appeared(place, ended) == ["b"]
    assert place.outcome(ended) == "partial"
    assert report.exit_code(place.work, ended) is ExitCode.PARTIAL


def test_what_was_left_is_neither_back_nor_new(place: Place) -> None:
    locked = holding("locked", retention="object-lock")
    unsure = holding("unsure", verdict=MAYBE)
    failing = holding("failing")

    def destroy(order: Order) -> Destruction:
        fails = order.holding.locator == "failing"
        return Destruction(order.id, Result.FAILED if fails else Result.DESTROYED)

    left = [locked, unsure, failing]
    ended = seen_twice(place, [holding("a"), *left], left, destroy=destroy, options=Options())
    assert appeared(place, ended) == []
    assert sorted(came(place, ended)) == [
        "destroyed-verified",
        "failed",
        "object-lock",
        "verdict-maybe",
    ]
    assert dict(read_header(again_file(place.work, ended.id)).found) == {"copy": 2, "maybe": 1}


def test_a_pending_holding_is_found_again_and_no_residue(place: Place) -> None:
    ended = seen_twice(
        place, [holding()], [holding()], destroy=lambda o: Destruction(o.id, Result.PENDING)
    )
    assert came(place, ended) == ["pending"]
    assert place.outcome(ended) == "pending"
    assert report.exit_code(place.work, ended) is ExitCode.PENDING


def test_a_dismissed_holding_stays_and_the_outcome_is_complete(place: Place) -> None:
    unsure = holding("unsure", verdict=MAYBE)
    options = Options(dismiss=frozenset({MAYBE}))
    ended = seen_twice(place, [holding("a"), unsure], [unsure], options=options)
    assert place.outcome(ended) == "complete"
    assert report.exit_code(place.work, ended) is ExitCode.COMPLETE


def test_a_second_sweep_that_could_not_look_is_inconclusive(place: Place) -> None:
    place.space.put("desk", "a.csv", rows(0))
    place.space.put("desk", "b.csv", foreign(0))
    from backends.memory import MemoryStore

    store = Faulty(MemoryStore("mem", place.space.name), Fault("glance", unreachable, times=9))
    with opened_as({"mem": store}):
        ended = place.destroy()
    assert came(place, ended) == ["destroyed-verified"]
    assert place.outcome(ended) == "partial"
    assert report.exit_code(place.work, ended) is ExitCode.INCONCLUSIVE


def test_what_could_not_be_looked_at_before_but_was_afterwards_is_no_obstacle(two: Place) -> None:
    """The second sweep is of everything: what it examined, it did not find to hold anything."""
    two.spaces["right"].put("desk", "a.csv", rows(0))
    two.spaces["left"].put("desk", "b.csv", foreign(0))
    with opened_as({"left": Unreachable("gone")}):
        run = two.plan(Options(despite_gaps=True))
    assert two.journal.run(run).facts["gaps"] == 1
    ended = two.drive(run)
    assert two.outcome(ended) == "complete"
    assert report.exit_code(two.work, ended) is ExitCode.COMPLETE


def test_gaps_keep_from_touching_anything_unless_the_operator_says_so(two: Place) -> None:
    two.spaces["right"].put("desk", "a.csv", rows(0))
    with opened_as({"left": Unreachable("gone")}):
        run = two.plan()
        with pytest.raises(Inconclusive, match="nothing of survey was touched"):
            two.drive(run)
    assert two.spaces["right"].contents() == {("desk", "a.csv"): rows(0)}


def test_residue_comes_before_what_could_not_be_told(place: Place) -> None:
    units = {"desk": [[holding()], []]}, {"desk": [[holding()], Unreachable("x")]}
    with opened_as({"mem": Scripted(*(View(units=each) for each in units))}):
        ended = place.destroy()
    assert report.exit_code(place.work, ended) is ExitCode.RESIDUE


def test_a_rewritten_holding_is_at_its_place_and_no_residue(place: Place) -> None:
    place.space.put("desk", "mixed.csv", rows(0, 1) + foreign(0))
    ended = place.destroy()
    assert place.space.contents() == {("desk", "mixed.csv"): foreign(0)}
    assert place.outcome(ended) == "complete"


# --- recheck ---


def returned(place: Place, ended: Run, found: list[Any]) -> tuple[list[str], int]:
    back, left = place.returned(ended, found)
    return [each.locator for each in back], left


def test_what_returned_is_told_from_what_was_left(place: Place) -> None:
    locked = holding("locked", retention="object-lock")
    ended = seen_twice(place, [holding("a"), locked], [locked])
    assert returned(place, ended, [locked]) == ([], 1)
    assert returned(place, ended, [locked, holding("a")]) == (["a"], 1)
    assert returned(place, ended, [holding("new", verdict=MAYBE)]) == (["new"], 0)


def test_what_was_dismissed_has_not_returned(place: Place) -> None:
    unsure = holding("unsure", verdict=MAYBE)
    options = Options(dismiss=frozenset({MAYBE}))
    ended = seen_twice(place, [holding("a"), unsure], [unsure], options=options)
    assert returned(place, ended, [unsure]) == ([], 0)


def test_a_ruling_holds_for_the_next_run_and_for_this_version_only(place: Place) -> None:
    place.space.put("desk", "a.csv", rows(0))
    place.space.put("desk", "mail.csv", b"email\nperson.1@example.org\n")
    place.destroy(Options(dismiss=frozenset({MAYBE})))
    run = place.plan()
    (item,) = read_items(place.work.plan_file(run))
    assert (item.decision.value, item.reason) == ("dismissed", "dismissed-before")
    assert place.journal.run(run).phase.value == "nothing"
    place.space.put("desk", "mail.csv", b"email\nperson.1@example.org\nperson.2@example.org\n")
    (item,) = read_items(place.work.plan_file(place.plan()))
    assert item.decision.value == "undecided"
