"""The key as a holding: it goes last, takes with it what its store may not, and else waits."""

from __future__ import annotations

import fcntl
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attestations import Bundle, KeyErasure, Known
from backends.contract import (
    CoverageStatus,
    Destruction,
    Examination,
    Gap,
    Holding,
    Method,
    Order,
    Result,
    Technique,
    Unit,
    Verdict,
)
from backends.contract import KeyErasure as Conditions
from backends.contract import Known as Said
from shredder import values
from shredder.journal import Phase, Run
from shredder.keystores import Declared, KeyRecord, KeyState, KeyStore
from shredder.keystores import file as file_module
from shredder.keystores.probe import make_probe
from shredder.plan import Decision, Options, read_items
from shredder.run import execute as execute_module
from shredder.run.ended import ended
from shredder.run.finalize import finalize, pending
from shredder.run.results import Outcome, read_results
from shredder.sealed import read_result
from shredder.sealing.keys import key_store, record_keys
from shredder.spool import spooled
from tests.support.kms import CREDENTIALS, REGION, World, serving
from tests.upper.place import DATASET, Place, opened_as
from tests.upper.scripted import Scripted, View, absent, destroyed, holding

ERASE, FORGET = Technique.CRYPTOGRAPHIC_ERASE, Technique.FORGET
LATER = "2099-01-01T00:00:00.000000Z"
LOCK = {"retention": "object-lock-compliance", "retained_until": LATER}
_NO = Declared.NO


class Desk:
    """Two stores: the source is in `left`, and what is sealed in `right`. A key lives."""

    def __init__(self, place: Place) -> None:
        self.place = place
        place.configure('[keys]\nerasure = "best-effort"\n')
        for space in place.spaces.values():
            space.put("desk", "x", b"nothing\n")

    @property
    def keys(self) -> KeyStore:
        work = self.place.work
        return key_store(work.config, work.state)

    def make(
        self, *, escrowed: Declared = _NO, backed_up: Declared = _NO, in_clear: Declared = _NO
    ) -> KeyRecord:
        return self.keys.create(DATASET, escrowed=escrowed, backed_up=backed_up, in_clear=in_clear)

    @property
    def state(self) -> KeyState:
        (record,) = self.keys.records()
        return record.state

    def run(self, found: list[Holding], again: list[Any], **scripted: Any) -> Run:
        """Destroy what is found in `right`; `again` is what its units show afterwards."""
        views = View(units={"desk": [found]}), View(units={"desk": again})
        with opened_as({"right": Scripted(*views, name="right", **scripted)}):
            return self.place.destroy()

    def results(self, run: Run) -> dict[str, Outcome]:
        """What became of each holding, by its kind."""
        work = self.place.work
        items = read_items(work.plan_file(run.id))
        pairs = zip(items, read_results(work, run.id), strict=True)
        found = {item.holding.kind: outcome for item, outcome in pairs}
        return found | {each.group.kind: each.outcome for each in ended(work, run.id)}

    def erasures(self, run: Run) -> dict[str, KeyErasure | None]:
        """The conditions that the attestation states, by kind."""
        statement = read_result(Bundle.load(self.place.bundle(run)).result)
        return {target.kind: target.erasure for target in statement.targets}


@pytest.fixture
def desk(two: Place) -> Desk:
    return Desk(two)


@pytest.fixture
def in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are overwritten where they lie, whatever file system the tests are run on."""
    monkeypatch.setattr(file_module, "_in_place", lambda record: True)


def sealed(**changes: Any) -> Holding:
    """An object that is sealed to the key alone; the store names it as the unit it is."""
    made = holding("unit-0", store="right", kind="object", partial=None)
    return replace(made, **{"limitations": ("sealed",), "sealed": True, **changes})


def shut(**changes: Any) -> Examination:
    """What an object shows that nobody can look into."""
    gap = Gap("desk", CoverageStatus.FAILED, "encrypted", "unit-0")
    return replace(Examination(Unit("desk", "", "", "", None, ""), gap=gap), **changes)


# --- the key itself ---


def test_a_key_goes_after_everything_else_in_all_stores(desk: Desk) -> None:
    desk.make()
    seen = []

    def watched(order: Order) -> Destruction:
        seen.append((order.technique, desk.state))
        return destroyed(order)

    found = [
        holding("a", store="right"),
        holding("wal", store="right", whole=Technique.RECYCLE_WAL, partial=None),
        holding("free", store="right", whole=Technique.SCRUB_FREE_SPACE, partial=None),
    ]
    ended = desk.run(found, [[]], destroy=watched)
    assert seen == [
        (FORGET, KeyState.LIVE),
        (Technique.RECYCLE_WAL, KeyState.LIVE),
        (Technique.SCRUB_FREE_SPACE, KeyState.LIVE),
    ]
    assert desk.state is KeyState.DESTROYED
    assert desk.results(ended)["key"].status == "destroyed-verified"
    assert desk.results(ended)["key"].looked == ("key-slots", "sealed-probe")
    assert desk.place.outcome(ended) == "complete"


def test_what_the_keys_of_records_lie_under_goes_as_well(desk: Desk) -> None:
    desk.make()
    work = desk.place.work
    assert record_keys(work.config, work.state, DATASET).make()
    alone = ("other", "survey-2", "surve/records/1")  # datasets, all of them another's
    for name in alone:
        desk.keys.create(name, escrowed=_NO, backed_up=_NO, in_clear=_NO)
    ended = desk.run([], [[]])
    assert {kind: each.status for kind, each in desk.results(ended).items()} == {
        "key": "destroyed-verified",
        "tree-key": "destroyed-verified",
    }
    living = {each.dataset for each in desk.keys.records() if each.state is KeyState.LIVE}
    assert living == set(alone)
    assert desk.place.outcome(ended) == "complete"
    desk.make()
    assert record_keys(work.config, work.state, DATASET).make(), "a new key begins a new tree"


def test_a_key_is_destroyed_though_nothing_else_is_there(desk: Desk) -> None:
    desk.make()
    ended = desk.run([], [[]])
    assert desk.state is KeyState.DESTROYED
    assert desk.place.outcome(ended) == "complete"
    assert desk.place.destroy().phase is Phase.NOTHING


def test_without_a_key_there_is_no_store_of_keys(desk: Desk) -> None:
    ended = desk.run([holding("a", store="right")], [[]])
    statement = read_result(Bundle.load(desk.place.bundle(ended)).result)
    assert statement.sweep is not None
    assert {scope.store for scope in statement.sweep.coverage} == {"left", "right"}


@pytest.mark.usefixtures("in_place")
def test_the_key_of_data_that_lay_in_the_clear_is_cleared_and_not_purged(desk: Desk) -> None:
    desk.make()
    ended = desk.run([], [[]])
    assert desk.results(ended)["key"].method == "clear"
    assert desk.erasures(ended)["key"] == KeyErasure(
        ever_in_clear=Known.YES,  # the source is a table in the clear
        escrowed=Known.NO,
        backed_up=Known.NO,
        strength_bits=128,
        entropy_bits=256,
        keys_total=1,
        keys_destroyed=1,
        keys_scheduled=0,
    )


def test_what_is_locked_waits_with_a_key_that_waits_and_is_no_gap(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with serving(world) as url:
        desk.place.configure(f'[keys]\nstore = "aws-kms"\nregion = "{REGION}"\n'
                             f'endpoint_url = "{url}"\n')  # fmt: skip
        desk.make()
        ended = desk.run([sealed(**LOCK)], [shut()])
        came = desk.results(ended)
        assert {kind: each.status for kind, each in came.items()} == {
            "object": "pending",
            "key": "pending",
        }
        assert came["object"].limitations == ("sealed", "sealed-bytes-stay")
        assert came["object"].until == came["key"].until
        assert desk.place.outcome(ended) == "pending"
        erasure = desk.erasures(ended)["object"]
        assert erasure is not None
        assert (erasure.keys_scheduled, erasure.keys_destroyed) == (1, 0)
        world.pass_days(31)
        views = View(units={"desk": [shut()]}), View(units={"desk": [shut()]})
        with opened_as({"right": Scripted(*views, name="right")}):
            final = finalized(desk)
        assert desk.place.outcome(final) == "complete"
        told = read_result(Bundle.load(desk.place.bundle(final)).result).settled
        assert told is not None
        settled = {target.kind: target for target in told}
        assert settled["object"].status == settled["key"].status == "destroyed-verified"
        assert settled["object"].erasure is not None
        assert settled["object"].erasure.keys_destroyed == 1


def finalized(desk: Desk) -> Run:
    work = desk.place.work
    waits = pending(work, DATASET)
    assert waits is not None
    with spooled(desk.place.state.root) as spool:
        came = finalize(work, waits, desk.place.clerk, spool, {})
    assert came.run is not None
    return came.run


def test_a_key_that_is_put_back_is_found_and_destroyed_again(desk: Desk) -> None:
    desk.make()
    slots = desk.place.state.slots
    kept = slots.with_name("kept")
    shutil.copy(slots, kept)
    desk.run([], [[]])
    shutil.copy(kept, slots)
    ended = desk.run([], [[]])
    came = desk.results(ended)["key"]
    assert (came.status, "key-restored" in came.limitations) == ("destroyed-verified", True)
    erasure = desk.erasures(ended)["key"]
    assert erasure is not None
    assert erasure.backed_up is Known.YES, "whatever was declared"


def test_a_key_destroyed_between_plan_and_run_is_told_so(desk: Desk) -> None:
    record = desk.make()
    run = desk.place.plan()
    desk.keys.destroy(record.id)
    ended = desk.place.drive(run)
    came = desk.results(ended)["key"]
    assert (came.status, "absent-before-destruction" in came.limitations) == (
        "destroyed-verified",
        True,
    )


def test_by_another_probe_than_the_committed_one_nothing_is_shown(desk: Desk) -> None:
    record = desk.make()
    run = desk.place.plan()
    desk.place.drive_to(run, Phase.EXECUTED)
    (after,) = desk.keys.records()
    altered = replace(after, probe=make_probe(bytes.fromhex(record.public)))
    path = desk.place.state.key_records / f"{record.id}.json"
    path.write_bytes(values.dumps(altered))
    came = desk.results(desk.place.drive(run))["key"]
    assert (came.status, came.reason) == ("destroyed-unverified", "key-record-altered")


def test_a_key_store_in_use_fails_and_loses_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute_module, "_PAUSE", 0.001)
    desk.make()
    run = desk.place.plan()
    with desk.place.state.slots.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        desk.place.drive_to(run, Phase.EXECUTED)
    assert desk.state is KeyState.LIVE
    ended = desk.place.drive(run)
    came = desk.results(ended)["key"]
    assert (came.status, came.reason) == ("failed", "key-in-use")
    erasure = desk.erasures(ended)["key"]
    assert erasure is not None
    assert erasure.keys_destroyed == 0
    assert desk.results(desk.run([], [[]]))["key"].status == "destroyed-verified"


def test_a_key_store_that_cannot_be_read_is_a_store_that_was_not_looked_at(desk: Desk) -> None:
    record = desk.make()
    path = desk.place.state.key_records / f"{record.id}.json"
    path.write_text("{}")
    assert not any(found.store == "keys" for found in desk.place.look())
    run = desk.place.journal.run(desk.place.plan())
    assert run.facts["gaps"] == 1


# --- what is sealed ---


def test_what_is_sealed_is_destroyed_where_it_lies(desk: Desk) -> None:
    desk.make()
    ended = desk.run([sealed()], [[]])
    assert desk.results(ended)["object"].technique is FORGET
    assert desk.place.outcome(ended) == "complete"


@pytest.mark.usefixtures("in_place")
@pytest.mark.parametrize(
    "spared", [LOCK, {"whole": None, "obstacle": "mfa-delete"}], ids=["a lock", "no technique"]
)
def test_what_its_store_may_not_destroy_ends_with_the_key(
    desk: Desk, spared: dict[str, Any]
) -> None:
    desk.make()
    ended = desk.run([sealed(**spared)], [shut()])
    came = desk.results(ended)["object"]
    assert (came.technique, came.status, came.method) == (ERASE, "destroyed-verified", "purge")
    assert "sealed-bytes-stay" in came.limitations
    erasure = desk.erasures(ended)["object"]
    assert erasure is not None
    assert (erasure.ever_in_clear, erasure.keys_destroyed) == (Known.NO, 1)
    assert desk.state is KeyState.DESTROYED
    assert desk.place.outcome(ended) == "complete", "that it is shut is no gap"
    views = View(units={"desk": [shut()]}), View(units={"desk": [shut()]})
    with opened_as({"right": Scripted(*views, name="right")}):
        assert desk.place.destroy().phase is Phase.NOTHING, "nor is it the next time"


@pytest.mark.usefixtures("in_place")
@pytest.mark.parametrize(
    ("declared", "beside"),
    [
        ({"escrowed": Declared.YES}, []),
        ({"escrowed": Declared.UNKNOWN}, []),
        ({"backed_up": Declared.UNKNOWN}, []),
        ({"in_clear": Declared.YES}, []),
        ({"in_clear": Declared.UNKNOWN}, []),
        ({}, [holding("plain", store="right", kind="plain")]),
    ],
    ids=["escrowed", "perhaps escrowed", "perhaps copied", "was bare", "perhaps bare", "is bare"],
)
def test_a_purge_wants_every_condition(
    desk: Desk, declared: dict[str, Declared], beside: list[Holding]
) -> None:
    desk.make(**declared)
    ended = desk.run([sealed(**LOCK), *beside], [shut()])
    came = desk.results(ended)["object"]
    assert (came.status, came.method) == ("destroyed-verified", "logical-delete")


def test_a_key_not_shown_to_be_overwritten_purges_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_module, "_in_place", lambda record: False)
    desk.make()
    ended = desk.run([sealed(**LOCK)], [shut()])
    methods = {kind: each.method for kind, each in desk.results(ended).items()}
    assert methods == {"object": "logical-delete", "key": "logical-delete"}


def test_what_ended_by_no_key_is_not_purged_by_the_conditions_of_one(desk: Desk) -> None:
    """A backend's defect, which must not show when the statement is to be made of it."""
    earned = Conditions(Said.NO, Said.NO, Said.NO, 128, 128, destroyed=1)
    ended = desk.run(
        [holding("a", store="right")],
        [[]],
        destroy=lambda o: Destruction(o.id, Result.DESTROYED, Method.PURGE, erasure=earned),
    )
    (came,) = desk.results(ended).values()
    assert (came.status, came.method) == ("destroyed-verified", "logical-delete")
    assert "purge-not-shown" in came.limitations
    assert desk.place.outcome(ended) == "complete"


@pytest.mark.parametrize(("after", "outcome"), [("7", "partial"), ("1", "complete")])
def test_what_lies_there_in_another_version_is_not_what_ended(
    desk: Desk, after: str, outcome: str
) -> None:
    """The same place, and something nobody has looked into: a gap.

    It is the listing's version that tells: a holding's own may have a digest of what was in it.
    """
    desk.make()
    before = View(units={"desk": [[sealed(version="1:digest", **LOCK)]]})
    views = before, View(units={"desk": [shut()]}, version=after)
    with opened_as({"right": Scripted(*views, name="right")}):
        ended_run = desk.place.destroy()
    assert desk.results(ended_run)["object"].status == "destroyed-verified"
    assert desk.place.outcome(ended_run) == outcome


def test_another_gap_at_its_place_stays_one(desk: Desk) -> None:
    desk.make()
    denied = Gap("desk", CoverageStatus.FAILED, "access-denied", "unit-0")
    ended = desk.run([sealed(**LOCK)], [shut(gap=denied)])
    assert desk.place.outcome(ended) == "partial"


# --- when the key must wait ---


@pytest.mark.parametrize(
    "stays",
    [
        {"verdict": Verdict.LIKELY},
        {"foreign_records": 2},
        {"retention": "legal-hold"},
        {"retention": "legal-hold", "retained_until": LATER},
        {"retention": "legal-hold", "limitations": ()},
        {"sealed": False, **LOCK},
        {"verdict": Verdict.MAYBE, **LOCK},
        {"foreign_records": 1, **LOCK},
    ],
    ids=[
        "perhaps another's", "mixed", "held", "held and locked", "held, by a backend that says it once",
        "sealed in part, and locked",
        "locked, perhaps another's", "locked and mixed",
    ],
)  # fmt: skip
def test_a_key_waits_where_something_sealed_stays(desk: Desk, stays: dict[str, Any]) -> None:
    desk.make()
    found = [sealed(**stays), holding("b", store="right", kind="plain")]
    ended = desk.run(found, [found[:1]])
    results = desk.results(ended)
    assert results["plain"].status == "destroyed-verified"
    assert results["object"].status in {"retained", "undecided"}
    assert (results["key"].status, results["key"].reason) == ("undecided", "sealed-holdings-left")
    assert desk.state is KeyState.LIVE
    assert desk.place.outcome(ended) == "partial"


def test_what_is_locked_stays_where_the_key_waits_for_another(desk: Desk) -> None:
    desk.make()
    found = [sealed(**LOCK), sealed(locator="b", kind="held", retention="legal-hold")]
    ended = desk.run([*found, holding("c", store="right", kind="plain")], [found])
    assert desk.results(ended)["object"].status == "retained"
    assert desk.state is KeyState.LIVE


@pytest.mark.parametrize("result", [Result.FAILED, Result.CHANGED, Result.RETAINED])
def test_a_key_is_spared_where_something_sealed_was_not_destroyed(
    desk: Desk, result: Result
) -> None:
    desk.make()
    found = [sealed(), sealed(locator="b", kind="locked", **LOCK)]
    ended = desk.run(found, [found], destroy=lambda o: Destruction(o.id, result, reason="busy"))
    results = desk.results(ended)
    for kind in ("key", "locked"):
        assert (results[kind].status, results[kind].reason) == ("failed", "sealed-holdings-left")
    assert desk.state is KeyState.LIVE
    again = desk.run(found, [shut(), shut()], verify=absent)
    assert desk.results(again)["key"].status == "destroyed-verified"


def test_a_hold_in_mid_run_keeps_the_key(desk: Desk) -> None:
    desk.make()
    run = desk.place.plan()
    desk.place.drive_to(run, Phase.ANNOUNCED)
    hold = f'[datasets.{DATASET}.hold]\nreason = "litigation"\n'
    desk.place.configure(f'[keys]\nerasure = "best-effort"\n{hold}')
    ended = desk.place.drive(run)
    assert (desk.results(ended)["key"].status, desk.state) == ("retained", KeyState.LIVE)
    erasure = desk.erasures(ended)["key"]
    assert erasure is not None
    assert erasure.keys_destroyed == 0


def test_without_a_living_key_nothing_ends_with_one(desk: Desk) -> None:
    desk.keys.destroy(desk.make().id)
    place = desk.place
    views = View(units={"desk": [[sealed(**LOCK)]]})
    with opened_as({"right": Scripted(views, name="right")}):
        run = place.plan(Options())
    (item,) = read_items(place.work.plan_file(run))
    assert item.decision is Decision.RETAINED


def test_the_plan_commits_to_the_key_and_its_probe(desk: Desk) -> None:
    record = desk.make()
    run = desk.place.plan()
    (item,) = read_items(desk.place.work.plan_file(run))
    found = item.holding
    assert (found.store, found.locator, found.version) == ("keys", record.id, record.check)
    assert set(found.details) >= {"probe", "created", "wrapping", "escrowed", "backed_up", "clear"}
    assert record.probe not in Path(desk.place.work.plan_file(run)).read_text()
