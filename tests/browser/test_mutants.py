"""Mutants of all that is verified, judged by both verifiers: no difference but those documented.

    SHREDDER_BROWSER_MUTANTS=100000 SHREDDER_FUZZ_SEED=nightly pytest -s tests/browser/test_mutants.py

One that is found is named by seed and number: ``Mutants(seed).make(number)`` makes it again.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import Any

import pytest

from attestations import Code
from tests.browser.given import Case
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


@pytest.mark.slow
def test_both_verifiers_answer_mutants_alike(page: Page) -> None:
    begin, mutants = time.monotonic(), Mutants(SEED)
    good = good_tokens(mutants)
    wrong: list[str] = []
    codes: Counter[str] = Counter()
    documented = 0
    for first in range(0, NUMBER, AT_ONCE):
        cases = [mutants.make(n) for n in range(first, min(first + AT_ONCE, NUMBER))]
        for case, answer in zip(cases, page.check_all(cases), strict=True):
            expected, found = judged(case), comparable(answer)
            codes[code(expected) or "accepted"] += 1
            if expected == found:
                continue
            if is_documented(case, code(expected), answer, good):
                documented += 1
            else:
                wrong.append(f"{case.name}: {expected}\n  in the page: {answer}")
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
