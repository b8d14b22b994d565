"""A validation: another person's word on a result, and everything that is none."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

import pytest

from attestations import Bundle, Code, Policy, Refused, Sealed
from attestations.acceptance import (
    MEDIA_TYPE,
    Validated,
    check_validation,
    from_file,
    to_file,
)
from attestations.validation import Acceptance
from tests.attestations import made
from tests.attestations.made import NOW, OPERATOR, at, bundle
from tests.attestations.validating import (
    EDITS,
    FORMS,
    OF,
    OFFICER,
    OFFICERS,
    STRANGER,
    edited,
    issued,
    policy,
)


def checked(data: bytes, of: Bundle = OF, by: Policy | None = None) -> Validated:
    return check_validation(data, of.to_bytes(), by or policy(), now=NOW)


def code(data: bytes, of: Bundle = OF, by: Policy | None = None) -> Code:
    with pytest.raises(Refused) as caught:
        checked(data, of, by)
    return caught.value.verdict


@pytest.mark.parametrize("decision", Acceptance)
def test_a_decision_is_read_as_it_was_made(decision: Acceptance) -> None:
    found = checked(to_file(issued(decision=decision)))
    assert (found.decision, found.validator, found.latest) == (decision, OFFICERS, None)
    assert [key.name for key in found.by] == ["officer"]


def test_nobody_validates_what_is_his_own() -> None:
    """Neither by the operator's role, nor by a validator's key that signed the result as well."""
    assert code(to_file(issued(signer=OPERATOR))) == Code.E_ROLE
    both = bundle(signers=[OPERATOR, OFFICER])
    assert code(to_file(issued(both)), both) == Code.E_ROLE


def test_a_strangers_word_counts_for_nothing() -> None:
    assert code(to_file(issued(signer=STRANGER))) == Code.E_SIG
    assert code(to_file(issued()), by=made.policy(OPERATOR)) == Code.E_SIG


def test_a_validation_is_of_one_result() -> None:
    other = bundle(changes={"limitations": ("other",)})
    assert code(to_file(issued()), other) == Code.E_REF
    assert code(to_file(issued(attestation_id="another"))) == Code.E_REF


@pytest.mark.parametrize("when", [at(20), at(90)], ids=["before the result", "in the future"])
def test_a_validation_comes_after_its_result_and_before_now(when: datetime) -> None:
    assert code(to_file(issued(when=when))) == Code.E_TIME_ORDER


def test_the_validators_key_must_be_good() -> None:
    data = to_file(issued())
    assert code(data, by=policy(valid_until=at(59))) == Code.E_KEY_TIME
    assert code(data, by=policy(compromised_at=at(90))) == Code.E_KEY_COMPROMISED


def test_what_is_signed_for_something_else_is_no_validation() -> None:
    assert code(to_file(OF.result)) == Code.E_ROLE
    plan = made.sealed(made.plan(), [OFFICER])
    assert code(to_file(plan)) == Code.E_TYPE
    validation = issued(signer=OPERATOR)
    assert code(to_file(issued()), Bundle(plan=OF.plan, result=validation)) == Code.E_TYPE


def test_a_bundle_that_does_not_verify_has_no_validation() -> None:
    spoilt = Bundle(plan=OF.result, result=OF.result)
    with pytest.raises(Refused):
        check_validation(to_file(issued(spoilt)), spoilt.to_bytes(), policy(), now=NOW)


@pytest.mark.parametrize(("changes", "wanted"), EDITS)
def test_an_edited_predicate_is_refused(changes: dict[str, Any], wanted: Code) -> None:
    assert code(edited(**changes)) == wanted


def test_a_changed_bit_is_refused() -> None:
    envelope = json.loads(issued().envelope)
    payload = base64.b64decode(envelope["payload"]).replace(b'"accepted"', b'"rejected"')
    envelope["payload"] = base64.b64encode(payload).decode()
    assert code(to_file(Sealed(json.dumps(envelope).encode()))) == Code.E_SIG


@pytest.mark.parametrize("change", FORMS.values(), ids=FORMS)
def test_the_file_is_read_strictly(change: Any) -> None:
    value = json.loads(to_file(issued()))
    change(value)
    assert code(json.dumps(value).encode()) == Code.E_BUNDLE


def test_the_file_reads_as_it_was_written() -> None:
    sealed = issued()
    assert from_file(to_file(sealed)) == sealed
    assert json.loads(to_file(sealed))["mediaType"] == MEDIA_TYPE
