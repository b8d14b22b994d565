"""By the operator's word what is sealed stays where it lies, and the end of its key destroys it."""

from __future__ import annotations

from typing import Any

import pytest

from attestations import Known
from backends.contract import Holding, Order, Technique, Verdict
from shredder import report
from shredder.journal import Run
from shredder.keystores import Declared, KeyState
from shredder.keystores import file as file_module
from shredder.plan import Options, Sealed, read_items
from tests.upper.place import Place, opened_as
from tests.upper.scripted import Scripted, View, destroyed, holding
from tests.upper.test_keyed import LOCK, Desk, sealed, shut

ERASE, FORGET = Technique.CRYPTOGRAPHIC_ERASE, Technique.FORGET
BY_KEY = Options(sealed=Sealed.BY_KEY)


@pytest.fixture
def desk(two: Place, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Keys are overwritten where they lie, whatever file system the tests are run on."""
    monkeypatch.setattr(file_module, "_in_place", lambda record: True)
    monkeypatch.setattr(file_module.FileKeyStore, "_ground", lambda *_, **__: ())
    return Desk(two)


class Touched:
    """A store's destroy() that remembers what it was told to destroy."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def __call__(self, order: Order) -> Any:
        self.kinds.append(order.holding.kind)
        return destroyed(order)


def run(desk: Desk, found: list[Holding], again: list[Any], **scripted: Any) -> Run:
    views = View(units={"desk": [found]}), View(units={"desk": again})
    with opened_as({"right": Scripted(*views, name="right", **scripted)}):
        return desk.place.destroy(BY_KEY)


def planned(desk: Desk, found: list[Holding]) -> tuple[dict[str, Technique | None], report.Json]:
    """The technique of each kind, and what the command says of the plan."""
    with opened_as({"right": Scripted(View(units={"desk": [found]}), name="right")}):
        work = desk.place.work
        made = desk.place.plan(BY_KEY)
        items = read_items(work.plan_file(made))
        told = report.plan_json(work, work.journal.run(made))
        return {item.holding.kind: item.technique for item in items}, told


def test_what_is_sealed_stays_and_ends_with_its_key(desk: Desk) -> None:
    desk.make()
    touched = Touched()
    found = [
        sealed(),
        sealed(locator="b", kind="locked", **LOCK),
        holding("c", store="right", kind="residue", whole=Technique.RECYCLE_WAL, partial=None),
    ]
    ended = run(desk, found, [shut()], destroy=touched)
    assert touched.kinds == ["residue"]
    came = desk.results(ended)
    for kind in ("object", "locked"):
        assert (came[kind].technique, came[kind].status) == (ERASE, "destroyed-verified")
        assert came[kind].method == "purge"
        assert "sealed-bytes-stay" in came[kind].limitations
        erasure = desk.erasures(ended)[kind]
        assert erasure is not None
        assert (erasure.ever_in_clear, erasure.keys_destroyed) == (Known.NO, 1)
    assert desk.state is KeyState.DESTROYED
    assert desk.place.outcome(ended) == "complete"


@pytest.mark.parametrize(
    ("declared", "beside", "why"),
    [
        ({"escrowed": Declared.YES}, [], ["key-escrowed"]),
        ({"escrowed": Declared.UNKNOWN}, [], ["key-escrowed"]),
        ({"backed_up": Declared.UNKNOWN}, [], ["key-backed-up"]),
        ({"in_clear": Declared.YES}, [], ["data-in-clear"]),
        ({"in_clear": Declared.UNKNOWN, "backed_up": Declared.YES}, [],
         ["key-backed-up", "data-in-clear"]),
        ({}, [holding("plain", store="right", kind="plain")], ["data-in-clear"]),
        ({}, [sealed(locator="b", kind="held", retention="legal-hold")],
         ["sealed-holdings-left"]),
    ],
    ids=["escrowed", "perhaps escrowed", "perhaps copied", "was bare", "two at once", "is bare",
         "one is held"],
)  # fmt: skip
def test_where_a_condition_does_not_hold_each_goes_where_it_lies(
    desk: Desk, declared: dict[str, Declared], beside: list[Holding], why: list[str]
) -> None:
    desk.make(**declared)
    techniques, told = planned(desk, [sealed(), *beside])
    assert techniques["object"] is FORGET
    assert told["not_by_key"] == {"right": why}


def test_a_key_that_is_not_surely_overwritten_is_left_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground: Any = lambda *_, **__: ("copy-on-write",)  # noqa: E731 - one line
    monkeypatch.setattr(file_module.FileKeyStore, "_ground", ground)
    desk.make()
    techniques, told = planned(desk, [sealed()])
    assert techniques["object"] is FORGET
    assert told["not_by_key"] == {"right": ["key-erase-not-shown"]}


@pytest.mark.parametrize("changes", [{"sealed": False}, {"verdict": Verdict.LIKELY}])
def test_only_what_is_surely_sealed_to_the_key_alone_is_left_to_it(
    desk: Desk, changes: dict[str, Any]
) -> None:
    desk.make()
    techniques, _ = planned(desk, [sealed(**changes)])
    assert techniques["object"] is not ERASE


def test_without_the_operators_word_nothing_is_left_to_the_key(desk: Desk) -> None:
    desk.make()
    with opened_as({"right": Scripted(View(units={"desk": [[sealed()]]}), name="right")}):
        made = desk.place.plan()
    (_, found) = read_items(desk.place.work.plan_file(made))
    told = report.plan_json(desk.place.work, desk.place.journal.run(made))
    assert (found.technique, told["not_by_key"]) == (FORGET, {})


def test_what_goes_where_it_lies_is_why_no_one_else_is_left_out(desk: Desk) -> None:
    """In another store the data lay in the clear; what is sealed in this one is left all the same."""
    desk.make()
    found = [[sealed(store="right")]]
    bare = [[sealed(store="left", kind="other"), holding("d", store="left", kind="plain")]]
    scripts = {
        "left": Scripted(View(units={"desk": bare}), name="left"),
        "right": Scripted(View(units={"desk": found}), name="right"),
    }
    with opened_as(scripts):
        made = desk.place.plan(BY_KEY)
    items = {i.holding.kind: i.technique for i in read_items(desk.place.work.plan_file(made))}
    assert (items["object"], items["other"]) == (ERASE, FORGET)
