"""What a reader finds, and how it travels between the two processes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

_HEAD = struct.Struct("<cQ")
_LARGE = 4 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Block:
    """Some records, as those of :class:`backends.content.Rows`."""

    data: bytes
    ends: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """The same for what is no record, as in :class:`backends.content.Beside`."""

    data: bytes
    ends: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Inner:
    """A value that is a document of its own, or, if `more` of it follows, a piece of one."""

    data: bytes
    more: bool = False


@dataclass(frozen=True, slots=True)
class Loose:
    """Bytes without delimiters, a run of their own; see :class:`backends.content.Raw`."""

    data: bytes
    freed: bool = False  # does not travel


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that could not be read, for this reason code."""

    reason: str


Found = Block | Names | Inner | Loose | Unread

BLOCK, NAMES, INNER, MORE, LOOSE, UNREAD, WANTED, END = (
    bytes([mark]) for mark in b"BNIMLUWE"
)  # what the reading process says; WANTED asks for bytes, END has a reason or none
_MARKS = {Block: BLOCK, Names: NAMES, Inner: INNER, Loose: LOOSE}


def send(file: BinaryIO, mark: bytes, payload: bytes) -> None:
    """Send one message."""
    file.write(_HEAD.pack(mark, len(payload)))
    file.write(payload)
    file.flush()


def receive(file: BinaryIO, most: int) -> tuple[bytes, bytes] | None:
    """Return a message's mark and payload; None where the other side is gone, or talks nonsense."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    mark, size = _HEAD.unpack(head)
    payload = file.read(size) if size <= most else b""
    return (mark, payload) if len(payload) == size else None


def pack(found: Found) -> tuple[bytes, bytes]:
    """Return the message for something found."""
    if isinstance(found, Unread):
        return UNREAD, found.reason.encode()
    if isinstance(found, Block | Names):
        ends = struct.pack(f"<{len(found.ends)}Q", *found.ends)
        return _MARKS[type(found)], struct.pack("<Q", len(found.ends)) + ends + found.data
    if isinstance(found, Inner) and found.more:
        return MORE, found.data
    return _MARKS[type(found)], found.data


def pieces(found: Found) -> Iterator[Found]:
    """Yield records in messages of a few MiB, as far as each by itself is no larger."""
    if not isinstance(found, Block | Names) or len(found.data) <= _LARGE:
        yield found
        return
    kind, begin, first = type(found), 0, 0
    for place, end in enumerate(found.ends):
        last = place + 1 == len(found.ends)
        if last or found.ends[place + 1] - begin > _LARGE:
            ends = tuple(each - begin for each in found.ends[first : place + 1])
            yield kind(found.data[begin:end], ends)
            begin, first = end, place + 1


def unpack(mark: bytes, payload: bytes) -> Found | None:
    """Return what a message tells of; None: it is none of these."""
    if mark == UNREAD:
        return Unread(payload.decode())
    if mark in {BLOCK, NAMES}:
        (count,) = struct.unpack_from("<Q", payload)
        ends = struct.unpack_from(f"<{count}Q", payload, 8)
        data = payload[8 + 8 * count :]
        if not ends or ends[-1] != len(data) or any(a > b for a, b in pairwise(ends)):
            return None
        return Block(data, ends) if mark == BLOCK else Names(data, ends)
    if mark in {INNER, MORE}:
        return Inner(payload, more=mark == MORE)
    return Loose(payload) if mark == LOOSE else None
