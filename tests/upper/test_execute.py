"""Carrying out a plan: what the journal says before and after, whatever a backend does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from backends.contract import (
    Destruction,
    Finding,
    Matcher,
    Method,
    Order,
    Result,
    Traits,
    Verification,
)
from backends.errors import AccessDenied, SettingError, Unreachable
from backends.memory import MemoryStore
from shredder.errors import Refused
from shredder.journal import Entry, Phase
from shredder.plan import to_destroy
from shredder.run import execute as module
from shredder.run.execute import held
from shredder.run.results import Status, read_results
from tests.support.faulty import Fault, Faulty, unreachable
from tests.upper.place import DATASET, Place, opened_as, rows
from tests.upper.scripted import TRAITS, Scripted, View, absent, destroyed, holding

HOLD = f'[datasets.{DATASET}.hold]\nreason = "litigation"\n'


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE", 0.0)


def scripted(number: int = 5, **changes: Any) -> Scripted:
    """A store with so many holdings, and nothing in it afterwards."""
    found = [holding(f"{n}") for n in range(number)]
    return Scripted(View(units={"desk": [found]}), View(units={"desk": [[]]}), **changes)


def entries(place: Place, run: str) -> list[Entry]:
    found = [place.journal.entry(run, item.id) for item in to_destroy(place.work.plan_file(run))]
    return [entry for entry in found if entry is not None]


def statuses(place: Place, run: str) -> list[tuple[str, str]]:
    return [(each.status.value, each.reason) for each in read_results(place.work, run)]


def test_orders_come_in_batches_of_the_stores_size_and_in_order(place: Place) -> None:
    store = scripted(7)
    with opened_as({"mem": store}):
        ended = place.destroy()
    assert [len(batch) for batch in store.ordered] == [3, 3, 1]
    ids = [item.id for item in to_destroy(place.work.plan_file(ended.id))]
    assert [each for batch in store.ordered for each in batch] == ids
    assert place.outcome(ended) == "complete"
    assert ("destroy", 7, 7) in place.watcher.steps


def test_what_has_an_outcome_is_not_issued_again(place: Place) -> None:
    store = scripted(4)
    with opened_as({"mem": store}):
        run = place.plan()
        place.drive_to(run, Phase.ANNOUNCED)
        ids = [item.id for item in to_destroy(place.work.plan_file(run))]
        place.journal.intend(run, ids[:2])
        place.journal.record(run, [Destruction(ids[0], Result.DESTROYED)])
        place.drive_to(run, Phase.EXECUTED)
    assert store.ordered == [ids[1:3], ids[3:]]
    assert [entry.attempts for entry in entries(place, run)] == [1, 2, 1, 1]


@pytest.mark.parametrize(
    "answers",
    [
        lambda found: found[:-1],
        lambda found: [*found, found[0]],
        lambda found: found[::-1],
        lambda found: [found[0]] * len(found),
        lambda _: [],
        lambda _: None,
        lambda _: ["done"],
        lambda found: [Destruction("another", Result.DESTROYED)] * len(found),
    ],
)
def test_an_answer_that_does_not_fit_is_no_answer(place: Place, answers: Any) -> None:
    class Amiss(Scripted):
        def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
            answer: Sequence[Destruction] = answers(super().destroy(orders, matcher))
            return answer

    store = Amiss(View(units={"desk": [[holding("a"), holding("b")]]}), View(units={"desk": [[]]}))
    with opened_as({"mem": store}):
        ended = place.destroy()
    assert statuses(place, ended.id) == [("failed", "backend-defect")] * 2
    assert place.outcome(ended) == "failed"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AccessDenied("x"), "access-denied"),
        (ValueError("ann@example.org"), "backend-defect"),
        (AccessDenied("x", reason="Not A Code"), "backend-defect"),
    ],
)
def test_a_destruction_that_raises_is_a_failure_of_its_batch_only(
    place: Place, error: Exception, code: str
) -> None:
    store = scripted(5)
    faulty = Faulty(store, Fault("destroy", lambda: _raise(error)))
    with opened_as({"mem": faulty}):
        ended = place.destroy()
    assert statuses(place, ended.id) == [("failed", code)] * 3 + [("destroyed-verified", "")] * 2
    assert place.outcome(ended) == "partial"
    assert "ann@example.org" not in repr(place.watcher.events)


def _raise(error: Exception) -> None:
    raise error


def test_a_store_that_does_not_answer_is_asked_again(place: Place) -> None:
    """Done or not, nobody knows; and to repeat it tells."""
    place.space.put("desk", "a.csv", rows(0, 1))
    lost = Fault("destroy", unreachable, done=True)
    with opened_as({"mem": Faulty(MemoryStore("mem", place.space.name), lost)}):
        ended = place.destroy()
    (entry,) = entries(place, ended.id)
    assert entry.attempts == 2
    assert entry.destruction is not None
    assert entry.destruction.result is Result.ALREADY_ABSENT
    assert entry.destruction.limitations == ()
    assert place.outcome(ended) == "complete"


def test_a_store_that_stays_silent_fails_and_the_next_is_carried_out(two: Place) -> None:
    for space in two.spaces.values():
        space.put("desk", "a.csv", rows(0))
    left = Faulty(
        MemoryStore("left", two.spaces["left"].name), Fault("destroy", unreachable, times=99)
    )
    with opened_as({"left": left}):
        ended = two.destroy()
    assert left.calls.counts["destroy"] == 3
    assert statuses(two, ended.id) == [("failed", "unreachable"), ("destroyed-verified", "")]
    assert two.outcome(ended) == "partial"


def test_a_store_that_cannot_be_opened_any_more_fails_with_its_reason(two: Place) -> None:
    for space in two.spaces.values():
        space.put("desk", "a.csv", rows(0))
    run = two.plan()
    two.drive_to(run, Phase.ANNOUNCED)
    with opened_as({"left": Unreachable("gone")}):
        ended = two.drive(run)
    assert statuses(two, run) == [("failed", "unreachable"), ("destroyed-verified", "")]
    assert [entry.attempts for entry in entries(two, run)] == [0, 1]
    assert two.outcome(ended) == "partial"


def test_a_store_that_was_taken_out_of_the_configuration_is_told_of(two: Place) -> None:
    for space in two.spaces.values():
        space.put("desk", "a.csv", rows(0))
    run = two.plan()
    two.drive_to(run, Phase.ANNOUNCED)
    two.configure(without="left")
    ended = two.drive(run)
    assert statuses(two, run) == [("failed", "store-not-configured"), ("destroyed-verified", "")]
    assert two.outcome(ended) == "partial"
    assert two.spaces["left"].contents() == {("desk", "a.csv"): rows(0)}


def test_a_store_whose_opening_is_at_fault_afterwards_does_not_keep_from_attesting(
    two: Place,
) -> None:
    for space in two.spaces.values():
        space.put("desk", "a.csv", rows(0))
    run = two.plan()
    two.drive_to(run, Phase.EXECUTED)
    with opened_as({"left": SettingError("wrong")}):
        ended = two.drive(run)
    assert statuses(two, run) == [("destroyed-unverified", "setting"), ("destroyed-verified", "")]
    assert two.outcome(ended) == "partial"


def test_before_anything_is_touched_it_stops_the_run(two: Place) -> None:
    with opened_as({"left": SettingError("wrong")}), pytest.raises(SettingError):
        two.plan()


# --- holds ---


def test_a_hold_before_the_approval_refuses(place: Place) -> None:
    store = scripted(2)
    with opened_as({"mem": store}):
        run = place.plan()
        place.configure(HOLD)
        with pytest.raises(Refused, match="legal-hold"):
            place.drive(run)
    assert store.ordered == []


def test_a_hold_laid_in_mid_run_stops_it_there(place: Place) -> None:
    def lay(order: Order) -> Destruction:
        place.configure(HOLD)
        return destroyed(order)

    store = scripted(5, destroy=lay)
    with opened_as({"mem": store}):
        ended = place.destroy()
    assert len(store.ordered) == 1
    assert statuses(place, ended.id) == [
        *[("destroyed-verified", "")] * 3, *[("retained", "legal-hold")] * 2,
    ]  # fmt: skip
    assert [entry.attempts for entry in entries(place, ended.id)] == [1, 1, 1, 0, 0]
    assert place.outcome(ended) == "partial"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("not toml [", "configuration-unreadable"),
        ("[stores.mem]\nbackend = 'memory'\nspace = 'x'\n", "dataset-not-configured"),
    ],
)
def test_a_configuration_that_cannot_tell_of_a_hold_stops_the_run(
    place: Place, text: str, reason: str
) -> None:
    work = place.work
    place.config.write_text(text)
    assert held(work, DATASET) == reason


def test_a_hold_that_is_over_forbids_nothing(place: Place) -> None:
    place.configure(f"{HOLD}until = 2020-01-01\n")
    assert held(place.work, DATASET) == ""


@pytest.mark.parametrize(
    ("finding", "status"),
    [
        (Finding.ABSENT, ("destroyed-verified", "")),
        (Finding.RESIDUE, ("failed", "interrupted-then-held")),
        (Finding.INCONCLUSIVE, ("failed", "interrupted-then-held")),
    ],
)
def test_an_order_that_a_crash_broke_off_before_a_hold_is_not_called_retained(
    place: Place, finding: Finding, status: tuple[str, str]
) -> None:
    """It may have been carried out: the store is asked, and not touched."""
    store = scripted(2, verify=lambda order: Verification(order.id, finding, ("listing",), "why"))
    with opened_as({"mem": store}):
        run = place.plan()
        place.drive_to(run, Phase.ANNOUNCED)
        ids = [item.id for item in to_destroy(place.work.plan_file(run))]
        place.journal.intend(run, ids[:1])
        place.configure(HOLD)
        ended = place.drive(run)
    assert store.ordered == []
    assert statuses(place, run) == [status, ("retained", "legal-hold")]
    assert place.outcome(ended) in {"partial", "failed"}
    (first, _) = read_results(place.work, run)
    assert "absent-before-destruction" not in first.limitations


# --- residue ---


def test_what_is_said_to_be_gone_is_looked_for(place: Place) -> None:
    store = scripted(4)
    with opened_as({"mem": store}):
        ended = place.destroy()
    assert len(store.verified) == 4
    assert {each.finding for each in read_results(place.work, ended.id)} == {Finding.ABSENT}
    assert ("verify", 4, 4) in place.watcher.steps


def test_what_failed_is_not_called_absent(place: Place) -> None:
    store = scripted(2, destroy=lambda order: Destruction(order.id, Result.FAILED, reason="in-use"))
    with opened_as({"mem": store}):
        ended = place.destroy()
    assert store.verified == {}
    assert statuses(place, ended.id) == [("failed", "in-use")] * 2


@pytest.mark.parametrize(
    ("verify", "reason"),
    [
        (lambda order: Verification(order.id, Finding.ABSENT), "looked-nowhere"),
        (lambda order: Verification("another", Finding.ABSENT, ("x",)), "not-answered"),
        (lambda _: AccessDenied("x"), "access-denied"),
        (lambda _: ValueError("x"), "backend-defect"),
        (lambda _: "absent", "backend-defect"),
    ],
)
def test_absence_that_nobody_showed_is_inconclusive(place: Place, verify: Any, reason: str) -> None:
    with opened_as({"mem": scripted(1, verify=verify)}):
        ended = place.destroy()
    assert statuses(place, ended.id) == [("destroyed-unverified", reason)]
    assert place.outcome(ended) == "partial"


def test_two_answers_to_one_question_are_none(place: Place) -> None:
    class Twice(Scripted):
        def verify(self, orders: Sequence[Order], matcher: Matcher) -> Any:
            for order in orders:
                yield Verification(order.id, Finding.RESIDUE, ("x",))
                yield absent(order)

    store = Twice(View(units={"desk": [[holding()]]}), View(units={"desk": [[]]}))
    with opened_as({"mem": store}):
        ended = place.destroy()
    assert statuses(place, ended.id) == [("destroyed-unverified", "backend-defect")]


def test_an_answer_broken_off_leaves_the_rest_inconclusive(place: Place) -> None:
    faulty = Faulty(scripted(4), Fault("verify", unreachable, after_items=2))
    with opened_as({"mem": faulty}):
        ended = place.destroy()
    assert statuses(place, ended.id) == [
        *[("destroyed-verified", "")] * 2, *[("destroyed-unverified", "unreachable")] * 2,
    ]  # fmt: skip


# --- memory ---


def test_memory_and_commits_go_by_batches_not_by_holdings(place: Place) -> None:
    """A thousand holdings: no list of them is built to carry them out or to verify them."""
    alive = most = 0

    class Counted(Order):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

        def __init__(self, *args: Any) -> None:
            nonlocal alive, most
            super().__init__(*args)
            alive += 1
            most = max(most, alive)

    traits = Traits(50, TRAITS.concurrency, TRAITS.techniques, ())
    store = scripted(1000, traits=traits)
    with opened_as({"mem": store}), pytest.MonkeyPatch.context() as patch:
        run = place.plan()
        place.drive_to(run, Phase.ANNOUNCED)
        patch.setattr("shredder.plan.model.Order", Counted)
        place.drive_to(run, Phase.VERIFIED)
    assert most <= 2 * 256 + 1
    written = [what for _, what in place.journal.events(run)]
    assert written.count("intend 50") == 20
    assert written.count("record") == 20
    assert written.count("verify") == 4


def test_methods_are_those_that_were_earned(place: Place) -> None:
    methods = {Method.CLEAR: "clear", Method.PURGE: "logical-delete"}
    for method, came in methods.items():
        store = scripted(1, destroy=lambda o, m=method: Destruction(o.id, Result.DESTROYED, m))
        with opened_as({"mem": store}):
            ended = place.destroy()
        (result,) = read_results(place.work, ended.id)
        assert (result.status, result.method) == (Status.VERIFIED, came)
