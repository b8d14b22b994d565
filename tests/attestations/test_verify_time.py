"""Steps 7, 8 and 12: timestamps, keys at that time, and the order of times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from attestations import (
    Bundle,
    Code,
    Policy,
    Sealed,
    TimestampRules,
    TimeVerdict,
    Verdict,
    check,
    trusted_key,
    verify,
)
from attestations.policy import Strangers
from tests.attestations import made
from tests.attestations.forge import BEGIN, END, Certified, Forge, certify
from tests.attestations.judge import code_of, passed, timed
from tests.attestations.made import NOW, OPERATOR, at, bundle, policy

DATA = bundle().to_bytes()

# --- 7: timestamps -------------------------------------------------------------------------

FORGE = Forge()
STAMPED = bundle(stamp=FORGE.plain)


def restamped(*tokens: Callable[[bytes], bytes], which: str = "result") -> bytes:
    """The stamped bundle with other tokens on one envelope."""
    sealed: Sealed = getattr(STAMPED, which)
    tokens_made = tuple(token(sealed.envelope) for token in tokens)
    return replace(STAMPED, **{which: replace(sealed, timestamps=tokens_made)}).to_bytes()


def test_a_timestamped_bundle_is_valid_in_time() -> None:
    report = passed(STAMPED.to_bytes(), timed(FORGE))
    assert (report.time, report.codes) == (TimeVerdict.VALID, ())
    assert report.no_later_than == at(30) + timedelta(seconds=1)


@pytest.mark.parametrize("which", ["plan", "result"])
def test_without_a_timestamp_the_time_is_indeterminate_or_refused(which: str) -> None:
    data = restamped(which=which)
    report = passed(data, timed(FORGE))
    assert (report.time, report.codes) == (TimeVerdict.INDETERMINATE, (Code.E_TS_THRESHOLD,))
    assert code_of(data, timed(FORGE, required=True)) == Code.E_TS_THRESHOLD


@pytest.mark.parametrize("which", ["plan", "result"])
@pytest.mark.parametrize(
    ("token", "code"),
    [
        (lambda e: b"nonsense", Code.E_TS_PARSE),
        (lambda e: FORGE.plain(e + b" ", at(30)), Code.E_TS_IMPRINT),
        (lambda e: FORGE.stamp(e, at(30), status=1), Code.E_TS_POLICY),
        (lambda e: Forge().plain(e, at(30)), Code.E_TS_CHAIN),
        (lambda e: Forge(root=FORGE.root).plain(e, at(30)), Code.E_TS_CHAIN),
        (lambda e: FORGE.plain(e, BEGIN - timedelta(days=1)), Code.E_TS_WINDOW),
        (lambda e: FORGE.plain(e, NOW + timedelta(hours=1)), Code.E_TS_WINDOW),
    ],
)
def test_a_bad_token_is_refused_and_not_overlooked(
    token: Callable[[bytes], bytes], code: Code, which: str
) -> None:
    data = restamped(lambda e: FORGE.plain(e, at(30)), token, which=which)
    assert code_of(data, timed(FORGE)) == code
    report = check(data, timed(FORGE), now=NOW)
    assert report.time is TimeVerdict.INVALID


def test_the_plans_token_is_not_the_results() -> None:
    (token,) = STAMPED.plan.timestamps
    assert code_of(restamped(lambda e: token), timed(FORGE)) == Code.E_TS_IMPRINT


def test_one_token_twice_and_one_authority_twice_are_one() -> None:
    two = timed(FORGE, Forge(), threshold=2, required=True)
    token = FORGE.plain(STAMPED.result.envelope, at(30))
    assert code_of(restamped(lambda e: token, lambda e: token), two) == Code.E_TS_THRESHOLD
    again = restamped(lambda e: token, lambda e: FORGE.stamp(e, at(31)))
    assert code_of(again, two) == Code.E_TS_THRESHOLD


def test_two_authorities_are_two() -> None:
    other = Forge()
    first, last = (
        replace(s, timestamps=(FORGE.plain(s.envelope, t), other.plain(s.envelope, t + timedelta(minutes=1))))
        for s, t in ((STAMPED.plan, at(5)), (STAMPED.result, at(30)))
    )  # fmt: skip
    report = passed(Bundle(first, last).to_bytes(), timed(FORGE, other, threshold=2))
    assert report.time is TimeVerdict.VALID
    assert report.no_later_than == at(31) + timedelta(seconds=1)


def test_an_unknown_authority_is_refused_or_ignored_as_the_policy_says() -> None:
    data = restamped(lambda e: FORGE.plain(e, at(30)), lambda e: Forge().plain(e, at(30)))
    assert code_of(data, timed(FORGE)) == Code.E_TS_CHAIN
    report = passed(data, timed(FORGE, unknown_authorities=Strangers.IGNORE))
    assert report.time is TimeVerdict.VALID
    assert any("unknown authorities" in line for line in report.findings)


def test_where_the_policy_names_no_authority_tokens_prove_nothing() -> None:
    report = passed(STAMPED.to_bytes())
    assert (report.time, report.no_later_than) == (TimeVerdict.INDETERMINATE, None)


def test_the_operators_own_authority_proves_nothing_to_others() -> None:
    own = TimestampRules(threshold=1, authorities=(FORGE.trusted(operator_run=True),))
    report = passed(STAMPED.to_bytes(), policy(timestamps=own))
    assert report.time is TimeVerdict.INDETERMINATE
    assert any("operator's own word" in line for line in report.findings)


def test_a_plan_timestamped_after_the_start_is_not_proven_to_be_older() -> None:
    data = restamped(lambda e: FORGE.plain(e, at(15)), which="plan")
    report = passed(data, timed(FORGE))
    assert (report.time, report.plan_before_start) == (TimeVerdict.VALID, False)
    assert any("not proven to be older" in line for line in report.findings)
    assert code_of(data, timed(FORGE, plan_before_start=True)) == Code.E_TIME_ORDER
    good = STAMPED.to_bytes()
    assert passed(good, timed(FORGE, plan_before_start=True)).plan_before_start
    assert code_of(DATA, timed(FORGE, plan_before_start=True)) == Code.E_TIME_ORDER


def test_a_certificate_that_ended_since_was_valid_then() -> None:
    report = verify(STAMPED.to_bytes(), timed(FORGE), now=END + timedelta(days=999))
    assert report.time is TimeVerdict.VALID


def test_an_attackers_root_in_the_token_is_no_root() -> None:
    attacker = Forge(root=Certified(certify("Root").key, certify("Root").certificate))
    assert attacker.leaf is not None
    evil = restamped(
        lambda e: attacker.stamp(e, at(30), embed=(attacker.leaf.der, attacker.root.der))  # type: ignore[union-attr]
    )
    assert code_of(evil, timed(FORGE)) == Code.E_TS_CHAIN


# --- 8: the keys at that time --------------------------------------------------------------


def key_policy(forge: Forge | None = FORGE, **changes: Any) -> Policy:
    entry = replace(trusted_key(OPERATOR.public_key, name="operator"), **changes)
    rules = TimestampRules(threshold=1, authorities=(forge.trusted(),)) if forge else None
    return Policy.new(keys=[entry], timestamps=rules)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"valid_from": at(31)}, Code.E_KEY_TIME),
        ({"valid_until": at(29)}, Code.E_KEY_TIME),
        ({"valid_from": at(6)}, Code.E_KEY_TIME),  # the plan was signed before
        ({"compromised_at": at(29)}, Code.E_KEY_COMPROMISED),
        ({"compromised_at": at(30)}, Code.E_KEY_COMPROMISED),
        ({"compromised_at": at(5)}, Code.E_KEY_COMPROMISED),
    ],
)
def test_a_key_must_be_good_at_the_proven_time(changes: dict[str, Any], code: Code) -> None:
    assert code_of(STAMPED.to_bytes(), key_policy(**changes)) == code


@pytest.mark.parametrize(
    "changes",
    [
        {"valid_from": at(1), "valid_until": at(31)},
        {"compromised_at": at(31)},
    ],
)
def test_a_key_may_have_ended_or_been_lost_since(changes: dict[str, Any]) -> None:
    report = passed(STAMPED.to_bytes(), key_policy(**changes))
    assert report.authentic is Verdict.VALID


def test_without_a_proven_time_a_lost_key_proves_nothing() -> None:
    lost = key_policy(None, compromised_at=NOW + timedelta(days=1))
    assert code_of(DATA, lost) == Code.E_KEY_COMPROMISED
    assert code_of(DATA, key_policy(None, valid_until=at(59))) == Code.E_KEY_TIME
    assert passed(DATA, key_policy(None, valid_until=at(61))).authentic is Verdict.VALID


# --- 12: order of times --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "minute"),
    [("started", 4.5), ("started", 21), ("finished", 9), ("finished", 24), ("verified", 19), ("verified", 31)],
)  # fmt: skip
def test_the_results_times_stand_in_order(field: str, minute: float) -> None:
    times = replace(made.result(made.plan()).times, **{field: at(minute)})
    assert code_of(bundle(changes={"times": times}).to_bytes()) == Code.E_TIME_ORDER


@pytest.mark.parametrize("change", [("planned", 1.5), ("approved", 2.5), ("planned", 4.5), ("approved", 5.5)])  # fmt: skip
def test_the_plans_times_stand_in_order(change: tuple[str, float]) -> None:
    field, minute = change
    plan = made.plan(times=replace(made.plan().times, **{field: at(minute)}))
    assert code_of(bundle(plan_of=plan).to_bytes()) == Code.E_TIME_ORDER


def test_the_second_sweep_comes_after_the_destruction() -> None:
    sweep = made.result(made.plan()).sweep
    assert sweep is not None
    early = replace(sweep, started=at(19))
    assert code_of(bundle(changes={"sweep": early}).to_bytes()) == Code.E_TIME_ORDER
    late = replace(sweep, finished=at(31))
    assert code_of(bundle(changes={"sweep": late}).to_bytes()) == Code.E_TIME_ORDER


def test_nothing_is_issued_in_the_future_or_after_its_timestamp() -> None:
    future = {"issued_at": NOW + timedelta(minutes=2)}
    assert code_of(bundle(changes=future).to_bytes()) == Code.E_TIME_ORDER
    late = bundle(changes={"issued_at": at(32)})
    token = FORGE.plain(late.result.envelope, at(30))
    stamped = replace(late, result=late.result.with_timestamps([token]))
    assert code_of(stamped.to_bytes(), timed(FORGE)) == Code.E_TIME_ORDER
    # A minute of skew is what this policy forgives.
    near = bundle(changes={"issued_at": at(30.5)})
    token = FORGE.plain(near.result.envelope, at(30))
    stamped = replace(near, result=near.result.with_timestamps([token]))
    assert passed(stamped.to_bytes(), timed(FORGE)).authentic is Verdict.VALID


def test_a_timestamp_long_after_is_refused_where_the_policy_says_so() -> None:
    late = restamped(lambda e: FORGE.plain(e, at(45)))
    assert passed(late, timed(FORGE)).time is TimeVerdict.VALID
    assert code_of(late, timed(FORGE, max_lag_seconds=600)) == Code.E_LAG
    assert passed(late, timed(FORGE, max_lag_seconds=900)).time is TimeVerdict.VALID


# --- 8: rotation ---------------------------------------------------------------------------

SUCCESSOR = made.ed25519_signer(8)


def rotated(minute: float, signers: tuple[Any, Any]) -> tuple[bytes, Policy]:
    """Plan (issued at 5) and result (at 30) by these signers; the key is rotated at `minute`."""
    first = made.sealed(made.plan(), [signers[0]])
    last = made.sealed(replace(made.result(made.plan()), plan=first.digest), [signers[1]])
    bundle = Bundle(
        plan=first.with_timestamps([FORGE.stamp(first.envelope, at(5))]),
        result=last.with_timestamps([FORGE.stamp(last.envelope, at(30))]),
    )
    old = replace(trusted_key(OPERATOR.public_key, name="old"), valid_until=at(minute))
    new = replace(trusted_key(SUCCESSOR.public_key, name="new"), valid_from=at(minute))
    rules = TimestampRules(threshold=1, authorities=(FORGE.trusted(),))
    return bundle.to_bytes(), Policy.new(keys=[old, new], timestamps=rules)


@pytest.mark.parametrize(
    ("minute", "signers"),
    [
        (40, (OPERATOR, OPERATOR)),
        (1, (SUCCESSOR, SUCCESSOR)),
        (20, (OPERATOR, SUCCESSOR)),
    ],
    ids=["before", "after", "between plan and result"],
)
def test_a_rotation_leaves_valid_what_each_key_signed_in_its_time(
    minute: float, signers: tuple[Any, Any]
) -> None:
    report = passed(*rotated(minute, signers))
    assert (report.authentic, report.time) == (Verdict.VALID, TimeVerdict.VALID)


@pytest.mark.parametrize(
    ("minute", "signers"),
    [
        (20, (OPERATOR, OPERATOR)),
        (20, (SUCCESSOR, SUCCESSOR)),
        (20, (SUCCESSOR, OPERATOR)),
    ],
    ids=["the old one used on", "the new one before its time", "both"],
)
def test_a_rotated_key_signs_nothing_outside_of_its_time(
    minute: float, signers: tuple[Any, Any]
) -> None:
    assert code_of(*rotated(minute, signers)) == Code.E_KEY_TIME
