"""The outcome, computed from plan and destruction and from nothing else.

Issuer and auditor call the same pure function; the statement's own word is only compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from attestations.destruction import Destruction, Outcome, Status
from attestations.parts import Dataset, Sweep, UnitStatus
from attestations.plan import Plan


class Obstacle(StrEnum):
    """What may stand between a run and ``complete``."""

    NO_RECORDS_ENROLLED = "no-records-enrolled"
    RECORDS_UNRECOGNISABLE = "records-unrecognisable"
    NOTHING_EXAMINED_BEFORE = "nothing-examined-before"
    NOT_SWEPT_AFTER = "not-swept-after"
    NOTHING_EXAMINED_AFTER = "nothing-examined-after"
    UNITS_FAILED_AFTER = "units-failed-after"
    UNITS_UNREACHABLE_AFTER = "units-unreachable-after"
    UNITS_EXCLUDED_AFTER = "units-excluded-after"
    SCOPES_MISSING_AFTER = "scopes-missing-after"
    FOUND_AFTER = "found-after"
    UNDECIDED = "undecided"
    DESTROYED_UNVERIFIED = "destroyed-unverified"
    PENDING = "pending"
    RETAINED = "retained"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Computed:
    """An outcome, and what stands between it and ``complete``."""

    outcome: Outcome
    obstacles: tuple[Obstacle, ...]


def compute(plan: Plan, result: Destruction) -> Computed:
    """Compute the outcome.

    ``complete``: every record was recognisable, every holding destroyed and verified, none
    undecided, and afterwards every unit examined and nothing found. What could not be examined
    before is told, but is no obstacle by itself: the second sweep is of everything, and what it
    examined it did not find to hold anything. (An unfinished upload cannot be read at all, only
    aborted.)
    ``pending``: waiting periods are all that is missing. ``failed``: something was to be
    destroyed, and nothing was. ``partial``: the rest.
    """
    held = {status: _holdings(result, status) for status in Status}
    obstacles = (
        *_recognition(result.dataset),
        *(() if plan.sweep.coverage else (Obstacle.NOTHING_EXAMINED_BEFORE,)),
        *_after(plan, result),
        *((Obstacle.UNDECIDED,) if result.undecided.total else ()),
        *(Obstacle(s) for s in Status if s is not Status.DESTROYED_VERIFIED and held[s]),
    )
    if not obstacles:
        return Computed(Outcome.COMPLETE, ())
    done = held[Status.DESTROYED_VERIFIED] + held[Status.DESTROYED_UNVERIFIED]
    if held[Status.FAILED] and not done and not held[Status.PENDING]:
        return Computed(Outcome.FAILED, obstacles)
    # A sweep finds what is pending, too: no more may be found than that.
    if set(obstacles) <= {Obstacle.PENDING, Obstacle.FOUND_AFTER} and _only_pending_found(result):
        return Computed(Outcome.PENDING, obstacles)
    return Computed(Outcome.PARTIAL, obstacles)


def _holdings(result: Destruction, status: Status) -> int:
    return sum(target.holdings for target in result.groups if target.status is status)


def _recognition(dataset: Dataset) -> tuple[Obstacle, ...]:
    if dataset.records_enrolled == 0:
        return (Obstacle.NO_RECORDS_ENROLLED,)
    if dataset.records_recognisable < dataset.records_enrolled:
        return (Obstacle.RECORDS_UNRECOGNISABLE,)
    return ()


def _coverage_after(sweep: Sweep) -> tuple[Obstacle, ...]:
    if not sweep.coverage:
        return (Obstacle.NOTHING_EXAMINED_AFTER,)
    found = {scope.status for scope in sweep.coverage}
    gaps = [status for status in UnitStatus if status is not UnitStatus.EXAMINED]
    return tuple(Obstacle(f"units-{status}-after") for status in gaps if status in found)


def _after(plan: Plan, result: Destruction) -> tuple[Obstacle, ...]:
    if result.sweep is None:
        return (Obstacle.NOT_SWEPT_AFTER,)
    found, dismissed = result.sweep.found, result.dismissed
    more = found.copy or found.likely > dismissed.likely or found.maybe > dismissed.maybe
    # What was looked at before and is not even listed afterwards was not looked at. A scope
    # that nothing was seen of before may have stood for the whole of a store.
    seen = (s for s in plan.sweep.coverage if s.units_total is not None or s.units_examined)
    before = {(scope.store, scope.scope) for scope in seen}
    gone = before - {(scope.store, scope.scope) for scope in result.sweep.coverage}
    return (
        *_coverage_after(result.sweep),
        *((Obstacle.SCOPES_MISSING_AFTER,) if gone else ()),
        *((Obstacle.FOUND_AFTER,) if more else ()),
    )


def _only_pending_found(result: Destruction) -> bool:
    if result.sweep is None:
        return False
    found = result.sweep.found.total - result.dismissed.total
    return found <= _holdings(result, Status.PENDING)
