"""Keys of single records where the key that wraps a tree's own waits to be deleted."""

from __future__ import annotations

import datetime as dt
import fcntl
import itertools
import os
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from backends.contract import (
    Destruction,
    Examination,
    Finding,
    Order,
    Result,
    Technique,
    Unit,
    Verification,
)
from backends.errors import CouldNotTell, Unreachable
from backends.reference import ReferenceMatcher
from shredder import clock
from shredder.keystores import KeyDestroyed, KeyRecord, KeyState
from shredder.keystores.kms import Making
from shredder.keystores.kmsapi import Service
from shredder.keystores.wrapped import WrappedKeyStore
from shredder.sealing.holdings import RecordKeyHoldings
from shredder.sealing.places import Places, read_places, write_places
from shredder.sealing.records import RecordKeys
from tests.backends.dying import dies_at
from tests.keystores.account import DAYS, Account
from tests.keystores.suite import created

NOTHING = ReferenceMatcher({})


class Desk:
    """A dataset's key in KMS, and a key for each of its records."""

    def __init__(self, account: Account, folder: Path, making: Making | None = None) -> None:
        self.account, self.folder, self.making = account, folder, making
        self.world = account.world
        self.record = created(self.key_store())
        assert self.keys().make()

    def key_store(self) -> WrappedKeyStore:
        return self.account.store(self.making)

    def keys(self) -> RecordKeys:
        return RecordKeys(self.key_store(), self.folder / "trees", self.record)

    def file(self, who: str) -> Path:
        return self.folder / f"{who}.paths"

    def choose(self, *whose: str) -> None:
        for who in whose:
            keys = self.keys()
            write_places(self.file(who), Places(keys.dataset_key, keys.paths([who])))

    def store(self, who: str) -> RecordKeyHoldings:
        """The keys of one who was chosen, as each command opens them."""
        store = self.key_store()
        places = read_places(self.file(who))
        note = partial(write_places, self.file(who))
        return RecordKeyHoldings(
            "record-keys", store.traits, self.keys(), self.record, places, note
        )

    def examined(self, who: str) -> Examination:
        store = self.store(who)
        (unit,) = store.units("record-keys")
        assert isinstance(unit, Unit)
        return store.examine(unit, NOTHING)

    def order(self, who: str) -> Order:
        (holding,) = self.examined(who).holdings
        return Order("1", holding, Technique.CRYPTOGRAPHIC_ERASE, whole=True)

    def destroyed(self, who: str) -> Destruction:
        (came,) = self.store(who).destroy([self.order(who)], NOTHING)
        return came

    def verified(self, who: str, order: Order) -> Verification:
        (found,) = self.store(who).verify([order], NOTHING)
        return found

    def settle(self) -> None:
        for record in self.trees():
            self.account.store().settle(record.id)

    def trees(self) -> list[KeyRecord]:
        return [each for each in self.account.store().records() if "/" in each.dataset]


@pytest.fixture
def desk(account: Account, tmp_path: Path) -> Desk:
    return Desk(account, tmp_path)


def test_it_is_pending_until_kms_has_the_earlier_trees_key_no_more(desk: Desk) -> None:
    desk.choose("ann", "ben")
    (ann,) = desk.examined("ann").holdings
    assert (ann.details["waits_days"], "until" in ann.details) == (DAYS, False)
    came = desk.destroyed("ann")
    until = clock.stamp(desk.world.now + dt.timedelta(days=DAYS))
    assert (came.result, came.reason, came.until) == (Result.PENDING, "deletion-window", until)
    assert came.erasure is not None
    assert (came.erasure.scheduled, came.erasure.destroyed, came.erasure.keys) == (1, 0, 1)
    (waits,) = desk.examined("ann").holdings
    assert (waits.details["until"], waits.version) == (until, ann.version)
    order = desk.order("ann")
    assert desk.verified("ann", order).reason == "deletion-window"
    with desk.account.store().using(desk.record.id) as key:
        tree = desk.keys().required_tree(key)
    assert [tree.has(each) for each in desk.keys().paths(["ann", "ben"])] == [False, True]
    assert desk.keys().living(desk.keys().paths(["ann", "ben"])) == desk.keys().paths(["ben"])
    desk.world.pass_days(DAYS)
    for _ in range(2):
        assert desk.examined("ann").holdings == ()
        found = desk.verified("ann", order)
        assert (found.finding, found.looked) == (Finding.ABSENT, ("key-tree", "kms-keys"))
        desk.settle()
    assert [each.state for each in desk.trees()] == [KeyState.DESTROYED, KeyState.LIVE]
    with pytest.raises(KeyDestroyed), desk.account.store().using(desk.trees()[0].id):
        pass


def test_one_waits_for_no_other(desk: Desk) -> None:
    """What was pruned before a tree was made is nothing to what becomes of that tree's key."""
    desk.choose("ann", "ben", "cid")
    first = desk.destroyed("ann").until
    desk.world.pass_days(4)
    second = desk.destroyed("ben").until
    assert first < second
    assert desk.destroyed("ann").until == first, "repeated"
    assert desk.examined("ann").holdings[0].details["until"] == first
    assert desk.examined("ben").holdings[0].details["until"] == second
    desk.world.pass_days(3)
    assert desk.examined("ann").holdings == ()
    assert desk.examined("ben").holdings[0].details["until"] == second
    desk.settle()
    assert desk.examined("ann").holdings == ()
    assert [each.state for each in desk.trees()] == ["destroyed", "pending", "live"]
    assert desk.destroyed("cid").result is Result.PENDING
    desk.world.pass_days(4)
    assert desk.examined("ben").holdings == ()


def test_ben_waits_for_all_the_trees_that_had_him(desk: Desk) -> None:
    """The first tree's key is deleted later than the second's."""
    desk.choose("ann", "ben")
    desk.making = Making(window_days=30)
    long = desk.destroyed("ann").until
    desk.making = None
    assert desk.destroyed("ben").until == long
    desk.world.pass_days(DAYS)
    assert desk.examined("ben").holdings[0].details["until"] == long


def test_a_deletion_that_was_cancelled_is_noticed_and_begun_anew(desk: Desk) -> None:
    desk.choose("ann", "ben")
    order = desk.order("ann")
    desk.destroyed("ann")
    old = desk.account.key(desk.trees()[0])
    desk.account.do("CancelKeyDeletion", old.arn)
    (back,) = desk.examined("ann").holdings
    assert ("key-deletion-cancelled" in back.limitations, "until" in back.details) == (True, False)
    assert desk.verified("ann", order).reason == "key-deletion-cancelled"
    assert desk.examined("ben").holdings[0].limitations == desk.record.limitations
    again = desk.destroyed("ann")
    assert (again.result, "key-deletion-cancelled" in again.limitations) == (Result.PENDING, True)
    assert old.state == "PendingDeletion"
    assert len(desk.trees()) == 2, "no tree is written for what is in none"
    desk.destroyed("ben")
    desk.account.do("CancelKeyDeletion", old.arn)
    (back,) = desk.examined("ben").holdings
    assert "key-deletion-cancelled" in back.limitations, "though the other goes on waiting"


def test_what_cannot_be_told_is_a_gap(desk: Desk) -> None:
    desk.choose("ann")
    desk.destroyed("ann")
    desk.world.pass_days(DAYS)
    pending, _ = desk.trees()
    place = {**pending.place, "keeper": "aws:999"}
    desk.account.put(replace(pending, place=place))
    found = desk.examined("ann")
    assert found.holdings == ()
    assert found.gap is not None
    assert found.gap.reason == "key-store-unreadable"


def test_without_a_note_all_that_wait_are_waited_for(desk: Desk) -> None:
    """As a crash leaves it between the pruned tree and the note."""
    desk.choose("ann", "ben")
    places = read_places(desk.file("ann"))
    desk.destroyed("ann")
    assert read_places(desk.file("ann")) == replace(places, last=1)
    desk.world.pass_days(4)
    until = desk.destroyed("ben").until
    write_places(desk.file("ann"), places)
    (waits,) = desk.examined("ann").holdings
    assert waits.details["until"] == until
    again = desk.destroyed("ann")
    assert (again.result, again.until) == (Result.PENDING, until)
    assert read_places(desk.file("ann")) == replace(places, last=2)


def test_a_sweep_opens_the_tree_once_for_all_that_were_chosen(desk: Desk) -> None:
    def asked(*whose: str) -> int:
        keys, before = desk.keys(), len(desk.world.asked)
        write_places(desk.file("all"), Places(keys.dataset_key, keys.paths(whose)))
        store = desk.store("all")
        for unit in store.units("record-keys"):
            assert isinstance(unit, Unit)
            assert store.examine(unit, NOTHING).holdings
        return len(desk.world.asked) - before

    assert asked("ann") == asked("ann", "ben", "cid") > 0


def test_a_key_store_that_another_has_is_told_as_that(desk: Desk) -> None:
    desk.choose("ann")
    order, store = desk.order("ann"), desk.store("ann")
    (unit,) = store.units("record-keys")
    assert isinstance(unit, Unit)
    with (desk.account.records / "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for act, kind in (
            (lambda: store.examine(unit, NOTHING), CouldNotTell),
            (lambda: store.destroy([order], NOTHING), Unreachable),
            (lambda: list(store.verify([order], NOTHING)), CouldNotTell),
        ):
            with pytest.raises(kind) as told:
                act()
            assert told.value.code == "key-in-use"
    assert store.examine(unit, NOTHING).holdings


def test_imported_material_ends_at_once(account: Account, tmp_path: Path) -> None:
    desk = Desk(account, tmp_path, Making(imported=True))
    desk.choose("ann")
    order = desk.order("ann")
    assert desk.destroyed("ann").result is Result.DESTROYED
    assert desk.verified("ann", order).finding is Finding.ABSENT
    assert desk.examined("ann").holdings == ()


def test_killed_while_a_records_key_goes(account: Account, tmp_path: Path) -> None:
    """Before every fifth request or system call: it lives, or all that had it wait to be gone."""
    seen = set()
    for number in itertools.count(0, 5):
        account.world.keys.clear()
        shutil.rmtree(account.records, ignore_errors=True)
        folder = tmp_path / str(number)
        folder.mkdir()
        desk = Desk(account, folder)
        desk.choose("ann", "ben")
        order = desk.order("ann")
        whole = partial(desk.store("ann").destroy, [order], NOTHING)
        if not dies_at(number, whole, ((Service, "_call"), (os, "replace"))):
            break
        (found,) = desk.examined("ann").holdings
        seen.add("until" in found.details)
        working = [key for key in account.world.keys.values() if key.state == "Enabled"]
        assert "until" not in found.details or len(working) == 2
        (came,) = desk.store("ann").destroy([order], NOTHING)
        assert came.result is Result.PENDING
        assert desk.keys().living(desk.keys().paths(["ann", "ben"])) == desk.keys().paths(["ben"])
        account.world.pass_days(DAYS)
        assert desk.examined("ann").holdings == ()
        desk.settle()
        states = [record.state for record in account.store().records()]
        assert states.count(KeyState.LIVE) == len(account.world.keys) == 2
        assert set(states) == {KeyState.LIVE, KeyState.DESTROYED}
    assert number > 20
    assert seen == {False, True}
