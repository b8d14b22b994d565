"""The outcome is computed: one table of what makes it less than complete."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations import Decisions, Found, Outcome, Plan, Status, Sweep, UnitStatus, compute
from tests.attestations import made

PLAN = made.plan()


def swept(*coverage: Any, found: Found | None = None) -> Sweep:
    return Sweep(
        started=made.at(21),
        finished=made.at(22),
        coverage=coverage or (made.scope(),),
        found=found or Found(),
    )


def excluded(**changes: Any) -> Any:
    return made.scope(status=UnitStatus.EXCLUDED, units_examined=9, units_excluded=1, **changes)


CASES: dict[str, tuple[Plan, dict[str, Any], Outcome, set[str]]] = {
    "all well": (PLAN, {}, Outcome.COMPLETE, set()),
    "nothing found": (
        made.plan(targets=(), inventory=made.tree("inventory", 0)),
        {"targets": ()},
        Outcome.COMPLETE,
        set(),
    ),
    "unreachable before, examined after": (
        replace(PLAN, sweep=replace(PLAN.sweep, coverage=(made.unreachable_scope(),))),
        {"sweep": swept()},
        Outcome.COMPLETE,
        set(),
    ),
    "excluded before and after": (
        replace(PLAN, sweep=replace(PLAN.sweep, coverage=(excluded(),))),
        {"sweep": swept(excluded())},
        Outcome.PARTIAL,
        {"units-excluded-after"},
    ),
    "unreachable after": (
        PLAN,
        {"sweep": swept(made.unreachable_scope())},
        Outcome.PARTIAL,
        {"units-unreachable-after"},
    ),
    "excluded": (PLAN, {"sweep": swept(excluded())}, Outcome.PARTIAL, {"units-excluded-after"}),
    "no scope before": (
        replace(PLAN, sweep=replace(PLAN.sweep, coverage=())),
        {"sweep": swept()},
        Outcome.PARTIAL,
        {"nothing-examined-before"},
    ),
    "a scope gone after": (
        replace(PLAN, sweep=replace(PLAN.sweep, coverage=(made.scope(), made.scope(name="other")))),
        {"sweep": swept()},
        Outcome.PARTIAL,
        {"scopes-missing-after"},
    ),
    "a scope gone after that was listed in part before": (
        replace(
            PLAN,
            sweep=replace(
                PLAN.sweep,
                coverage=(
                    made.scope(),
                    replace(
                        made.unreachable_scope(),
                        scope=made.scope(name="other").scope,
                        units_examined=1,
                    ),
                ),
            ),
        ),
        {"sweep": swept()},
        Outcome.PARTIAL,
        {"scopes-missing-after"},
    ),
    "a scope more after": (
        PLAN,
        {"sweep": swept(made.scope(), made.scope(name="other"))},
        Outcome.COMPLETE,
        set(),
    ),
    "no second sweep": (PLAN, {"sweep": None}, Outcome.PARTIAL, {"not-swept-after"}),
    "found after": (
        PLAN,
        {"sweep": swept(found=Found(copy=1))},
        Outcome.PARTIAL,
        {"found-after"},
    ),
    "likely found after": (
        PLAN,
        {"sweep": swept(found=Found(likely=1))},
        Outcome.PARTIAL,
        {"found-after"},
    ),
    "dismissed found after": (
        PLAN,
        {"sweep": swept(found=Found(likely=1)), "dismissed": Decisions(likely=1)},
        Outcome.COMPLETE,
        set(),
    ),
    "undecided": (
        PLAN,
        {"undecided": Decisions(maybe=1)},
        Outcome.PARTIAL,
        {"undecided"},
    ),
    "not every record recognisable": (
        replace(PLAN, dataset=replace(PLAN.dataset, records_recognisable=39)),
        {},
        Outcome.PARTIAL,
        {"records-unrecognisable"},
    ),
    "no record enrolled": (
        replace(PLAN, dataset=replace(PLAN.dataset, records_enrolled=0, records_recognisable=0)),
        {},
        Outcome.PARTIAL,
        {"no-records-enrolled"},
    ),
    "unverified": (
        PLAN,
        {"targets": (made.target(status=Status.DESTROYED_UNVERIFIED),)},
        Outcome.PARTIAL,
        {"destroyed-unverified"},
    ),
    "retained": (
        PLAN,
        {"targets": (made.left(Status.RETAINED),)},
        Outcome.PARTIAL,
        {"retained"},
    ),
    "failed": (PLAN, {"targets": (made.left(Status.FAILED),)}, Outcome.FAILED, {"failed"}),
    "failed in part": (
        PLAN,
        {"targets": (made.target(holdings=2), made.left(Status.FAILED, holdings=1))},
        Outcome.PARTIAL,
        {"failed"},
    ),
    "failed and pending": (
        PLAN,
        {"targets": (made.left(Status.PENDING), made.left(Status.FAILED))},
        Outcome.PARTIAL,
        {"failed", "pending"},
    ),
    "pending": (
        PLAN,
        {"targets": (made.target(holdings=2), made.left(Status.PENDING, holdings=1))},
        Outcome.PENDING,
        {"pending"},
    ),
    "pending and still found": (
        PLAN,
        {
            "targets": (made.target(holdings=2), made.left(Status.PENDING, holdings=1)),
            "sweep": swept(found=Found(copy=1)),
        },
        Outcome.PENDING,
        {"pending", "found-after"},
    ),
    "pending, but more is found": (
        PLAN,
        {
            "targets": (made.target(holdings=2), made.left(Status.PENDING, holdings=1)),
            "sweep": swept(found=Found(copy=2)),
        },
        Outcome.PARTIAL,
        {"pending", "found-after"},
    ),
    "pending and unreachable": (
        PLAN,
        {
            "targets": (made.left(Status.PENDING),),
            "sweep": swept(made.unreachable_scope()),
        },
        Outcome.PARTIAL,
        {"pending", "units-unreachable-after"},
    ),
}


@pytest.mark.parametrize(
    ("plan", "changes", "outcome", "obstacles"), CASES.values(), ids=CASES.keys()
)
def test_an_outcome_follows_from_what_is_stated(
    plan: Plan, changes: dict[str, Any], outcome: Outcome, obstacles: set[str]
) -> None:
    computed = compute(plan, made.result(plan, outcome=Outcome.FAILED, **changes))
    assert (outcome, obstacles) == (computed.outcome, set(computed.obstacles))


@given(
    st.lists(st.sampled_from(list(Status)), max_size=4),
    st.sampled_from(list(UnitStatus)),
    st.integers(0, 1),
    st.integers(0, 1),
)
def test_complete_means_complete(
    statuses: list[Status], covered: UnitStatus, undecided: int, found: int
) -> None:
    """Whatever else there is: one holding or unit that is not as it should be, and it is not."""
    result = made.result(
        PLAN,
        outcome=Outcome.FAILED,
        targets=tuple(made.target(status=status) for status in statuses),
        undecided=Decisions(likely=undecided),
        sweep=swept(made.scope(status=covered), found=Found(copy=found)),
    )
    flawless = (
        set(statuses) <= {Status.DESTROYED_VERIFIED}
        and covered is UnitStatus.EXAMINED
        and not undecided
        and not found
    )
    assert (compute(PLAN, result).outcome is Outcome.COMPLETE) == flawless
