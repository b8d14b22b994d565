"""By the operator's word what is sealed stays where it lies, and the end of its key destroys it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attestations import Bundle, Disclosure, Known
from backends.contract import (
    CoverageStatus,
    Destruction,
    Examination,
    Gap,
    Holding,
    Order,
    Result,
    Technique,
    Unit,
    Verdict,
)
from shredder import durable, report
from shredder.errors import Refused
from shredder.evidence.disclose import Wanted, disclose
from shredder.evidence.forget import forget
from shredder.evidence.trees import RESULTS, committer, tree
from shredder.journal import Journal, Phase, Run
from shredder.keystores import Declared, KeyState
from shredder.keystores import file as file_module
from shredder.keystores.register import Register
from shredder.keystores.slotfile import Slots
from shredder.plan import Item, Options, Sealed, read_header, read_items
from shredder.plan.by_key import by_key_items, every_item, list_beside
from shredder.run import again as again_module
from shredder.run import ended as ended_module
from shredder.run import gone_by_key as gone_by_key_module
from shredder.run import machine
from shredder.run.ended import every_result_line
from shredder.sealed import read_result
from tests.upper.place import DATASET, Place, opened_as
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
        items = every_item(work.plan_file(made))
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
    items = {i.holding.kind: i.technique for i in every_item(desk.place.work.plan_file(made))}
    assert (items["object"], items["other"]) == (ERASE, FORGET)


# --- one act, and no order for each ---


def each_verified(desk: Desk, ended_run: Run, number: int) -> None:
    """Have an auditor be shown every holding, by paths that were made from the files alone."""
    work, bundle = desk.place.work, desk.place.bundle(ended_run)
    shown, count = disclose(work, bundle, Wanted(seed="any", sample=number))
    holdings = Disclosure.from_bytes(shown).holdings
    assert (count, len(holdings)) == (number, number)


def many(number: int, **changes: Any) -> list[Holding]:
    return [sealed(locator=f"unit-{n}", **changes) for n in range(number)]


class OfKey:
    """A store of sealed units that are shut from when their key is gone, as they are in truth."""

    def __init__(self, desk: Desk, number: int) -> None:
        self.desk, self.number = desk, number
        self.found = {f"unit-{n}": holding for n, holding in enumerate(many(number))}

    def __call__(self, unit: Unit) -> Examination:
        if self.desk.state is KeyState.LIVE:
            return Examination(unit, (replace(self.found[unit.locator], version="1"),))
        gap = Gap(unit.scope, CoverageStatus.FAILED, "encrypted", unit.locator)
        return Examination(unit, gap=gap)

    def store(self, **scripted: Any) -> Scripted:
        units: dict[str, list[Any]] = {"desk": [[]] * self.number}
        return Scripted(View(units=units, examine=self), name="right", **scripted)


def test_none_of_many_has_an_order_and_each_can_be_shown(desk: Desk) -> None:
    desk.make()
    beside = holding("z", store="left", kind="plain")
    found = OfKey(desk, 21)
    left = Scripted(View(units={"desk": [[beside]]}), View(units={"desk": [[]]}), name="left")
    with opened_as({"right": found.store(), "left": left}):
        ended_run = desk.place.destroy(BY_KEY)
    plan = desk.place.work.plan_file(ended_run.id)
    header = read_header(plan)
    assert header.by_key is not None
    assert [(g.store, g.kind, g.holdings) for g in header.by_key.groups] == [
        ("right", "object", 21)
    ]
    ids = {item.id for item in by_key_items(plan)}
    assert len(ids) == 21
    assert all(desk.place.journal.entry(ended_run.id, each) is None for each in ids)
    assert desk.place.outcome(ended_run) == "complete"
    each_verified(desk, ended_run, 23)  # and the key, and what lay beside
    statement = read_result(Bundle.load(desk.place.bundle(ended_run)).result)
    assert statement.inventory.size == statement.results.size == 23
    made_by = committer(desk.place.state.run(ended_run.id))
    anew = tree(made_by, RESULTS, every_result_line(desk.place.work, ended_run.id))
    assert anew == statement.results, "what was reckoned before is what the lines give"


def test_after_the_plan_their_number_costs_nothing_but_in_the_sweep(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.make()
    lines = 0

    def counted(plan: Path) -> Iterator[Item]:
        nonlocal lines
        for item in by_key_items(plan):
            lines += 1
            yield item

    with opened_as({"right": OfKey(desk, 12).store()}):
        made = desk.place.plan(BY_KEY)
        monkeypatch.setattr(gone_by_key_module, "by_key_items", counted)
        for module in (again_module, ended_module, report):
            monkeypatch.setattr(module, "by_key_items", _none)
        ended_run = desk.place.drive(made)
        report.exit_code(desk.place.work, ended_run)
        told = report.run_json(desk.place.work, ended_run)
    assert lines == 12, "once, for the second sweep"
    assert [each["id"] for each in told["holdings"]] == [read_key(desk, ended_run)]
    assert [(each["holdings"], each["status"]) for each in told["by_key"]] == [
        (12, "destroyed-verified")
    ]


def _none(plan: Path) -> Iterator[Item]:
    raise AssertionError(plan)


def read_key(desk: Desk, ended_run: Run) -> str:
    by_key = read_header(desk.place.work.plan_file(ended_run.id)).by_key
    assert by_key is not None
    return by_key.order


def test_what_is_found_as_it_was_holds_against_all_of_them(desk: Desk) -> None:
    desk.make()
    found = many(3)
    ended_run = run(desk, found, [[replace(found[1])], shut()])
    came = desk.results(ended_run)["object"]
    assert (came.status, came.reason, came.method) == ("failed", "residue", None)
    erasure = desk.erasures(ended_run)["object"]
    assert erasure is not None
    assert erasure.keys_destroyed == 0
    assert desk.place.outcome(ended_run) == "failed"
    assert report.exit_code(desk.place.work, ended_run) == 7
    assert list(report.run_json(desk.place.work, ended_run)["appeared"]) == []
    each_verified(desk, ended_run, 4)


def test_something_else_at_their_place_has_appeared_and_they_have_ended(desk: Desk) -> None:
    desk.make()
    found = many(2)
    other = replace(found[0], version="2", sealed=False, limitations=())
    ended_run = run(desk, found, [[other]])
    assert desk.results(ended_run)["object"].status == "destroyed-verified"
    (appeared,) = report.run_json(desk.place.work, ended_run)["appeared"]
    assert appeared["version"] == "2"
    assert desk.place.outcome(ended_run) == "partial"


def test_they_stay_with_a_key_that_is_spared(desk: Desk) -> None:
    desk.make()
    in_part = sealed(locator="b", kind="in-part", sealed=False)
    found = [*many(2), in_part]
    ended_run = run(
        desk, found, [found], destroy=lambda o: Destruction(o.id, Result.FAILED, reason="busy")
    )
    came = desk.results(ended_run)
    for kind in ("key", "object"):
        assert (came[kind].status, came[kind].reason) == ("failed", "sealed-holdings-left")
    assert desk.state is KeyState.LIVE
    assert "sealed-bytes-stay" not in came["object"].limitations
    each_verified(desk, ended_run, 4)
    assert desk.place.returned(ended_run, found) == ([], 3)


def test_they_wait_with_a_key_that_a_hold_keeps(desk: Desk) -> None:
    desk.make()
    with opened_as({"right": OfKey(desk, 2).store()}):
        made = desk.place.plan(BY_KEY)
        desk.place.drive_to(made, Phase.ANNOUNCED)
        hold = f'[datasets.{DATASET}.hold]\nreason = "litigation"\n'
        desk.place.configure(f'[keys]\nerasure = "best-effort"\n{hold}')
        ended_run = desk.place.drive(made)
    came = desk.results(ended_run)
    assert (came["object"].status, came["object"].reason) == ("retained", "legal-hold")
    assert desk.state is KeyState.LIVE


def test_a_key_that_is_put_back_in_mid_run_takes_all_of_them_along(desk: Desk) -> None:
    desk.make()
    slots = desk.place.state.slots
    before = slots.read_bytes()
    with opened_as({"right": OfKey(desk, 2).store()}):
        made = desk.place.plan(BY_KEY)
        desk.place.drive_to(made, Phase.EXECUTED)
        slots.write_bytes(before)
        ended_run = desk.place.drive(made)
    came = desk.results(ended_run)
    assert came["object"].status == came["key"].status == "failed"
    assert report.exit_code(desk.place.work, ended_run) == 7


# --- the list ---


def test_a_list_that_is_another_is_not_read(desk: Desk) -> None:
    """Until the key may have gone it refuses the run; of the same size then, whatever reads it."""
    desk.make()
    with opened_as({"right": OfKey(desk, 3).store()}):
        made = desk.place.plan(BY_KEY)
        path = list_beside(desk.place.work.plan_file(made))
        whole = path.read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600
        for content in (whole[:-1], None):
            path.unlink()
            if content is not None:
                path.write_bytes(content)
            with pytest.raises(Refused, match="nothing was touched"):
                desk.place.drive(made)
        path.write_bytes(whole.replace(b"unit-1", b"unit-9"))
        with pytest.raises(Refused, match="nothing was touched"):
            desk.place.drive(made)
        path.write_bytes(whole)
        desk.place.drive_to(made, Phase.ANNOUNCED)
        path.write_bytes(whole.replace(b"unit-1", b"unit-9"))
        with pytest.raises(Refused, match="cannot go on"):
            desk.place.drive(made)
        assert desk.state is KeyState.LIVE
        path.write_bytes(whole)
        desk.place.drive_to(made, Phase.EXECUTED)
        path.write_bytes(whole.replace(b"unit-1", b"unit-9"))
        with pytest.raises(Refused, match="not the plan's"):
            desk.place.drive(made)
        path.write_bytes(whole)
        ended_run = desk.place.drive(made)
    assert desk.place.outcome(ended_run) == "complete"


def test_without_the_secret_of_its_leaves_no_plan_is_announced(desk: Desk) -> None:
    desk.make()
    with opened_as({"right": OfKey(desk, 3).store()}):
        made = desk.place.plan(BY_KEY)
        secret = desk.place.state.run(made) / "secret"
        kept = secret.read_bytes()
        secret.unlink()
        with pytest.raises(Refused, match="secret of the run is gone"):
            desk.place.drive(made)
        secret.write_bytes(kept)
        each_verified(desk, desk.place.drive(made), 4)


def test_the_list_goes_with_the_manifest(desk: Desk) -> None:
    desk.make()
    with opened_as({"right": OfKey(desk, 3).store()}):
        ended_run = desk.place.destroy(BY_KEY)
    path = list_beside(desk.place.work.plan_file(ended_run.id))
    assert path.exists()
    forget(desk.place.work, ended_run)
    assert not path.exists()


def test_the_list_of_an_attempt_that_was_broken_off_does_not_stay(desk: Desk) -> None:
    desk.make()
    place = desk.place
    made = machine.begin(place.work, DATASET, Options(), destroying=True)
    path = list_beside(place.work.plan_file(made))
    path.write_bytes(b"of before\n")
    with opened_as({"right": OfKey(desk, 1).store()}):
        place.drive(made)
    assert not path.exists()


# --- kill -9 ---


def _killed(desk: Desk, point: int) -> bool:
    """Run in a process of its own that is killed before a durable write; whether it was."""
    place = desk.place
    place.journal.__exit__()
    if not (child := os.fork()):
        count = 0

        def reach() -> None:
            nonlocal count
            count += 1
            if count == point:
                os.kill(os.getpid(), signal.SIGKILL)

        def around(act: Any) -> Any:
            def acted(*given: Any, **more: Any) -> Any:
                reach()
                return act(*given, **more)

            return acted

        try:
            for owner, name in (
                (durable, "write"), (Journal, "_commit"), (Register, "put"), (Slots, "write"),
                (Slots, "erase"),
            ):  # fmt: skip
                setattr(owner, name, around(getattr(owner, name)))
            place.journal = Journal(place.state.journal)
            with opened_as({"right": OfKey(desk, 3).store()}):
                place.destroy(BY_KEY)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    place.journal = Journal(place.state.journal)
    return os.WIFSIGNALED(status)


def test_killed_at_any_durable_write_all_end_with_the_key_or_none_is_said_to(
    two: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(file_module, "_in_place", lambda record: True)
    monkeypatch.setattr(file_module.FileKeyStore, "_ground", lambda *_, **__: ())
    point = 0
    while True:
        point += 1
        folder = tmp_path / f"{point}"
        folder.mkdir()
        desk = Desk(Place(folder, ("left", "right")))
        desk.make()
        killed = _killed(desk, point)
        runs = desk.place.journal.runs()
        attested = [run for run in runs if run.phase is Phase.ATTESTED]
        assert not attested or desk.state is KeyState.DESTROYED
        with opened_as({"right": OfKey(desk, 3).store()}):
            ended_run = desk.place.drive(runs[0].id) if runs else desk.place.destroy(BY_KEY)
        came = desk.results(ended_run)
        assert {each.status for each in came.values()} == {"destroyed-verified"}, point
        assert desk.state is KeyState.DESTROYED
        assert desk.place.outcome(ended_run) == "complete"
        if not killed:
            break
        desk.place.close()
    each_verified(desk, ended_run, 4)
    assert point > 20
