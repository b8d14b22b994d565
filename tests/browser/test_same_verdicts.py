"""The browser's verifier, written from the specification, answers as the Python one does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import mldsa

from attestations import (
    Code,
    KeyFileSigner,
    Policy,
    PolicyRefused,
    TimestampRules,
    TrustedAuthority,
    check,
    request_timestamp,
)
from demo.servers.tsa import TimestampAuthority
from tests.attestations import made
from tests.browser.cases import cases
from tests.browser.given import GOOD, TIMED, Case
from tests.browser.page import Page

pytestmark = pytest.mark.needs("chromium")

CASES = cases()

# Codes that no bundle alone can bring about: they take other bundles or disclosures.
NOT_OF_A_BUNDLE = {Code.E_REPLAY, Code.E_SUPERSEDED, Code.E_FORK, Code.E_DISCLOSURE}


# What is answered of a bundle where the policy cannot be used.
REFUSED: dict[str, Any] = {
    "authentic": "invalid",
    "time": "indeterminate",
    "log": "indeterminate",
    "outcome": None,
    "obstacles": [],
    "noLaterThan": None,
    "renewBefore": None,
    "planBeforeStart": False,
    "signers": [],
}


def judged(case: Case) -> dict[str, Any]:
    """What the Python verifier answers, in the order of the procedure: the bundle's form first."""
    try:
        policy = Policy.from_bytes(case.policy)
    except PolicyRefused as refused:
        return {**REFUSED, "codes": [str(refused.code)]}
    return _comparable(check(case.bundle, policy, now=case.now).to_json())


def _comparable(report: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if name != "findings"}


def seen(page: Page, case: Case) -> dict[str, Any]:
    report = page.check(case)
    for signer in report["signers"]:
        del signer["operatorRun"]
    return _comparable(report)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_verifiers_answer_alike(page: Page, case: Case) -> None:
    assert judged(case) == seen(page, case)


def test_the_corpus_brings_about_every_code() -> None:
    found = {code for case in CASES for code in judged(case)["codes"]}
    assert set(map(str, set(Code) - NOT_OF_A_BUNDLE)) == found


@pytest.mark.needs("openssl")
def test_a_real_authoritys_timestamps_are_accepted_by_both(
    page: Page, tsa: TimestampAuthority
) -> None:
    entry = TrustedAuthority(name="real", roots=(tsa.root_pem,), leaves=(tsa.leaf_pem,))
    rules = TimestampRules(threshold=1, required=True, authorities=(entry,))
    stamped = made.bundle(stamp=lambda message, _: request_timestamp(message, tsa.url))
    policy = made.policy(timestamps=rules)
    now = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)
    case = Case("real", stamped.to_bytes(), policy.to_bytes(), now)
    answer = seen(page, case)
    assert judged(case) == answer
    assert tuple(answer[n] for n in ("authentic", "time", "outcome")) == (
        "valid",
        "valid",
        "complete",
    )


@pytest.mark.parametrize("part", ["envelope", "token"])
def test_the_page_accepts_no_flipped_bit_that_python_refuses(page: Page, part: str) -> None:
    """At places of a token that nobody signed, the page may be the stricter one."""
    sealed = GOOD.result
    (token,) = sealed.timestamps
    data = sealed.envelope if part == "envelope" else token
    accepted = 0
    for place in range(0, len(data), max(1, len(data) // 120)):
        spoilt = bytearray(data)
        spoilt[place] ^= 1 << place % 8
        changes = (
            {"envelope": bytes(spoilt)} if part == "envelope" else {"timestamps": (bytes(spoilt),)}
        )
        other = replace(GOOD, result=replace(sealed, **changes)).to_bytes()
        case = Case(f"{part} {place}", other, TIMED.to_bytes())
        expected, answer = judged(case), seen(page, case)
        if answer["authentic"] == "valid":
            accepted += 1
            assert expected == answer, case.name
        else:
            assert answer["authentic"] == "invalid", case.name
    assert accepted < 20


def test_what_the_page_cannot_check_is_no_pass(page: Page) -> None:
    """ML-DSA signatures: neither valid nor invalid, under a name of its own."""
    hybrid = KeyFileSigner(mldsa.MLDSA65PrivateKey.generate())
    bundle = made.bundle(signers=(made.OPERATOR, hybrid)).to_bytes()
    policy = made.policy(made.OPERATOR, hybrid)
    case = Case("hybrid", bundle, policy.to_bytes())
    answer = page.check(case)
    assert (judged(case)["authentic"], answer["authentic"]) == ("valid", "not-checked")
    assert (
        answer["codes"],
        answer["outcome"],
        answer["signers"],
    ) == (["NOT_CHECKED_HERE"], None, [])
