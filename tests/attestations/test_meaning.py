"""Steps 13, 14 and 16: a signed lie that contradicts itself, its plan or its outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from attestations import (
    Code,
    Decisions,
    Fingerprint,
    FingerprintDecision,
    FingerprintStatus,
    Found,
    KeyErasure,
    Known,
    Method,
    Outcome,
    Plan,
    PlanDecision,
    PlannedFingerprint,
    Recipient,
    Refused,
    Status,
    Tally,
    Told,
    Tree,
    Verification,
    check,
    issue_plan,
    issue_result,
    verify,
)
from tests.attestations import made
from tests.attestations.made import NOW, OPERATOR, bundle, policy

PLAN = made.plan()


def code_of(data: bytes) -> Code:
    with pytest.raises(Refused) as caught:
        verify(data, policy(), now=NOW)
    return caught.value.verdict


def of_plan(plan: Plan, **changes: Any) -> Code:
    return code_of(bundle(plan_of=plan, changes=changes).to_bytes())


def of_result(**changes: Any) -> Code:
    return code_of(bundle(changes=changes).to_bytes())


def of_target(**changes: Any) -> Code:
    return of_result(targets=(made.target(**changes),))


def of_scope(**changes: Any) -> Code:
    return of_plan(replace(PLAN, sweep=replace(PLAN.sweep, coverage=(made.scope(**changes),))))


def looked(finding: str, *where: str) -> Verification:
    from attestations import Finding

    return Verification(finding=Finding(finding), looked=where)


GOOD_KEYS = KeyErasure(
    ever_in_clear=Known.NO,
    escrowed=Known.NO,
    backed_up=Known.NO,
    strength_bits=256,
    entropy_bits=256,
    keys_total=2,
    keys_destroyed=2,
    keys_scheduled=0,
)


# --- Coverage ------------------------------------------------------------------------------


def test_units_must_add_up() -> None:
    assert of_scope(units_total=11) == Code.E_COUNT
    assert of_scope(units_total=9) == Code.E_COUNT
    assert of_scope(units_total=None) == Code.E_COUNT
    assert of_scope(units_examined=9, units_failed=1) == Code.E_COUNT
    assert of_scope(units_unchanged=11) == Code.E_COUNT


@pytest.mark.parametrize("status", ["failed", "excluded", "examined"])
def test_a_scopes_status_is_the_worst_of_its_units(status: str) -> None:
    scope = made.unreachable_scope()
    spoilt = replace(scope, status=type(scope.status)(status))
    plan = replace(PLAN, sweep=replace(PLAN.sweep, coverage=(spoilt,)))
    assert of_plan(plan) == Code.E_COUNT


def test_a_gap_has_a_reason() -> None:
    plan = replace(
        PLAN,
        sweep=replace(PLAN.sweep, coverage=(replace(made.unreachable_scope(), reasons=()),)),
    )
    assert of_plan(plan) == Code.E_COUNT


def test_no_scope_stands_there_twice() -> None:
    twice = replace(PLAN.sweep, coverage=(made.scope(), made.scope()))
    assert of_plan(replace(PLAN, sweep=twice)) == Code.E_REF


def test_a_target_lies_in_a_store_that_was_covered() -> None:
    elsewhere = replace(PLAN, targets=(made.planned(store="attic"),))
    assert of_plan(elsewhere, targets=(made.target(store="attic"),)) == Code.E_REF


# --- Counts --------------------------------------------------------------------------------


def test_targets_and_decisions_are_the_inventory() -> None:
    assert of_plan(replace(PLAN, targets=(made.planned(holdings=2),))) == Code.E_COUNT
    assert of_plan(replace(PLAN, undecided=Decisions(likely=1))) == Code.E_COUNT
    assert of_target(holdings=2) == Code.E_COUNT
    assert of_result(targets=()) == Code.E_COUNT
    assert of_result(results=made.tree("results", 2)) == Code.E_COUNT
    found = replace(PLAN.sweep, found=Found(copy=2))
    assert of_plan(replace(PLAN, sweep=found)) == Code.E_COUNT


def test_numbers_of_a_group_fit_its_holdings() -> None:
    assert of_target(holdings_unknown_records=4) == Code.E_COUNT
    assert of_target(holdings_unknown_foreign=4) == Code.E_COUNT
    assert of_target(holdings_unknown_records=3) == Code.E_COUNT
    assert of_target(reasons=(Tally("odd", 4),)) == Code.E_COUNT
    assert of_result(targets=(made.target(), made.target(holdings=0))) == Code.E_COUNT
    more = replace(PLAN.dataset, records_recognisable=41)
    assert of_plan(replace(PLAN, dataset=more)) == Code.E_COUNT


# --- Claims --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"verification": looked("residue", "content")},
        {"verification": looked("inconclusive", "content")},
        {"verification": looked("not-looked")},
        {"verification": looked("absent")},
        {"method": None},
        {"technique": None},
        {"status": Status.FAILED},  # with a method
        {"status": Status.DESTROYED_UNVERIFIED, "verification": looked("residue", "content")},
        {"status": Status.FAILED, "method": None},  # without a reason
        {"status": Status.RETAINED, "method": None},
        {"whole": False, "foreign_records_destroyed": 1},
        {"status": Status.PENDING, "method": None, "verification": looked("not-looked", "listing")},
    ],
    ids=str,
)
def test_a_claim_that_its_own_numbers_deny_is_refused(changes: dict[str, Any]) -> None:
    assert of_target(**changes) == Code.E_VERIFY_CLAIM


def test_nothing_is_verified_at_no_time() -> None:
    times = replace(made.result(PLAN).times, verified=None)
    assert of_result(times=times) == Code.E_VERIFY_CLAIM


def test_what_is_to_be_destroyed_says_how_and_what_is_kept_says_why() -> None:
    assert of_plan(replace(PLAN, targets=(made.planned(technique=None),))) == Code.E_VERIFY_CLAIM
    kept = made.planned(decision=PlanDecision.RETAIN)
    assert of_plan(replace(PLAN, targets=(kept,))) == Code.E_VERIFY_CLAIM


# --- What had been pending -----------------------------------------------------------------


def of_settled(**changes: Any) -> Code:
    return of_result(supersedes=made.NONE, settled=(made.target(**changes),))


def test_what_had_been_pending_is_of_no_inventory_and_counts_for_the_outcome() -> None:
    by_key = {"technique": "cryptographic-erase", "erasure": GOOD_KEYS}
    for target, obstacles in (
        (made.target(**by_key), ()),
        (made.left(Status.PENDING), ("pending",)),
        (made.left(Status.FAILED), ("failed",)),
    ):
        changes = {"supersedes": made.NONE, "settled": (target,)}
        report = verify(bundle(changes=changes).to_bytes(), policy(), now=NOW)
        assert report.obstacles == obstacles


def test_what_had_been_pending_is_held_to_its_own_numbers() -> None:
    assert of_result(settled=(made.target(),)) == Code.E_REF, "of no result"
    assert of_settled(technique=None, method=None, status=Status.PENDING) == Code.E_VERIFY_CLAIM
    assert of_settled(method=None) == Code.E_VERIFY_CLAIM
    assert of_settled(holdings=0) == Code.E_COUNT
    assert of_settled(technique="cryptographic-erase") == Code.E_CE
    retained = made.left(Status.RETAINED)
    assert of_result(supersedes=made.NONE, settled=(retained,)) == Code.E_VERIFY_CLAIM
    times = replace(made.result(PLAN).times, verified=None)
    empty = made.plan(
        inventory=made.tree("inventory", 0),
        targets=(),
        sweep=replace(PLAN.sweep, found=Found()),
    )
    gone = {"supersedes": made.NONE, "settled": (made.target(),)}
    assert of_plan(empty, targets=(), times=times, **gone) == Code.E_VERIFY_CLAIM
    data = bundle(plan_of=empty, changes={"targets": (), **gone}).to_bytes()
    assert verify(data, policy(), now=NOW).obstacles == ()


def test_what_had_been_pending_goes_by_no_lower_method_than_is_accepted() -> None:
    changes = {"supersedes": made.NONE, "settled": (made.target(method=Method.LOGICAL_DELETE),)}
    data = bundle(changes=changes).to_bytes()
    with pytest.raises(Refused) as caught:
        verify(data, policy(lowest_method=Method.CLEAR), now=NOW)
    assert caught.value.verdict == Code.E_POLICY


# --- The fingerprint -----------------------------------------------------------------------


GONE = Fingerprint(FingerprintStatus.DESTROYED)
TO_GO = replace(PLAN, fingerprint=PlannedFingerprint(FingerprintDecision.DESTROY))
DATED = replace(PLAN, fingerprint=PlannedFingerprint(until=made.at(0)))


def test_a_fingerprint_goes_with_a_complete_outcome_where_that_was_planned() -> None:
    for plan, fate in ((TO_GO, GONE), (DATED, Fingerprint(until=made.at(0)))):
        data = bundle(plan_of=plan, changes={"fingerprint": fate}).to_bytes()
        assert verify(data, policy(), now=NOW).obstacles == ()


def test_a_fingerprint_fares_as_it_was_planned_to() -> None:
    assert of_result(fingerprint=GONE) == Code.E_PLAN
    assert of_plan(TO_GO) == Code.E_PLAN
    assert of_plan(DATED) == Code.E_PLAN
    assert of_result(fingerprint=Fingerprint(until=made.at(0))) == Code.E_PLAN


def test_a_fingerprint_is_not_both_kept_and_destroyed() -> None:
    both = PlannedFingerprint(FingerprintDecision.DESTROY, made.at(0))
    assert of_plan(replace(PLAN, fingerprint=both)) == Code.E_VERIFY_CLAIM
    assert of_result(fingerprint=replace(GONE, until=made.at(0))) == Code.E_VERIFY_CLAIM


def test_a_fingerprint_that_another_run_needs_is_not_destroyed() -> None:
    left = {"targets": (made.left(Status.FAILED),), "outcome": Outcome.FAILED}
    assert of_plan(TO_GO, **left, fingerprint=GONE) == Code.E_VERIFY_CLAIM


# --- Erase by key --------------------------------------------------------------------------


def by_key(erasure: KeyErasure | None, **changes: Any) -> bytes:
    plan = replace(PLAN, targets=(made.planned(technique="cryptographic-erase"),))
    good: dict[str, Any] = {"technique": "cryptographic-erase", "method": Method.PURGE}
    target = made.target(erasure=erasure, **(good | changes))
    return bundle(plan_of=plan, changes={"targets": (target,)}).to_bytes()


def test_an_erase_by_key_that_meets_every_condition_is_a_purge() -> None:
    report = verify(by_key(GOOD_KEYS), policy(lowest_method=Method.PURGE), now=NOW)
    assert report.computed is Outcome.COMPLETE


@pytest.mark.parametrize(
    "changes",
    [
        {"ever_in_clear": Known.UNKNOWN},
        {"ever_in_clear": Known.YES},
        {"escrowed": Known.UNKNOWN},
        {"backed_up": Known.YES},
        {"strength_bits": 127},
        {"entropy_bits": 112},
        {"keys_destroyed": 1},
        {"keys_destroyed": 1, "keys_scheduled": 1},
        {"keys_destroyed": 3},
        {"keys_total": 0, "keys_destroyed": 0},
    ],
    ids=str,
)
def test_an_erase_by_key_that_misses_a_condition_is_no_purge(changes: dict[str, Any]) -> None:
    assert code_of(by_key(replace(GOOD_KEYS, **changes))) == Code.E_CE


def test_an_erase_by_key_states_its_conditions_and_nothing_else_does() -> None:
    assert code_of(by_key(None)) == Code.E_CE
    assert of_target(erasure=GOOD_KEYS) == Code.E_CE
    assert of_target(method=Method.PURGE) == Code.E_CE


def test_a_scheduled_key_is_pending_and_not_destroyed() -> None:
    scheduled = replace(GOOD_KEYS, keys_destroyed=0, keys_scheduled=2)
    for status in (Status.DESTROYED_VERIFIED, Status.DESTROYED_UNVERIFIED):
        data = by_key(scheduled, status=status, method=Method.LOGICAL_DELETE)
        assert code_of(data) == Code.E_CE
    pending = by_key(
        scheduled, status=Status.PENDING, method=None, verification=looked("not-looked")
    )
    assert verify(pending, policy(), now=NOW).computed is Outcome.PENDING


# --- Personal data -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["mary@example.com", "Survey of mary.o@mail.example.org!", "é@ü.de"]
)
@pytest.mark.parametrize(
    "place",
    [
        lambda p, t: replace(p, dataset=replace(p.dataset, title=t)),
        lambda p, t: replace(p, controller=replace(p.controller, name=t)),
        lambda p, t: replace(p, sweep=replace(p.sweep, coverage=(made.scope(scope_label=t),))),
        lambda p, t: replace(p, sweep=replace(p.sweep, coverage=(made.scope(as_of=t),))),
    ],
)
def test_an_e_mail_address_is_refused_wherever_it_stands(
    place: Callable[[Plan, str], Plan], text: str
) -> None:
    assert of_plan(place(PLAN, text)) == Code.E_PII


def test_an_e_mail_address_is_refused_in_either_statement_alone() -> None:
    named = Recipient(recipient=made.NONE, label="mary@example.com", status=Told.TOLD)
    assert of_result(recipients=(named,)) == Code.E_PII
    before = replace(PLAN.sweep, coverage=(made.scope(as_of="mary@example.com"),))
    clean = made.result(PLAN).sweep
    assert of_plan(replace(PLAN, sweep=before), sweep=clean) == Code.E_PII


def test_an_at_sign_alone_is_no_address() -> None:
    plan = replace(PLAN, dataset=replace(PLAN.dataset, title="Lunch @ noon; 3 @ 4.5"))
    report = verify(bundle(plan_of=plan).to_bytes(), policy(), now=NOW)
    assert report.computed is Outcome.COMPLETE


# --- 14: the outcome -----------------------------------------------------------------------


@pytest.mark.parametrize("stated", list(Outcome))
def test_an_outcome_that_does_not_follow_is_refused(stated: Outcome) -> None:
    unreachable = replace(PLAN, sweep=replace(PLAN.sweep, coverage=(made.unreachable_scope(),)))
    data = bundle(plan_of=unreachable, changes={"outcome": stated}).to_bytes()
    if stated is Outcome.PARTIAL:
        assert check(data, policy(), now=NOW).computed is Outcome.PARTIAL
    else:
        assert code_of(data) == Code.E_OUTCOME


def test_modesty_is_refused_as_boasting_is() -> None:
    assert of_result(outcome=Outcome.PARTIAL) == Code.E_OUTCOME


def test_a_partial_outcome_is_authentic() -> None:
    kept = bundle(changes={"targets": (made.left(Status.RETAINED),)})
    report = verify(kept.to_bytes(), policy(), now=NOW)
    assert (report.computed, report.obstacles) == (Outcome.PARTIAL, ("retained",))
    assert "not complete: retained" in report.findings


# --- 16: the plan --------------------------------------------------------------------------


def test_a_result_names_its_plans_exact_bytes() -> None:
    assert of_result(plan=made.NONE) == Code.E_PLAN
    other = made.sealed(replace(PLAN, issued_at=made.at(6)))
    assert code_of(replace(bundle(), plan=other).to_bytes()) == Code.E_PLAN


@pytest.mark.parametrize(
    "changes",
    [
        {"attestation_id": "another"},
        {"controller": replace(PLAN.controller, name="Another")},
        {"dataset": replace(PLAN.dataset, records_enrolled=41, records_recognisable=41)},
        {"request": replace(PLAN.request, basis="another")},
        {"inventory": Tree(root="sha256:" + "1" * 64, size=3)},
        {"approvers": ()},
        {"targets": (made.target(store="attic"),)},
        {"targets": (made.target(kind="object"),)},
        {"targets": (made.left(Status.RETAINED, kind="object"),)},
        {"targets": (made.left(Status.FAILED, store="attic"),)},
        {"targets": (made.target(technique="unlink"),)},
        {"targets": (made.target(whole=False),)},
        {"sweep": replace(PLAN.sweep, started=made.at(21), finished=made.at(22), coverage=(made.scope("other"),), found=Found())},
        {"times": replace(made.result(PLAN).times, planned=made.at(2.5))},
        {"targets": (made.target(holdings=2),), "undecided": Decisions(likely=1)},
        {"targets": (made.target(holdings=2),), "dismissed": Decisions(likely=1)},
    ],
    ids=",".join,
)  # fmt: skip
def test_a_result_is_its_plans(changes: dict[str, Any]) -> None:
    assert of_result(**changes) == Code.E_PLAN


def test_what_was_to_be_retained_is_not_destroyed() -> None:
    kept = made.planned(decision=PlanDecision.RETAIN, reason="legal-hold")
    assert of_plan(replace(PLAN, targets=(kept,))) == Code.E_PLAN


# --- The issuer's own checks ---------------------------------------------------------------


def test_an_issuer_cannot_sign_what_an_auditor_would_refuse() -> None:
    with pytest.raises(Refused) as caught:
        issue_plan(replace(PLAN, targets=()), signers=[OPERATOR])
    assert caught.value.verdict == Code.E_COUNT
    sealed = issue_plan(PLAN, signers=[OPERATOR])
    for changes, code in (
        ({"targets": (made.target(verification=looked("residue", "x")),)}, Code.E_VERIFY_CLAIM),
        ({"issued_at": made.at(1)}, Code.E_TIME_ORDER),
        ({"inventory": made.tree("other", 3)}, Code.E_PLAN),
        ({"limitations": ("Not a code",)}, Code.E_SCHEMA),
    ):
        with pytest.raises(Refused) as caught:
            issue_result(made.result(PLAN, **changes), plan=sealed, signers=[OPERATOR])
        assert caught.value.verdict == code


def test_an_issuer_states_the_computed_outcome_and_the_real_plan() -> None:
    from attestations import Bundle

    sealed = issue_plan(PLAN, signers=[OPERATOR])
    boast = made.result(
        PLAN, outcome=Outcome.COMPLETE, targets=(made.left(Status.FAILED),), plan=made.NONE
    )
    issued = issue_result(boast, plan=sealed, signers=[OPERATOR])
    report = verify(Bundle(sealed, issued).to_bytes(), policy(), now=NOW)
    assert report.stated is Outcome.FAILED
