"""A process killed before every system call of a key's life: no key without a record, no lie."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.contract import Finding
from shredder.keystores import (
    KeyDestroyed,
    KeyExists,
    KeyRecord,
    KeyState,
    StoreDamaged,
    material,
)
from shredder.keystores.file import FileKeyStore
from shredder.keystores.slot import unpacked
from shredder.keystores.slotfile import open_slots
from tests.backends.dying import dies_at
from tests.keystores.suite import NAME, created
from tests.keystores.test_file import Place, key_of


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(material, "COST", 10)


def ids_in(place: Place) -> set[str]:
    """The keys that lie in the file, in whole or in half."""
    if not place.slots.exists():
        return set()
    with open_slots(place.slots, exclusive=False) as slots:
        return {r.content.id.hex() for _, r in slots.read_all() if r.content and r.content.wrapped}


def lying(place: Place, record: KeyRecord) -> bytes:
    """A key as it lies in the file."""
    content = unpacked(place.slot(record)).content
    assert content is not None
    assert content.wrapped is not None
    return bytes(content.wrapped.data)


def deaths(template: Path, tmp_path: Path, work: Callable[[FileKeyStore], object]) -> list[Place]:
    """The place as it was left by each death, one before each system call."""
    places: list[Place] = []
    while True:
        folder = tmp_path / f"death-{len(places)}"
        shutil.copytree(template, folder)
        place = Place(folder)
        if not dies_at(len(places), lambda: work(place.store(b"pass"))):  # noqa: B023 - called here
            assert len(places) > 8
            return places
        places.append(place)


@pytest.mark.parametrize("first", [True, False], ids=["the first key", "a further key"])
def test_killed_while_a_key_is_made(tmp_path: Path, first: bool) -> None:
    template = Place(tmp_path / "template")
    template.folder.mkdir()
    others = set() if first else {created(template.store(b"pass"), "other").id}
    seen = set()
    for place in deaths(template.folder, tmp_path, created):
        store = place.store(b"pass")
        mine = [each for each in store.records() if each.dataset == NAME]
        assert ids_in(place) <= {each.id for each in store.records()}, "a key without a record"
        assert len(mine) <= 1
        seen.add(mine[0].state if mine else None)
        if mine and mine[0].state is KeyState.LIVE:
            assert key_of(store, mine[0])
            with pytest.raises(KeyExists):
                created(store)
        else:
            record = created(store)
            assert key_of(store, record)
            assert ids_in(place) == {record.id} | others, "what was begun is gone"
            assert [e.state for e in store.records() if e.id == record.id] == [KeyState.LIVE]
    assert seen == {None, KeyState.MAKING, KeyState.LIVE}


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "wrapped"])
def test_killed_while_a_key_is_destroyed(tmp_path: Path, wrapped: bool) -> None:
    passphrase = b"pass" if wrapped else None
    template = Place(tmp_path / "template")
    template.folder.mkdir()
    record = created(template.store(passphrase))
    other = created(template.store(passphrase), "other")
    kept = key_of(template.store(passphrase), other)
    whole = key_of(template.store(passphrase), record)
    key = lying(template, record)
    assert (key == whole) != wrapped
    seen = set()
    for place in deaths(template.folder, tmp_path, lambda store: store.destroy(record.id)):
        store = place.store()
        (state,) = [each.state for each in store.records() if each.id == record.id]
        seen.add(state)
        there = key in place.slots.read_bytes()
        if state is KeyState.LIVE:
            assert key_of(place.store(passphrase), record) == whole
        else:
            with pytest.raises(KeyDestroyed):
                key_of(place.store(passphrase), record)
        if state is KeyState.DESTROYED:
            assert not there, "a record that says destroyed with a key alive"
            assert store.verify(record.id).finding is Finding.ABSENT
        store.destroy(record.id)
        assert key not in place.slots.read_bytes()
        assert store.verify(record.id).finding is Finding.ABSENT
        assert key_of(place.store(passphrase), other) == kept
    assert seen == {KeyState.LIVE, KeyState.DESTROYING, KeyState.DESTROYED}


def test_killed_while_a_key_that_was_put_back_is_destroyed(tmp_path: Path) -> None:
    """Whoever ends it: that there are copies stays said, for a purge wants none."""
    template = Place(tmp_path / "template")
    template.folder.mkdir()
    record = created(template.store())
    kept = template.slots.read_bytes()
    template.store().destroy(record.id)
    template.slots.write_bytes(kept)
    for place in deaths(template.folder, tmp_path, lambda store: store.destroy(record.id)):
        done = place.store().destroy(record.id)
        assert "key-restored" in done.record.limitations
        assert place.store().verify(record.id).finding is Finding.ABSENT


def test_half_a_slot_is_never_taken_for_a_key(tmp_path: Path) -> None:
    """A write that was torn anywhere gives the key whole, or nothing."""
    place = Place(tmp_path)
    record = created(place.store())
    key, whole = key_of(place.store(), record), place.slot(record)
    for cut in range(0, len(whole), 256):
        torn = whole[:cut].ljust(len(whole), b"\0")
        read = unpacked(torn)
        assert read.content is None or read.content.wrapped is not None
        place.put(record, torn)
        if cut < len(whole) // 2:
            with pytest.raises(StoreDamaged):
                key_of(place.store(), record)
        else:
            assert key_of(place.store(), record) == key
