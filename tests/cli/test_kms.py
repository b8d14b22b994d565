"""A dataset's key in AWS KMS, at the command line: the whole way of what is pending."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from attestations import Bundle
from attestations.destruction import Destruction
from demo.survey import records
from shredder import clock
from shredder.keystores import KeyRecord, KeyState
from shredder.keystores.kmsapi import Service
from shredder.keystores.register import Register
from shredder.run import finalize as module
from shredder.sealed import read_result
from shredder.state import State
from tests.cli.keyed import sealed_survey
from tests.cli.operating import SURVEY, HereOperator, Operator
from tests.support.kms import CREDENTIALS, REGION, World, serving

DAYS = 7
KEYS = f'store = "aws-kms"\nregion = "{REGION}"\nwindow_days = {DAYS}\n'
ACCOUNT = "111122223333"


@functools.cache
def _service(region: str, endpoint_url: str) -> Service:
    """To make a client takes a third of a second, and every command makes several."""
    return Service(region, endpoint_url)


class Desk:
    """An operator, and the service that holds what wraps their key."""

    def __init__(self, operator: Operator, world: World) -> None:
        self.operator = operator
        self.world = world
        self.run = operator.run

    @property
    def until(self) -> str:
        (key,) = self.world.keys.values()
        assert key.deleted is not None
        return clock.stamp(key.deleted)

    def cancel(self) -> None:
        (arn,) = self.world.keys
        self.world.answer("CancelKeyDeletion", REGION, ACCOUNT, {"KeyId": arn})

    def results(self) -> list[Destruction]:
        paths = (self.operator.state / "attestations").iterdir()
        found = sorted(paths, key=lambda path: path.stat().st_mtime)
        return [read_result(Bundle.load(path).result) for path in found]


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[World, str]]:
    world = World()
    with serving(world) as url:
        yield world, url


@pytest.fixture
def desk(tmp_path: Path, service: tuple[World, str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A survey in a file and a sealed copy of it; the clock of `finalize` is the service's."""
    world, url = service
    vars(world).update(vars(World()))
    operator = HereOperator(tmp_path, CREDENTIALS)
    keys = f'{KEYS}endpoint_url = "{url}"\n'
    desk = Desk(operator, world)
    monkeypatch.setattr("shredder.keystores.kmsapi.Service", _service)
    monkeypatch.setattr(module, "clock", SimpleNamespace(now=lambda: clock.stamp(world.now)))
    sealed_survey(operator, keys)
    return desk


def destroyed(desk: Desk, *words: str) -> None:
    done = desk.run("destroy", SURVEY, *words, "--yes", "--timestamp-later", "--json")
    assert (done.code, done.json["outcome"]) == (5, "pending"), done.out + done.err


def test_the_whole_way(desk: Desk) -> None:
    shown = desk.run("key", "show", SURVEY, "--json").json
    assert (shown["wrapping"], shown["state"], shown["problems"]) == ("kms", "live", [])
    assert desk.run("open", SURVEY, "share/backup.age", "-o", "opened.csv").code == 0
    (desk.operator.folder / "opened.csv").unlink()
    planned = desk.run("plan", SURVEY)
    assert f"pending for {DAYS} days" in planned.out
    assert "with replicas, until" not in planned.out
    done = desk.run("destroy", SURVEY, "--yes", "--timestamp-later", "--json")
    assert done.code == 5, done.out + done.err
    by_store = {each["store"]: each for each in done.json["holdings"]}
    key, until = by_store["keys"], desk.until
    assert (key["status"], key["reason"], key["until"]) == ("pending", "deletion-window", until)
    assert by_store["share"]["status"] == "destroyed-verified"
    assert list((desk.operator.folder / "share").iterdir()) == []
    (first,) = desk.results()
    (target,) = [each for each in first.targets if each.store == "keys"]
    assert target.erasure is not None
    assert target.until is not None
    assert (first.outcome, target.status) == ("pending", "pending")
    assert (target.erasure.keys_scheduled, target.erasure.keys_destroyed) == (1, 0)
    assert clock.stamp(target.until) == until

    shown = desk.run("key", "show", SURVEY, "--json").json
    assert (shown["state"], shown["until"], shown["problems"]) == ("pending", until, [])
    (again,) = desk.run("plan", SURVEY, "--json").json["holdings"]
    assert (again["store"], again["waits_days"], again["until"]) == ("keys", DAYS, until)
    assert desk.run("recheck", SURVEY, "--json").json["outcome"] == "partial"
    told = desk.run("finalize", "--json")
    assert (told.code, told.json["datasets"][0]["until"]) == (5, until)
    desk.world.pass_days(DAYS)
    done = desk.run("finalize", "--timestamp-later", "--json")
    (answer,) = done.json["datasets"]
    assert (done.code, answer["outcome"]) == (0, "complete"), done.out + done.err
    before, after = desk.results()
    assert (before.outcome, after.outcome) == ("pending", "complete")
    assert after.supersedes is not None
    assert (after.inventory.size, after.targets, answer["settled"]) == (0, (), 1)
    (ended,) = after.settled
    assert (ended.store, ended.status, ended.method) == (
        "keys",
        "destroyed-verified",
        "logical-delete",
    )
    assert ended.erasure == replace(target.erasure, keys_destroyed=1, keys_scheduled=0)
    assert (ended.verification.finding, ended.verification.looked) == ("absent", ("kms-keys",))
    assert "kms-erase-not-shown" in ended.limitations
    assert set(ended.limitations) <= set(after.limitations)
    page = desk.run("show", answer["attestation"]).out
    assert "what the replaced attestation left pending:" in page
    assert "conditions of the erasures by key:" in page
    shown = desk.run("key", "show", SURVEY, "--json").json
    assert (shown["state"], shown["until"]) == ("destroyed", None)
    assert desk.run("finalize", "--json").json["datasets"] == []


def another_key(desk: Desk, **more: Any) -> KeyRecord:
    """The record of a further key of the dataset, of another account's."""
    (record,) = register(desk).records()
    place = {**record.place, "keeper": "aws:000000000000"}
    more = {"state": KeyState.PENDING, "place": place, **more}
    return register(desk).put(replace(record, id="0" * 32, **more))


def register(desk: Desk) -> Register:
    return Register(State(desk.operator.state).key_records)


def test_each_key_that_waits_is_told(desk: Desk) -> None:
    another_key(desk, state=KeyState.DESTROYING, place={})
    planned = desk.run("plan", SURVEY)
    waits = "would be pending for 7 days, or more with replicas"
    assert f"the deletion of 2 keys {waits}" in planned.out, planned.out
    desk.run("key", "destroy", SURVEY, "--yes")
    planned = desk.run("plan", SURVEY)
    assert planned.out.count("would be pending") == 1
    assert f"the deletion of 1 key {waits}" in planned.out
    assert f"the deletion of 1 key is pending until {desk.until}" in planned.out


def test_a_key_whose_keeper_is_away_keeps_no_other_from_its_end(desk: Desk) -> None:
    destroyed(desk)
    other = another_key(desk)
    desk.world.pass_days(DAYS)
    done = desk.run("finalize", "--timestamp-later", "--json")
    (answer,) = done.json["datasets"]
    assert (done.code, answer["outcome"]) == (8, "refused")
    (key,) = answer["keys"]
    assert (key["key"], "another key service's" in key["error"]) == (other.id, True)
    assert key["hint"]
    states = [each.state for each in register(desk).records()]
    assert sorted(states) == [KeyState.DESTROYED, KeyState.PENDING]
    assert f"key {other.id} stays pending: " in desk.run("finalize", "--timestamp-later").out


def test_nothing_is_sealed_to_a_key_that_is_to_go(desk: Desk) -> None:
    words = ("seal", SURVEY, "shredder.toml", "-o", "y.age")
    (arn,) = desk.world.keys
    desk.world.answer("ScheduleKeyDeletion", REGION, ACCOUNT, {"KeyId": arn})
    refused = desk.run(*words)
    assert (refused.code, "key-deletion-begun" in refused.error) == (8, True)
    desk.cancel()
    desk.world.keys.clear()
    refused = desk.run(*words)
    assert (refused.code, "key-not-found" in refused.error) == (8, True)
    assert not (desk.operator.folder / "y.age").exists()


def test_a_key_that_somebody_else_is_having_deleted(desk: Desk) -> None:
    """Nobody opens by it meanwhile; it can be had back, and a run takes it as it is."""
    (arn,) = desk.world.keys
    asked = {"KeyId": arn, "PendingWindowInDays": 30}
    desk.world.answer("ScheduleKeyDeletion", REGION, ACCOUNT, asked)
    words = ("open", SURVEY, "share/backup.age", "-o", "opened.csv")
    refused = desk.run(*words)
    assert refused.code == 8
    assert refused.error.endswith("does not decrypt: does it wait to be deleted?")
    assert "cancel-key-deletion" in refused.hint
    told = desk.run("doctor", "--json").json["keys"][0]
    assert (told["status"], told["detail"]) == ("failed", "live key-deletion-begun")
    run = ("destroy", SURVEY, "--yes", "--timestamp-later", "--json")
    gap = desk.run(*run)
    assert (gap.code, gap.json["outcome"]) == (8, "inconclusive")
    assert "stays shut: the key in AWS KMS" in gap.err
    assert len(list((desk.operator.folder / "share").iterdir())) == 2

    desk.cancel()
    desk.world.answer("EnableKey", REGION, ACCOUNT, {"KeyId": arn})
    assert desk.run(*words).code == 0
    (desk.operator.folder / "opened.csv").unlink()
    desk.world.answer("ScheduleKeyDeletion", REGION, ACCOUNT, asked)
    done = desk.run(*run, "--despite-gaps")
    (key,) = [each for each in done.json["holdings"] if each["store"] == "keys"]
    assert (key["status"], key["until"]) == ("pending", desk.until), "theirs, not ours"
    assert done.json["outcome"] == "partial", "what is sealed was not looked into"
    desk.world.pass_days(30)
    assert desk.run("key", "destroy", SURVEY, "--yes").code == 0


@pytest.mark.parametrize("times", [1, 99])
@pytest.mark.parametrize(
    "operation", ["CreateKey", "Encrypt", "Decrypt", "DescribeKey", "ScheduleKeyDeletion"]
)
def test_what_kms_did_counts_though_its_answer_was_lost(
    desk: Desk, operation: str, times: int
) -> None:
    """Once, or until the service is there again: the command repeated goes on with what there is."""
    end = ("key", "destroy", SURVEY, "--yes")
    assert desk.run(*end).code == 5
    desk.world.pass_days(DAYS)
    assert desk.run(*end).code == 0
    for words in (("key", "create", SURVEY), end):
        desk.world.lost = {operation: times}
        told = desk.run(*words)
        desk.world.lost = {}
        if told.code not in {0, 5}:
            assert (told.code, told.error.startswith("AWS KMS cannot be asked: ")) == (8, True)
            assert "network" in told.hint
            assert desk.run(*words).code in {0, 5}
        states = [key.state for key in desk.world.keys.values()]
        assert states.count("Enabled") == (words != end), "none that no record has"
    assert desk.run("key", "show", SURVEY, "--json").json["state"] == "pending"


def test_while_kms_is_late_it_stays_pending(desk: Desk) -> None:
    destroyed(desk)
    until = desk.until
    desk.world.late = dt.timedelta(hours=24)
    desk.world.pass_days(DAYS)
    done = desk.run("finalize", "--timestamp-later", "--json")
    (answer,) = done.json["datasets"]
    assert (done.code, answer["outcome"], answer["until"]) == (5, "pending", until)
    assert len(desk.results()) == 1
    assert f"pending until {until}" in desk.run("finalize").out
    desk.world.pass_days(1)
    assert desk.run("finalize", "--timestamp-later").code == 0


def test_a_deletion_that_was_cancelled_is_told_and_begun_anew(desk: Desk) -> None:
    destroyed(desk)
    desk.cancel()
    shown = desk.run("key", "show", SURVEY, "--json")
    assert (shown.code, shown.json["problems"]) == (8, ["key-deletion-cancelled"])
    assert desk.run("recheck", SURVEY, "--json").json["outcome"] == "returned"
    doctor = desk.run("doctor", "--json").json["keys"][0]
    assert (doctor["status"], "key-deletion-cancelled" in doctor["detail"]) == ("failed", True)
    desk.world.pass_days(DAYS)
    done = desk.run("finalize", "--timestamp-later", "--json")
    (answer,) = done.json["datasets"]
    assert (done.code, answer["outcome"], answer["cancelled"]) == (7, "residue", 1)
    assert desk.world.only().state == "Disabled", "finalize destroys nothing"
    assert "cancelled" in desk.run("finalize", "--timestamp-later").out
    assert len(desk.results()) == 1
    destroyed(desk)
    assert desk.world.only().state == "PendingDeletion"
    first, second = desk.results()
    assert second.supersedes is not None
    (target,) = second.targets
    assert "key-deletion-cancelled" in target.limitations
    desk.world.pass_days(DAYS)
    assert desk.run("finalize", "--timestamp-later").code == 0
    assert first.outcome == "pending"


def test_where_kms_cannot_be_asked_it_stays_pending(desk: Desk) -> None:
    destroyed(desk)
    desk.world.pass_days(DAYS)
    desk.world.denied = {"DescribeKey"}
    done = desk.run("finalize", "--timestamp-later", "--json")
    (answer,) = done.json["datasets"]
    assert (done.code, answer["outcome"], answer["attestation"]) == (8, "refused", None)
    desk.world.denied = set()
    assert desk.run("finalize", "--timestamp-later").code == 0


def test_key_destroy_waits_as_well(desk: Desk) -> None:
    done = desk.run("key", "destroy", SURVEY, "--yes", "--json")
    assert (done.code, done.json["until"], done.json["destroyed"]) == (5, desk.until, None)
    again = desk.run("key", "destroy", SURVEY, "--yes")
    assert (again.code, f"pending until {desk.until}" in again.out) == (5, True)
    refused = desk.run("open", SURVEY, "share/backup.age", "-o", "x")
    assert (refused.code, "tombstone" in refused.error) == (6, True)
    refused = desk.run("key", "create", SURVEY)
    assert (refused.code, desk.until in refused.error) == (6, True)
    desk.world.pass_days(DAYS)
    assert desk.run("key", "destroy", SURVEY, "--yes").code == 0
    assert desk.run("key", "create", SURVEY).code == 0


def chosen(desk: Desk) -> tuple[str, ...]:
    """One respondent, whose rows a store can take out of files, and whose key goes alone."""
    (desk.operator.folder / "share" / "backup.age").unlink()
    desk.operator.edit('backend = "files"', 'backend = "csv"')
    assert desk.run("key", "records", SURVEY).code == 0
    return "--record", records(1)[0].respondent_id


def test_a_record_goes_alone_and_waits_for_its_trees_key(desk: Desk) -> None:
    who = chosen(desk)
    planned = desk.run("plan", SURVEY, *who)
    assert "the deletion of 1 key would be pending for 7 days" in planned.out
    done = desk.run("destroy", SURVEY, *who, "--yes", "--timestamp-later", "--json")
    assert (done.code, done.json["outcome"]) == (5, "pending"), done.out + done.err
    (key,) = [each for each in done.json["holdings"] if each["store"] == "record-keys"]
    (until,) = {key.until for key in register(desk).records() if key.until}
    assert (key["status"], key["reason"], key["until"]) == ("pending", "deletion-window", until)
    assert desk.run("key", "show", SURVEY, "--json").json["state"] == "live"
    name = done.json["dataset"]
    assert desk.run("recheck", name, "--json").json["outcome"] == "partial"
    (waits,) = desk.run("plan", SURVEY, *who, "--json").json["holdings"]
    assert (waits["store"], waits["waits_days"], waits["until"]) == ("record-keys", DAYS, until)
    # What becomes of a later tree's key is nothing to this record.
    desk.world.pass_days(4)
    other = desk.run("key", "destroy", SURVEY, "--record", records(2)[1].respondent_id, "--yes")
    assert (other.code, "records whose keys were destroyed: 1" in other.out) == (5, True)
    last = max(key.until for key in register(desk).records())
    assert f"opens nothing any more; pending until {last}" in other.out
    desk.world.pass_days(3)
    done = desk.run("finalize", "--timestamp-later", "--json")
    (answer,) = done.json["datasets"]
    assert (done.code, answer["outcome"], answer["dataset"]) == (0, "complete", name), done.out
    before, after = desk.results()
    assert before.outcome == "pending"
    (ended,) = after.settled
    assert (ended.kind, ended.status, ended.records) == ("record-key", "destroyed-verified", 1)
    assert ended.erasure is not None
    assert (ended.erasure.keys_destroyed, ended.erasure.ever_in_clear) == (1, "unknown")
    assert ended.verification.looked == ("key-tree", "kms-keys")
    trees = [key.state for key in register(desk).records() if "/" in key.dataset]
    assert trees == ["destroyed", "pending", "live"]
    assert desk.run("recheck", name, "--json").json["outcome"] == "still-gone"


def test_while_the_datasets_key_waits_a_records_own_is_not_called_gone(desk: Desk) -> None:
    """Somebody can cancel that, and then the record's key is derived again."""
    who = chosen(desk)
    assert desk.run("key", "destroy", SURVEY, "--yes").code == 5
    words = ("destroy", SURVEY, *who, "--yes", "--timestamp-later", "--json")
    refused = desk.run(*words)
    assert (refused.code, refused.json["outcome"]) == (8, "inconclusive"), refused.out
    assert [each["reason"] for each in refused.json["problems"]] == ["deletion-window"]
    done = desk.run(*words, "--despite-gaps")
    assert (done.code, done.json["outcome"]) == (8, "partial"), done.out + done.err
    desk.world.pass_days(DAYS)
    assert desk.run("key", "destroy", SURVEY, "--yes").code == 0
    assert desk.run(*words).json["outcome"] == "complete"


def test_of_a_record_a_cancelled_deletion_is_told(desk: Desk) -> None:
    who = chosen(desk)
    destroyed(desk, *who)
    (waits,) = [key for key in desk.world.keys.values() if key.state == "PendingDeletion"]
    desk.world.answer("CancelKeyDeletion", REGION, ACCOUNT, {"KeyId": waits.arn})
    desk.world.pass_days(DAYS)
    done = desk.run("finalize", "--timestamp-later", "--json")
    (answer,) = done.json["datasets"]
    assert (done.code, answer["outcome"], answer["cancelled"]) == (7, "residue", 1)
    destroyed(desk, *who)
    assert waits.state == "PendingDeletion"
    desk.world.pass_days(DAYS)
    assert desk.run("finalize", "--timestamp-later").code == 0


def test_what_is_denied_is_told_before_anything_is_made(desk: Desk) -> None:
    desk.world.denied = {"Decrypt"}
    refused = desk.run("open", SURVEY, "share/backup.age", "-o", "x")
    assert (refused.code, "kms:Decrypt" in refused.error) == (8, True)
    told = desk.run("doctor", "--json").json["keys"][0]
    assert (told["status"], "kms:Decrypt" in told["detail"]) == ("failed", True)
    words = ("destroy", SURVEY, "--yes", "--timestamp-later", "--json")
    refused = desk.run(*words)
    assert (refused.code, refused.json["outcome"]) == (8, "inconclusive")
    assert "stays shut: AWS KMS does not allow kms:Decrypt" in refused.err


def test_a_denied_deletion_leaves_the_rest_destroyed_and_the_key_named(desk: Desk) -> None:
    desk.world.denied = {"ScheduleKeyDeletion"}
    done = desk.run("destroy", SURVEY, "--yes", "--timestamp-later", "--json")
    (key,) = [each for each in done.json["holdings"] if each["store"] == "keys"]
    assert (key["status"], done.json["outcome"]) == ("failed", "partial")
    desk.world.denied = set()
    destroyed(desk)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (f'region = "{REGION}"\n', "", "region"),
        ("window_days = 7", "window_days = 6", "7 to 30"),
        ("window_days = 7", "window_days = 31", "7 to 30"),
        ("window_days = 7", 'origin = "elsewhere"', "must be one of"),
        ("window_days = 7", "multi_region = 1", "true or false"),
        ("window_days = 7", 'label = "a"', "label"),
    ],
)
def test_a_configuration_that_makes_no_sense(desk: Desk, old: str, new: str, words: str) -> None:
    desk.operator.edit(old, new)
    refused = desk.run("key", "show", SURVEY)
    assert (refused.code, words in refused.err) == (2, True)
