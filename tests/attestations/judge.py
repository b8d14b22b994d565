"""An auditor for the tests: policies, and what a refusal says."""

from __future__ import annotations

from typing import Any

import pytest

from attestations import Code, Policy, Refused, Report, TimestampRules, Verdict, check, verify
from tests.attestations.forge import Forge
from tests.attestations.made import NOW, policy


def code_of(data: bytes, by: Policy | None = None, **options: Any) -> Code:
    """The code of a refusal; a report says the same."""
    by = by or policy()
    options.setdefault("now", NOW)
    with pytest.raises(Refused) as caught:
        verify(data, by, **options)
    report = check(data, by, **options)
    assert (report.authentic, report.codes) == (Verdict.INVALID, (caught.value.code,))
    assert (report.result, report.computed, report.signers) == (None, None, ())
    return caught.value.verdict


def passed(data: bytes, by: Policy | None = None) -> Report:
    return verify(data, by or policy(), now=NOW)


def timed(*forges: Forge, threshold: int = 1, **rules: Any) -> Policy:
    authorities = tuple(f.trusted(name=f"TSA {n}") for n, f in enumerate(forges))
    return policy(timestamps=TimestampRules(threshold=threshold, authorities=authorities, **rules))
