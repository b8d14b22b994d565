"""What became of a holding: of every combination of what was said, only one is a success."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.contract import Destruction, Finding, Method, Result, Technique, Verification
from shredder.errors import Refused
from shredder.journal import Entry, Phase
from shredder.plan import Decision, Item
from shredder.plan.by_key import MOST_LIMITATIONS
from shredder.run.results import Outcome, Status, outcome_of, read_results, results_file
from tests.upper import made
from tests.upper.place import Place, rows
from tests.upper.scripted import holding

LATER = "2031-01-31T00:00:00.000000Z"


def item(decision: Decision = Decision.DESTROY, **changes: Any) -> Item:
    going = decision is Decision.DESTROY
    found = holding(**changes)
    reason = "" if going else "why-not"
    return Item(
        "i", found, decision, Technique.FORGET if going else None, whole=False, reason=reason
    )


def entry(
    result: Result | None = Result.DESTROYED, finding: Finding | None = Finding.ABSENT, **more: Any
) -> Entry:
    done = Destruction("i", result, Method.CLEAR, **more) if result else None
    seen = Verification("i", finding, ("listing",)) if finding else None
    return Entry("i", done, seen, attempts=1)


def test_nothing_but_gone_and_not_found_again_is_verified() -> None:
    """Every combination of decision, result, finding, and the second sweep."""
    results: list[Result | None] = [*Result, None]
    findings: list[Finding | None] = [*Finding, None]
    verified = set()
    for decision, result, finding, again in itertools.product(
        Decision, results, findings, (False, True)
    ):
        came = outcome_of(item(decision), entry(result, finding), resurfaced=again)
        if came.status is Status.VERIFIED:
            verified.add((decision, result, finding, again))
        else:
            assert came.reason, (decision, result, finding, again)
        if decision is not Decision.DESTROY:
            assert came.method is None
    assert verified == {
        (Decision.DESTROY, result, Finding.ABSENT, False)
        for result in (Result.DESTROYED, Result.ALREADY_ABSENT)
    }


@pytest.mark.parametrize("before", [None, Entry("i", None, None, 1)])
def test_what_was_not_carried_out_failed(before: Entry | None) -> None:
    came = outcome_of(item(), before, resurfaced=False)
    assert (came.status, came.reason, came.method) == (Status.FAILED, "not-carried-out", None)


@pytest.mark.parametrize(
    ("result", "finding", "again", "status", "reason"),
    [
        (Result.DESTROYED, Finding.ABSENT, False, Status.VERIFIED, ""),
        (Result.DESTROYED, Finding.RESIDUE, False, Status.FAILED, "residue"),
        (Result.DESTROYED, Finding.INCONCLUSIVE, False, Status.UNVERIFIED, "inconclusive"),
        (Result.DESTROYED, None, False, Status.UNVERIFIED, "not-verified"),
        (Result.DESTROYED, Finding.ABSENT, True, Status.FAILED, "residue"),
        (Result.ALREADY_ABSENT, Finding.ABSENT, True, Status.FAILED, "residue"),
        (Result.CHANGED, None, False, Status.FAILED, "changed-since-plan"),
        (Result.FAILED, None, False, Status.FAILED, "failed"),
        (Result.RETAINED, None, False, Status.RETAINED, "retained"),
        (Result.PENDING, None, False, Status.PENDING, "pending"),
        (Result.PENDING, None, True, Status.PENDING, "pending"),
    ],
)
def test_statuses_and_reasons(
    result: Result, finding: Finding | None, again: bool, status: Status, reason: str
) -> None:
    came = outcome_of(item(), entry(result, finding), resurfaced=again)
    assert (came.status, came.reason) == (status, reason)
    if again and status is Status.FAILED:
        assert came.finding is Finding.RESIDUE


def test_a_reason_of_the_backends_comes_before_the_general_one() -> None:
    for result in (Result.FAILED, Result.RETAINED, Result.CHANGED, Result.PENDING):
        came = outcome_of(item(), entry(result, None, reason="in-use"), resurfaced=False)
        assert came.reason == "in-use"


def test_a_lock_found_by_the_plan_keeps_its_date() -> None:
    locked = item(Decision.RETAINED, retained_until=LATER, retention="object-lock")
    assert outcome_of(locked, None, resurfaced=False).until == LATER
    pending = outcome_of(item(), entry(Result.PENDING, None, until=LATER), resurfaced=False)
    assert pending.until == LATER


def test_who_took_it_away_is_told_if_it_was_not_us() -> None:
    gone = entry(Result.ALREADY_ABSENT)
    assert outcome_of(item(), gone, resurfaced=False).limitations == ("absent-before-destruction",)
    ours = Entry("i", gone.destruction, gone.verification, attempts=2)
    assert outcome_of(item(), ours, resurfaced=False).limitations == ()


def test_limitations_are_those_of_holding_and_destruction_and_no_more_than_can_be_told() -> None:
    came = outcome_of(item(limitations=("b",)), entry(limitations=("a", "b")), resurfaced=False)
    assert came.limitations == ("a", "b")
    many = tuple(f"code-{n}" for n in range(80))
    came = outcome_of(item(limitations=many), entry(), resurfaced=False)
    assert len(came.limitations) == MOST_LIMITATIONS


@given(st.sampled_from(Decision), made.holdings(), made.destructions(), made.verifications())
def test_no_method_is_claimed_for_what_is_not_gone(
    decision: Decision, found: Any, done: Destruction, seen: Verification
) -> None:
    planned = Item("i", found, decision, Technique.FORGET, whole=False, reason="x")
    came = outcome_of(planned, Entry("i", done, seen, 1), resurfaced=False)
    if came.method is not None:
        assert came.status in {Status.VERIFIED, Status.UNVERIFIED, Status.PENDING}


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"destroyed-verified", b"destroyed"),
        lambda text: text[:-20],
        lambda text: b"[]\n" + text,
        lambda text: text.replace(b'"records"', b'"record"').replace(b'"id"', b'"di"'),
    ],
)
def test_damaged_results_are_refused(place: Place, change: Any) -> None:
    place.space.put("desk", "a.csv", rows(0))
    ended = place.destroy()
    path = results_file(place.work, ended.id)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(Refused, match=r"results of run .* are damaged"):
        list(read_results(place.work, ended.id))


@pytest.mark.parametrize("name", ["results.jsonl", "again.jsonl"])
def test_what_was_looked_at_is_looked_at_again_if_its_file_is_not_whole(
    place: Place, name: str
) -> None:
    """Cut at any byte, gone, or another's: it is never signed; the stores are asked anew."""
    place.space.put("desk", "a.csv", rows(0, 1))
    place.space.put("desk", "b.csv", rows(2))
    run = place.plan()
    place.drive_to(run, Phase.VERIFIED)
    path = place.state.run(run) / name
    whole = path.read_bytes()
    for content in [whole[:n] for n in range(0, len(whole), len(whole) // 7)] + [whole + b"\n"]:
        _leave(path, content)
        assert place.drive_to(run, Phase.EXECUTED).phase is Phase.EXECUTED
        place.drive_to(run, Phase.VERIFIED)
    path.unlink()
    ended = place.drive(run)
    assert place.outcome(ended) == "complete"
    assert all(isinstance(each, Outcome) for each in read_results(place.work, run))


def _leave(path: Path, content: bytes) -> None:
    path.write_bytes(content)


@pytest.mark.parametrize("phase", [Phase.ANNOUNCED, Phase.VERIFIED])
def test_an_announcement_that_is_not_whole_is_never_taken_for_it(
    place: Place, phase: Phase
) -> None:
    place.space.put("desk", "a.csv", rows(0))
    run = place.plan()
    place.drive_to(run, phase)
    before = place.space.contents()
    path = place.state.run(run) / "announced.json"
    whole = path.read_bytes()
    for content in [whole[:n] for n in range(0, len(whole), len(whole) // 9)] + [whole + b"\n"]:
        path.write_bytes(content)
        with pytest.raises(Refused, match=r"announcement of run .* has changed"):
            place.drive(run)
    path.write_bytes(whole)
    assert place.space.contents() == before
    assert place.outcome(place.drive(run)) == "complete"
