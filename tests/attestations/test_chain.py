"""Step 15: forks, replays and replaced results among bundles that are each good by themselves."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from attestations import (
    Bundle,
    Code,
    Controller,
    Expectations,
    Refused,
    Status,
    Supplied,
    Verdict,
    check,
    verify,
)
from tests.attestations import made
from tests.attestations.made import NOW, OPERATOR, WITNESS, policy
from tests.attestations.runs import BOTH, FIRST, SECOND, THIRD, pending, run


def code_of(bundle: Bundle, *others: Bundle, by: Any = BOTH) -> Code:
    supplied = Supplied(others=tuple(each.to_bytes() for each in others))
    with pytest.raises(Refused) as caught:
        verify(bundle.to_bytes(), by, now=NOW, supplied=supplied)
    report = check(bundle.to_bytes(), by, now=NOW, supplied=supplied)
    assert (report.authentic, report.codes) == (Verdict.INVALID, (caught.value.code,))
    return caught.value.verdict


def findings(bundle: Bundle, *others: Bundle, by: Any = BOTH) -> list[str]:
    supplied = Supplied(others=tuple(each.to_bytes() for each in others))
    report = verify(bundle.to_bytes(), by, now=NOW, supplied=supplied)
    return [line for line in report.findings if line.startswith("chain")]


def test_a_chain_is_accepted_in_whatever_order_it_is_supplied() -> None:
    for bundle, *others in permutations([FIRST, SECOND, THIRD]):
        assert "no fork" in findings(bundle, *others)[0]


def test_the_report_tells_where_it_stands() -> None:
    assert findings(FIRST) == ["chain of attestations: not asked"]
    assert "chain: it says to be the issuer's first" in findings(FIRST, SECOND)
    assert "chain: the one before it is among them" in findings(SECOND, FIRST)
    gap = "chain: 1 that are named as the one before were not supplied"
    assert gap in findings(THIRD, FIRST)
    assert gap not in findings(THIRD, FIRST, SECOND)


def test_the_same_bundle_twice_is_one() -> None:
    stamped = replace(FIRST, result=FIRST.result.with_timestamps([]))
    assert findings(FIRST, stamped, FIRST) == ["chain of attestations: not asked"]


@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_two_results_on_one_previous_are_a_fork(order: tuple[int, ...]) -> None:
    pair = [SECOND, run("other", previous=FIRST.result.digest)]
    one, two = (pair[n] for n in order)
    assert code_of(one, two) is Code.E_FORK
    assert code_of(one, FIRST, two) is Code.E_FORK
    # Also between two others, and whoever signed.
    assert code_of(FIRST, one, two) is Code.E_FORK
    theirs = run("theirs", previous=FIRST.result.digest, signers=(WITNESS,))
    assert code_of(SECOND, theirs) is Code.E_FORK


def test_two_beginnings_by_one_key_are_a_fork_and_by_two_are_two_chains() -> None:
    assert code_of(FIRST, run("anew")) is Code.E_FORK
    assert "no fork" in findings(FIRST, run("anew", signers=(WITNESS,)))[0]


def test_one_run_attested_twice_is_a_replay() -> None:
    """Above all under another challenge: an old destruction sold as the answer to a new one."""
    request = replace(made.plan().request, challenge="nonce-2")
    again = run("first", plan_changes={"request": request}, previous=FIRST.result.digest)
    assert code_of(again, FIRST) is Code.E_REPLAY
    assert code_of(FIRST, again) is Code.E_REPLAY
    by = policy(expect=Expectations(challenge="nonce-2"))
    assert code_of(again, FIRST, by=by) is Code.E_REPLAY


def test_an_old_attestation_for_a_new_challenge_is_refused_before() -> None:
    by = policy(expect=Expectations(challenge="nonce-2"))
    assert code_of(FIRST, SECOND, by=by) is Code.E_CHALLENGE


def test_two_results_on_one_plan_are_a_replay() -> None:
    other = made.result(
        run_plan(FIRST), previous=THIRD.result.digest, plan=FIRST.plan.digest, issued_at=made.at(31)
    )
    twice = Bundle(plan=FIRST.plan, result=made.sealed(other))
    assert code_of(twice, FIRST) is Code.E_REPLAY


def run_plan(bundle: Bundle) -> Any:
    report = verify(bundle.to_bytes(), BOTH, now=NOW)
    return report.plan


@pytest.mark.parametrize("which", ["inventory", "results"])
def test_the_trees_of_another_run_are_a_replay(which: str) -> None:
    report = verify(FIRST.to_bytes(), BOTH, now=NOW)
    assert report.plan is not None
    assert report.result is not None
    if which == "inventory":
        borrowed = run(
            "borrowed",
            plan_changes={"inventory": report.plan.inventory},
            previous=FIRST.result.digest,
        )
    else:
        borrowed = run("borrowed", results=report.result.results, previous=FIRST.result.digest)
    assert code_of(borrowed, FIRST) is Code.E_REPLAY


def test_a_replaced_result_is_refused_and_what_replaces_it_is_not() -> None:
    waits = pending("waits")
    done = run("done", previous=waits.result.digest, supersedes=waits.result.digest)
    assert code_of(waits, done) is Code.E_SUPERSEDED
    assert "no fork" in findings(done, waits)[0]
    assert findings(waits) == ["chain of attestations: not asked"]


def test_a_result_settles_no_more_than_was_pending() -> None:
    waits = pending("waits")
    instead = {"previous": waits.result.digest, "supersedes": waits.result.digest}
    for changes in ({"holdings": 4}, {"kind": "other"}, {"store": "other"}, {"whole": False}):
        more = run("done", settled=(made.target(**{"holdings": 3, **changes}),), **instead)
        assert code_of(more, waits) is Code.E_SUPERSEDED
    twice = (made.target(holdings=2), made.target(holdings=2))
    assert code_of(run("done", settled=twice, **instead), waits) is Code.E_SUPERSEDED
    assert findings(run("done", settled=(made.target(holdings=3),), **instead), waits)
    still = run("still", settled=(made.left(Status.PENDING, holdings=2),), **instead)
    again = {"previous": still.result.digest, "supersedes": still.result.digest}
    assert findings(run("end", settled=(made.target(holdings=2),), **again), still)
    assert code_of(run("end", settled=(made.target(),), **again), still) is Code.E_SUPERSEDED


def test_only_a_pending_result_can_be_replaced() -> None:
    replaces = run("done", previous=FIRST.result.digest, supersedes=FIRST.result.digest)
    assert code_of(replaces, FIRST) is Code.E_SUPERSEDED


def test_a_result_about_something_else_replaces_nothing() -> None:
    waits = pending("waits")
    for change in (
        {"controller": Controller(name="Another Ltd")},
        {"dataset": replace(made.plan().dataset, label="another")},
    ):
        other = run(
            "done",
            plan_changes=change,
            dataset=change.get("dataset", made.plan().dataset),
            previous=waits.result.digest,
            supersedes=waits.result.digest,
        )
        assert code_of(other, waits) is Code.E_SUPERSEDED


def test_another_that_does_not_verify_refuses_by_its_own_code() -> None:
    stranger = run("stranger", signers=(WITNESS,))
    assert code_of(FIRST, stranger, by=policy(OPERATOR)) is Code.E_SIG
    supplied = Supplied(others=(b"{}",))
    report = check(FIRST.to_bytes(), BOTH, now=NOW, supplied=supplied)
    assert report.codes == (Code.E_BUNDLE,)
    assert report.findings[0].startswith("other attestation 1 of 1: ")


def test_another_may_be_about_anything() -> None:
    """What the policy expects is of the bundle; the issuer attests other datasets, too."""
    dataset = replace(made.plan().dataset, label="another")
    other = run("other", plan_changes={"dataset": dataset}, dataset=dataset)
    mine = run("mine", previous=other.result.digest)
    by = policy(expect=Expectations(dataset="survey-2018-05"), stores=("share",))
    assert "no fork" in findings(mine, other, by=by)[0]


def test_more_others_than_can_be_looked_at() -> None:
    supplied = Supplied(others=(b"",) * 257)
    report = check(FIRST.to_bytes(), BOTH, now=NOW, supplied=supplied)
    assert report.codes == (Code.E_LIMIT,)
