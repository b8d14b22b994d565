"""The answers of a backend, held to the contract before anything is built on them.

A backend may be a third party's, and answer amiss. What does not fit is read as its defect and
never as success; and it shows here, not in a statement about holdings that are gone already.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import astuple, replace
from typing import Any

from backends.contract import (
    Cost,
    CoverageStatus,
    Destruction,
    Finding,
    Gap,
    Holding,
    KeyErasure,
    Known,
    Method,
    Result,
    Scope,
    Signs,
    Technique,
    Verdict,
    Verification,
    is_code,
)
from backends.errors import BackendError
from shredder import clock
from shredder.statable import MOST, not_a_label

DEFECT = "backend-defect"
_MOST_CODES = 24  # of one answer; what is beyond is summed up as one
_MOST_BITS = 4096  # that a statement can say of a key
_BEYOND = "more-than-can-be-told"


class Unfitting(Exception):
    """An answer does not keep the contract, and cannot be gone on with."""


def reason(text: object) -> str:
    """A reason code; whatever is none is a defect."""
    return text if isinstance(text, str) and is_code(text) else DEFECT


def code_of(error: Exception) -> str:
    """The reason code of what a backend raised; what is no error of the contract is a defect."""
    return reason(error.code) if isinstance(error, BackendError) else DEFECT


def codes(found: Iterable[object], most: int = _MOST_CODES) -> tuple[str, ...]:
    """Codes in order, each once, `most` at the most."""
    known = sorted({reason(each) for each in found})
    return tuple(known) if len(known) <= most else (*known[: most - 1], _BEYOND)


def numbers(found: Mapping[Any, Any]) -> dict[str, int]:
    """Counts by code; what is no count is left out."""
    fitting = [(k, n) for k, n in found.items() if reason(k) == k and _is_count(n)]
    return dict(sorted(fitting)[:_MOST_CODES])


def moment(text: object) -> str:
    """An aware RFC 3339 time, in the journal's form; empty if it is none."""
    if not isinstance(text, str):
        return ""
    try:
        read = dt.datetime.fromisoformat(text)
        return clock.stamp(read) if read.tzinfo is not None else ""
    except (ValueError, OverflowError):
        return ""


def identity(text: object) -> str:
    """A store's identity as it can be signed; one that cannot be is told by its digest."""
    told = text if isinstance(text, str) else ""
    if not not_a_label(told):
        return told
    digest = hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()
    return f"digest:{digest}" if told else "unknown"


def scope(found: Any) -> Scope:
    """A scope whose point in time and problem can be signed; its name is committed to."""
    as_of = found.as_of if isinstance(found.as_of, str) and not not_a_label(found.as_of) else ""
    return Scope(str(found.name), as_of, reason(found.problem) if found.problem else "")


def gap(found: Any, scope_name: str) -> Gap:
    """A gap with a status that is one, and a reason."""
    gaps = set(CoverageStatus) - {CoverageStatus.EXAMINED}
    status = found.status if found.status in gaps else CoverageStatus.FAILED
    return Gap(scope_name, CoverageStatus(status), reason(found.reason), str(found.locator))


def holding(found: Any, store: str) -> Holding:
    """A holding that can be planned, journalled and signed. Raises Unfitting."""
    if not isinstance(found, Holding):
        raise Unfitting
    told: Any = found
    right = (
        told.store == store,
        all(isinstance(t, str) for t in (told.scope, told.locator, told.version)),
        is_code(told.kind),
        isinstance(told.verdict, Verdict),
        all(_is_count_or_none(n) for n in (told.records, told.foreign_records, told.size)),
        all(t is None or isinstance(t, Technique) for t in (told.whole, told.partial)),
        all(c == "" or is_code(c) for c in (told.obstacle, told.retention)),
        told.retained_until == "" or moment(told.retained_until) != "",
        all(isinstance(k, str) and type(v) in {str, int} for k, v in told.details.items()),
        isinstance(told.signs, Signs) and all(map(_is_count, astuple(told.signs))),
        told.cost is None or _is_cost(told.cost),
        isinstance(told.sealed, bool),
    )
    if not all(right) or _mixes_stages(found.whole, found.partial):
        raise Unfitting
    return replace(
        found,
        retained_until=moment(found.retained_until),
        limitations=codes(found.limitations),
        # A line of the plan can be shown to an auditor only if every JSON reader keeps its numbers.
        details={k: v if _is_kept(v) else str(v) for k, v in found.details.items()},
    )


def destruction(found: Any, technique: Technique) -> Destruction:
    """The record of one attempt by a technique, as it can be journalled and signed."""
    if not isinstance(found.result, Result) or not isinstance(found.method, Method):
        return Destruction(found.order, Result.FAILED, reason=DEFECT)
    limitations, method = codes(found.limitations), found.method
    by_key = technique is Technique.CRYPTOGRAPHIC_ERASE
    erasure = found.erasure if by_key and _is_erasure(found.erasure) else None
    gone = found.result in {Result.DESTROYED, Result.ALREADY_ABSENT}
    if gone and erasure and erasure.destroyed != erasure.keys:
        return Destruction(found.order, Result.FAILED, reason=DEFECT)  # what opens it still, lives
    if method is Method.PURGE and not (erasure and erasure.purges):
        # Only the conditions of an erase by key earn it.
        method, limitations = Method.LOGICAL_DELETE, (*limitations, "purge-not-shown")
    return Destruction(
        order=found.order,
        result=found.result,
        method=method,
        reason=reason(found.reason) if found.reason else "",
        until=moment(found.until),
        limitations=limitations,
        numbers=numbers(found.numbers),
        erasure=erasure,
    )


def verification(found: Any) -> Verification:
    """What looking for residue gave; absence that was looked for nowhere is none."""
    looked = codes(found.looked)
    finding: Any = found.finding
    why = reason(found.reason) if found.reason else ""
    if not isinstance(finding, Finding):
        finding, why = Finding.INCONCLUSIVE, DEFECT
    elif finding is Finding.ABSENT and not looked:
        finding, why = Finding.INCONCLUSIVE, "looked-nowhere"
    return Verification(found.order, finding, looked, why, numbers(found.numbers))


def _is_cost(value: object) -> bool:
    if not isinstance(value, Cost):
        return False
    told: Any = value
    counts = (told.writes, told.seconds)
    return isinstance(told.exclusive, bool) and all(map(_is_count_or_none, counts))


def _is_erasure(value: object) -> bool:
    if not isinstance(value, KeyErasure):
        return False
    told: Any = value
    facts = (told.ever_in_clear, told.escrowed, told.backed_up)
    bits, keys = (
        (told.strength_bits, told.entropy_bits),
        (told.keys, told.destroyed, told.scheduled),
    )
    return (
        all(isinstance(fact, Known) for fact in facts)
        and all(_is_count(each) and each <= _MOST_BITS for each in bits)
        and all(map(_is_count, keys))
        and 0 < told.keys >= told.destroyed + told.scheduled
    )


def _mixes_stages(whole: Technique | None, partial: Technique | None) -> bool:
    """Residue has no records that are anybody's, so there is no part to spare."""
    return partial is not None and (partial.stage > 0 or (whole is not None and whole.residue))


def _is_kept(value: object) -> bool:
    return not isinstance(value, int) or -MOST <= value <= MOST


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST


def _is_count_or_none(value: object) -> bool:
    return value is None or _is_count(value)
