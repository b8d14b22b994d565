"""Segments of the write-ahead log: one stream of records, and the images of pages in them.

Every 8 KiB begin with a page header of 24 bytes, 40 at the beginning of a segment; what it says of
the page's own address tells whether the page goes on from the one before, or was written at
another time, as the rest of a recycled segment was. Without the headers records follow one
another, each from a multiple of eight on ("WAL Internals"; ``xlogrecord.h``). Images are
compressed by pglz, lz4 or zstd where the server is set so, and lack the free space of the page.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from backends.postgres.raw.compiled import Bytes, Numbers, array_of, compiled, number
from backends.postgres.raw.pages import PAGE
from backends.postgres.raw.separate import half_at, word_at

WAL_PAGE = 8192  # bytes; servers with other sizes are not read
_SHORT_HEAD, _LONG_HEAD = 24, 40
_LONG = 0x2  # of a page header's flags
_MAGIC_LOW, _MAGIC_HIGH = 0xD106, 0xD1FF  # of 13 and later
_SINCE_15 = 0xD110  # flags of images have other meanings from here on
_RECORD = 24  # bytes of a record's header
_MOST = 64 << 20  # bytes of a record; a longer one is not put together
_IMAGES = 1 << 14  # of a piece of the stream; a record has 33 at the most

_SHORT_DATA, _LONG_DATA, _ORIGIN, _TOP_XID, _LAST_BLOCK = 255, 254, 253, 252, 32
_HAS_IMAGE, _HAS_DATA, _SAME_FILE = 0x10, 0x20, 0x80
_HOLE = 0x1

PLAIN, PGLZ, LZ4, ZSTD = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Image:
    """The image of a page in a record, as it lies there."""

    data: bytes
    method: int  # PLAIN, PGLZ, LZ4 or ZSTD
    hole: int  # where the free space begins that it lacks
    size: int  # bytes that come out


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes of the log that follow one another, without the headers of pages."""

    data: bytes
    ends: Numbers  # of the records in it; what does not parse is one window more
    images: tuple[Image, ...]
    begins: bool  # it does not go on from the stretch before


@dataclass(slots=True)
class _Run:
    """Pages that follow one another: what of them is not given out yet."""

    rest: bytes = b""
    address: int = -1  # at which it would go on
    magic: int = 0
    torn: int = 0  # bytes of a record whose beginning is not there


class Stream:
    """Puts the pages of segments together. Feed them in the order of their names."""

    def __init__(self) -> None:
        self._run = _Run()

    def take(self, data: bytes) -> Iterator[Stretch]:
        """Take in whole pages; yield what they complete."""
        pieces: list[bytes] = []
        for at in range(0, len(data) - WAL_PAGE + 1, WAL_PAGE):
            head = _head(data, at)
            if head is None:
                yield from self._out(pieces, final=True)
                pieces = []
                page = data[at : at + WAL_PAGE]
                if any(page):
                    yield Stretch(page, np.array([len(page)], np.int64), (), begins=True)
                continue
            magic, address, size, torn = head
            if address != self._run.address or magic != self._run.magic:
                yield from self._out(pieces, final=True)
                pieces = []
                self._run = _Run(magic=magic, torn=torn)
            self._run.address = address + WAL_PAGE
            pieces.append(data[at + size : at + WAL_PAGE])
        yield from self._out(pieces, final=False)

    def rest(self) -> Iterator[Stretch]:
        """Yield what is left at the end."""
        yield from self._out([], final=True)

    def _out(self, pieces: list[bytes], *, final: bool) -> Iterator[Stretch]:
        run = self._run
        stream = b"".join([run.rest, *pieces])
        begins, run.rest = run.address >= 0 and not run.rest, b""
        if not stream:
            return
        at = min(-(-run.torn // 8) * 8, len(stream))
        ends, images, used, torn = _records(array_of(stream), at, run.magic >= _SINCE_15)
        if torn or final or len(stream) - used > _MOST:
            used = len(stream)  # zeros behind the last record, or what no record is
        if used < len(stream):
            run.rest, stream = stream[used:], stream[:used]
            run.torn = 0
        elif torn and not final:
            self._run = _Run()  # the next page header says where a record begins
        else:
            run.torn = 0
        if not stream:
            return
        if not ends.size or ends[-1] < len(stream):
            ends = np.append(ends, len(stream))
        yield Stretch(stream, ends, tuple(_images(stream, images)), begins=bool(begins))


def _head(data: bytes, at: int) -> tuple[int, int, int, int] | None:
    """Return magic number, address, header's size, and bytes of a torn record; None: no header."""
    magic, flags, _, address, torn = struct.unpack_from("<HHIQI", data, at)
    if not _MAGIC_LOW <= magic <= _MAGIC_HIGH or address % WAL_PAGE:
        return None
    return magic, address, _LONG_HEAD if flags & _LONG else _SHORT_HEAD, torn


def _images(stream: bytes, found: Numbers) -> Iterator[Image]:
    for begin, length, hole, size, method in found.reshape(-1, 5).tolist():
        yield Image(stream[begin : begin + length], method, hole, size)


def _records(stream: Bytes, at: int, since_15: bool) -> tuple[Numbers, Numbers, int, bool]:
    ends = np.empty(stream.size // _RECORD + 2, np.int64)
    images = np.empty(5 * _IMAGES, np.int64)
    count, many, used, torn = _parse(stream, at, since_15, ends, images)
    return ends[:count].copy(), images[: 5 * many].copy(), used, torn


@compiled
def _parse(
    data: Bytes, begin: int, since_15: bool, ends: Numbers, images: Numbers
) -> tuple[int, int, int, bool]:
    """Return how many ends and images were found, how far it went, and if it broke off there."""
    count = many = 0
    at = begin
    if at:
        ends[count] = at
        count += 1
    while at + _RECORD <= data.size:
        total = word_at(data, at)
        if total == 0:
            at += 8
            continue
        if total < _RECORD or total > _MOST or data[at + 17] > 0x80 or data[at + 18]:
            return count, many, at, True
        if at + total > data.size:
            return count, many, at, False
        many = _blocks(data, at + _RECORD, at + total, since_15, images, many)
        if ends.size <= count + 1:
            return count, many, at, True
        at = min((at + total + 7) // 8 * 8, data.size)
        ends[count] = at
        count += 1
    return count, many, at, False


@compiled
def _blocks(data: Bytes, begin: int, end: int, since_15: bool, images: Numbers, many: int) -> int:
    """Note the images of one record; return how many there are by now."""
    first = many
    at = begin
    left = 0  # bytes that headers so far say to follow
    while at + left < end and at + 2 <= end:
        ident = number(data[at])
        if ident == _SHORT_DATA:
            left += number(data[at + 1])
            at += 2
        elif ident == _LONG_DATA:
            if at + 5 > end:
                return first
            left += word_at(data, at + 1)
            at += 5
        elif ident == _ORIGIN:
            at += 3
        elif ident == _TOP_XID:
            at += 5
        elif ident <= _LAST_BLOCK:
            if at + 4 > end:
                return first
            flags = number(data[at + 1])
            size = half_at(data, at + 2)
            at += 4
            if flags & _HAS_IMAGE:
                if at + 5 > end:
                    return first
                length, hole, info = half_at(data, at), half_at(data, at + 2), data[at + 4]
                at += 5
                method = PLAIN
                if since_15:
                    method = PGLZ if info & 4 else LZ4 if info & 8 else ZSTD if info & 16 else 0
                elif info & 2:
                    method = PGLZ
                whole = length
                if method != PLAIN:
                    whole = PAGE
                    if info & _HOLE:
                        if at + 2 > end:
                            return first
                        whole = PAGE - half_at(data, at)
                        at += 2
                if 5 * many + 4 < images.size and 0 < whole <= PAGE:
                    # Where the bytes begin is known once all headers are read: so far, how many
                    # come before them.
                    images[5 * many] = left
                    images[5 * many + 1] = length
                    images[5 * many + 2] = hole if info & _HOLE else whole
                    images[5 * many + 3] = whole
                    images[5 * many + 4] = method
                    many += 1
                left += length
            left += size if flags & _HAS_DATA else 0
            at += (0 if flags & _SAME_FILE else 12) + 4
        else:
            return first
    if at + left != end:
        return first
    for place in range(first, many):
        images[5 * place] += at
    return many
