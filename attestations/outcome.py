"""The outcome, computed from plan and destruction and from nothing else.

Issuer and auditor call the same pure function; the statement's own word is only compared.
"""

from __future__ import annotations

from dataclasses import dataclass

from attestations.destruction import Destruction, Outcome, Status
from attestations.parts import Dataset, Sweep, UnitStatus
from attestations.plan import Plan


@dataclass(frozen=True, slots=True)
class Computed:
    """An outcome, and what stands between it and ``complete``, as codes."""

    outcome: Outcome
    obstacles: tuple[str, ...]


def compute(plan: Plan, result: Destruction) -> Computed:
    """Compute the outcome.

    ``complete``: every record was recognisable, every unit examined before and after, every
    holding destroyed and verified, none undecided, and nothing found afterwards.
    ``pending``: waiting periods are all that is missing. ``failed``: something was to be
    destroyed, and nothing was. ``partial``: the rest.
    """
    held = {status: _holdings(result, status) for status in Status}
    obstacles = (
        *_recognition(result.dataset),
        *_coverage(plan.sweep, "before"),
        *_after(plan, result),
        *(("undecided",) if result.undecided.total else ()),
        *(str(s) for s in Status if s is not Status.DESTROYED_VERIFIED and held[s]),
    )
    if not obstacles:
        return Computed(Outcome.COMPLETE, ())
    done = held[Status.DESTROYED_VERIFIED] + held[Status.DESTROYED_UNVERIFIED]
    if held[Status.FAILED] and not done and not held[Status.PENDING]:
        return Computed(Outcome.FAILED, obstacles)
    # A sweep finds what is pending, too: no more may be found than that.
    if set(obstacles) <= {str(Status.PENDING), "found-after"} and _only_pending_found(result):
        return Computed(Outcome.PENDING, obstacles)
    return Computed(Outcome.PARTIAL, obstacles)


def _holdings(result: Destruction, status: Status) -> int:
    return sum(target.holdings for target in result.targets if target.status is status)


def _recognition(dataset: Dataset) -> tuple[str, ...]:
    if dataset.records_enrolled == 0:
        return ("no-records-enrolled",)
    if dataset.records_recognisable < dataset.records_enrolled:
        return ("records-unrecognisable",)
    return ()


def _coverage(sweep: Sweep, when: str) -> tuple[str, ...]:
    if not sweep.coverage:
        return (f"nothing-examined-{when}",)
    worst = {scope.status for scope in sweep.coverage} - {UnitStatus.EXAMINED}
    return tuple(f"units-{status}-{when}" for status in UnitStatus if status in worst)


def _after(plan: Plan, result: Destruction) -> tuple[str, ...]:
    if result.sweep is None:
        return ("not-swept-after",)
    found, dismissed = result.sweep.found, result.dismissed
    more = found.copy or found.likely > dismissed.likely or found.maybe > dismissed.maybe
    # What was looked at before and is not even listed afterwards was not looked at.
    before = {(scope.store, scope.scope) for scope in plan.sweep.coverage}
    gone = before - {(scope.store, scope.scope) for scope in result.sweep.coverage}
    return (
        *_coverage(result.sweep, "after"),
        *(("scopes-missing-after",) if gone else ()),
        *(("found-after",) if more else ()),
    )


def _only_pending_found(result: Destruction) -> bool:
    if result.sweep is None:
        return False
    found = result.sweep.found.total - result.dismissed.total
    return found <= _holdings(result, Status.PENDING)
