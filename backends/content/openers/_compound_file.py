"""OLE 2 compound files ([MS-CFB]): a file system of sectors in a file."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from backends.content import Bounds, Stop

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LAST = 0xFFFFFFFA  # what is larger is no sector's number
_HEAD, _ENTRY, _MINI = 512, 128, 64
_IN_HEAD = 109  # sectors of the table that the header names
_STREAM, _ROOT = 2, 5


@dataclass(frozen=True, slots=True)
class Entry:
    """A stream, by the directory."""

    name: str
    start: int
    size: int
    kind: int = _STREAM


class CompoundFile:
    """Reads the directory, and streams. Raises Stop where it is damaged."""

    def __init__(self, file: BinaryIO, bounds: Bounds) -> None:
        self._file = file
        size = file.seek(0, 2)
        file.seek(0)
        head = file.read(_HEAD)
        if len(head) < _HEAD or not head.startswith(MAGIC):
            raise Stop("damaged-container")
        (self._shift,) = struct.unpack_from("<H", head, 30)
        if self._shift not in {9, 12}:
            raise Stop("damaged-container")
        self._count = size >> self._shift
        bounds.hold(8 * self._count + _ENTRY * self._count)  # the tables, and a directory
        _, directory, _, self._cutoff, mini, _, more, _ = struct.unpack_from("<8I", head, 44)
        self._table = self._sectors(self._places(head, more))
        self._small = self._sectors(list(self._chain(mini, self._table)))
        entries = list(self._entries(directory))
        self.streams = [entry for entry in entries if entry.kind == _STREAM]
        self._root = next((entry for entry in entries if entry.kind == _ROOT), None)

    def chunks(self, entry: Entry) -> Iterator[bytes]:
        """Yield a stream's bytes. Raises Stop where its sectors do not suffice."""
        left = entry.size
        pieces = self._mini(entry) if left < self._cutoff else self._of(entry.start)
        for piece in pieces:
            if left <= 0:
                return
            yield piece[:left]
            left -= len(piece)
        if left > 0:
            raise Stop("damaged-container")

    def _of(self, start: int) -> Iterator[bytes]:
        for number in self._chain(start, self._table):
            yield self._sector(number)

    def _mini(self, entry: Entry) -> Iterator[bytes]:
        """Yield the pieces of a small stream, which lie in the root's."""
        if not self._root:
            raise Stop("damaged-container")
        places = list(self._chain(self._root.start, self._table))
        each = 1 << self._shift
        for number in self._chain(entry.start, self._small):
            place, offset = divmod(number * _MINI, each)
            if place >= len(places):
                raise Stop("damaged-container")
            yield self._sector(places[place])[offset : offset + _MINI]

    def _sector(self, number: int) -> bytes:
        self._file.seek((number + 1) << self._shift)
        data = self._file.read(1 << self._shift)
        if not data:
            raise Stop("damaged-container")
        return data

    def _places(self, head: bytes, more: int) -> list[int]:
        """Return the sectors that the table of sectors is in."""
        places = list(struct.unpack_from(f"<{_IN_HEAD}I", head, 76))
        for _ in range(self._count):
            if more >= _LAST:
                break
            *found, more = struct.unpack(f"<{(1 << self._shift) // 4}I", self._sector(more))
            places += found
            if len(places) > self._count + _IN_HEAD:
                raise Stop("damaged-container")
        return [place for place in places if place < _LAST]

    def _sectors(self, places: list[int]) -> array[int]:
        table = array("I")
        for place in places:
            data = self._sector(place)
            table.frombytes(data[: len(data) // 4 * 4])
            if len(table) > 2 * self._count + _HEAD * 16:
                raise Stop("damaged-container")
        return table

    def _chain(self, number: int, table: array[int]) -> Iterator[int]:
        """Yield the sectors of a stream. Raises Stop for a circle."""
        for _ in range(len(table) + 1):
            if number >= _LAST:
                return
            if number >= len(table):
                break
            yield number
            number = table[number]
        raise Stop("damaged-container")

    def _entries(self, start: int) -> Iterator[Entry]:
        for sector in self._of(start):
            for at in range(0, len(sector) - _ENTRY + 1, _ENTRY):
                length, kind = struct.unpack_from("<HB", sector, at + 64)
                first, size = struct.unpack_from("<IQ", sector, at + 116)
                # Writers of version 3 leave the upper half of the size to chance.
                size = size & 0xFFFFFFFF if self._shift == 9 else size
                if kind in {_STREAM, _ROOT}:
                    name = sector[at : at + max(0, min(length, 64) - 2)]
                    yield Entry(name.decode("utf-16-le", "replace"), first, size, kind)
