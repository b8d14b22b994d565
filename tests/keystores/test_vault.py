"""The key store `vault`, on OpenBao: a real server."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.contract import Finding
from shredder.keystores import (
    KeyDestroyed,
    KeyRecord,
    KeyState,
    KeyStore,
    NotErasable,
    StoreDamaged,
    Wrapping,
)
from shredder.keystores.errors import NoAccess, ServiceUnusable
from shredder.keystores.vaulthttp import Answer, VaultHttp
from tests.keystores.suite import WrappedSuite, created
from tests.keystores.vaulted import Place, key_of
from tests.support.openbao import OpenBao


@pytest.fixture
def place(openbao: OpenBao, tmp_path: Path) -> Place:
    return Place(openbao, tmp_path)


class TestVault(WrappedSuite):
    @pytest.fixture
    def store(self, place: Place) -> KeyStore:
        self.place = place
        return place.store()

    def reopened(self, store: KeyStore) -> KeyStore:
        return self.place.store()

    def folder(self) -> Path:
        return self.place.records

    def put(self, record: KeyRecord) -> None:
        self.place.put(record)


def test_it_claims_no_more_than_it_can_show(place: Place) -> None:
    store = place.store()
    record = created(store)
    assert (store.traits.erased_in_place, store.traits.exportable) == (False, True)
    assert record.wrapping is Wrapping.VAULT
    done = store.destroy(record.id)
    assert not done.in_place
    assert set(done.record.limitations) == {"server-erase-not-shown", "server-sees-key"}
    assert done.numbers == {"server-keys-destroyed": 1}
    assert "wrapped" not in done.record.place
    assert place.names() == []


def test_the_servers_key_was_made_in_it_and_does_not_leave(place: Place) -> None:
    record = created(place.store())
    said = place.server.ask("GET", place.path(record))
    assert (said["imported_key"], said["exportable"], said["type"]) == (
        False, False, "aes256-gcm96",
    )  # fmt: skip
    for engine, words in (("export/encryption-key", "not exportable"), ("backup", "disallowed")):
        status, told = place.server.said("GET", place.path(record, engine=engine))
        assert status >= 400
        assert words in str(told["errors"])
    assert place.server.said("DELETE", place.path(record))[0] == 400, "not before its end"


def test_no_file_here_holds_the_key_or_the_access_token(place: Place) -> None:
    record = created(place.store())
    key = key_of(place.store(), record)
    shown = (key, key.hex().encode(), base64.b64encode(key), place.token.encode())
    for path in (each for each in place.records.rglob("*") if each.is_file()):
        assert not any(each in path.read_bytes() for each in shown)


def test_another_engine_is_not_taken_for_it(place: Place) -> None:
    record = created(place.store())
    other = place.server.mounted()
    store = place.store(mount=other, token=place.server.token(other))
    for act in (lambda: key_of(store, record), lambda: store.destroy(record.id)):
        with pytest.raises(StoreDamaged, match="another server's"):
            act()
    assert store.verify(record.id).finding is Finding.INCONCLUSIVE


def test_an_engine_that_was_made_anew_has_not_its_keys(place: Place) -> None:
    record = created(place.store())
    place.server.ask("DELETE", f"sys/mounts/{place.mount}")
    with pytest.raises(NoAccess):
        place.store().destroy(record.id)
    place.server.ask("POST", f"sys/mounts/{place.mount}", {"type": "transit"})
    with pytest.raises(StoreDamaged, match="another server's"):
        place.store().destroy(record.id)
    assert place.store().verify(record.id).finding is Finding.INCONCLUSIVE


def test_a_path_that_leads_nowhere_shows_no_absence(place: Place) -> None:
    record = created(place.store())
    keeper = place.store(token=place.server.root)._keeper
    place.server.ask("DELETE", f"sys/mounts/{place.mount}")
    for act in (keeper.holds, keeper.altered, keeper.destroy):
        with pytest.raises(ServiceUnusable, match="answers 404"):
            act(record)


def test_an_engine_of_another_kind_is_refused(place: Place) -> None:
    place.server.ask("POST", f"sys/mounts/{place.mount}-kv", {"type": "kv"})
    store = place.store(mount=f"{place.mount}-kv", token=place.server.root)
    with pytest.raises(ServiceUnusable, match="no transit engine"):
        created(store)
    assert store.records() == []


def test_a_key_that_was_deleted_by_hand_is_not_called_destroyed(place: Place) -> None:
    record = created(place.store())
    place.server.ask("POST", place.path(record, "/config"), {"deletion_allowed": True})
    place.server.ask("DELETE", place.path(record))
    store = place.store()
    assert store.inspect(record.id) == ("key-not-found",)
    with pytest.raises(StoreDamaged, match="nobody can tell"):
        store.destroy(record.id)
    with pytest.raises(StoreDamaged, match="does not hold"):
        key_of(store, record)


def test_a_key_that_was_deleted_softly_is_not_gone(place: Place) -> None:
    store = place.store()
    record = created(store)
    place.server.ask("DELETE", place.path(record, "/soft-delete"))
    with pytest.raises(ServiceUnusable, match="can come back"):
        key_of(store, record)
    store.destroy(record.id)
    assert place.names() == []
    assert store.verify(record.id).finding is Finding.ABSENT


def test_all_versions_of_a_key_go(place: Place) -> None:
    store = place.store()
    record = created(store)
    first = str(bytes.fromhex(str(record.place["wrapped"])), "ascii")
    place.server.ask("POST", place.path(record, "/rotate"))
    assert key_of(store, record)
    encrypted = place.server.ask(
        "POST", place.path(record, engine="encrypt"), {"plaintext": "YWJj"}
    )
    assert (first[:9], encrypted["ciphertext"][:9]) == ("vault:v1:", "vault:v2:")
    store.destroy(record.id)
    for each in (first, encrypted["ciphertext"]):
        status, said = place.server.said("POST", place.path(record, engine="decrypt"), {"ciphertext": each})  # fmt: skip
        assert (status, said["errors"]) == (400, ["encryption key not found"])


def test_a_version_that_may_not_decrypt_is_no_missing_key(place: Place) -> None:
    store = place.store()
    record = created(store)
    place.server.ask("POST", place.path(record, "/rotate"))
    place.server.ask("POST", place.path(record, "/config"), {"min_decryption_version": 2})
    with pytest.raises(ServiceUnusable, match="by the key that it has") as told:
        key_of(store, record)
    assert "min_decryption_version" in told.value.hint
    assert store.destroy(record.id).record.state is KeyState.DESTROYED


@pytest.mark.parametrize("setting", ["exportable", "allow_plaintext_backup"])
def test_a_key_that_was_let_out_later_is_told(place: Place, setting: str) -> None:
    store = place.store()
    record = created(store)
    assert store.inspect(record.id) == ()
    place.server.ask("POST", place.path(record, "/config"), {setting: True})
    assert store.inspect(record.id) == ("wrapping-key-could-leave",)
    assert "wrapping-key-could-leave" in store.destroy(record.id).record.limitations


@pytest.mark.parametrize(
    "planted",
    [
        {"exportable": True},
        {"allow_plaintext_backup": True},
        {"derived": True},
        {"type": "chacha20-poly1305"},
    ],
)
def test_a_key_that_could_leave_is_not_used(place: Place, planted: dict[str, object]) -> None:
    """The server answers nothing to who makes a key anew that is there."""
    record = replace(created(place.store()), id="0" * 32)
    place.server.ask("POST", place.path(record), {"type": "aes256-gcm96", **planted})
    with pytest.raises(NotErasable):
        place.store()._keeper.wrap(record, b"k" * 32)


@pytest.mark.parametrize("name", ["wrapped", "keeper"])
def test_what_was_altered_in_a_record_is_noticed(place: Place, name: str) -> None:
    store = place.store()
    record = created(store)
    value = str(record.place[name])
    for altered in (("0" if value[0] != "0" else "1") + value[1:], value[:-1], value[:-8], ""):
        place.put(replace(record, place={**record.place, name: altered}))
        with pytest.raises(StoreDamaged):
            key_of(store, record)


def test_what_the_server_encrypted_is_bound_to_its_record(place: Place) -> None:
    record, keeper = created(place.store()), place.store()._keeper
    data = bytes.fromhex(str(record.place["wrapped"]))
    assert keeper.unwrap(record, data) == bytearray(key_of(place.store(), record))
    for altered in (replace(record, check="0" * 64), replace(record, public="0" * 64)):
        assert keeper.unwrap(altered, data) is None


def test_a_snapshot_that_was_put_back_is_refused_and_shown(place: Place) -> None:
    store = place.store()
    record = created(store)
    snapshot = place.server.snapshot()
    store.destroy(record.id)
    place.server.restore(snapshot)
    assert place.names() == [f"shredder-{record.id}"], "the server has it again"
    assert store.inspect(record.id) == ("key-restored",)
    assert store.verify(record.id).finding is Finding.RESIDUE
    with pytest.raises(KeyDestroyed):
        key_of(store, record)
    again = store.destroy(record.id)
    assert (again.before, "key-restored" in again.record.limitations) == (False, True)
    assert store.verify(record.id).finding is Finding.ABSENT


@pytest.mark.parametrize("missing", ["config", "delete"])
def test_a_server_that_only_says_that_it_deleted_is_not_believed(
    place: Place, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """A double between: one request of the end is answered and not carried out."""
    real, store = VaultHttp.ask, place.store()
    record = created(store)

    def lying(self: VaultHttp, method: str, path: str, body: Any = None) -> Answer:
        if path.endswith("/config") if missing == "config" else method == "DELETE":
            return Answer(204, {})
        return real(self, method, path, body)

    with monkeypatch.context() as patch:
        patch.setattr(VaultHttp, "ask", lying)
        with pytest.raises(ServiceUnusable):
            store.destroy(record.id)
    assert store.verify(record.id).finding is Finding.RESIDUE
    assert store.destroy(record.id).record.state is KeyState.DESTROYED
