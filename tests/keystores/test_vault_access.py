"""The key store `vault`: who may use it, and a server that cannot be asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from backends.contract import Finding
from shredder.errors import UsageError
from shredder.keystores import (
    KeyDestroyed,
    KeyState,
)
from shredder.keystores.errors import NoAccess, ServiceUnusable
from tests.keystores.suite import created
from tests.keystores.vaulted import Place, key_of
from tests.support.certificates import issued
from tests.support.openbao import POLICY, OpenBao


@pytest.fixture
def place(openbao: OpenBao, tmp_path: Path) -> Place:
    return Place(openbao, tmp_path)


@pytest.mark.parametrize("token", [None, "", "s.nobody", "naïve", "two\nlines"])
def test_without_its_access_token_nothing_is_done(place: Place, token: str | None) -> None:
    record = created(place.store())
    refusing = place.store(token=token)
    acts: list[Callable[[], object]] = [
        lambda: key_of(refusing, record),
        lambda: refusing.destroy(record.id),
        lambda: created(refusing, "another"),
    ]
    for act in acts:
        with pytest.raises(NoAccess, match="access token") as told:
            act()
        assert "SHREDDER_KEYS_ACCESS_TOKEN" in told.value.hint
        assert not token or token not in told.value.message + told.value.hint
    assert refusing.verify(record.id).finding is Finding.INCONCLUSIVE
    assert refusing.inspect(record.id) == ("key-store-unreadable",)
    assert place.store().records() == [record]
    assert key_of(place.store(), record)


def test_an_access_token_that_was_revoked_in_mid_run(place: Place) -> None:
    store = place.store()
    record = created(store)
    place.server.ask("POST", "auth/token/revoke", {"token": place.token})
    with pytest.raises(NoAccess, match="has expired"):
        store.destroy(record.id)
    place.token = place.server.token(place.mount)
    assert place.store().destroy(record.id).record.state is KeyState.DESTROYED


@pytest.mark.parametrize(
    ("without", "act", "words"),
    [
        ("delete", "destroy", "`delete` on"),
        ("read", "destroy", "`read` on"),
        ("decrypt", "use", "/decrypt/"),
        ("encrypt", "create", "/encrypt/"),
    ],
)
def test_what_the_policy_does_not_allow_is_named(
    place: Place, without: str, act: str, words: str
) -> None:
    record = created(place.store())
    lacking = POLICY.replace(f'"{without}"', '"list"').replace(f"/{without}/", "/elsewhere/")
    store = place.store(token=place.server.token(place.mount, lacking))
    acts: dict[str, Callable[[], object]] = {
        "destroy": lambda: store.destroy(record.id),
        "use": lambda: key_of(store, record),
        "create": lambda: created(store, "another"),
    }
    with pytest.raises(NoAccess, match=words):
        acts[act]()
    assert place.store().destroy(record.id).record.state is KeyState.DESTROYED
    assert created(place.store(), "another").state is KeyState.LIVE
    assert len(place.names()) == 1, "what was begun is gone"


def test_an_access_token_in_a_file_is_read_anew(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "sink"
    store = place.store(token=None, token_file=file)
    with pytest.raises(NoAccess):
        created(store)
    file.write_text(f"{place.token}\n")
    record = created(store)
    file.write_text("s.old")
    with pytest.raises(NoAccess):
        key_of(store, record)
    file.write_text(place.server.token(place.mount))
    assert key_of(store, record)


def test_a_server_that_is_away_and_one_that_is_sealed(openbao: OpenBao, place: Place) -> None:
    store = place.store()
    record = created(store)
    key = key_of(store, record)
    openbao.stop()
    try:
        for words in ("cannot be reached", "is sealed"):
            if words == "is sealed":
                openbao.start()
            with pytest.raises(ServiceUnusable, match=words):
                key_of(store, record)
            with pytest.raises(ServiceUnusable, match=words):
                store.destroy(record.id)
            with pytest.raises(ServiceUnusable, match=words):
                created(store, "another")
            assert store.verify(record.id).finding is Finding.INCONCLUSIVE
            assert store.inspect(record.id) == ("key-store-unreadable",)
            assert store.records() == [record], "no record of a key that was not begun"
    finally:
        openbao.unseal()
    assert key_of(store, record) == key


def test_a_refusal_between_two_steps_of_an_end(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = place.store()
    record = created(store)
    keeper = store._keeper
    with monkeypatch.context() as patch:
        patch.setattr(
            keeper, "unwrap", lambda *_: place.server.keeper(place.mount, "s.x").identity()
        )
        with pytest.raises(NoAccess):
            store.destroy(record.id)
    with pytest.raises(KeyDestroyed):
        key_of(store, record)
    assert store.inspect(record.id) == ("key-unfinished",)
    assert store.destroy(record.id).record.state is KeyState.DESTROYED


def test_a_namespace_is_not_its_neighbour(place: Place) -> None:
    name = f"tenant-{place.mount}"
    place.server.ask("POST", f"sys/namespaces/{name}")
    mount = place.server.mounted(namespace=name)
    token = place.server.token(mount, namespace=name)
    store = place.store(mount=mount, token=token, namespace=name)
    record = created(store)
    assert key_of(store, record)
    with pytest.raises(NoAccess):
        key_of(place.store(mount=mount, token=token), record)
    assert store.destroy(record.id).record.state is KeyState.DESTROYED


@pytest.mark.parametrize(
    ("status", "content", "words"),
    [
        (200, b"<html>", "no server of keys"),
        (200, b"[]", "no server of keys"),
        (200, b"[" * 200_000, "no server of keys"),
        (307, b"", "leads elsewhere"),
        (429, b'{"errors": []}', "asked too much"),
        (500, b'{"errors": ["1 error occurred"]}', "no transit engine"),
        (404, b'{"errors": []}', "no transit engine"),
        (200, b'{"data": {"type": "transit"}}', "no transit engine"),
        (0, b"", "cannot be reached, or broke off"),
    ],
)
def test_what_other_servers_answer(place: Place, status: int, content: bytes, words: str) -> None:
    """OpenBao gives none of these when it is asked: a double does."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if not status:
                return
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        store = place.store(address=f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(ServiceUnusable, match=words):
            created(store)
        thread.join()
    assert len(asked) == 1
    assert store.records() == []


def test_a_server_is_known_by_its_certificate(place: Place, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    issued(other, tmp_path / "other.key")
    for ca_file in (other, None):
        with pytest.raises(ServiceUnusable, match="not trusted"):
            created(place.store(ca_file=ca_file))
    elsewhere = place.server.address.replace("127.0.0.1", "localhost")
    with pytest.raises(ServiceUnusable, match="not trusted"):
        created(place.store(address=elsewhere))
    with pytest.raises(ServiceUnusable, match="ca_file"):
        created(place.store(ca_file=tmp_path / "nowhere.pem"))


@pytest.mark.parametrize(
    "address", ["http://keys.example.org:8200", "keys:8200", "ftp://127.0.0.1"]
)
def test_keys_pass_in_the_clear_within_this_machine_only(place: Place, address: str) -> None:
    with pytest.raises(UsageError, match="https://"):
        place.store(address=address)


@pytest.mark.parametrize(
    "address",
    [
        "https://", "https://[::1", "https://keys:port", "https://keys:99999",
        "https://keys..example.org", f"https://{'k' * 64}",
    ],
)  # fmt: skip
def test_what_is_no_address_is_told(place: Place, address: str) -> None:
    with pytest.raises(UsageError, match="is none"):
        place.store(address=address)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (503, "sealed, or not yet ready"),
        (307, "leads elsewhere"),
        (500, "answers 500"),
    ],
)
def test_a_server_that_closes_between_two_answers_says_nothing_of_the_access_token(
    place: Place, status: int, words: str
) -> None:
    answers = [403, status]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answers.pop(0))
            self.send_header("Location", "http://127.0.0.1:1/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:

        def two() -> None:
            server.handle_request()
            server.handle_request()

        thread = threading.Thread(target=two)
        thread.start()
        store = place.store(address=f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(ServiceUnusable, match=words):
            created(store)
        thread.join()
    assert answers == []
