"""Reading a volume's file: needles one after another, those that are live and those that are not.

A file begins with a super block of eight bytes and more if it says so. A needle has a head (cookie,
id, size; 4, 8 and 4 bytes, big-endian), a body of that size, a checksum, in version 3 a time, and
is filled up to eight bytes. The last needle of an id counts; one without a body deletes.
(weed/storage/needle, weed/storage/super_block in SeaweedFS 4.48.)
"""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

_HEAD = struct.Struct(">IQI")
_SUPER = 8
_ALIGN = 8
_COMPRESSED, _NAME, _MIME, _MODIFIED, _TTL, _PAIRS = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_LARGEST = 1 << 30  # of a needle: the filer's chunks have a few MiB
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Needle:
    """What one needle holds. `content` is unpacked; `labels` is what stands beside it."""

    live: bool
    content: bytes
    labels: bytes


class Volume:
    """One volume's file. A context manager. `broken`: from somewhere on it is not understood."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        self.size = os.fstat(self._file).st_size
        self.broken = False
        self._tail = 0  # where what is not understood begins

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def needles(self, *, live: bool, dead: bool) -> Iterator[Needle]:
        """Yield needles in the order in which they were appended."""
        ids, places, sizes = self._index()
        for place, size, is_live in zip(places, sizes, _live(ids, sizes), strict=True):
            if size and (live if is_live else dead):
                yield _needle(self._read(place + _HEAD.size, size), live=bool(is_live))

    def rest(self, step: int = 4 << 20) -> Iterator[bytes]:
        """Yield the bytes that are not understood, if there are any."""
        at = self._tail
        while self.broken and (data := os.pread(self._file, step, at)):
            yield data
            at += len(data)

    def _index(self) -> tuple[array[int], array[int], array[int]]:
        ids, places, sizes = array("Q"), array("Q"), array("I")
        head = self._read(0, _SUPER)
        version = head[0] if len(head) == _SUPER else 0
        if version not in {2, 3}:
            self.broken, self._tail = self.size > 0, 0
            return ids, places, sizes
        at = _SUPER + int.from_bytes(head[6:8], "big")
        foot = 4 + (8 if version == 3 else 0)
        while at + _HEAD.size <= self.size:
            _, identity, size = _HEAD.unpack(self._read(at, _HEAD.size))
            whole = _HEAD.size + size + foot
            whole += _ALIGN - whole % _ALIGN  # a whole one if it fits: the server fills so
            if size > _LARGEST or at + whole > self.size:
                break
            ids.append(identity)
            places.append(at)
            sizes.append(size)
            at += whole
        self.broken, self._tail = at < self.size, at
        return ids, places, sizes

    def _read(self, at: int, size: int) -> bytes:
        return os.pread(self._file, size, at)


def _live(ids: array[int], sizes: array[int]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which needles are the last of their id, and have a body."""
    every = np.frombuffer(ids, np.uint64) if ids else np.empty(0, np.uint64)
    live = np.zeros(len(every), np.bool_)
    _, first_from_the_end = np.unique(every[::-1], return_index=True)
    live[len(every) - 1 - first_from_the_end] = True
    return live & (np.frombuffer(sizes, np.uint32) > 0) if ids else live


def _needle(body: bytes, *, live: bool) -> Needle:
    size = int.from_bytes(body[:4], "big")
    content, rest = body[4 : 4 + size], body[4 + size :]
    flags, at = (rest[0], 1) if rest else (0, 0)
    labels: list[bytes] = []
    for flag in (_NAME, _MIME):
        if flags & flag and at < len(rest):
            labels.append(rest[at + 1 : at + 1 + rest[at]])
            at += 1 + rest[at]
    at += (5 if flags & _MODIFIED else 0) + (2 if flags & _TTL else 0)
    if flags & _PAIRS:
        labels.append(rest[at + 2 : at + 2 + int.from_bytes(rest[at : at + 2], "big")])
    if flags & _COMPRESSED and content.startswith(_GZIP):
        content = _unpacked(content)
    return Needle(live, content, b"\n".join(labels))


def _unpacked(data: bytes) -> bytes:
    """What the server has packed itself; as it is if it does not unpack."""
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return data
