"""A process killed by SIGKILL before each of its requests and system calls, and what it leaves.

So it dies after each of them, too. Whoever comes next is another process: it knows what the records
say, and what the keeper has.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from backends.contract import Finding
from shredder.keystores import KeyDestroyed, KeyExists, KeyRecord, KeyState, NoKey
from shredder.keystores.kms import Making
from shredder.keystores.kmsapi import Service
from shredder.keystores.vaulthttp import VaultHttp
from shredder.keystores.wrapped import WrappedKeyStore
from tests.backends.dying import dies_at
from tests.keystores.account import DAYS, Account, key_of
from tests.keystores.suite import created
from tests.keystores.vaulted import Place
from tests.support.kms import Key
from tests.support.openbao import OpenBao

ENDED = (KeyState.PENDING, KeyState.DESTROYED)


class Keeper:
    """A keeper, and what it has as it tells by itself."""

    request: tuple[Any, str]  # the function that sends one

    def anew(self) -> None:
        """Begin with none of its keys, and no record."""
        raise NotImplementedError

    def store(self) -> WrappedKeyStore:
        """As another process opens it."""
        raise NotImplementedError

    def has(self) -> set[str]:
        """The ids of keys whose wrapping keys are there, waiting or not."""
        raise NotImplementedError

    def working(self) -> set[str]:
        """Of them, those that decrypt."""
        return self.has()

    def lasting(self) -> set[str]:
        """And those that could decrypt again."""
        return self.has()

    def wait(self) -> None:
        """Let a waiting period pass."""

    def deaths(
        self,
        prepare: Callable[[], KeyRecord],
        work: Callable[[WrappedKeyStore, KeyRecord], object],
    ) -> Iterator[KeyRecord]:
        """Die one step later each time; gives what was prepared, until the work gets through."""
        number = 0
        while True:
            self.anew()
            record = prepare()
            call = partial(work, self.store(), record)
            if not dies_at(number, call, (self.request, (os, "replace"))):
                assert number > 1
                return
            yield record
            number += 1


class InKms(Keeper):
    request = (Service, "_call")

    def __init__(self, account: Account, making: Making) -> None:
        self.account, self.making = account, making

    def anew(self) -> None:
        self.account.world.keys.clear()
        shutil.rmtree(self.account.records, ignore_errors=True)

    def store(self) -> WrappedKeyStore:
        return self.account.store(self.making)

    def has(self) -> set[str]:
        return self._ids(lambda _: True)

    def working(self) -> set[str]:
        return self._ids(lambda key: key.state == "Enabled")

    def lasting(self) -> set[str]:
        return self._ids(lambda key: key.material is not None)

    def _ids(self, wanted: Callable[[Key], bool]) -> set[str]:
        found = [key.description for key in self.account.world.keys.values() if wanted(key)]
        assert len(found) == len(set(found)), "a second key of one record's"
        return {each.removeprefix("shredder key ") for each in found}

    def wait(self) -> None:
        self.account.world.pass_days(DAYS)


class InVault(Keeper):
    request = (VaultHttp, "_sent")

    def __init__(self, server: OpenBao, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.number = itertools.count()

    def anew(self) -> None:
        folder = self.folder / str(next(self.number))
        folder.mkdir()
        self.place = Place(self.server, folder)

    def store(self) -> WrappedKeyStore:
        return self.place.store()

    def has(self) -> set[str]:
        return {name.removeprefix("shredder-") for name in self.place.names()}


@pytest.fixture(params=["kms", "kms, imported", "vault"])
def keeper(request: pytest.FixtureRequest, tmp_path: Path) -> Keeper:
    if request.param == "vault":
        return InVault(request.getfixturevalue("openbao"), tmp_path)
    account: Account = request.getfixturevalue("account")
    return InKms(account, Making(imported="imported" in request.param, window_days=DAYS))


def states(keeper: Keeper) -> dict[str, KeyState]:
    return {record.id: record.state for record in keeper.store().records()}


def test_killed_while_a_key_is_made(keeper: Keeper) -> None:
    def another() -> KeyRecord:
        return created(keeper.store(), "other")

    seen: set[KeyState | None] = set()
    for other in keeper.deaths(another, lambda store, _: created(store)):
        store, known = keeper.store(), states(keeper)
        assert keeper.has() <= set(known), "a key without a record"
        assert known.pop(other.id) is KeyState.LIVE
        assert len(known) <= 1
        seen.add(next(iter(known.values()), None))
        if KeyState.LIVE in known.values():
            assert any(key_of(store, store.record(*known)))
            with pytest.raises(KeyExists):
                created(store)
            continue
        for begun in known:
            with pytest.raises(NoKey):
                key_of(store, store.record(begun))
        made = created(store)
        assert any(key_of(store, made))
        assert any(key_of(store, other))
        assert keeper.working() == {made.id, other.id}, "what was begun is ended"
        keeper.wait()
        assert all(keeper.store().settle(begun).state is KeyState.DESTROYED for begun in known)
    assert seen == {None, KeyState.MAKING, KeyState.LIVE}


def test_killed_while_a_key_is_destroyed(keeper: Keeper) -> None:
    kept: dict[str, Any] = {}

    def two() -> KeyRecord:
        record, other = created(keeper.store()), created(keeper.store(), "other")
        kept.update({"key": key_of(keeper.store(), record), "other": other.id})
        return record

    seen, waits = set(), None
    for record in keeper.deaths(two, lambda store, record: store.destroy(record.id)):
        store, state = keeper.store(), states(keeper)[record.id]
        seen.add(state)
        if state is KeyState.LIVE:
            assert key_of(store, record) == kept["key"]
        else:
            with pytest.raises(KeyDestroyed):
                key_of(store, record)
        if state in ENDED:
            assert record.id not in keeper.working(), "called so, and alive"
            assert "wrapped" not in store.record(record.id).place
        if state is not KeyState.LIVE:
            refused(keeper, state)
        done = store.destroy(record.id).record
        assert record.id not in keeper.working()
        assert done.state is KeyState.PENDING or record.id not in keeper.lasting()
        waits = done.state
        assert done.state in ENDED
        keeper.wait()
        assert keeper.store().settle(record.id).state is KeyState.DESTROYED
        assert keeper.store().verify(record.id).finding is Finding.ABSENT
        new = created(keeper.store())
        with pytest.raises(KeyDestroyed):
            key_of(keeper.store(), record)
        assert key_of(keeper.store(), new) != kept["key"]
        assert any(key_of(keeper.store(), keeper.store().record(kept["other"])))
        assert keeper.working() == {new.id, kept["other"]}
    assert seen == {KeyState.LIVE, KeyState.DESTROYING, waits}


def refused(keeper: Keeper, state: KeyState) -> None:
    """Never is a dataset half under an old key: it gets no other while that is not at its end."""
    if state is not KeyState.DESTROYED:
        with pytest.raises(KeyExists):
            created(keeper.store())


def test_killed_while_a_key_is_given_out(keeper: Keeper) -> None:
    def use(store: WrappedKeyStore, record: KeyRecord) -> None:
        with store.using(record.id):
            pass

    for record in keeper.deaths(lambda: created(keeper.store()), use):
        assert states(keeper) == {record.id: KeyState.LIVE}
        assert keeper.working() == {record.id}
        assert any(key_of(keeper.store(), record)), "no lock is left, either"


def test_killed_while_a_key_is_called_gone(account: Account) -> None:
    keeper = InKms(account, Making(window_days=DAYS))

    def waited() -> KeyRecord:
        record = keeper.store().destroy(created(keeper.store()).id).record
        assert record.state is KeyState.PENDING
        keeper.wait()
        return record

    seen = set()
    for record in keeper.deaths(waited, lambda store, record: store.settle(record.id)):
        seen.add(states(keeper)[record.id])
        assert keeper.store().settle(record.id).state is KeyState.DESTROYED
    assert seen == {KeyState.PENDING, KeyState.DESTROYED}
