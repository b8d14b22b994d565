"""A run after one whose result is pending replaces that; after any other it replaces nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from attestations import Bundle
from backends.contract import Destruction, Order, Result
from shredder.journal import Run
from shredder.sealed import read_result
from tests.upper.place import Place, opened_as
from tests.upper.scripted import Scripted, View, destroyed, holding

Destroy = Callable[[Order], Destruction]


def waits(order: Order) -> Destruction:
    return Destruction(order.id, Result.PENDING, reason="waits", until="2099-01-01T00:00:00Z")


def fails(order: Order) -> Destruction:
    return Destruction(order.id, Result.FAILED, reason="busy")


def ended(place: Place, destroy: Destroy) -> Run:
    there = [holding("a")]
    views = (
        View(units={"desk": [there]}),
        View(units={"desk": [[] if destroy is destroyed else there]}),
    )
    with opened_as({"mem": Scripted(*views, destroy=destroy)}):
        return place.destroy()


@pytest.mark.parametrize(
    ("before", "replaces"), [(waits, True), (fails, False), (destroyed, False)]
)
def test_a_pending_result_is_replaced_by_the_next(
    place: Place, before: Destroy, replaces: bool
) -> None:
    first, second = ended(place, before), ended(place, destroyed)
    digest = Bundle.load(place.bundle(first)).result.digest
    result = read_result(Bundle.load(place.bundle(second)).result)
    assert (result.previous, result.supersedes) == (digest, digest if replaces else None)
    if replaces:
        assert first.facts["outcome"] == "pending"


def test_what_was_pending_and_only_the_second_sweep_finds_is_not_gone(place: Place) -> None:
    ended(place, waits)
    views = View(units={"desk": [[]]}), View(units={"desk": [[holding("a")]]})
    with opened_as({"mem": Scripted(*views)}):
        second = place.destroy()
    (settled,) = read_result(Bundle.load(place.bundle(second)).result).settled
    assert (settled.status, settled.verification.finding) == ("failed", "residue")
    assert second.facts["outcome"] == "failed"
