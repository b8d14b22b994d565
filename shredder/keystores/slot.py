"""One slot of a key store's file: 4096 bytes that hold one key, or its tombstone, or nothing.

A slot has its content twice, 2048 bytes each with a digest of their own, so that a damaged sector
takes nothing away. In each, in this order: a magic line, state, wrapping and cost of scrypt (a
byte each) and a zero, key id, check value, public key, salt, nonce, how long the key is (two
bytes), the key and zeros up to 64 bytes, zeros, and at the end SHA-256 of all before.

A free slot is all zeros. One that is all of something else was being overwritten, or is damaged.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from enum import IntEnum

from shredder.keystores.contract import Wrapping
from shredder.keystores.material import NONCE_BYTES, SALT_BYTES, Wrapped, wipe

SLOT = 4096  # bytes; no device has larger sectors, and no page of the kernel's is smaller
FREE = bytes(SLOT)
_HALF = SLOT // 2
_MAGIC = b"shredder key v1\n"
_FIELDS = struct.Struct(f">16sBBBx16s32s32s{SALT_BYTES}s{NONCE_BYTES}sH")
_MOST = 64  # bytes at the most of a key as it lies, behind the fields
_WRAPPINGS = (Wrapping.NONE, Wrapping.PASSPHRASE, Wrapping.KEYRING)


class Holds(IntEnum):
    """What a slot's content is."""

    KEY = 1
    TOMBSTONE = 2


@dataclass(frozen=True, slots=True)
class Content:
    """What a slot says. `wrapped` is None in a tombstone."""

    id: bytes
    check: bytes
    public: bytes
    wrapped: Wrapped | None

    @property
    def bound(self) -> bytes:
        """What a wrapped key is bound to, so that it counts in no other slot's content."""
        return b"".join((_MAGIC, self.id, self.check, self.public))

    def tombstone(self) -> Content:
        """The same without the key."""
        return Content(self.id, self.check, self.public, None)


def packed(content: Content) -> bytearray:
    """A slot's 4096 bytes, for who writes them to wipe."""
    wrapped = content.wrapped
    empty = Wrapped(Wrapping.NONE, 0, bytes(SALT_BYTES), bytes(NONCE_BYTES), bytearray())
    holds, given = (Holds.TOMBSTONE, empty) if wrapped is None else (Holds.KEY, wrapped)
    fields = _FIELDS.pack(
        _MAGIC, holds, _WRAPPINGS.index(given.wrapping), given.cost, content.id, content.check,
        content.public, given.salt, given.nonce, len(given.data),
    )  # fmt: skip
    slot = bytearray(SLOT)
    for at in (0, _HALF):
        end = at + _HALF - hashlib.sha256().digest_size
        slot[at : at + len(fields)] = fields
        slot[at + len(fields) : at + len(fields) + len(given.data)] = given.data
        slot[end : at + _HALF] = hashlib.sha256(memoryview(slot)[at:end]).digest()
    return slot


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of a slot. No content, and not free: nothing of it can be read."""

    content: Content | None
    free: bool
    whole: bool  # both halves are as they were written


def unpacked(slot: bytes | bytearray) -> Read:
    """Read a slot; of two contents a tombstone counts, for it was written later.

    The one copy of a key that is made is the content's, for who reads it to wipe.
    """
    if slot == FREE:
        return Read(None, free=True, whole=True)
    halves = [_half(memoryview(slot)[at : at + _HALF]) for at in (0, _HALF)]
    found = [half for half in halves if half is not None]
    found.sort(key=lambda content: content.wrapped is not None)
    whole = bool(found) and halves[0] == halves[1]
    for other in found[1:]:
        if other.wrapped:
            wipe(other.wrapped.data)
    return Read(found[0] if found else None, free=False, whole=whole)


def _half(data: memoryview) -> Content | None:
    body, digest = data[:-32], data[-32:]
    if len(data) != _HALF or hashlib.sha256(body).digest() != digest:
        return None
    magic, holds, wrapping, cost, *texts, size = _FIELDS.unpack_from(body)
    if magic != _MAGIC or holds not in set(Holds) or wrapping >= len(_WRAPPINGS) or size > _MOST:
        return None
    key_id, check, public, salt, nonce = texts
    if holds == Holds.TOMBSTONE:
        return Content(key_id, check, public, None)
    key = bytearray(body[_FIELDS.size : _FIELDS.size + size])
    wrapped = Wrapped(_WRAPPINGS[wrapping], cost, salt, nonce, key)
    return Content(key_id, check, public, wrapped)
