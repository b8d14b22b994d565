"""What can go wrong with AWS KMS: each is a clear error, and nothing is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.contract import Finding
from shredder.errors import UsageError
from shredder.keystores import (
    KeyState,
    KeyStore,
    NoKey,
    StoreDamaged,
)
from shredder.keystores.errors import ServiceUnusable
from shredder.keystores.kms import Kms, Making
from shredder.keystores.kmsapi import Service
from shredder.keystores.wrapped import WrappedKeyStore
from tests.keystores.account import DAYS, Account, key_of
from tests.keystores.suite import created
from tests.support.kms import OTHER_REGION, REGION, Key


@pytest.mark.parametrize(
    ("operation", "making"),
    [
        ("CreateKey", Making()),
        ("Encrypt", Making()),
        ("Decrypt", Making()),
        ("GetParametersForImport", Making(imported=True)),
        ("ImportKeyMaterial", Making(imported=True)),
    ],
)
def test_a_permission_that_is_missing_is_named_when_a_key_is_made(
    account: Account, operation: str, making: Making
) -> None:
    account.world.denied = {operation}
    with pytest.raises(ServiceUnusable, match=f"does not allow kms:{operation} "):
        created(account.store(making))
    account.world.denied = {"ListKeys"}
    if account.world.keys and operation != "Decrypt":
        with pytest.raises(ServiceUnusable, match="does not allow kms:ListKeys "):
            created(account.store(making))
    account.world.denied = set()
    for begun in account.store(making).records():
        if begun.state is KeyState.DESTROYING:
            account.store(making).destroy(begun.id)
            account.world.pass_days(30)
    record = created(account.store(making))
    assert len(key_of(account.store(making), record)) == 32
    left = [key for key in account.world.keys.values() if key.arn != record.place["arn"]]
    assert all(key.state == "PendingDeletion" for key in left), "what was begun is ended"


@pytest.mark.parametrize(
    ("operation", "making"),
    [
        ("DescribeKey", Making()),
        ("ScheduleKeyDeletion", Making()),
        ("DeleteImportedKeyMaterial", Making(imported=True)),
    ],
)
def test_a_permission_that_is_missing_is_named_when_one_is_destroyed(
    account: Account, operation: str, making: Making
) -> None:
    store = account.store(making)
    record = created(store)
    account.world.denied = {operation}
    with pytest.raises(ServiceUnusable, match=f"does not allow kms:{operation} ") as told:
        store.destroy(record.id)
    assert "policy" in told.value.hint
    assert account.key(record).state == "Enabled"
    account.world.denied = set()
    assert store.destroy(record.id).record.state in {KeyState.PENDING, KeyState.DESTROYED}


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("http://kms.example.org", "must begin with https://"),
        ("kms.example.org", "must begin with https://"),
        ("https://kms.example.org:port", "is none"),
    ],
)
def test_keys_pass_to_no_other_machine_in_the_clear(endpoint: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as told:
        Service(REGION, endpoint)
    assert "endpoint_url" in told.value.hint


def test_a_key_that_may_not_be_tried_is_not_called_gone(account: Account) -> None:
    store = account.store()
    record = created(store)
    store.destroy(record.id)
    account.world.pass_days(DAYS)
    account.world.keys[str(record.place["arn"])] = Key(str(record.place["arn"]), {}, 0)
    account.world.denied = {"DescribeKey"}
    assert store.verify(record.id).finding is Finding.INCONCLUSIVE


def test_a_disabled_key_is_a_clear_error_and_can_be_destroyed(account: Account) -> None:
    store = account.store()
    record = created(store)
    account.do("DisableKey", str(record.place["arn"]))
    with pytest.raises(ServiceUnusable, match="disabled") as told:
        key_of(store, record)
    assert "enable-key" in told.value.hint
    assert store.destroy(record.id).record.state is KeyState.PENDING


def test_another_account_is_not_taken_for_it(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = created(account.store())
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDTWO")
    other = account.store()
    for act in (lambda: key_of(other, record), lambda: other.destroy(record.id)):
        with pytest.raises(StoreDamaged, match="another key service's"):
            act()
    assert other.inspect(record.id) == ("key-store-unreadable",)
    assert other.verify(record.id).finding is Finding.INCONCLUSIVE
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDNONE")
    with pytest.raises(ServiceUnusable, match="does not know the credentials"):
        key_of(account.store(), record)


def test_a_key_is_found_in_its_own_region_wherever_others_are_made(account: Account) -> None:
    record = created(account.store())
    elsewhere = account.store(region=OTHER_REGION)
    assert len(key_of(elsewhere, record)) == 32
    assert f":{OTHER_REGION}:" in str(created(elsewhere, "another").place["arn"])
    assert elsewhere.destroy(record.id).record.state is KeyState.PENDING


def test_what_is_throttled_is_asked_again_and_then_told(account: Account) -> None:
    store = account.store()
    record = created(store)
    account.world.throttled = 1
    assert len(key_of(store, record)) == 32
    account.world.throttled = 99
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.sleep", lambda _: None)
        with pytest.raises(ServiceUnusable, match="too often"):
            key_of(store, record)


def test_a_service_that_is_away_is_told(account: Account) -> None:
    record = created(account.store())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.sleep", lambda _: None)
        gone = WrappedKeyStore(
            Kms(Service(REGION, "http://127.0.0.1:9"), Making()), account.records
        )
        with pytest.raises(ServiceUnusable, match="cannot be asked"):
            key_of(gone, record)
        assert gone.verify(record.id).finding is Finding.INCONCLUSIVE


def test_kms_is_waited_for_until_it_decrypts_no_more(account: Account) -> None:
    store = account.store()
    record = created(store)
    account.world.slow = 2
    assert store.destroy(record.id).record.state is KeyState.PENDING
    other = created(store, "other")
    account.world.slow = 99
    with pytest.raises(ServiceUnusable, match="still decrypts"):
        store.destroy(other.id)
    assert store.record(other.id).state is KeyState.DESTROYING
    account.world.slow = 0
    assert store.destroy(other.id).record.state is KeyState.PENDING


@pytest.mark.parametrize("imported", [False, True])
def test_kms_is_waited_for_until_it_shows_that_a_key_waits(
    account: Account, imported: bool
) -> None:
    store = account.store(Making(imported=imported, window_days=DAYS))
    end = KeyState.DESTROYED if imported else KeyState.PENDING
    record = created(store)
    account.world.behind = 2
    done = store.destroy(record.id).record
    assert (done.state, bool(done.until)) == (end, not imported)
    assert store.verify(record.id).reason == ("" if imported else "deletion-window")
    other = created(store, "other")
    account.world.behind = 99
    with pytest.raises(ServiceUnusable, match="does not show that a key waits"):
        store.destroy(other.id)
    assert store.record(other.id).state is KeyState.DESTROYING
    account.world.behind = 0
    assert store.destroy(other.id).record.state is end


def test_a_key_that_waits_for_nobody_knows_how_long_is_not_called_destroyed(
    account: Account,
) -> None:
    store = account.store()
    record = created(store)
    account.world.dated = False
    with pytest.raises(ServiceUnusable, match="until when"):
        store.destroy(record.id)
    assert store.record(record.id).state is KeyState.DESTROYING
    account.world.dated = True
    pending = store.destroy(record.id).record
    account.world.dated = False
    with pytest.raises(ServiceUnusable, match="until when"):
        store.settle(record.id)
    assert store.record(record.id) == pending
    assert store.verify(record.id).finding is Finding.INCONCLUSIVE


def test_a_key_that_was_deleted_by_hand_is_not_called_destroyed(account: Account) -> None:
    store = account.store()
    record = created(store)
    account.world.keys.clear()
    assert store.inspect(record.id) == ("key-not-found",)
    with pytest.raises(StoreDamaged, match="nobody can tell"):
        store.destroy(record.id)


def test_a_key_that_was_never_finished_is_none(account: Account) -> None:
    account.world.denied = {"CreateKey"}
    with pytest.raises(ServiceUnusable):
        created(account.store())
    (record,) = account.store().records()
    with pytest.raises(NoKey):
        key_of(account.store(), record)
    ended = account.store(Making(imported=True)).destroy(record.id).record
    assert (ended.state, "material" in ended.place) == (KeyState.DESTROYED, False)


@pytest.mark.parametrize("probe", [None, "", "no digits"])
def test_a_key_that_cannot_be_tried_is_not_said_to_open_nothing(
    account: Account, probe: str | None
) -> None:
    store = account.store()
    record, pending = created(store), created(store, "pending")
    store.destroy(pending.id)
    for each in store.records():
        place = {name: said for name, said in each.place.items() if name != "probe"}
        account.put(replace(each, place=place if probe is None else {**place, "probe": probe}))
    assert store.verify(record.id).finding is Finding.RESIDUE, "KMS shows that it is there"
    assert store.verify(pending.id).finding is Finding.INCONCLUSIVE
    assert store.inspect(pending.id) == ("key-store-unreadable",)
    with pytest.raises(StoreDamaged, match="cannot be tried"):
        store.settle(pending.id)
    with pytest.raises(StoreDamaged, match="cannot be tried"):
        store.destroy(record.id)
    assert store.record(record.id).state is KeyState.DESTROYING
    assert account.key(record).state == "PendingDeletion"
    account.world.pass_days(DAYS)
    assert store.settle(pending.id).state is KeyState.DESTROYED, "what is not there opens nothing"
    assert store.destroy(record.id).record.state is KeyState.DESTROYED


def test_what_was_not_encrypted_by_a_key_shows_nothing_of_it(account: Account) -> None:
    store = account.store()
    record = created(store)
    account.put(replace(record, place={**record.place, "probe": "00" * 64}))
    account.world.slow = 99
    with pytest.raises(StoreDamaged, match="cannot be tried"):
        store.destroy(record.id)
    account.world.slow = 0
    done = store.destroy(record.id).record
    assert done.state is KeyState.PENDING, "a key in that state opens nothing"


def test_what_a_crash_left_is_looked_for_in_the_region_that_it_was_made_in(
    account: Account,
) -> None:
    """Twice there, as where the answer to a request was lost, and boto3 repeated it."""
    account.world.denied = {"Encrypt"}
    with pytest.raises(ServiceUnusable):
        created(account.store())
    (record,) = account.store().records()
    account.world.denied = set()
    twice = account.world.only()
    asked = {"Description": twice.description}
    again = account.world.answer("CreateKey", REGION, "111122223333", asked)
    elsewhere = account.store(region=OTHER_REGION)
    made = created(elsewhere)
    states = {arn: key.state for arn, key in account.world.keys.items()}
    assert states == {
        twice.arn: "PendingDeletion",
        again["KeyMetadata"]["Arn"]: "PendingDeletion",
        str(made.place["arn"]): "Enabled",
    }
    assert store_state(elsewhere, record.id) is KeyState.PENDING


def test_where_a_key_was_begun_nobody_knows(account: Account) -> None:
    account.world.denied = {"CreateKey"}
    with pytest.raises(ServiceUnusable):
        created(account.store())
    (record,) = account.store().records()
    account.world.denied = set()
    place = {name: said for name, said in record.place.items() if name != "region"}
    account.put(replace(record, place=place))
    with pytest.raises(StoreDamaged, match="no Region"):
        account.store().destroy(record.id)
    assert store_state(account.store(), record.id) is KeyState.MAKING


def store_state(store: KeyStore, key: str) -> KeyState:
    return store.record(key).state
