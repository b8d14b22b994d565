"""What every key store keeps to. A store's tests subclass it and say how the store is opened."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from backends.contract import Finding
from shredder.keystores import (
    Declared,
    KeyDestroyed,
    KeyDestruction,
    KeyExists,
    KeyRecord,
    KeyState,
    KeyStore,
    NoKey,
    StoreBusy,
    StoreDamaged,
    Wrapping,
)

NAME = "survey-2018-05"


def created(store: KeyStore, dataset: str = NAME) -> KeyRecord:
    return store.create(
        dataset, escrowed=Declared.NO, backed_up=Declared.UNKNOWN, in_clear=Declared.NO
    )


class KeyStoreSuite:
    """Subclasses have a fixture `store`, and reopen it as another process would."""

    def reopened(self, store: KeyStore) -> KeyStore:
        raise NotImplementedError

    def ended(self, store: KeyStore, key: str) -> KeyDestruction:
        """Destroy a key to its end; a store that has a waiting period lets that pass first."""
        assert not store.traits.waits
        return store.destroy(key)

    def test_it_is_a_key_store(self, store: KeyStore) -> None:
        assert isinstance(store, KeyStore)
        traits = store.traits
        assert traits.strength_bits >= 128
        assert traits.entropy_bits >= 128
        assert traits.wrappings
        assert store.records() == []

    def test_a_key_is_made_and_given_out_again(self, store: KeyStore) -> None:
        record = created(store)
        assert record.state is KeyState.LIVE
        assert (record.dataset, record.escrowed, record.backed_up) == (NAME, "no", "unknown")
        assert record.wrapping in store.traits.wrappings
        with store.using(record.id) as key:
            first = bytes(key)
        assert len(first) == 32
        assert bytes(key) == bytes(32), "zeroed at the end"
        with self.reopened(store).using(record.id) as key:
            assert bytes(key) == first
        assert self.reopened(store).records() == [record]

    def test_keys_differ_and_no_record_holds_one(self, store: KeyStore) -> None:
        records = [created(store, name) for name in ("one", "two", "three")]
        keys = []
        for record in records:
            with store.using(record.id) as key:
                keys.append(bytes(key))
            assert keys[-1].hex() not in repr(record)
        assert len(set(keys)) == len({r.public for r in records}) == len({r.check for r in records})
        assert [each.dataset for each in store.records()] == ["one", "two", "three"]
        assert all(re.fullmatch(r"20\d\d-\S+Z", each.created) for each in store.records())

    def test_a_dataset_has_one_key_at_a_time(self, store: KeyStore) -> None:
        record = created(store)
        with pytest.raises(KeyExists):
            created(store)
        assert store.records() == [record]

    def test_a_destroyed_key_is_gone_and_its_record_is_not(self, store: KeyStore) -> None:
        record, other = created(store), created(store, "other")
        with store.using(other.id) as key:
            kept = bytes(key)
        done = self.ended(store, record.id)
        assert not done.before
        assert done.record.state is KeyState.DESTROYED
        assert done.record.destroyed >= record.created
        assert done.record.check == record.check
        again = self.reopened(store)
        with pytest.raises(KeyDestroyed), again.using(record.id):
            pass
        assert again.verify(record.id).finding is Finding.ABSENT
        assert again.verify(record.id).looked
        assert again.records() == [done.record, other]
        with again.using(other.id) as key:
            assert bytes(key) == kept, "another key is not touched"

    def test_to_destroy_it_again_is_no_error(self, store: KeyStore) -> None:
        record = created(store)
        done = self.ended(store, record.id)
        again = self.reopened(store).destroy(record.id)
        assert again.before
        assert again.record == done.record

    def test_a_new_key_takes_the_place_of_a_destroyed_one(self, store: KeyStore) -> None:
        old = created(store)
        self.ended(store, old.id)
        new = created(store)
        assert new.public != old.public
        with store.using(new.id) as key:
            assert any(key)
        with pytest.raises(KeyDestroyed), store.using(old.id):
            pass

    def test_what_lives_is_residue(self, store: KeyStore) -> None:
        record = created(store)
        assert store.verify(record.id).finding is Finding.RESIDUE

    def test_an_unknown_key_is_an_error(self, store: KeyStore) -> None:
        with pytest.raises(NoKey), store.using("0" * 32):
            pass
        with pytest.raises(NoKey):
            store.destroy("0" * 32)
        with pytest.raises(NoKey):
            store.verify("0" * 32)

    def test_a_record_is_had_by_its_id_alone(self, store: KeyStore) -> None:
        record, other = created(store), created(store, "other")
        assert [store.record(each.id) for each in (record, other)] == [record, other]
        for key in ("0" * 32, "", f"./{record.id}", f"../records/{record.id}"):
            with pytest.raises(NoKey):
                store.record(key)

    def test_the_traits_do_not_promise_more_than_the_record(self, store: KeyStore) -> None:
        record = created(store)
        done = self.ended(store, record.id)
        assert done.in_place or not store.traits.erased_in_place
        assert record.wrapping in set(Wrapping)

    def test_two_at_once(self, store: KeyStore) -> None:
        record = created(store)
        with store.using(record.id), pytest.raises(StoreBusy):
            self.reopened(store).destroy(record.id)
        with store.using(record.id), self.reopened(store).using(record.id) as key:
            assert any(key)
        assert not self.ended(store, record.id).before


class WrappedSuite(KeyStoreSuite):
    """What every store whose keys a keeper wraps keeps to, too."""

    def folder(self) -> Path:
        """Where its records lie."""
        raise NotImplementedError

    def put(self, record: KeyRecord) -> None:
        """Write a record over what is there."""
        raise NotImplementedError

    def test_a_record_that_was_put_back_opens_nothing(self, store: KeyStore) -> None:
        record = created(store)
        self.ended(store, record.id)
        self.put(record)
        with pytest.raises(StoreDamaged, match="does not hold"), store.using(record.id):
            pass
        assert store.inspect(record.id) == ("key-not-found",)

    def test_what_the_system_refuses_is_told_and_names_no_path(self, store: KeyStore) -> None:
        record = created(store)
        folder, aside = self.folder(), self.folder().with_name("aside")
        (folder / "lock").unlink()
        (folder / "lock").symlink_to("elsewhere")
        self.refused(store, record)
        folder.rename(aside)
        folder.write_bytes(b"")
        self.refused(store, record)
        folder.unlink()
        aside.rename(folder)
        (folder / "lock").unlink()
        with store.using(record.id) as key:
            assert any(key)

    def refused(self, store: KeyStore, record: KeyRecord) -> None:
        for act in (
            lambda: created(store, "other"),
            lambda: store.destroy(record.id),
            lambda: store.settle(record.id),
            lambda: store.using(record.id).__enter__(),
        ):
            with pytest.raises(StoreDamaged, match="cannot be used") as told:
                act()
            assert str(self.folder()) not in told.value.message + told.value.hint

    def test_a_key_counts_in_its_own_record_only(self, store: KeyStore) -> None:
        one, two = created(store, "one"), created(store, "two")
        self.put(replace(two, place=one.place))
        with pytest.raises(StoreDamaged), store.using(two.id):
            pass
