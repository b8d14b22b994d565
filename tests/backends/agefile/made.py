"""Keys, and files in one call."""

from __future__ import annotations

import io
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from backends.agefile import decrypted, encrypted

CHUNK = 1 << 16
SIZES = (0, 1, 15, 4096, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 17)
KEY, OTHER = bytes(range(32)), bytes(range(1, 33))


def public(key: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()


def content(size: int) -> bytes:
    return bytes(n * n % 251 for n in range(size))


def sealed(data: bytes, key: bytes = KEY) -> bytes:
    return b"".join(encrypted(io.BytesIO(data), public(key)))


def opened(data: bytes, keys: Sequence[bytes] = (KEY,)) -> bytes:
    return b"".join(decrypted(io.BufferedReader(io.BytesIO(data)), keys))
