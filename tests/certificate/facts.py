"""What a certificate must say of a statement: taken from the signed JSON, not from our classes."""

from __future__ import annotations

from typing import Any

from attestations import Bundle
from tests.attestations.made import statements


def predicates(bundle: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The plan's and the result's, as they were signed."""
    plan, result = statements(Bundle.from_bytes(bundle))
    return plan["predicate"], result["predicate"]


def numbers(value: Any) -> set[int]:
    """Every number in a JSON value."""
    if isinstance(value, bool):
        return set()
    if isinstance(value, int):
        return {value}
    if isinstance(value, dict):
        return set().union(*map(numbers, value.values()), set())
    return set().union(*map(numbers, value), set()) if isinstance(value, list) else set()


def codes(value: Any) -> set[str]:
    """Every code of a tally, limitation, risk, technique, method, kind or status."""
    found: set[str] = set()
    if isinstance(value, dict):
        for key, each in value.items():
            if key in {"code", "technique", "method", "kind"} and isinstance(each, str):
                found.add(each)
            elif key in {"limitations", "looked"}:
                found.update(each)
            else:
                found |= codes(each)
    elif isinstance(value, list):
        for each in value:
            found |= codes(each)
    return found


def expected(bundle: bytes) -> set[str]:
    """Texts that must stand on the page."""
    plan, result = predicates(bundle)
    sweeps = [plan["sweep"], result["sweep"] or {}]
    counted = [sweeps, result["targets"], result["settled"], result["inventory"]["size"]]
    counted += [result["dataset"], result["undecided"], result["dismissed"]]
    texts = {f"{number:,}" for number in numbers(counted)}
    texts |= codes(result) | codes(sweeps)
    for scope in [scope for sweep in sweeps for scope in sweep.get("coverage", ())]:
        texts |= {scope["store"], scope["identity"], scope["scope"].removeprefix("sha256:")[:10]}
    texts |= {result["attestationId"], result["controller"]["name"], result["dataset"]["label"]}
    texts |= {result["dataset"]["title"], result["operator"]["reference"], result["plan"]}
    texts |= {approver["reference"] for approver in result["approvers"]}
    texts |= {each["label"] for each in result["recipients"] if each["label"]}
    texts |= {result["tool"]["digest"], result["request"]["basis"], result["outcome"]}
    moments = [*result["times"].values(), result["issuedAt"], plan["issuedAt"]]
    moments += [each["until"] for each in result["targets"]]
    moments += [each["due"] for each in result["residualRisks"]]
    return texts | {t[:19].replace("T", " ") + " UTC" for t in moments if t}
