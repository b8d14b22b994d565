"""Reading what lies in the files of a LevelDB: every entry, also those that were deleted.

Tables keep entries in blocks, plain or packed by Snappy, each key as what differs from the one
before. Journals and manifests are logs of blocks of 32 KiB. (google/leveldb, doc/table_format.md,
doc/log_format.md; db/write_batch.cc and db/version_edit.cc for what the records are.)
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backends.seaweedfs._snappy import NotSnappy, unpacked, varint

_MAGIC = bytes.fromhex("57fb808b247547db")
_FOOTER = 48
_BLOCK = 32768
_PIECE = struct.Struct("<IHB")  # checksum, length, type
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_GZIP = b"\x1f\x8b"


class Damaged(ValueError):
    """A file is not what its name says. It may be being written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One put or deletion. A table's and a journal's numbers grow with time."""

    key: bytes
    value: bytes
    number: int
    put: bool  # False: it deletes


def entries(path: Path) -> Iterator[Entry]:
    """Yield what stands in one file of a LevelDB. Raises Damaged, OSError."""
    data = path.read_bytes()
    try:
        if path.suffix in {".ldb", ".sst"}:
            yield from _table(data)
        elif path.suffix == ".log":
            for record in _records(data):
                yield from _batch(record)
        elif path.name.startswith("MANIFEST-"):
            for record in _records(data):
                yield from _edit(record)
    except (IndexError, NotSnappy, struct.error):
        raise Damaged(path.suffix) from None


def _table(data: bytes) -> Iterator[Entry]:
    if data[-8:] != _MAGIC:
        raise Damaged
    footer = data[-_FOOTER:]
    _, at = varint(footer, 0)
    _, at = varint(footer, at)
    place, at = varint(footer, at)
    size, _ = varint(footer, at)
    for _, handle in _pairs(_block(data, place, size)):
        place, at = varint(handle, 0)
        size, _ = varint(handle, at)
        for key, value in _pairs(_block(data, place, size)):
            yield _entry(key, value)


def _block(data: bytes, place: int, size: int) -> bytes:
    kind = data[place + size]
    block = data[place : place + size]
    if kind == 1:
        return unpacked(block)
    if kind:
        raise Damaged
    return block


def _pairs(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 - 4 * restarts
    at, key = 0, b""
    while at < end:
        shared, at = varint(block, at)
        fresh, at = varint(block, at)
        size, at = varint(block, at)
        key = key[:shared] + block[at : at + fresh]
        at += fresh
        yield key, block[at : at + size]
        at += size


def _entry(key: bytes, value: bytes) -> Entry:
    """A key's last eight bytes are its number and whether it puts."""
    tail = int.from_bytes(key[-8:], "little")
    return Entry(key[:-8], _plain(value), tail >> 8, bool(tail & 1))


def _plain(value: bytes) -> bytes:
    """The filer packs the long ones."""
    if value.startswith(_GZIP):
        try:
            return gzip.decompress(value)
        except (OSError, EOFError, zlib.error):
            return value
    return value


def _records(data: bytes) -> Iterator[bytes]:
    """Put records together; one whose end is not there yet is told as far as it goes."""
    held = b""
    for start in range(0, len(data), _BLOCK):
        block = data[start : start + _BLOCK]
        at = 0
        while at + _PIECE.size <= len(block):
            _, length, kind = _PIECE.unpack_from(block, at)
            if kind not in {_FULL, _FIRST, _MIDDLE, _LAST}:
                break  # what is left of a block is filled up
            piece = block[at + _PIECE.size : at + _PIECE.size + length]
            at += _PIECE.size + length
            held = piece if kind in {_FULL, _FIRST} else held + piece
            if kind in {_FULL, _LAST}:
                yield held
                held = b""
    if held:
        yield held


def _batch(record: bytes) -> Iterator[Entry]:
    number, at = int.from_bytes(record[:8], "little"), 12
    while at < len(record):
        put = record[at] == 1
        size, at = varint(record, at + 1)
        key = record[at : at + size]
        at += size
        value = b""
        if put:
            size, at = varint(record, at)
            value = record[at : at + size]
            at += size
        yield Entry(key, _plain(value), number, put)
        number += 1


def _edit(record: bytes) -> Iterator[Entry]:
    """The keys in a manifest: each table's first and last, and where compacting has come to."""
    at = 0
    while at < len(record):
        tag, at = varint(record, at)
        keys, numbers = {1: (1, 0), 5: (1, 1), 6: (0, 2), 7: (2, 3)}.get(tag, (0, 1))
        for _ in range(numbers):
            _, at = varint(record, at)
        for _ in range(keys):
            size, at = varint(record, at)
            if tag != 1:  # the comparator's name
                yield _entry(record[at : at + size], b"")
            at += size
