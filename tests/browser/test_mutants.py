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

from tests.browser.judged import comparable, judged
from tests.browser.mutants import Mutants, good_tokens, tokens
from tests.browser.page import Page

pytestmark = pytest.mark.needs("chromium")

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
SEED = os.environ.get("SHREDDER_FUZZ_SEED", "1")
NUMBER = int(os.environ.get("SHREDDER_BROWSER_MUTANTS", "4000" if IN_CI else "1000"))
AT_ONCE = 100

STRICTER = {"E_TS_PARSE", "E_TS_CHAIN"}


def code(answer: dict[str, Any]) -> str:
    """The code that refused the bundle or its validation; empty if nothing was refused."""
    if answer["authentic"] != "valid":
        return str(answer["codes"][0])
    return str((answer["validation"] or {}).get("code", ""))


def is_documented(expected: str, found: str, *, spoilt_token: bool) -> bool:
    """Whether docs/browser-verifier.md has this difference: of tokens alone, and never laxer."""
    both_of_step_7 = expected.startswith("E_TS_") and found.startswith("E_TS_")
    return spoilt_token and (both_of_step_7 or (expected == "" and found in STRICTER))


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
            spoilt_token = bool(tokens(case) - good)
            if is_documented(code(expected), code(found), spoilt_token=spoilt_token):
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
        assert codes[name] > NUMBER / 1000, name
