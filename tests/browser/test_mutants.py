"""Mutants of all that is verified, judged by both verifiers: no difference but those documented.

    SHREDDER_BROWSER_MUTANTS=100000 SHREDDER_FUZZ_SEED=nightly pytest -s tests/browser/test_mutants.py

One that is found is named by seed and number: ``Mutants(seed).make(number)`` makes it again.
"""

from __future__ import annotations

import json
import os
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from attestations import Code
from tests.browser.given import GOOD, TIMED, Case
from tests.browser.judged import comparable, judged
from tests.browser.mutants import Mutants, good_tokens, tokens
from tests.browser.page import Page

pytestmark = pytest.mark.needs("chromium")

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
SEED = os.environ.get("SHREDDER_FUZZ_SEED", "1")
NUMBER = int(os.environ.get("SHREDDER_BROWSER_MUTANTS", "4000" if IN_CI else "1000"))
AT_ONCE = 100

STEP_7 = {name for name in map(str, Code) if name.startswith("E_TS_")}
STRICTER = {"E_TS_PARSE", "E_TS_CHAIN"}
GOOD_CASE = Case("", GOOD.to_bytes(), b"")
NO_CERTIFICATE = "policy: not one PEM certificate"


def code(answer: dict[str, Any]) -> str:
    """The code that refused the bundle or its validation; empty if nothing was refused."""
    if answer["authentic"] != "valid":
        return str(answer["codes"][0])
    return str((answer["validation"] or {}).get("code", ""))


def is_documented(case: Case, expected: str, answer: dict[str, Any], good: set[bytes]) -> bool:
    """Whether docs/browser-verifier.md has this difference. The page is never the laxer one."""
    found = code(answer)
    if expected not in {"", *STEP_7}:
        return False
    if tokens(case) - good:
        return found in (STRICTER if expected == "" else STEP_7)
    findings: list[str] = answer["findings"]
    return findings == [NO_CERTIFICATE]


def differences(
    page: Page, cases: list[Case], good: set[bytes], wrong: list[str], codes: Counter[str]
) -> int:
    """Judge cases by both; collect what is wrong, and return how many differ as documented."""
    documented = 0
    for case, answer in zip(cases, page.check_all(cases), strict=True):
        expected, found = judged(case), comparable(answer)
        codes[code(expected) or "accepted"] += 1
        if expected == found:
            continue
        if is_documented(case, code(expected), answer, good):
            documented += 1
        else:
            wrong.append(f"{case.name}: {expected}\n  in the page: {answer}")
    return documented


def spoilt_certificates() -> Iterator[Case]:
    """The good policy with each byte of its root, and of its leaf, changed in two ways."""
    policy = json.loads(TIMED.to_bytes())
    (authority,) = policy["timestamps"]["authorities"]
    for kind in ("roots", "leaves"):
        (pem,) = authority[kind]
        der = ssl.PEM_cert_to_DER_cert(pem)
        for place, byte in enumerate(der):
            for other in {byte ^ 1 << place % 8, 0x00} - {byte}:
                spoilt = der[:place] + bytes([other]) + der[place + 1 :]
                authority[kind] = [ssl.DER_cert_to_PEM_cert(spoilt)]
                name = f"{kind}: byte {place} is {other:02x}, was {byte:02x}"
                yield Case(name, GOOD.to_bytes(), json.dumps(policy).encode())
        authority[kind] = [pem]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_certificates_are_read_alike(page: Page) -> None:
    """Wherever a policy's certificates were changed, the page accepts none that Python refuses."""
    wrong: list[str] = []
    codes: Counter[str] = Counter()
    cases = list(spoilt_certificates())
    for first in range(0, len(cases), AT_ONCE):
        differences(page, cases[first : first + AT_ONCE], set(tokens(GOOD_CASE)), wrong, codes)
    assert wrong == []
    assert len(cases) > 1000
    assert {"accepted", "E_POLICY", "E_TS_CHAIN", "E_TS_WINDOW"} <= set(codes)


@pytest.mark.slow
def test_both_verifiers_answer_mutants_alike(page: Page) -> None:
    begin, mutants = time.monotonic(), Mutants(SEED)
    good = good_tokens(mutants)
    wrong: list[str] = []
    codes: Counter[str] = Counter()
    documented = 0
    for first in range(0, NUMBER, AT_ONCE):
        cases = [mutants.make(n) for n in range(first, min(first + AT_ONCE, NUMBER))]
        documented += differences(page, cases, good, wrong, codes)
        if len(wrong) > 20:
            break
    counted = ", ".join(f"{name} {number}" for name, number in codes.most_common())
    spent = time.monotonic() - begin
    print(f"\nmutants: seed {SEED}, {NUMBER} in {spent:.0f} s; {documented} documented; {counted}")
    assert wrong == []
    assert sum(codes.values()) == NUMBER
    assert documented < NUMBER / 50
    # They are worth something: they get to every stage, and some change no meaning.
    for name in (
        "E_JSON",
        "E_SIG",
        "E_POLICY",
        "E_TS_PARSE",
        "E_DISCLOSURE",
        "E_REPLAY",
        "accepted",
    ):
        assert codes[name] > 0, name
