"""The key store `file`."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backends.contract import Finding
from backends.fsops.ground import OBSTACLES, Ground
from shredder import values
from shredder.keystores import (
    KeyDestroyed,
    KeyExists,
    KeyRecord,
    KeyState,
    KeyStore,
    NotErasable,
    StoreBusy,
    StoreDamaged,
    Wrapping,
    WrongPassphrase,
    material,
)
from shredder.keystores.file import FileKeyStore
from shredder.keystores.slot import SLOT
from tests.keystores.suite import KeyStoreSuite, created


class Place:
    """Where a store lies. The file system is whatever the tests run on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.slots = folder / "slots"
        self.records = folder / "records"

    def store(self, passphrase: bytes | None = None) -> FileKeyStore:
        return FileKeyStore(self.slots, self.records, passphrase=passphrase, best_effort=True)

    def slot(self, record: KeyRecord) -> bytes:
        at = int(record.place["slot"]) * SLOT
        return self.slots.read_bytes()[at : at + SLOT]

    def put(self, record: KeyRecord, slot: bytes, at: int = 0) -> None:
        with self.slots.open("r+b") as file:
            file.seek(int(record.place["slot"]) * SLOT + at)
            file.write(slot)

    def put_record(self, record: KeyRecord) -> None:
        (self.records / f"{record.id}.json").write_bytes(values.dumps(record))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


class TestFile(KeyStoreSuite):
    @pytest.fixture
    def store(self, place: Place) -> KeyStore:
        self.place = place
        return place.store()

    def reopened(self, store: KeyStore) -> KeyStore:
        return self.place.store()


class TestFileWithPassphrase(TestFile):
    @pytest.fixture(autouse=True)
    def _cheap(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(material, "COST", 10)

    @pytest.fixture
    def store(self, place: Place) -> KeyStore:
        self.place = place
        return place.store(b"open sesame")

    def reopened(self, store: KeyStore) -> KeyStore:
        return self.place.store(b"open sesame")


def key_of(store: FileKeyStore, record: KeyRecord) -> bytes:
    with store.using(record.id) as key:
        return bytes(key)


def test_a_wrapped_key_does_not_lie_in_the_file(place: Place) -> None:
    plain, wrapped = created(place.store(), "plain"), created(place.store(b"pass"), "wrapped")
    assert (plain.wrapping, wrapped.wrapping) == (Wrapping.NONE, Wrapping.PASSPHRASE)
    content = place.slots.read_bytes()
    assert content.count(key_of(place.store(), plain)) == 2
    assert key_of(place.store(b"pass"), wrapped) not in content


def test_another_passphrase_is_refused_and_alters_nothing(place: Place) -> None:
    record = created(place.store(b"right"))
    before = place.slots.read_bytes()
    for given in (b"wrong", None):
        with pytest.raises(WrongPassphrase) as told, place.store(given).using(record.id):
            pass
        assert "SHREDDER_KEYS_PASSPHRASE" in told.value.hint
    assert place.slots.read_bytes() == before
    assert place.store(b"wrong").destroy(record.id).record.state is KeyState.DESTROYED


def test_a_wrapped_key_counts_under_its_own_id_only(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key moved to another's slot, with that one's id, is not unwrapped."""
    from shredder.keystores.slot import packed, unpacked

    monkeypatch.setattr(material, "COST", 10)
    store = place.store(b"pass")
    one, two = created(store, "one"), created(store, "two")
    first, second = unpacked(place.slot(one)).content, unpacked(place.slot(two)).content
    assert first is not None
    assert second is not None
    place.put(one, bytes(packed(replace(first, wrapped=second.wrapped))))
    with pytest.raises(WrongPassphrase), store.using(one.id):
        pass


def test_a_key_in_the_clear_that_is_another_is_told(place: Place) -> None:
    from shredder.keystores.slot import packed, unpacked

    one, two = created(place.store(), "one"), created(place.store(), "two")
    first, second = unpacked(place.slot(one)).content, unpacked(place.slot(two)).content
    assert first is not None
    assert second is not None
    place.put(one, bytes(packed(replace(first, wrapped=second.wrapped))))
    with pytest.raises(StoreDamaged), place.store().using(one.id):
        pass


def test_a_copy_put_back_after_the_end_is_refused_and_goes_again(place: Place) -> None:
    store = place.store()
    record = created(store)
    shutil.copy(place.slots, place.folder / "backup")
    store.destroy(record.id)
    shutil.copy(place.folder / "backup", place.slots)
    assert place.store().inspect(record.id) == ("key-restored",)
    assert place.store().verify(record.id).finding is Finding.RESIDUE
    with pytest.raises(KeyDestroyed), place.store().using(record.id):
        pass
    done = place.store().destroy(record.id)
    assert not done.before
    assert "key-restored" in done.record.limitations
    assert place.store().verify(record.id).finding is Finding.ABSENT


def test_a_record_put_back_after_the_end_brings_nothing_back(place: Place) -> None:
    """The tombstone in the slot's place counts, too."""
    record = created(place.store())
    place.store().destroy(record.id)
    place.put_record(record)
    assert place.store().inspect(record.id) == ("record-restored",)
    with pytest.raises(KeyDestroyed), place.store().using(record.id):
        pass
    assert place.store().destroy(record.id).record.state is KeyState.DESTROYED


def test_the_same_key_under_another_record_is_refused(place: Place) -> None:
    record = created(place.store())
    content = place.slot(record)
    place.store().destroy(record.id)
    other = created(place.store(), "other")
    place.put(other, content)
    place.put_record(replace(other, public=record.public))
    with pytest.raises(KeyDestroyed), place.store().using(other.id):
        pass


@pytest.mark.parametrize("half", [0, 1])
def test_one_damaged_half_takes_nothing_away(place: Place, half: int) -> None:
    record = created(place.store())
    key = key_of(place.store(), record)
    place.put(record, b"\xff" * 512, at=half * SLOT // 2 + 100)
    assert key_of(place.store(), record) == key
    assert place.store().inspect(record.id) == ("slot-half-damaged",)
    assert place.store().destroy(record.id).record.state is KeyState.DESTROYED
    assert key not in place.slots.read_bytes()


def test_a_damaged_slot_is_one_error_and_no_other_key_is_lost(place: Place) -> None:
    store = place.store()
    record, other = created(store), created(store, "other")
    key = key_of(store, other)
    place.put(record, b"\xff", at=200)
    place.put(record, b"\xff", at=SLOT // 2 + 200)
    with (
        pytest.raises(StoreDamaged, match="slot 0 of the key store is damaged"),
        store.using(record.id),
    ):
        pass
    assert store.inspect(record.id) == ("slot-damaged",)
    assert key_of(store, other) == key
    assert created(store, "third").state is KeyState.LIVE
    assert store.destroy(record.id).record.state is KeyState.DESTROYED, "it is known where it lay"


def test_a_key_that_is_not_in_the_file_is_never_called_destroyed(place: Place) -> None:
    record = created(place.store())
    place.put(record, bytes(SLOT))
    assert place.store().inspect(record.id) == ("key-not-found",)
    with pytest.raises(StoreDamaged, match="nobody can tell"):
        place.store().destroy(record.id)
    assert [each.state for each in place.store().records()] == [KeyState.LIVE]


def test_a_missing_file_is_never_called_a_destruction(place: Place) -> None:
    record = created(place.store())
    place.slots.unlink()
    for act in (
        lambda: place.store().destroy(record.id),
        lambda: created(place.store(), "other"),
        lambda: key_of(place.store(), record),
    ):
        with pytest.raises(StoreDamaged, match="not there"):
            act()
    assert not place.slots.exists()
    assert place.store().inspect(record.id) == ("key-store-unreadable",)
    assert place.store().verify(record.id).finding is Finding.INCONCLUSIVE


def test_a_key_without_a_record_stops_the_making_of_others(place: Place) -> None:
    record = created(place.store())
    (place.records / f"{record.id}.json").unlink()
    with pytest.raises(StoreDamaged, match="no record tells of"):
        created(place.store(), "other")


@pytest.mark.parametrize("text", [b"", b"{}", b"\xff\xfe", b"[1]"])
def test_a_damaged_record_stops_everything_and_loses_nothing(place: Place, text: bytes) -> None:
    record = created(place.store())
    whole = place.records / f"{record.id}.json"
    kept = whole.read_bytes()
    whole.write_bytes(text)
    with pytest.raises(StoreDamaged, match="is damaged"):
        created(place.store(), "other")
    whole.write_bytes(kept)
    assert key_of(place.store(), record)


def test_a_record_under_another_name_is_damaged(place: Place) -> None:
    record = created(place.store())
    (place.records / f"{record.id}.json").rename(place.records / f"{'0' * 32}.json")
    with pytest.raises(StoreDamaged):
        place.store().records()


@pytest.fixture
def held(place: Place) -> Iterator[KeyRecord]:
    """A key in use by somebody else."""
    record = created(place.store())
    with place.slots.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield record


def test_a_key_in_use_is_not_destroyed_and_two_may_use_it(place: Place, held: KeyRecord) -> None:
    assert key_of(place.store(), held)
    with pytest.raises(StoreBusy):
        place.store().destroy(held.id)
    with pytest.raises(StoreBusy):
        created(place.store(), "other")
    assert [each.state for each in place.store().records()] == [KeyState.LIVE]


def test_nobody_uses_a_key_while_another_is_made(place: Place) -> None:
    record = created(place.store())
    with place.slots.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StoreBusy), place.store().using(record.id):
            pass
        assert place.store().verify(record.id).finding is Finding.INCONCLUSIVE


def _opened_up(path: Path) -> None:
    path.chmod(0o640)


def _linked(path: Path) -> None:
    os.link(path, path.with_name("second"))


def _symlinked(path: Path) -> None:
    path.rename(path.with_name("x"))
    path.symlink_to("x")


def _made_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize("spoil", [_opened_up, _linked, _symlinked, _made_a_pipe])
def test_a_file_that_others_could_reach_is_refused(
    place: Place, spoil: Callable[[Path], None]
) -> None:
    record = created(place.store())
    spoil(place.slots)
    with pytest.raises(StoreDamaged):
        key_of(place.store(), record)
    with pytest.raises(StoreDamaged):
        place.store().destroy(record.id)


def test_the_file_grows_and_no_slot_is_used_twice(place: Place) -> None:
    store = place.store()
    slots = []
    for number in range(70):
        record = created(store, f"dataset-{number}")
        slots.append(record.place["slot"])
        if number % 2:
            store.destroy(record.id)
    assert slots == list(range(70))
    assert place.slots.stat().st_size == 128 * SLOT
    living = [each for each in store.records() if each.state is KeyState.LIVE]
    assert len(living) == 35
    assert len({key_of(store, each) for each in living}) == 35


def test_a_file_that_was_moved_is_told(place: Place) -> None:
    """A copy under the same name: the blocks where the key was written are somewhere else."""
    record = created(place.store())
    shutil.copy(place.slots, place.folder / "copy")
    (place.folder / "copy").chmod(0o600)
    (place.folder / "copy").replace(place.slots)
    done = place.store().destroy(record.id)
    assert "blocks-moved" in done.record.limitations
    assert not done.in_place


def test_an_end_that_is_not_read_back_is_none(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = created(place.store())
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: len(data))
    with pytest.raises(StoreDamaged, match="does not give back"):
        place.store().destroy(record.id)
    monkeypatch.setattr(os, "pwrite", real)
    assert [each.state for each in place.store().records()] == [KeyState.DESTROYING]
    with pytest.raises(KeyDestroyed):
        key_of(place.store(), record)
    with pytest.raises(KeyExists):
        created(place.store())
    assert place.store().destroy(record.id).record.state is KeyState.DESTROYED


def test_obstacles_of_the_place_are_limitations_of_the_key(place: Place) -> None:
    """With best effort, what stands against an overwriting stands in the record, before and after."""
    record = created(place.store())
    with place.slots.open("rb") as file:
        from backends.fsops.ground import survey

        ground = survey(file.fileno())
    assert set(record.limitations) == set(ground.codes)
    done = place.store().destroy(record.id)
    assert done.in_place == OBSTACLES.isdisjoint(done.record.limitations)
    assert set(ground.codes) <= set(done.record.limitations)


def test_a_refusal_takes_no_file_away_that_was_there(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies there without a record may be a key store whose state directory was lost."""
    ground = Ground("btrfs", ("copy-on-write",), (), None)
    monkeypatch.setattr("shredder.keystores.slotfile.survey", lambda fd: ground)
    strict = FileKeyStore(place.slots, place.records, passphrase=None)
    with pytest.raises(NotErasable, match="copy-on-write"):
        created(strict)
    assert not place.slots.exists()
    place.slots.write_bytes(b"\xff" * SLOT)
    place.slots.chmod(0o600)
    with pytest.raises(NotErasable):
        created(strict)
    assert place.slots.read_bytes()[:SLOT] == b"\xff" * SLOT
    assert strict.records() == []


def test_by_what_is_no_probe_nothing_is_shown(place: Place) -> None:
    record = created(place.store())
    created(place.store(), "other")  # whose key would be tried on it
    done = place.store().destroy(record.id).record
    place.put_record(replace(done, probe="bm8gcHJvYmU="))
    found = place.store().verify(record.id)
    assert (found.finding, found.reason) == (Finding.INCONCLUSIVE, "key-store-unreadable")
    place.put_record(done)
    assert place.store().verify(record.id).finding is Finding.ABSENT


@pytest.mark.parametrize("passphrase", [None, b"pass"], ids=["bare", "wrapped"])
def test_a_key_that_was_put_back_is_residue(
    place: Place, monkeypatch: pytest.MonkeyPatch, passphrase: bytes | None
) -> None:
    monkeypatch.setattr(material, "COST", 10)
    store = place.store(passphrase)
    record = created(store)
    kept = place.slot(record)
    store.destroy(record.id)
    place.put(record, kept)
    found = place.store().verify(record.id)
    assert (found.finding, found.reason) == (Finding.RESIDUE, "key-lives")
