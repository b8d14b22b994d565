"""A key that its provider has yet to delete, and what is sealed to it: each counted once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from attestations import Bundle, Destruction, Known
from backends.contract import Holding
from shredder.journal import Run
from shredder.sealed import read_result
from tests.support.kms import CREDENTIALS, REGION, World, serving
from tests.upper.place import Place, opened_as
from tests.upper.scripted import Scripted, View, holding
from tests.upper.test_keyed import LOCK, Desk, sealed, shut


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def desk(two: Place, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """What is sealed is locked, and the key waits to be deleted."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    desk = Desk(two)
    with serving(world) as url:
        two.configure(f'[keys]\nstore = "aws-kms"\nregion = "{REGION}"\nendpoint_url = "{url}"\n')
        desk.make()
        found = [locked(), locked(locator="unit-1", kind="other")]
        assert desk.place.outcome(desk.run(found, [shut(), shut()])) == "pending"
        yield desk


def locked(**changes: Any) -> Holding:
    return sealed(**LOCK, **changes)


def stated(desk: Desk, run: Run) -> Destruction:
    return read_result(Bundle.load(desk.place.bundle(run)).result)


def counted(groups: Any) -> dict[str, tuple[int, str]]:
    return {each.kind: (each.holdings, each.status.value) for each in groups}


def again(desk: Desk, first: list[Any], second: list[Any]) -> Destruction:
    """Run anew; returns what is stated. Nothing is listed in other versions than before."""
    views = View(units={"desk": first}), View(units={"desk": second})
    with opened_as({"right": Scripted(*views, name="right")}):
        return stated(desk, desk.place.destroy())


def test_what_is_left_to_another_key_is_of_the_new_plan_alone(desk: Desk, world: World) -> None:
    world.pass_days(31)
    (record,) = desk.keys.records()
    desk.keys.settle(record.id)
    desk.make()
    came = again(desk, [[locked()], shut()], [shut(), shut()])
    assert counted(came.targets) == {"key": (1, "pending"), "object": (1, "pending")}
    assert counted(came.settled) == {"key": (1, "failed"), "other": (1, "failed")}


@pytest.mark.parametrize(
    ("first", "second", "planned"),
    [
        ([shut(), shut()], [[locked()], shut()], {}),
        ([[sealed()], shut()], [[], shut()], {"object": (1, "destroyed-verified")}),
    ],
    ids=["seen by the second sweep", "by the first"],
)
def test_a_key_that_opens_something_still_is_not_gone_nor_what_was_to_end_with_it(
    desk: Desk, world: World, first: list[Any], second: list[Any], planned: dict[str, Any]
) -> None:
    world.pass_days(31)
    came = again(desk, first, second)
    assert counted(came.targets) == planned
    settled = {each.kind: each for each in came.settled}
    assert set(settled) == {"key", "other"} | ({"object"} - set(planned))
    for each in settled.values():
        assert (each.status, each.verification.finding) == ("failed", "residue")
        assert each.erasure is not None
        assert (each.erasure.keys_destroyed, each.erasure.keys_scheduled) == (0, 0)


def test_something_else_at_its_place_says_nothing_of_the_key(desk: Desk, world: World) -> None:
    world.pass_days(31)
    bare = holding("b", store="right", kind="plain")
    came = again(desk, [shut(), shut()], [[locked(version="2"), bare], shut()])
    assert counted(came.settled) == dict.fromkeys(
        ("key", "object", "other"), (1, "destroyed-verified")
    )
    clear = {each.erasure.ever_in_clear for each in came.settled if each.erasure}
    assert clear == {Known.YES}, "as the second sweep has it"
