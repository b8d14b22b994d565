"""Approvers: other people's signatures beside the operator's, on the plan alone."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from attestations import (
    Bundle,
    Code,
    Envelope,
    Policy,
    Refused,
    RoleThreshold,
    Sealed,
    Signs,
    Verdict,
    seal,
    trusted_key,
)
from attestations.envelope import MAX_SIGNATURES, joined
from attestations.policy import APPROVER
from tests.attestations import made
from tests.attestations.judge import code_of, passed
from tests.attestations.made import OPERATOR, bundle

OFFICER = made.p256_signer(31)
SECOND = made.ed25519_signer(32)
SAID_ONLY = "no key of an approver's signed the plan: that it was approved is said only"


def policy(count: int = 1) -> Policy:
    keys = [trusted_key(OPERATOR.public_key, name="operator")]
    keys += [
        trusted_key(each.public_key, name=f"approver {n}", role=APPROVER, operator_run=False)
        for n, each in enumerate((OFFICER, SECOND))
    ]
    asked = [RoleThreshold("operator", 1), RoleThreshold(APPROVER, count, signs=Signs.PLAN)]
    return Policy.new(keys=keys, thresholds=asked)


def test_an_approver_signs_the_plan_and_not_the_result() -> None:
    report = passed(bundle(approvers=[OFFICER]).to_bytes(), policy())
    assert report.authentic is Verdict.VALID
    assert [(s.role, s.signed) for s in report.signers] == [
        ("operator", ("plan", "result")),
        ("approver", ("plan",)),
    ]
    assert SAID_ONLY not in report.findings


def test_a_co_signature_stripped_is_refused() -> None:
    whole = bundle(approvers=[OFFICER])
    value = json.loads(whole.plan.envelope)
    value["signatures"].pop()
    alone = Sealed(json.dumps(value).encode())
    bare = Bundle(plan=alone, result=made.sealed(made.result(made.plan(), plan=alone.digest)))
    assert code_of(bare.to_bytes(), policy()) == Code.E_THRESHOLD
    # Without a new result, the plan is another one, too.
    assert code_of(replace(whole, plan=alone).to_bytes()) == Code.E_PLAN


def test_one_approver_does_not_count_for_two() -> None:
    assert code_of(bundle(approvers=[OFFICER]).to_bytes(), policy(2)) == Code.E_THRESHOLD
    twice = bundle(approvers=[OFFICER, OFFICER]).to_bytes()
    assert code_of(twice, policy(2)) == Code.E_THRESHOLD
    two = passed(bundle(approvers=[OFFICER, SECOND]).to_bytes(), policy(2))
    assert len(two.signers) == 3


def test_an_approver_does_not_stand_in_for_the_operator() -> None:
    both = bundle(signers=[OFFICER, SECOND]).to_bytes()
    assert code_of(both, policy()) == Code.E_ROLE


def test_two_operators_keys_are_no_approver() -> None:
    asks = policy()
    keys = (*asks.keys, trusted_key(made.ed25519_signer(33).public_key, name="second"))
    data = bundle(signers=[OPERATOR, made.ed25519_signer(33)]).to_bytes()
    assert code_of(data, replace(asks, keys=keys)) == Code.E_ROLE


def test_a_signature_over_the_result_approves_no_plan() -> None:
    whole = bundle()
    other = seal(Envelope.from_bytes(whole.result.envelope).payload, [OFFICER])
    plan = json.loads(whole.plan.envelope)
    plan["signatures"] += json.loads(other.raw)["signatures"]
    moved = replace(whole, plan=Sealed(json.dumps(plan).encode()))
    assert code_of(moved.to_bytes(), policy()) == Code.E_SIG


def test_that_somebody_approved_is_said_only_where_nobody_signed_it() -> None:
    assert SAID_ONLY in passed(bundle().to_bytes()).findings
    operator = made.plan().operator
    alone = bundle(plan_of=made.plan(approvers=(operator,)))
    assert SAID_ONLY not in passed(alone.to_bytes()).findings


def test_joined_envelopes_have_each_signature_once() -> None:
    first = seal(b"{}", [OPERATOR])
    approvals = [seal(b"{}", [OFFICER]), seal(b"{}", [SECOND])]
    whole = joined(first, [*approvals, approvals[0], first])
    assert whole == Envelope.from_bytes(whole.raw)
    keys = [OFFICER.public_key, OPERATOR.public_key]
    assert whole.made_by(keys) == (OPERATOR.public_key, OFFICER.public_key, None)
    assert joined(whole, approvals).raw == whole.raw
    assert joined(first, []).raw == first.raw


def test_what_cannot_be_joined_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        joined(seal(b"{}", [OPERATOR]), [seal(b"[]", [OFFICER])])
    assert caught.value.verdict == Code.E_SIG
    many = [seal(b"{}", [made.ed25519_signer(n)]) for n in range(40, 40 + MAX_SIGNATURES)]
    with pytest.raises(Refused) as caught:
        joined(seal(b"{}", [OPERATOR]), many)
    assert caught.value.verdict == Code.E_LIMIT
