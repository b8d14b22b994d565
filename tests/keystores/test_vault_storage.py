"""What a server's storage keeps of keys that it deleted: why their erasure is not shown.

The raft files of OpenBao, opened as its own barrier does: the unseal key opens the root key, that the
keyring, and that each entry (AES-256-GCM, bound to the entry's path).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shredder.keystores.keeper import bound
from tests.keystores.suite import created
from tests.keystores.vaulted import Place, key_of
from tests.support.openbao import OpenBao

KEYS = 20
HEAD = re.compile(rb"\x22([\x80-\xff]*[\x00-\x7f])\x00\x00\x00\x01\x02")  # length, term, version


def values_of(data: bytes, path: bytes) -> Iterator[bytes]:
    """What follows a path in raft's log: a length, and an entry of the barrier."""
    for found in re.finditer(re.escape(path), data):
        if head := HEAD.match(data, found.end()):
            size = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(head[1]))
            yield data[head.end(1) : head.end(1) + size]


def opened(key: bytes, value: bytes, path: bytes) -> bytes | None:
    try:
        return AESGCM(key).decrypt(value[5:17], value[17:], path)
    except InvalidTag:
        return None


def barrier_key(log: bytes, unsealing: bytes) -> bytes:
    """The key that the entries are encrypted by."""
    sealed = log.index(b"\x0a\x4c", log.index(b"core/hsm/barrier-unseal-keys")) + 2
    keys = AESGCM(unsealing).decrypt(
        log[sealed : sealed + 12], log[sealed + 12 : sealed + 76], None
    )
    root = base64.b64decode(json.loads(keys)[0])
    rings = (opened(root, each, b"core/keyring") for each in values_of(log, b"core/keyring"))
    ring = json.loads(next(each for each in rings if each is not None))
    return base64.b64decode(ring["Keys"][0]["Value"])


def test_a_deleted_key_stays_in_the_log_of_its_server(openbao: OpenBao, tmp_path: Path) -> None:
    place = Place(openbao, tmp_path)
    store = place.store()
    records = [created(store, f"dataset-{number}") for number in range(KEYS)]
    keys = [key_of(store, record) for record in records]
    wrapped = [bytes.fromhex(str(record.place["wrapped"])) for record in records]
    engine = store._keeper.identity()
    for record in records:
        assert "server-erase-not-shown" in store.destroy(record.id).record.limitations
    assert place.names() == []

    log = (openbao.folder / "raft" / "raft" / "raft.db").read_bytes()
    barrier, again = barrier_key(log, base64.b64decode(openbao.unsealing)), []
    for record, data in zip(records, wrapped, strict=True):
        path = f"logical/{engine}/policy/shredder-{record.id}".encode()
        policies = (opened(barrier, each, path) for each in values_of(log, path))
        policy = json.loads(next(each for each in policies if each is not None))
        raw = base64.b64decode(data.removeprefix(b"vault:v1:"))
        wrapping = base64.b64decode(policy["keys"]["1"]["key"])
        again.append(AESGCM(wrapping).decrypt(raw[:12], raw[12:], bound(record)))
    assert again == keys, "who has the storage, what unseals it and the old records has the keys"
