"""The browser's verifier, written from the specification, answers as the Python one does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from attestations import Code, TimestampRules, TrustedAuthority, request_timestamp
from demo.servers.tsa import TimestampAuthority
from tests.attestations import made
from tests.browser.cases import cases
from tests.browser.given import GOOD, TIMED, Case
from tests.browser.judged import comparable, judged
from tests.browser.page import Page

pytestmark = pytest.mark.needs("chromium")

CASES = cases()


def seen(page: Page, case: Case) -> dict[str, Any]:
    return comparable(page.check(case))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_verifiers_answer_alike(page: Page, case: Case) -> None:
    assert judged(case) == seen(page, case)


def test_the_corpus_brings_about_every_code() -> None:
    found = {code for case in CASES for code in judged(case)["codes"]}
    assert set(map(str, Code)) == found


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
