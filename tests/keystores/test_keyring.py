"""The key store `file` with keys wrapped by a real keyring: gnome-keyring, on a bus of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import secretstorage
from jeepney.io.blocking import DBusConnection

from backends.contract import Finding
from shredder.keystores import (
    KeyDestroyed,
    KeyRecord,
    KeyState,
    KeyStore,
    StoreDamaged,
    Wrapping,
    WrongPassphrase,
    material,
)
from shredder.keystores import keyring as keyring_module
from shredder.keystores.errors import KeyringUnusable
from shredder.keystores.file import FileKeyStore
from shredder.keystores.keyring import Keyring
from shredder.keystores.slot import unpacked
from tests.keystores.suite import KeyStoreSuite, created
from tests.keystores.test_file import Place, key_of
from tests.support.keyrings import GnomeKeyring

pytestmark = pytest.mark.needs("gnome-keyring")

BUS = "DBUS_SESSION_BUS_ADDRESS"


class Killed(BaseException):
    pass


class Desk(Place):
    def __init__(self, folder: Path, keyring: GnomeKeyring) -> None:
        super().__init__(folder)
        self.keyring = keyring

    def by_keyring(self, passphrase: bytes | None = None) -> FileKeyStore:
        return FileKeyStore(
            self.slots, self.records, passphrase=passphrase, best_effort=True, by_keyring=True
        )

    def items(self) -> dict[str, bytes]:
        """What the keyring holds, by the ids of keys, as another program sees it."""
        return self.keyring.secrets()

    def lying(self, record: KeyRecord) -> tuple[Wrapping, bytes]:
        """How the key lies in its slot."""
        content = unpacked(self.slot(record)).content
        assert content is not None
        assert content.wrapped is not None
        return content.wrapped.wrapping, bytes(content.wrapped.data)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GnomeKeyring]:
    with GnomeKeyring(tmp_path_factory.mktemp("keyring")) as made:
        yield made


@pytest.fixture
def desk(daemon: GnomeKeyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(material, "COST", 10)
    for name, value in daemon.environment.items():
        monkeypatch.setenv(name, value)
    yield Desk(tmp_path, daemon)
    daemon.clear()


class TestFileByKeyring(KeyStoreSuite):
    @pytest.fixture
    def store(self, desk: Desk) -> KeyStore:
        self.desk = desk
        return desk.by_keyring()

    def reopened(self, store: KeyStore) -> KeyStore:
        return self.desk.by_keyring()


def test_the_key_lies_in_the_file_and_what_opens_it_in_the_keyring(desk: Desk) -> None:
    record, other = created(desk.by_keyring()), created(desk.by_keyring(), "other")
    key = key_of(desk.by_keyring(), record)
    assert record.wrapping is Wrapping.KEYRING
    assert "keyring-item-bytes" in record.limitations
    assert desk.lying(record)[0] is Wrapping.KEYRING
    assert key not in desk.slots.read_bytes()
    held = desk.items()
    assert set(held) == {record.id, other.id}
    assert {len(each) for each in held.values()} == {32}
    assert len({key, *held.values()}) == 3, "each its own, and none a key"
    assert not any(record.dataset in label for label in desk.keyring.labels())


def test_it_is_there_after_the_next_login(desk: Desk) -> None:
    record = created(desk.by_keyring())
    key = key_of(desk.by_keyring(), record)
    desk.keyring.again()
    assert key_of(desk.store(), record) == key, "whatever new keys are wrapped by"


def test_a_passphrase_opens_what_it_wrapped_before(desk: Desk) -> None:
    before = created(desk.store(b"pass"), "before")
    record = created(desk.by_keyring(b"pass"))
    assert record.wrapping is Wrapping.KEYRING
    assert key_of(desk.by_keyring(b"pass"), before)
    with pytest.raises(WrongPassphrase):
        key_of(desk.by_keyring(), before)


def test_the_item_goes_with_its_key_and_no_other(desk: Desk) -> None:
    record, other = created(desk.by_keyring()), created(desk.by_keyring(), "other")
    done = desk.by_keyring().destroy(record.id)
    assert "keyring-item-not-found" not in done.record.limitations
    assert set(desk.items()) == {other.id}
    found = desk.store().verify(record.id)
    assert (found.finding, "keyring-items" in found.looked) == (Finding.ABSENT, True)
    assert key_of(desk.store(), other)


def test_an_item_that_stays_or_comes_back_is_residue(desk: Desk) -> None:
    record = created(desk.by_keyring())
    desk.by_keyring().destroy(record.id)
    desk.keyring.plant(record.id, bytes(32))
    store = desk.by_keyring()
    assert store.inspect(record.id) == ("keyring-item-left",)
    found = store.verify(record.id)
    assert (found.finding, found.reason) == (Finding.RESIDUE, "keyring-item-left")
    again = store.destroy(record.id)
    assert (again.before, "key-restored" in again.record.limitations) == (False, False)
    assert desk.items() == {}
    assert store.verify(record.id).finding is Finding.ABSENT
    assert store.destroy(record.id).before


# --- what can be wrong with the keyring ---


def away(desk: Desk) -> None:
    desk.keyring.stop()


def headless(desk: Desk) -> None:
    del os.environ[BUS]


def elsewhere(desk: Desk) -> None:
    os.environ[BUS] = "unix:path=/nonexistent"


def unheard_of(desk: Desk) -> None:
    os.environ[BUS] = "autolaunch:"


def locked(desk: Desk) -> None:
    desk.keyring.lock()


TROUBLES = [away, headless, elsewhere, unheard_of, locked]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_without_the_keyring_nothing_is_lost_and_nothing_touched(
    desk: Desk, trouble: Callable[[Desk], None]
) -> None:
    record = created(desk.by_keyring())
    key, before = key_of(desk.by_keyring(), record), desk.slots.read_bytes()
    trouble(desk)
    store = desk.by_keyring(b"pass")
    for act in (
        lambda: key_of(store, record),
        lambda: created(store, "second"),
        lambda: store.destroy(record.id),
        lambda: store.rewrap(record.id, b"new"),
        lambda: store.rewrap(record.id, None, by_keyring=True),
    ):
        with pytest.raises(KeyringUnusable) as error:
            act()
        said = "is locked" if trouble is locked else "no keyring answers"
        assert said in error.value.message
        assert error.value.hint
    expected = () if trouble is locked else ("keyring-unusable",)
    assert store.inspect(record.id) == expected
    assert store.records() == [record]
    assert desk.slots.read_bytes() == before
    desk.keyring.again()
    os.environ[BUS] = desk.keyring.address
    assert key_of(store, record) == key


def test_one_that_hangs_is_not_waited_for_for_ever(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = created(desk.by_keyring())
    monkeypatch.setattr(keyring_module, "_PATIENCE", 0.2)
    with desk.keyring.hanging():
        for act in (
            lambda: key_of(desk.store(), record),
            lambda: created(desk.by_keyring(), "second"),
            lambda: desk.store().destroy(record.id),
        ):
            with pytest.raises(KeyringUnusable, match="no keyring answers"):
                act()
        assert desk.store().inspect(record.id) == ("keyring-unusable",)
    assert desk.store().records() == [record]
    assert key_of(desk.store(), record)


def test_keys_that_no_keyring_wraps_need_none(desk: Desk) -> None:
    record = created(desk.store(b"pass"))
    desk.keyring.stop()
    assert key_of(desk.by_keyring(b"pass"), record)
    assert desk.by_keyring().inspect(record.id) == ()
    desk.by_keyring().destroy(record.id)
    assert desk.by_keyring().verify(record.id).finding is Finding.ABSENT


@pytest.mark.parametrize("trouble", [away, locked])
def test_a_key_that_was_never_finished_keeps_nobody_from_another(
    desk: Desk, trouble: Callable[[Desk], None]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        Deaths(patch, 2)
        with pytest.raises(Killed):
            created(desk.by_keyring())
    (begun,) = desk.store().records()
    assert (begun.state, set(desk.items())) == (KeyState.MAKING, {begun.id})
    trouble(desk)
    made = created(desk.store(b"pass"))
    assert desk.store().record(begun.id) == begun
    desk.keyring.again()
    created(desk.store(b"pass"), "other")
    assert desk.store().record(begun.id).state is KeyState.DESTROYED
    assert desk.items() == {}
    assert key_of(desk.store(b"pass"), made)


def test_whether_a_destroyed_keys_item_is_gone_nobody_can_tell_without_it(desk: Desk) -> None:
    record = created(desk.by_keyring())
    desk.by_keyring().destroy(record.id)
    desk.keyring.stop()
    found = desk.store().verify(record.id)
    assert (found.finding, found.reason) == (Finding.INCONCLUSIVE, "keyring-unusable")


def test_a_keyring_without_the_item_is_told_and_does_not_keep_the_key(desk: Desk) -> None:
    record = created(desk.by_keyring())
    Keyring().remove(record.id)
    store = desk.by_keyring()
    assert store.inspect(record.id) == ("keyring-item-not-found",)
    for act in (lambda: key_of(store, record), lambda: store.rewrap(record.id, b"new")):
        with pytest.raises(StoreDamaged) as error:
            act()
        assert "keyring does not hold" in error.value.message
    done = store.destroy(record.id)
    assert "keyring-item-not-found" in done.record.limitations
    assert store.verify(record.id).finding is Finding.ABSENT


@pytest.mark.parametrize("secret", [bytes(32), b"short", b""])
def test_another_item_opens_nothing(desk: Desk, secret: bytes) -> None:
    record = created(desk.by_keyring())
    Keyring().remove(record.id)
    desk.keyring.plant(record.id, secret)
    before = desk.slots.read_bytes()
    for act in (
        lambda: key_of(desk.by_keyring(), record),
        lambda: desk.by_keyring().rewrap(record.id, b"new"),
    ):
        with pytest.raises(StoreDamaged):
            act()
    assert desk.slots.read_bytes() == before
    assert desk.items() == {record.id: secret}


def test_of_two_items_none_is_guessed_and_both_go(desk: Desk) -> None:
    record = created(desk.by_keyring())
    desk.keyring.plant(record.id, bytes(32))
    with pytest.raises(KeyringUnusable, match="2 items"):
        key_of(desk.by_keyring(), record)
    desk.by_keyring().destroy(record.id)
    assert desk.items() == {}


def test_a_collection_that_ends_with_the_session_is_not_used(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def alias(bus: DBusConnection, _: str) -> secretstorage.Collection:
        return secretstorage.Collection(bus, "/org/freedesktop/secrets/collection/session")

    monkeypatch.setattr(secretstorage, "get_collection_by_alias", alias)
    with pytest.raises(KeyringUnusable, match="outlives the session"):
        created(desk.by_keyring())
    assert desk.store().records() == []


# --- wrapped anew ---

NONE, PASSPHRASE, KEYRING = Wrapping.NONE, Wrapping.PASSPHRASE, Wrapping.KEYRING
WAYS = [(a, b) for a in (NONE, PASSPHRASE, KEYRING) for b in (NONE, PASSPHRASE, KEYRING)
        if KEYRING in (a, b)]  # fmt: skip


def made(desk: Desk, wrapping: Wrapping) -> KeyRecord:
    store = desk.by_keyring() if wrapping is KEYRING else desk.store(_secret(wrapping, b"old"))
    return created(store)


def rewrapped(desk: Desk, record: KeyRecord, to: Wrapping) -> KeyRecord:
    store = desk.store(b"old")
    return store.rewrap(record.id, _secret(to, b"new"), by_keyring=to is KEYRING)


def _secret(wrapping: Wrapping, passphrase: bytes) -> bytes | None:
    return passphrase if wrapping is PASSPHRASE else None


@pytest.mark.parametrize(("old", "new"), WAYS)
def test_it_opens_by_the_new_wrapping_alone(desk: Desk, old: Wrapping, new: Wrapping) -> None:
    record, other = made(desk, old), created(desk.by_keyring(), "other")
    key, (_, before) = key_of(desk.store(b"old"), record), desk.lying(record)
    done = rewrapped(desk, record, new)
    assert desk.lying(record)[0] is done.wrapping is new
    assert before not in desk.slots.read_bytes()
    assert (record.id in desk.items()) is (new is KEYRING)
    assert other.id in desk.items()
    assert key_of(desk.store(_secret(new, b"new")), done) == key
    assert desk.store().inspect(record.id) == ()
    assert desk.store().records()[0] == done
    if new is not KEYRING:
        desk.keyring.stop()
        assert key_of(desk.store(_secret(new, b"new")), done) == key


@pytest.mark.parametrize("given", [b"wrong", None])
def test_by_a_wrong_passphrase_no_item_is_made(desk: Desk, given: bytes | None) -> None:
    record = made(desk, PASSPHRASE)
    with pytest.raises(WrongPassphrase):
        desk.store(given).rewrap(record.id, None, by_keyring=True)
    assert desk.items() == {}
    assert desk.store().records() == [record]


# --- killed ---


class Deaths:
    """Ends the work before its step `number`: writes of records and slots, words to the keyring."""

    def __init__(self, patch: pytest.MonkeyPatch, number: int) -> None:
        self.left = number
        from shredder.keystores.register import Register
        from shredder.keystores.slotfile import Slots

        for kind, names in (
            (Register, ("put",)),
            (Slots, ("write", "erase", "replace")),
            (Keyring, ("make", "remove")),
        ):
            for name in names:
                patch.setattr(kind, name, self._before(getattr(kind, name)))

    def _before(self, real: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object, **more: object) -> object:
            if self.left == 0:
                raise Killed
            self.left -= 1
            return real(*args, **more)

        return step


def each_death(desk: Desk, work: Callable[[], object]) -> Iterator[int]:
    """Do the work until it gets through, killed one step later each time."""
    number = 0
    while True:
        with pytest.MonkeyPatch.context() as patch:
            Deaths(patch, number)
            try:
                work()
            except Killed:
                pass
            else:
                assert number > 3
                return
        yield number
        number += 1


def test_killed_while_a_key_is_made(desk: Desk) -> None:
    seen = set()
    for _ in each_death(desk, lambda: created(desk.by_keyring(), "killed")):
        known = {each.id: each.state for each in desk.store().records()}
        seen |= set(known.values())
        assert set(desk.items()) <= set(known), "an item without a record"
        record = created(desk.by_keyring(), "whole")
        assert set(desk.items()) == {record.id}, "what was begun is gone"
        assert key_of(desk.by_keyring(), record)
        desk.by_keyring().destroy(record.id)
    assert KeyState.MAKING in seen


def test_killed_while_a_key_is_destroyed(desk: Desk) -> None:
    record = created(desk.by_keyring())
    other = created(desk.by_keyring(), "other")
    whole = shutil.copytree(desk.records, desk.folder / "kept")
    slots, items = desk.slots.read_bytes(), desk.items()
    seen = set()
    for _ in each_death(desk, lambda: desk.by_keyring().destroy(record.id)):
        state = next(each.state for each in desk.store().records() if each.id == record.id)
        seen.add(state)
        assert state is not KeyState.DESTROYED
        if state is KeyState.DESTROYING:
            with pytest.raises(KeyDestroyed):
                key_of(desk.by_keyring(), record)
        done = desk.by_keyring().destroy(record.id)
        assert "keyring-item-not-found" not in done.record.limitations
        assert desk.by_keyring().verify(record.id).finding is Finding.ABSENT
        assert set(desk.items()) == {other.id}
        shutil.rmtree(desk.records)
        shutil.copytree(whole, desk.records)
        desk.slots.write_bytes(slots)
        desk.keyring.plant(record.id, items[record.id])
    assert seen == {KeyState.LIVE, KeyState.DESTROYING}


@pytest.mark.parametrize(("old", "new"), WAYS)
def test_killed_while_it_is_wrapped_anew(desk: Desk, old: Wrapping, new: Wrapping) -> None:
    record = made(desk, old)
    key = key_of(desk.store(b"old"), record)
    for _ in each_death(desk, lambda: rewrapped(desk, record, new)):
        (told,) = desk.store().records()
        lies, _ = desk.lying(record)
        by = {NONE: None, PASSPHRASE: b"old" if old is PASSPHRASE else b"new", KEYRING: None}[lies]
        if lies is PASSPHRASE and old is new:
            by = b"old"
        assert key_of(desk.store(by), record) == key, "it opens by one of the two"
        assert told.wrapping is NONE or lies is not NONE, "called wrapped, and bare"
        assert record.id not in desk.items() or "item" in told.place, "an item nobody knows of"
        done = rewrapped(desk, record, new)
        assert (done.wrapping, desk.lying(record)[0]) == (new, new)
        assert (record.id in desk.items()) is (new is KEYRING)
        assert key_of(desk.store(_secret(new, b"new")), record) == key
        # Back to where it began.
        desk.store(b"new").rewrap(record.id, _secret(old, b"old"), by_keyring=old is KEYRING)
        assert replace(done, wrapping=old).id == record.id
