"""The auditor's procedure, step by step: each hostile input with the exact code."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from attestations import (
    Bundle,
    Code,
    Expectations,
    Method,
    Outcome,
    Policy,
    RoleThreshold,
    Sealed,
    TimeVerdict,
    Verdict,
    seal,
    trusted_key,
)
from attestations.envelope import PAYLOAD_TYPE, pae
from tests.attestations import made
from tests.attestations.judge import code_of, passed
from tests.attestations.made import OPERATOR, WITNESS, bundle, policy

BUNDLE = bundle()
DATA = BUNDLE.to_bytes()


def edited(change: Callable[[dict[str, Any]], Any]) -> bytes:
    value = json.loads(DATA)
    change(value)
    return json.dumps(value).encode()


def with_envelope(change: Callable[[dict[str, Any]], Any], which: str = "result") -> bytes:
    """A bundle with one envelope's JSON edited."""
    value = json.loads(DATA)
    envelope = json.loads(base64.b64decode(value[which]["envelope"]))
    change(envelope)
    value[which]["envelope"] = base64.b64encode(json.dumps(envelope).encode()).decode()
    return json.dumps(value).encode()


def test_a_good_bundle_is_valid_and_its_time_is_not_known() -> None:
    report = passed(DATA)
    assert report.authentic is Verdict.VALID
    assert report.time is TimeVerdict.INDETERMINATE
    assert (report.stated, report.computed) == (Outcome.COMPLETE, Outcome.COMPLETE)
    assert report.codes == (Code.E_TS_THRESHOLD,)
    assert [s.name for s in report.signers] == ["key 0"]
    assert report.signers[0].signed == ("plan", "result")
    assert report.result is not None
    assert report.result.plan == BUNDLE.plan.digest
    assert json.loads(json.dumps(report.to_json()))["outcome"] == "complete"


# --- 1 to 3: limits, JSON, base64 ----------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", Code.E_JSON),
        (b"\xef\xbb\xbf" + DATA, Code.E_JSON),
        (DATA.decode().encode("utf-16"), Code.E_JSON),
        (DATA[: len(DATA) // 2], Code.E_JSON),
        (DATA + DATA, Code.E_JSON),
        (b'{"mediaType":"x",' + DATA[1:], Code.E_JSON),
        (b"[" * 200_000, Code.E_LIMIT),
        (b'{"mediaType":' + b"9" * 5000 + b"}", Code.E_JSON),
        (b" " * (16 * 2**20) + DATA, Code.E_LIMIT),
        (b"{}", Code.E_BUNDLE),
        (b"[]", Code.E_BUNDLE),
        (edited(lambda b: b.update(key="x")), Code.E_BUNDLE),
        (edited(lambda b: b.update(mediaType="application/json")), Code.E_BUNDLE),
        (edited(lambda b: b.update(mediaType=b["mediaType"].replace("=1", "=2"))), Code.E_BUNDLE),
        (edited(lambda b: b.pop("plan")), Code.E_BUNDLE),
        (edited(lambda b: b.update(plan=None)), Code.E_BUNDLE),
        (edited(lambda b: b["result"].update(key="-----BEGIN PUBLIC KEY-----")), Code.E_BUNDLE),
        (edited(lambda b: b["result"].pop("timestamps")), Code.E_BUNDLE),
        (edited(lambda b: b["result"].update(timestamps={})), Code.E_BUNDLE),
        (edited(lambda b: b["result"].update(timestamps=[1])), Code.E_BUNDLE),
        (edited(lambda b: b["result"].update(envelope=1)), Code.E_BUNDLE),
        (edited(lambda b: b["result"].update(timestamps=["AA=="] * 17)), Code.E_LIMIT),
        (edited(lambda b: b["result"].update(timestamps=["AAAA" * 30_000])), Code.E_LIMIT),
        (edited(lambda b: b["result"].update(envelope=b["result"]["envelope"] + "\n")), Code.E_BASE64),
        (edited(lambda b: b["result"].update(timestamps=["AB=="])), Code.E_BASE64),
    ],
)  # fmt: skip
def test_a_spoilt_bundle_is_refused_with_its_code(data: bytes, code: Code) -> None:
    assert code_of(data) == code


def test_url_safe_base64_is_read_in_the_bundle_too() -> None:
    def swap(b: dict[str, Any]) -> None:
        for each in (b["plan"], b["result"]):
            each["envelope"] = each["envelope"].replace("+", "-").replace("/", "_")

    assert passed(edited(swap)).authentic is Verdict.VALID


# --- 4 and 6: envelopes and signatures -----------------------------------------------------


def flip(envelope: dict[str, Any], bit: int = 0) -> None:
    raw = bytearray(base64.b64decode(envelope["signatures"][0]["sig"]))
    raw[bit // 8] ^= 1 << bit % 8
    envelope["signatures"][0]["sig"] = base64.b64encode(bytes(raw)).decode()


def repay(envelope: dict[str, Any], change: Callable[[Any], Any]) -> None:
    payload = json.loads(base64.b64decode(envelope["payload"]))
    change(payload)
    envelope["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()


@pytest.mark.parametrize("which", ["plan", "result"])
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (flip, Code.E_SIG),
        (lambda e: flip(e, 300), Code.E_SIG),
        (lambda e: repay(e, lambda p: None), Code.E_SIG),  # the same value, written otherwise
        (lambda e: e.update(payloadType="text/plain"), Code.E_PAYLOAD_TYPE),
        (lambda e: e.update(signatures=[]), Code.E_SIG),
        (lambda e: e["signatures"][0].update(sig=base64.b64encode(b"\0" * 64).decode()), Code.E_SIG),
        (lambda e: e["signatures"][0].update(sig=base64.b64encode(b"\0").decode()), Code.E_SIG),
        (lambda e: e["signatures"][0].update(key="x"), Code.E_ENVELOPE),
    ],
)  # fmt: skip
def test_a_spoilt_envelope_is_refused_with_its_code(
    change: Callable[[dict[str, Any]], Any], code: Code, which: str
) -> None:
    assert code_of(with_envelope(change, which)) == code


def test_a_wrong_keyid_or_none_with_a_right_key_is_fine() -> None:
    for keyid in ("", "sha256:" + "0" * 64, "nonsense", WITNESS.public_key.keyid):

        def rename(e: dict[str, Any], keyid: str = keyid) -> None:
            e["signatures"][0]["keyid"] = keyid

        data = with_envelope(rename, "result")
        assert passed(data, policy(OPERATOR, WITNESS)).authentic is Verdict.VALID
    nameless = with_envelope(lambda e: e["signatures"][0].pop("keyid"), "result")
    assert passed(nameless).authentic is Verdict.VALID


def test_a_right_keyid_with_a_wrong_key_is_refused() -> None:
    stranger = made.ed25519_signer(9)
    data = bundle(signers=[stranger]).to_bytes()
    assert code_of(data) == Code.E_SIG
    value = json.loads(data)
    for which in ("plan", "result"):
        envelope = json.loads(base64.b64decode(value[which]["envelope"]))
        envelope["signatures"][0]["keyid"] = OPERATOR.public_key.keyid
        value[which]["envelope"] = base64.b64encode(json.dumps(envelope).encode()).decode()
    assert code_of(json.dumps(value).encode()) == Code.E_SIG


def test_a_trusted_keys_failing_signature_spoils_a_good_one() -> None:
    def add(e: dict[str, Any]) -> None:
        bad = {"keyid": WITNESS.public_key.keyid, "sig": base64.b64encode(bytes(70)).decode()}
        e["signatures"].append(bad)

    assert code_of(with_envelope(add), policy(OPERATOR, WITNESS)) == Code.E_SIG


def test_a_strangers_signature_beside_a_good_one_does_not_count() -> None:
    data = bundle(signers=[OPERATOR, made.ed25519_signer(9)]).to_bytes()
    report = passed(data)
    assert len(report.signers) == 1
    assert any("not counted" in line for line in report.findings)
    assert code_of(data, two_of("operator", 2)) == Code.E_THRESHOLD


def two_of(role: str, count: int) -> Policy:
    return policy(OPERATOR, WITNESS, thresholds=[RoleThreshold(role, count)])


def roles() -> Policy:
    return Policy.new(
        keys=[
            trusted_key(OPERATOR.public_key, name="operator"),
            trusted_key(made.ed25519_signer(3).public_key, name="second operator"),
            trusted_key(WITNESS.public_key, name="witness", role="witness", operator_run=False),
        ],
        thresholds=[RoleThreshold("operator", 1), RoleThreshold("witness", 1)],
    )


def test_one_key_twice_is_one() -> None:
    data = bundle(signers=[OPERATOR, OPERATOR]).to_bytes()
    assert passed(data).authentic is Verdict.VALID
    assert code_of(data, two_of("operator", 2)) == Code.E_THRESHOLD


def test_two_operators_and_no_witness_are_refused() -> None:
    both = bundle(signers=[OPERATOR, made.ed25519_signer(3)]).to_bytes()
    assert code_of(both, roles()) == Code.E_ROLE


def test_a_witness_beside_the_operator_is_accepted_and_named() -> None:
    report = passed(bundle(signers=[OPERATOR, WITNESS]).to_bytes(), roles())
    assert [(s.name, s.role, s.operator_run) for s in report.signers] == [
        ("operator", "operator", True),
        ("witness", "witness", False),
    ]
    assert not any("operator's own" in line for line in report.findings)


def test_a_co_signature_stripped_is_missed() -> None:
    data = bundle(signers=[OPERATOR, WITNESS])
    value = json.loads(data.to_bytes())
    envelope = json.loads(base64.b64decode(value["result"]["envelope"]))
    envelope["signatures"].pop()
    value["result"]["envelope"] = base64.b64encode(json.dumps(envelope).encode()).decode()
    assert code_of(json.dumps(value).encode(), roles()) == Code.E_THRESHOLD


def test_a_p256_signature_does_not_fit_an_ed25519_key() -> None:
    """The algorithm is the trusted key's, whatever the keyid says."""
    message = pae(PAYLOAD_TYPE, b"{}")

    def swap(e: dict[str, Any]) -> None:
        e["signatures"][0]["sig"] = base64.b64encode(WITNESS.sign(message)).decode()

    assert code_of(with_envelope(swap)) == Code.E_SIG


# --- 5: the policy -------------------------------------------------------------------------


def test_a_policy_that_cannot_be_used_is_refused_in_every_verification() -> None:
    broken = replace(policy(), keys=())
    assert code_of(DATA, replace(broken, thresholds=())) in {Code.E_POLICY, Code.E_SIG}
    assert code_of(DATA, replace(policy(), thresholds=(RoleThreshold("operator", 2),))) == Code.E_POLICY  # fmt: skip


# --- 11: what it is about ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expect", "code"),
    [
        (Expectations(controller="Example Research Ltd", dataset="survey-2018-05", challenge="nonce-1"), None),
        (Expectations(controller="Example Research ltd"), Code.E_SUBJECT),
        (Expectations(dataset="survey-2018-06"), Code.E_SUBJECT),
        (Expectations(challenge="nonce-2"), Code.E_CHALLENGE),
    ],
)  # fmt: skip
def test_it_must_be_what_the_auditor_asked_for(expect: Expectations, code: Code | None) -> None:
    if code is None:
        assert passed(DATA, policy(expect=expect)).authentic is Verdict.VALID
    else:
        assert code_of(DATA, policy(expect=expect)) == code


def test_an_attestation_without_a_challenge_answers_none() -> None:
    plan = made.plan(request=replace(made.plan().request, challenge=None))
    by = policy(expect=Expectations(challenge="nonce-1"))
    assert code_of(bundle(plan_of=plan).to_bytes(), by) == Code.E_CHALLENGE


# --- 13: the policy's demands --------------------------------------------------------------


def test_stores_that_are_asked_for_must_be_covered() -> None:
    assert passed(DATA, policy(stores=["share"])).authentic is Verdict.VALID
    assert passed(DATA, policy(stores=["files:share"])).authentic is Verdict.VALID
    assert code_of(DATA, policy(stores=["share", "warehouse"])) == Code.E_POLICY


def test_a_method_below_the_lowest_is_refused() -> None:
    assert passed(DATA, policy(lowest_method=Method.CLEAR)).authentic is Verdict.VALID
    assert code_of(DATA, policy(lowest_method=Method.PURGE)) == Code.E_POLICY


# --- What is shown -------------------------------------------------------------------------


def test_nothing_shown_steers_a_terminal() -> None:
    evil = "\x1b]0;owned\x07<script>alert(1)</script>\u202e"
    plan = made.plan(controller=replace(made.plan().controller, name=evil))
    names = [replace(trusted_key(OPERATOR.public_key, name="x"), name=evil)]
    report = passed(bundle(plan_of=plan).to_bytes(), Policy.new(keys=names))
    for line in (*report.findings, *(s.name for s in report.signers)):
        assert line.isprintable()


def test_reading_sealed_bytes_is_all_that_verification_needs() -> None:
    """What was signed is what is read: payload bytes, not a canonical form of them."""
    plan_json, result_json = made.statements(BUNDLE)
    spaced = Sealed(seal(json.dumps(plan_json, indent=3).encode(), [OPERATOR]).raw)
    result_json["predicate"]["plan"] = spaced.digest
    result_json["subject"][0]["digest"]["sha256"] = spaced.digest[7:]
    last = Sealed(seal(json.dumps(result_json, indent=1).encode(), [OPERATOR]).raw)
    assert passed(Bundle(spaced, last).to_bytes()).authentic is Verdict.VALID
