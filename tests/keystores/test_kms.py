"""The key store `aws-kms`, on a double as strict as AWS's documents."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from backends.contract import Finding, KeyErasure, Known, Technique
from backends.reference import ReferenceMatcher
from shredder import clock
from shredder.config import KEYS
from shredder.keystores import (
    KeyDestroyed,
    KeyDestruction,
    KeyExists,
    KeyRecord,
    KeyState,
    KeyStore,
    StoreDamaged,
    Wrapping,
)
from shredder.keystores.errors import ServiceUnusable
from shredder.keystores.holdings import KeyHoldings
from shredder.keystores.kms import Making
from shredder.plan import Decision, Item
from shredder.run.results import Outcome, Status
from shredder.run.settled import Settled, judged
from tests.keystores.account import DAYS, Account, key_of
from tests.keystores.suite import KeyStoreSuite, WrappedSuite, created
from tests.support.kms import OTHER_REGION, REGION
from tests.upper.scripted import holding

NOTHING = ReferenceMatcher({})


class TestKms(WrappedSuite):
    @pytest.fixture
    def store(self, account: Account) -> KeyStore:
        self.account = account
        return account.store()

    def reopened(self, store: KeyStore) -> KeyStore:
        return self.account.store()

    def folder(self) -> Path:
        return self.account.records

    def put(self, record: KeyRecord) -> None:
        self.account.put(record)

    def ended(self, store: KeyStore, key: str) -> KeyDestruction:
        assert store.destroy(key).record.state is KeyState.PENDING
        self.account.world.pass_days(DAYS)
        return store.destroy(key)


class TestImported(KeyStoreSuite):
    @pytest.fixture
    def store(self, account: Account) -> KeyStore:
        self.account = account
        return account.store(Making(imported=True))

    def reopened(self, store: KeyStore) -> KeyStore:
        return self.account.store(Making(imported=True))


def test_it_is_pending_until_kms_has_it_no_more(account: Account) -> None:
    store = account.store()
    record = created(store)
    assert (record.wrapping, store.traits.waits) == (Wrapping.KMS, DAYS)
    done = store.destroy(record.id)
    until = clock.stamp(account.world.now + dt.timedelta(days=DAYS))
    assert (done.record.state, done.record.until, done.in_place) == ("pending", until, False)
    assert done.numbers == {"kms-keys-ended": 1}
    assert "wrapped" not in done.record.place
    assert "kms-erase-not-shown" in done.record.limitations
    assert store.inspect(record.id) == ()
    found = store.verify(record.id)
    assert (found.finding, found.reason) == (Finding.RESIDUE, "deletion-window")
    with pytest.raises(KeyDestroyed):
        key_of(store, record)
    with pytest.raises(KeyExists, match="pending until"):
        created(store)
    account.world.pass_days(DAYS - 1)
    assert store.settle(record.id) == done.record
    account.world.pass_days(1)
    assert store.verify(record.id).finding is Finding.ABSENT, "also before it is settled"
    settled = store.settle(record.id)
    assert (settled.state, settled.until, bool(settled.destroyed)) == ("destroyed", "", True)
    assert store.destroy(record.id).before
    assert store.settle(record.id) == settled


def test_what_still_decrypts_is_not_going_whatever_kms_says(account: Account) -> None:
    store = account.store()
    record = created(store)
    store.destroy(record.id)
    account.world.slow = 1
    assert store.verify(record.id).reason == "key-deletion-cancelled"
    assert store.verify(record.id).reason == "deletion-window"


def test_what_a_crash_left_is_found_among_many(account: Account) -> None:
    store = account.store()
    for name in ("one", "two"):
        created(store, name)
    account.world.denied = {"Encrypt"}
    with pytest.raises(ServiceUnusable):
        created(store, "three")
    account.world.denied = set()
    created(store, "three")
    states = [key.state for key in account.world.keys.values()]
    assert states == ["Enabled", "Enabled", "PendingDeletion", "Enabled"]


def test_kms_may_be_late(account: Account) -> None:
    store = account.store()
    record = created(store)
    store.destroy(record.id)
    account.world.late = dt.timedelta(hours=24)
    account.world.pass_days(DAYS)
    assert store.settle(record.id).state is KeyState.PENDING
    assert store.verify(record.id).reason == "deletion-window"
    account.world.pass_days(1)
    assert store.settle(record.id).state is KeyState.DESTROYED


def test_a_deletion_that_was_cancelled_is_noticed(account: Account) -> None:
    store = account.store()
    record = created(store)
    pending = store.destroy(record.id).record
    arn = str(record.place["arn"])
    account.do("CancelKeyDeletion", arn)
    for state in ("Disabled", "Enabled"):
        assert account.key(record).state == state
        assert store.inspect(record.id) == ("key-deletion-cancelled",)
        found = store.verify(record.id)
        assert (found.finding, found.reason) == (Finding.RESIDUE, "key-deletion-cancelled")
        assert store.settle(record.id) == pending, "that schedules nothing"
        account.do("EnableKey", arn)
    with pytest.raises(KeyDestroyed):
        key_of(store, record)
    again = store.destroy(record.id)
    assert account.key(record).state == "PendingDeletion"
    assert (again.record.state, again.before) == ("pending", False)
    assert "key-deletion-cancelled" in again.record.limitations
    assert again.numbers == {"kms-keys-ended": 1}


def test_what_somebody_has_begun_is_taken_as_begun(account: Account) -> None:
    store = account.store()
    record = created(store)
    account.do("ScheduleKeyDeletion", str(record.place["arn"]), PendingWindowInDays=20)
    assert store.inspect(record.id) == ("key-deletion-begun",)
    with pytest.raises(ServiceUnusable, match="wait to be deleted"):
        key_of(store, record)
    done = store.destroy(record.id)
    assert done.record.until == clock.stamp(account.world.now + dt.timedelta(days=20))
    assert [each[0] for each in account.world.asked].count("ScheduleKeyDeletion") == 1


def test_a_key_with_replicas_goes_with_all_of_them(account: Account) -> None:
    making = Making(multi_region=True, window_days=DAYS)
    store = account.store(making)
    record = created(store)
    replica = account.replicated(record)
    done = store.destroy(record.id)
    assert (replica.state, account.key(record).state) == (
        "PendingDeletion",
        "PendingReplicaDeletion",
    )
    assert done.numbers == {"kms-keys-ended": 2}
    asked = [region for name, region, _ in account.world.asked if name == "ScheduleKeyDeletion"]
    assert asked == [OTHER_REGION, REGION]
    until = clock.stamp(account.world.now + dt.timedelta(days=2 * DAYS))
    assert done.record.until == until, "the primary's own wait begins after the replica's"
    account.world.late = dt.timedelta(hours=24)
    account.world.pass_days(DAYS + 1)
    assert replica.arn not in account.world.keys
    until = clock.stamp(account.world.now + dt.timedelta(days=DAYS))
    waits = store.settle(record.id)
    assert (waits.state, waits.until) == ("pending", until)
    account.world.pass_days(DAYS + 1)
    assert store.settle(record.id).state is KeyState.DESTROYED
    assert account.world.keys == {}


def test_a_replica_that_is_kept_is_not_called_gone(account: Account) -> None:
    store = account.store(Making(multi_region=True, window_days=DAYS))
    record = created(store)
    replica = account.replicated(record)
    store.destroy(record.id)
    account.do("CancelKeyDeletion", replica.arn)
    assert store.inspect(record.id) == ("key-deletion-cancelled",)
    # Were it made the primary, and what was the primary deleted:
    del account.world.keys[str(record.place["arn"])]
    replica.primary = True
    for state in ("Disabled", "Enabled"):
        assert replica.state == state
        assert store.settle(record.id).state is KeyState.PENDING
        assert store.verify(record.id).reason == "key-deletion-cancelled"
        account.do("EnableKey", replica.arn)


def test_a_multi_region_key_that_is_gone_unseen_is_not_called_gone(account: Account) -> None:
    store = account.store(Making(multi_region=True))
    record = created(store)
    account.world.keys.clear()
    with pytest.raises(StoreDamaged, match="nobody can tell"):
        store.destroy(record.id)
    assert store.verify(record.id).finding is Finding.INCONCLUSIVE


def test_imported_material_goes_at_once(account: Account) -> None:
    store = account.store(Making(imported=True, window_days=DAYS))
    record = created(store)
    assert (store.traits.waits, "kms-material-was-imported" in record.limitations) == (0, True)
    done = store.destroy(record.id)
    key = account.key(record)
    assert (done.record.state, key.state, key.material) == ("destroyed", "PendingDeletion", None)
    assert store.verify(record.id).finding is Finding.ABSENT
    account.do("CancelKeyDeletion", key.arn)
    assert key.state == "PendingImport"
    assert store.verify(record.id).finding is Finding.ABSENT, "a key without material"


def test_material_that_is_imported_anew_is_a_key_put_back(account: Account) -> None:
    store = account.store(Making(imported=True))
    record = created(store)
    key, material = account.key(record), account.key(record).material
    store.destroy(record.id)
    account.do("CancelKeyDeletion", key.arn)
    key.material, key.state = material, "Enabled"
    assert store.inspect(record.id) == ("key-restored",)
    assert store.verify(record.id).finding is Finding.RESIDUE
    again = store.destroy(record.id)
    assert (again.record.state, key.material) == ("destroyed", None)
    assert "key-restored" in again.record.limitations


def test_material_that_waits_with_its_key_is_not_called_gone(account: Account) -> None:
    """Somebody else has scheduled the key's deletion, and its material is still there."""
    store = account.store(Making(imported=True))
    record = created(store)
    account.do("ScheduleKeyDeletion", str(record.place["arn"]))
    assert store.inspect(record.id) == ("key-deletion-begun",)
    assert store.destroy(record.id).record.state is KeyState.DESTROYED
    assert account.key(record).material is None


def test_what_was_encrypted_is_bound_to_its_record(account: Account) -> None:
    store = account.store()
    one, two = created(store, "one"), created(store, "two")
    account.put(replace(two, place={**one.place}))
    with pytest.raises(StoreDamaged):
        key_of(store, two)
    for operation, _, asked in account.world.asked:
        if operation in {"Encrypt", "Decrypt"}:
            assert asked["EncryptionContext"]["shredder:dataset"] in {"one", "two"}
            assert asked["EncryptionContext"]["shredder:key"] in {one.id, two.id}


def test_no_file_holds_the_key_and_no_message_names_what_aws_says(account: Account) -> None:
    record = created(account.store())
    key = key_of(account.store(), record)
    for path in (each for each in account.records.parent.rglob("*") if each.is_file()):
        assert key not in path.read_bytes()
        assert key.hex().encode() not in path.read_bytes()
    account.world.denied = {"Decrypt"}
    with pytest.raises(ServiceUnusable) as told:
        key_of(account.store(), record)
    assert "111122223333" not in told.value.message + told.value.hint


def test_what_lies_elsewhere_and_is_sealed_to_it_is_gone_when_it_is(account: Account) -> None:
    """Of what was to end with a key, the key is looked for, whichever store it lies in."""
    store = account.store()
    record = created(store)
    done = store.destroy(record.id).record
    details = {"key": record.id, "clear": "no"}
    lying = holding(store="share", whole=Technique.OVERWRITE, details=details)
    item = Item("1", lying, Decision.DESTROY, Technique.CRYPTOGRAPHIC_ERASE, True, "")
    order = item.order()
    keys = KeyHoldings(KEYS, store.traits, record.dataset, store)
    before = KeyErasure(
        ever_in_clear=Known.NO, escrowed=Known.NO, backed_up=Known.NO, strength_bits=128,
        entropy_bits=256, scheduled=1,
    )  # fmt: skip
    waits = Settled(
        item,
        Outcome("1", "share", Status.PENDING, "deletion-window", until=done.until, erasure=before),
    )
    (found,) = keys.verify([order], NOTHING)
    assert judged(waits, found, set()).status is Status.PENDING
    account.world.pass_days(DAYS)
    (found,) = keys.verify([order], NOTHING)
    came = judged(waits, found, set())
    assert (came.status, came.looked) == (Status.VERIFIED, ("kms-keys",))
    assert came.erasure == replace(before, destroyed=1, scheduled=0)
