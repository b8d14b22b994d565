"""What the Python verifier answers, in the words of the page: to be compared with its answer."""

from __future__ import annotations

from typing import Any

from attestations import (
    DisclosureRequest,
    Policy,
    PolicyRefused,
    Refused,
    Report,
    Supplied,
    Verdict,
    check,
)
from attestations.acceptance import check_validation
from attestations.text import format_time, shown
from tests.browser.given import Case

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
    "disclosed": None,
    "names": None,
    "validation": None,
}


def judged(case: Case) -> dict[str, Any]:
    """The answer to a case; messages of refusals are each verifier's own."""
    try:
        policy = Policy.from_bytes(case.policy)
    except PolicyRefused as refused:
        return {**REFUSED, "codes": [str(refused.code)]}
    request = DisclosureRequest(case.seed, case.sample)
    supplied = Supplied(
        others=case.others, disclosure=case.disclosure, request=request, annex=case.annex
    )
    report = check(case.bundle, policy, now=case.now, supplied=supplied)
    answer = report.to_json() | {
        "signers": [
            {
                "name": signer.name,
                "role": signer.role,
                "keyid": signer.keyid,
                "operatorRun": signer.operator_run,
                "signed": list(signer.signed),
            }
            for signer in report.signers
        ],
        "disclosed": report.disclosed.to_json() if report.disclosed else None,
        "names": None if report.names is None else dict(report.names),
        "validation": None,
    }
    if report.authentic is not Verdict.VALID:
        del answer["findings"]
        return answer
    answer["findings"] = _findings(report)
    if case.validation is not None:
        answer["validation"] = _validation(case, policy, case.validation)
    return answer


def comparable(report: dict[str, Any]) -> dict[str, Any]:
    """The page's answer, without what is each verifier's own."""
    answer = dict(report)
    if answer["authentic"] != "valid":
        del answer["findings"]
    if answer["validation"] is not None and answer["validation"]["authentic"] != "valid":
        answer["validation"] = {k: v for k, v in answer["validation"].items() if k != "finding"}
    return answer


def _findings(report: Report) -> list[str]:
    """But for those that the page shows elsewhere: the outcome and its obstacles."""
    return [each for each in report.findings[1:] if not each.startswith("not complete: ")]


def _validation(case: Case, policy: Policy, data: bytes) -> dict[str, Any]:
    try:
        found = check_validation(data, case.bundle, policy, now=case.now)
    except Refused as refused:
        return {"authentic": "invalid", "code": str(refused.code)}
    return {
        "authentic": "valid",
        "decision": str(found.decision),
        "by": [shown(key.name) for key in found.by],
        "role": found.validator.role,
        "reference": found.validator.reference,
        "operatorRun": any(key.operator_run for key in found.by),
        "noLaterThan": format_time(found.latest) if found.latest else None,
    }
