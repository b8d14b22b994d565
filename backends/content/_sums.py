"""Evidence of several looks, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, replace

from backends.contract import Evidence, RecordClass, Signs, strongest


def without(evidence: Evidence, beside: Mapping[int, int], headers: int) -> Evidence:
    """Return the evidence with what is no record, and not the dataset's, told as blank."""
    foreign = beside[RecordClass.FOREIGN] + headers
    person = beside[RecordClass.PERSON]
    trace = 0 if evidence.promoted else beside[RecordClass.TRACE]
    return replace(
        evidence,
        foreign=evidence.foreign - foreign,
        person=evidence.person - person,
        trace=evidence.trace - trace,
        blank=evidence.blank + foreign + person + trace,
    )


def added(first: Evidence, second: Evidence) -> tuple[Evidence, bool]:
    """Return the evidence of both looks at the same bytes, if the second one saw something."""
    if second.verdict is None and not second.matched:
        return first, False
    if first.verdict is None:
        return second, True
    windows = first.windows + second.matched + second.person + second.trace
    both = beside(first, second)
    return replace(both, windows=windows, foreign=first.foreign, blank=first.blank), True


def beside(first: Evidence, second: Evidence) -> Evidence:
    """Return the evidence of two parts of a unit, whose records may be the same ones."""
    return Evidence(
        windows=first.windows + second.windows,
        matched=first.matched + second.matched,
        records=max(first.records, second.records),
        person=first.person + second.person,
        foreign=first.foreign + second.foreign,
        blank=first.blank + second.blank,
        verdict=strongest((first.verdict, second.verdict)),
        trace=first.trace + second.trace,
        promoted=first.promoted or second.promoted,
        signs=Signs(*map(sum, zip(astuple(first.signs), astuple(second.signs), strict=True))),
    )
