"""A transit engine with who may use it, and the records of the keys that it wraps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shredder import values
from shredder.keystores import (
    KeyRecord,
    KeyStore,
)
from shredder.keystores.wrapped import WrappedKeyStore
from tests.support.openbao import OpenBao


class Place:
    """A transit engine of its own, what may use it, and a folder for the records."""

    def __init__(self, server: OpenBao, folder: Path) -> None:
        self.server = server
        self.records = folder / "keys"
        self.mount = server.mounted()
        self.token = server.token(self.mount)

    def store(self, **more: Any) -> WrappedKeyStore:
        settings = {"mount": self.mount, "token": self.token, **more}
        return WrappedKeyStore(self.server.keeper(**settings), self.records)

    def put(self, record: KeyRecord) -> None:
        (self.records / f"{record.id}.json").write_bytes(values.dumps(record))

    def names(self) -> list[str]:
        """The keys that the server has, as it tells by itself."""
        status, said = self.server.said("LIST", f"{self.mount}/keys")
        assert status in {200, 404}
        return [str(each) for each in said.get("data", {}).get("keys", [])]

    def path(self, record: KeyRecord, more: str = "", engine: str = "keys") -> str:
        return f"{self.mount}/{engine}/shredder-{record.id}{more}"


def key_of(store: KeyStore, record: KeyRecord) -> bytes:
    with store.using(record.id) as key:
        return bytes(key)
