"""The keys of a fingerprint, derived from the one that the key store holds.

Each purpose has a key of its own, so that a value published under one (the commitment is
signed and shown) tells nothing about the values kept under another (the token hashes).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Keys:
    """What is derived from a fingerprint's key; never shown."""

    tokens: bytes = field(repr=False)  # 16 bytes, SipHash-2-4
    raw: bytes = field(repr=False)  # 16 bytes, likewise: binary forms of values
    starts: bytes = field(repr=False)  # 24 bytes: of tokens, see `starts`
    veil: bytes = field(repr=False)  # 32 bytes: over the filter of these
    words: bytes = field(repr=False)  # 16 bytes, likewise: single words, which are not kept
    phrases: bytes = field(repr=False)  # 16 bytes, likewise: names and passages
    values: bytes = field(repr=False)  # 16 bytes, likewise: plain values
    rows: bytes = field(repr=False)  # 32 bytes: tells a record that is listed twice
    seal: bytes = field(repr=False)  # 32 bytes: the catalogue's integrity and commitment
    content: bytes = field(repr=False)  # 32 bytes: tells versions of content apart


def derive(key: bytes) -> Keys:
    """Derive the keys from the 32 bytes of the key store.

    Keyed BLAKE2b (RFC 7693) with a personalisation string for each purpose (BLAKE2, 2.8).
    Raises ValueError for a key of any other length.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"a fingerprint's key is {KEY_BYTES} bytes long")

    def purpose(label: bytes, size: int) -> bytes:
        return hashlib.blake2b(key=key, person=label, digest_size=size).digest()

    return Keys(
        tokens=purpose(b"shredder/tokens", 16),
        raw=purpose(b"shredder/raw", 16),
        starts=purpose(b"shredder/starts", 24),
        veil=purpose(b"shredder/veil", 32),
        words=purpose(b"shredder/words", 16),
        phrases=purpose(b"shredder/phrases", 16),
        values=purpose(b"shredder/values", 16),
        rows=purpose(b"shredder/rows", 32),
        seal=purpose(b"shredder/seal", 32),
        content=purpose(b"shredder/bytes", 32),
    )
