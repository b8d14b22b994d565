"""Keys of single records: each goes alone, whatever breaks off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backends.contract import Finding
from backends.sealedvalue import Cell, KeyTree, RecordDestroyed, Values, tree_opened
from shredder import durable
from shredder.keystores import (
    Declared,
    KeyDestroyed,
    KeyRecord,
    KeyState,
    NoKey,
    StoreBusy,
    StoreDamaged,
)
from shredder.keystores.file import FileKeyStore
from shredder.sealing import records as module
from shredder.sealing.records import RecordKeys

CELL = Cell("answers", "email", "7")
WHO = [f"respondent {n}" for n in range(8)]


class Desk:
    """A key store, a dataset's key in it, and a value of each respondent."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trees = folder / "trees"
        self.store = FileKeyStore(
            folder / "slots", folder / "records", passphrase=None, best_effort=True
        )
        self.record = self.created()
        self.sealed: dict[str, bytes] = {}

    def created(self) -> KeyRecord:
        return self.store.create(
            "survey", escrowed=Declared.NO, backed_up=Declared.NO, in_clear=Declared.NO
        )

    @property
    def file(self) -> Path:
        return self.trees / "survey"

    def keys(self) -> RecordKeys:
        """As another process would have them."""
        return RecordKeys(self.store, self.trees, self.record)

    def seal(self) -> None:
        with self.values() as values:
            self.sealed = {who: values.seal(f"mail of {who}", CELL, record=who) for who in WHO}

    def values(self) -> Values:
        with self.store.using(self.record.id) as key:
            return Values(key, self.keys().tree(key))

    def readable(self) -> list[str]:
        """Whose values are opened."""
        found = []
        with self.values() as values:
            for who, sealed in self.sealed.items():
                try:
                    assert values.open(sealed, CELL) == f"mail of {who}"
                except RecordDestroyed:
                    continue
                found.append(who)
        return found

    def tree_keys(self) -> list[KeyState]:
        return [each.state for each in self.store.records() if "/records/" in each.dataset]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    assert desk.keys().make()
    desk.seal()
    return desk


def test_each_goes_alone(desk: Desk) -> None:
    assert desk.readable() == WHO
    done = desk.keys().destroy(WHO[2:4])
    assert (done.records, done.before, done.key.before) == (2, 0, False)
    assert done.finding.finding is Finding.ABSENT
    assert done.finding.looked == ("key-tree", "key-slots", "sealed-probe")
    assert desk.readable() == [*WHO[:2], *WHO[4:]]
    desk.keys().destroy([WHO[0]])
    assert desk.readable() == [WHO[1], *WHO[4:]]
    assert desk.tree_keys() == [KeyState.DESTROYED, KeyState.DESTROYED, KeyState.LIVE]


def test_to_destroy_one_again_is_no_error(desk: Desk) -> None:
    first = desk.keys().destroy([WHO[0], WHO[0]])
    again = desk.keys().destroy(WHO[:2])
    assert (first.records, again.records, again.before) == (1, 2, 1)
    once_more = desk.keys().destroy(WHO[:2])
    assert (once_more.before, once_more.key.before) == (2, True)
    assert once_more.finding.finding is Finding.ABSENT
    assert len(desk.tree_keys()) == 3, "nothing is written for what is gone"


def test_it_is_made_once(desk: Desk) -> None:
    before = desk.file.read_bytes()
    assert not desk.keys().make()
    assert desk.file.read_bytes() == before
    assert desk.readable() == WHO


def test_every_copy_of_the_file_goes_with_its_key(desk: Desk) -> None:
    """Whoever kept the file as it was has nothing, with all the keys that are left."""
    old = desk.file.read_bytes()
    desk.keys().destroy([WHO[0]])
    new = desk.file.read_bytes()
    desk.file.write_bytes(old)
    for act in (desk.readable, desk.keys().make, lambda: desk.keys().destroy([WHO[1]])):
        with pytest.raises(StoreDamaged, match="an old one"):
            act()
    living = [each for each in desk.store.records() if each.state is KeyState.LIVE]
    keys = []
    for each in living:
        with desk.store.using(each.id) as key:
            keys.append(bytes(key))
    for one in keys:
        for two in keys:
            with pytest.raises(ValueError, match="altered"):
                tree_opened(one, two, old[module._HEADER :], old[: module._HEADER])
    desk.file.write_bytes(new)
    assert desk.readable() == WHO[1:], "nothing was destroyed meanwhile"


def test_neither_file_nor_records_name_anybody(desk: Desk) -> None:
    desk.keys().destroy([WHO[0]])
    with desk.values() as values:
        paths = [values.path(who) for who in WHO]
    for path in (each for each in desk.folder.rglob("*") if each.is_file()):
        data = path.read_bytes()
        assert not any(who.encode() in data for who in WHO)
        assert not any(each in data or each.hex().encode() in data for each in paths)


def test_all_go_with_the_key_of_the_dataset(desk: Desk) -> None:
    desk.store.destroy(desk.record.id)
    with pytest.raises(KeyDestroyed):
        desk.readable()
    desk.record = desk.created()
    assert not desk.keys().made
    with pytest.raises(NoKey, match="no keys of their own"):
        desk.keys().destroy([WHO[0]])
    assert desk.keys().make()
    assert desk.tree_keys() == [KeyState.DESTROYED, KeyState.LIVE], "the old tree's went, too"
    desk.seal()
    assert desk.readable() == WHO


def test_nobody_goes_on_with_a_key_that_is_gone(desk: Desk) -> None:
    """A program that has the keys keeps others from destroying any."""
    with desk.store.using(desk.record.id) as key:
        tree = desk.keys().tree(key)
        assert tree is not None
        with pytest.raises(StoreBusy):
            desk.keys().destroy([WHO[0]])
    assert desk.readable() == WHO
    assert desk.keys().destroy([WHO[0]]).before == 0


@pytest.mark.parametrize("at", [0, 5, 30, 60, 90, -1])
def test_a_file_that_was_altered_is_refused(desk: Desk, at: int) -> None:
    whole = bytearray(desk.file.read_bytes())
    whole[at] ^= 1
    desk.file.write_bytes(whole)
    for act in (desk.readable, lambda: desk.keys().destroy([WHO[0]])):
        with pytest.raises((StoreDamaged, NoKey)):
            act()
    desk.file.write_bytes(whole[:40])
    with pytest.raises(StoreDamaged):
        desk.keys().make()


def test_a_file_that_is_lost_is_not_made_anew(desk: Desk) -> None:
    desk.file.rename(desk.folder / "elsewhere")
    with pytest.raises(StoreDamaged, match="is not there"):
        desk.keys().make()
    (desk.folder / "elsewhere").rename(desk.file)
    assert desk.readable() == WHO


class Killed(BaseException):
    pass


def killing(monkeypatch: pytest.MonkeyPatch, step: int) -> Callable[[], int]:
    """Break off at the step-th thing that is made durable; returns what counts them."""
    count = 0

    def counted(act: Callable[..., object]) -> Callable[..., object]:
        def acted(*given: object, **named: object) -> object:
            nonlocal count
            count += 1
            if count == step:
                raise Killed
            return act(*given, **named)

        return acted

    monkeypatch.setattr(durable, "write", counted(durable.write))
    monkeypatch.setattr("os.fdatasync", counted(__import__("os").fdatasync))
    return lambda: count


@pytest.mark.parametrize("step", range(1, 40))
def test_broken_off_anywhere_it_is_brought_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Made, and one destroyed; at each step once: then the same again, as another process."""
    desk = Desk(tmp_path)
    with monkeypatch.context() as patch:
        reached = killing(patch, step)
        broken = ""
        try:
            desk.keys().make()
            desk.seal()
            broken = "sealed"
            desk.keys().destroy([WHO[0]])
            broken = "nowhere"
        except Killed:
            pass
        if broken == "nowhere":
            assert reached() < step
            return
    desk.keys().make()
    if broken != "sealed":
        desk.seal()
    assert set(desk.readable()) >= set(WHO[1:]), "no other record is lost"
    done = desk.keys().destroy([WHO[0]])
    assert done.finding.finding is Finding.ABSENT
    assert desk.readable() == WHO[1:]
    assert desk.tree_keys().count(KeyState.LIVE) == 1
    assert set(desk.tree_keys()) == {KeyState.LIVE, KeyState.DESTROYED}


def test_nothing_is_called_gone_while_an_earlier_tree_has_its_key(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the pruned tree and the end of the old one's key: who has that can open it."""
    desk.keys().destroy([WHO[1]])

    def killed(_: str) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(desk.store, "destroy", killed)
        with pytest.raises(Killed):
            desk.keys().destroy([WHO[0]])
    assert desk.readable() == WHO[2:]
    paths = desk.keys().paths([WHO[0]])
    assert desk.keys().living(paths) == paths
    assert desk.keys().look(paths).living == frozenset(paths)
    done = desk.keys().destroy([WHO[0]])
    assert (done.before, done.key.before, done.finding.finding) == (1, False, Finding.ABSENT)
    assert desk.keys().living(paths) == []


def test_the_steps_were_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(tmp_path)
    reached = killing(monkeypatch, -1)
    desk.keys().make()
    desk.keys().destroy([WHO[0]])
    assert 10 < reached() < 39


def test_a_thousand_at_once(desk: Desk) -> None:
    done = desk.keys().destroy([f"other {n}" for n in range(1000)])
    assert done.records == 1000
    assert desk.readable() == WHO
    assert desk.file.stat().st_size < 1000 * 60 * 41
    assert isinstance(desk.values()._tree, KeyTree)
