"""A key is wrapped anew where it lies, and is never without a wrapping that somebody knows."""

from __future__ import annotations

import fcntl
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from shredder.keystores import (
    KeyDestroyed,
    KeyRecord,
    StoreBusy,
    StoreDamaged,
    Wrapping,
    WrongPassphrase,
    material,
)
from shredder.keystores.slot import SLOT, unpacked
from tests.backends.dying import dies_at
from tests.keystores.suite import created
from tests.keystores.test_file import Place, key_of

WAYS = [(b"old", b"new"), (None, b"new"), (b"old", None)]


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(material, "COST", 10)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "place")
    made.folder.mkdir()
    return made


def lying(place: Place, record: KeyRecord) -> bytes:
    """The key as it lies there, wrapped or not."""
    content = unpacked(place.slot(record)).content
    assert content is not None
    assert content.wrapped is not None
    return bytes(content.wrapped.data)


@pytest.mark.parametrize(("old", "new"), WAYS)
def test_the_same_key_opens_by_the_new_passphrase_alone(
    place: Place, old: bytes | None, new: bytes | None
) -> None:
    other = created(place.store(b"another"), "other")
    record = created(place.store(old))
    key, before = key_of(place.store(old), record), lying(place, record)
    theirs = place.slot(other)
    done = place.store(old).rewrap(record.id, new)
    assert done.wrapping is (Wrapping.PASSPHRASE if new else Wrapping.NONE)
    assert replace(done, wrapping=record.wrapping, limitations=record.limitations) == record
    assert place.store().records()[-1] == done
    assert key_of(place.store(new), record) == key
    assert before not in place.slots.read_bytes(), "what was there is overwritten"
    assert (key in place.slots.read_bytes()) is (new is None)
    assert place.slot(other) == theirs
    if new:
        with pytest.raises(WrongPassphrase):
            key_of(place.store(old), record)


def test_both_halves_are_written(place: Place) -> None:
    record = created(place.store(b"old"))
    place.store(b"old").rewrap(record.id, b"new")
    slot = place.slot(record)
    assert slot[: SLOT // 2] == slot[SLOT // 2 :]


def test_by_a_wrong_passphrase_nothing_is_altered(place: Place) -> None:
    record = created(place.store(b"old"))
    before = place.slots.read_bytes()
    for given in (b"wrong", None):
        for new in (b"new", None):
            with pytest.raises(WrongPassphrase):
                place.store(given).rewrap(record.id, new)
    assert place.slots.read_bytes() == before
    assert place.store().records() == [record]


def test_a_destroyed_key_is_not_wrapped(place: Place) -> None:
    record = created(place.store(b"old"))
    place.store().destroy(record.id)
    with pytest.raises(KeyDestroyed):
        place.store(b"old").rewrap(record.id, b"new")


def test_a_store_in_use_is_left(place: Place) -> None:
    record = created(place.store(b"old"))
    with place.slots.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        with pytest.raises(StoreBusy):
            place.store(b"old").rewrap(record.id, b"new")


def test_another_key_in_its_slot_is_told(place: Place) -> None:
    one, two = created(place.store(), "one"), created(place.store(), "two")
    content = unpacked(place.slot(one)).content
    theirs = unpacked(place.slot(two)).content
    assert content is not None
    assert theirs is not None
    from shredder.keystores.slot import packed

    place.put(one, bytes(packed(replace(content, wrapped=theirs.wrapped))))
    before = place.slot(one)
    with pytest.raises(StoreDamaged):
        place.store().rewrap(one.id, b"new")
    assert place.slot(one) == before


@pytest.mark.parametrize(("old", "new"), WAYS)
def test_killed_at_any_moment_it_opens_by_one_of_the_two(
    tmp_path: Path, place: Place, old: bytes | None, new: bytes | None
) -> None:
    record = created(place.store(old))
    key = key_of(place.store(old), record)
    seen = set()
    deaths = 0
    while True:
        folder = tmp_path / f"death-{deaths}"
        shutil.copytree(place.folder, folder)
        there = Place(folder)
        if not dies_at(deaths, lambda: there.store(old).rewrap(record.id, new)):  # noqa: B023 - called here
            break
        deaths += 1
        seen.add(_opens_by(there, record, key, (old, new)))
        (told,) = there.store().records()
        bare = key in there.slots.read_bytes()
        assert told.wrapping is Wrapping.NONE or not bare, "called wrapped, and bare"
        there.store(old).rewrap(record.id, new)
        assert key_of(there.store(new), record) == key
        slot = there.slot(record)
        assert slot[: SLOT // 2] == slot[SLOT // 2 :]
    assert deaths > 6
    assert seen == {"old", "new"}


def _opens_by(
    place: Place, record: KeyRecord, key: bytes, passphrases: tuple[bytes | None, bytes | None]
) -> str:
    """Which passphrase it opens by; without one it opens by any."""
    content = unpacked(place.slot(record)).content
    assert content is not None
    assert content.wrapped is not None
    for name, passphrase in zip(("old", "new"), passphrases, strict=True):
        wrapping = Wrapping.NONE if passphrase is None else Wrapping.PASSPHRASE
        try:
            found = key_of(place.store(passphrase), record)
        except WrongPassphrase:
            continue
        if content.wrapped.wrapping is wrapping:
            assert found == key
            return name
    raise AssertionError("it opens by neither")


@pytest.mark.parametrize("cut", range(256, SLOT, 256))
def test_a_torn_half_leaves_the_other(place: Place, cut: int) -> None:
    """Whatever of a half was written, the key opens by one of the two passphrases."""
    record = created(place.store(b"old"))
    before = place.slot(record)
    key = key_of(place.store(b"old"), record)
    place.store(b"old").rewrap(record.id, b"new")
    after = place.slot(record)
    place.put(record, after[:cut] + before[cut:])
    assert _opens_by(place, record, key, (b"old", b"new")) in {"old", "new"}
