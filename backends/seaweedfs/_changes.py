"""Reading the filer's log: which names were taken out of which folders.

A file of it is one entry after another, each behind its length (four bytes, big-endian): a LogEntry
with a SubscribeMetadataResponse in it. (weed/filer/filer_notify.go; weed/pb/filer.proto for the
fields; protobuf.dev/programming-guides/encoding for how they lie.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backends.seaweedfs._snappy import varint

_DATA = 3  # of a LogEntry
_DIRECTORY, _EVENT = 1, 2  # of a SubscribeMetadataResponse
_OLD, _NEW, _MOVED_TO = 1, 2, 4  # of an EventNotification
_NAME = 1  # of an Entry
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5


class NotAChange(ValueError):
    """The bytes are not those of the filer's log."""


@dataclass(frozen=True, slots=True)
class Removal:
    """A name that was taken out of a folder: removed, or moved elsewhere."""

    folder: str
    name: str

    @property
    def path(self) -> bytes:
        """Both, as the server would log them."""
        return f"{self.folder}/{self.name}".encode()


def removals(data: bytes) -> Iterator[Removal]:
    """Yield what a file of the log tells was removed, in its order. Raises NotAChange."""
    at = 0
    while at < len(data):
        start = at + 4
        at = start + int.from_bytes(data[at:start], "big")
        if at > len(data):
            raise NotAChange
        try:
            removal = _removal(_fields(data[start:at]).get(_DATA, b""))
        except (IndexError, UnicodeDecodeError):
            raise NotAChange from None
        if removal is not None:
            yield removal


def _removal(message: bytes) -> Removal | None:
    told = _fields(message)
    folder = told.get(_DIRECTORY, b"")
    event = _fields(told.get(_EVENT, b""))
    old, new = event.get(_OLD), event.get(_NEW)
    if old is None:
        return None
    name = _fields(old).get(_NAME, b"")
    if new is not None:
        place = event.get(_MOVED_TO, folder) or folder, _fields(new).get(_NAME, b"")
        if place == (folder, name):
            return None
    return Removal(folder.decode(), name.decode())


def _fields(message: bytes) -> dict[int, bytes]:
    """The fields of a message that have a length; of one that is repeated, the last."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        kind = tag & 7
        if kind == _VARINT:
            _, at = varint(message, at)
        elif kind in {_EIGHT, _FOUR}:
            at += 8 if kind == _EIGHT else 4
        elif kind == _BYTES:
            size, at = varint(message, at)
            found[tag >> 3] = message[at : at + size]
            at += size
        else:
            raise NotAChange
    if at != len(message):
        raise NotAChange
    return found
