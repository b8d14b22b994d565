"""Pages of relation files: what is in use in them, what is not any more, and what was freed.

A page ("Database Page Layout" in the manual) has a header, line pointers to its items, free space
and, in an index, space of the access method's. Items of a table begin with a tuple header, those
of an index with eight bytes. Between them, and in the free space, lie items that were there
before: VACUUM moves what stays, and wipes nothing. They are found by what a tuple header must be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backends.postgres.raw.compiled import Bytes, Mask, Numbers, array_of, compiled, number
from backends.postgres.raw.separate import half_at, separate, text_ends, word_at

PAGE = 8192  # bytes; servers with other sizes are not read
LAYOUT = 4  # the version of all servers from 8.3 on
_HEAD, _POINTER, _TUPLE, _INDEX_TUPLE = 24, 4, 23, 8
_NORMAL, _DEAD = 1, 3  # flags of line pointers that have storage
_WINDOWS = 3100  # of a page, at the most: line pointers, and freed tuples at every eighth byte
_COLUMNS = 1600  # at the most

# What a window is of.
ROW, ENTRY, FREED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Windows:
    """What was told apart in some pages: text, and for each window a row of facts."""

    text: bytes
    ends: Numbers
    kinds: Numbers  # ROW, ENTRY (of an index) or FREED (without a line pointer)
    begins: Numbers  # where the item, or the stretch, begins in the pages
    stops: Numbers
    xmins: Numbers  # of rows
    xmaxes: Numbers
    masks: Numbers  # infomask of rows
    chunks: Numbers  # where the data of a tuple begin if it has a TOAST chunk's shape; else 0
    packed: Numbers  # pairs: place and length of what may be a compressed value
    owners: Numbers  # of each pair, the window


class Reader:
    """Reads pages, some at a time; memory is taken once."""

    def __init__(self, pages: int = 64) -> None:
        self.bytes = pages * PAGE
        self._text = np.empty(self.bytes, np.int64)
        self._out = np.empty(2 * self.bytes + pages * _WINDOWS, np.uint8)
        self._facts = np.empty((8, pages * _WINDOWS), np.int64)
        self._packed = np.empty(2 * self.bytes // 4, np.int64)
        self._owners = np.empty(self.bytes // 4, np.int64)
        self._used = np.empty(PAGE, np.bool_)

    def read(self, data: bytes) -> Windows:
        """Tell apart what is in whole pages, `bytes` at the most."""
        block = array_of(data)
        text_ends(block, self._text[: block.size])
        made, count, packed = _pages(
            block, self._text[: block.size], self._out, self._facts, self._packed,
            self._owners, self._used,
        )  # fmt: skip
        facts = self._facts[:, :count].copy()
        return Windows(
            self._out[:made].tobytes(),
            facts[0],
            facts[1],
            facts[2],
            facts[3],
            facts[4],
            facts[5],
            facts[6],
            facts[7],
            self._packed[: 2 * packed].copy(),
            self._owners[:packed].copy(),
        )


@compiled
def _is_tuple(data: Bytes, at: int, end: int) -> bool:
    """Whether a tuple header may begin here."""
    if at + _TUPLE + 1 > end:
        return False
    columns = half_at(data, at + 18) & 0x7FF
    if not 1 <= columns <= _COLUMNS:
        return False
    size = _TUPLE + ((columns + 7) // 8 if data[at + 20] & 1 else 0)
    return data[at + 22] == (size + 7) // 8 * 8 and at + number(data[at + 22]) <= end


@compiled
def _chunk(data: Bytes, begin: int, end: int) -> int:
    """Return where the data of a tuple begin that has the shape of a TOAST chunk; else 0."""
    if half_at(data, begin + 18) & 0x7FF != 3 or data[begin + 20] & 1:
        return 0
    at = begin + number(data[begin + 22]) + 8
    if at + 4 >= end:
        return 0
    if data[at] & 1:
        return at + 1 if at + (number(data[at]) >> 1) == end else 0
    word = word_at(data, at)
    return at + 4 if word & 3 == 0 and at + (word >> 2) == end else 0


@compiled
def _carve(data: Bytes, begin: int, end: int) -> int:
    """Return where the first tuple header within a stretch may be; at its end: nowhere."""
    at = (begin + 7) // 8 * 8
    while at < end:
        if _is_tuple(data, at, end):
            return at
        at += 8
    return end


@compiled
def _sound(data: Bytes, at: int) -> bool:
    """Whether the page here has a header that holds together, and no item lies upon another."""
    lower, upper, special = half_at(data, at + 12), half_at(data, at + 14), half_at(data, at + 16)
    if half_at(data, at + 18) != PAGE | LAYOUT or not _HEAD <= lower <= upper <= special <= PAGE:
        return False
    total = 0
    for place in range(at + _HEAD, at + lower - _POINTER + 1, _POINTER):
        word = word_at(data, place)
        flags = (word >> 15) & 3
        if flags in (_NORMAL, _DEAD):
            total += word >> 17
            if (word & 0x7FFF) + (word >> 17) > PAGE:
                return False
    return total <= PAGE


@compiled
def _pages(
    data: Bytes,
    text: Numbers,
    out: Bytes,
    facts: Numbers,
    packed: Numbers,
    owners: Numbers,
    used: Mask,
) -> tuple[int, int, int]:
    """Write windows, a row of facts each, and what is compressed; return how many."""
    made = count = packs = 0
    for page in range(0, data.size - PAGE + 1, PAGE):
        used[:] = False
        first = page
        last = page + PAGE
        table = True  # of an index every page has space of the access method's at its end
        if _sound(data, page):
            table = half_at(data, page + 16) == PAGE
            lower = half_at(data, page + 12)
            last = page + half_at(data, page + 16)
            first = page + _HEAD + (lower - _HEAD) // _POINTER * _POINTER
            for place in range(page + _HEAD, first, _POINTER):
                word = word_at(data, place)
                flags = (word >> 15) & 3
                size = word >> 17
                begin = page + (word & 0x7FFF)
                end = begin + size
                if flags not in (_NORMAL, _DEAD) or begin < first:
                    continue
                if size < _INDEX_TUPLE or (table and not _is_tuple(data, begin, end)):
                    continue
                used[begin - page : end - page] = True
                start = begin + (number(data[begin + 22]) if table else _INDEX_TUPLE)
                before = packs
                made, packs = separate(data, start, end, text, out, made, packed, packs)
                owners[before:packs] = count
                facts[0, count] = made
                facts[1, count] = ROW if table else ENTRY
                facts[2, count], facts[3, count] = begin, end
                facts[4, count] = word_at(data, begin) if table else 0
                facts[5, count] = word_at(data, begin + 4) if table else 0
                facts[6, count] = half_at(data, begin + 20) if table else 0
                facts[7, count] = _chunk(data, begin, end) if table else 0
                count += 1
        at = first
        while at < last:
            if used[at - page] or data[at] == 0:
                at += 1
                continue
            stop = at
            blank = 0
            while stop < last and not used[stop - page] and blank < 64:
                blank = blank + 1 if data[stop] == 0 else 0
                stop += 1
            begin = at - at % 8 if at - at % 8 >= first else at
            while begin < stop:
                is_tuple = table and _is_tuple(data, begin, last)
                start = begin + number(data[begin + 22]) if is_tuple else begin
                end = _carve(data, max(start, begin + 1), stop) if table else stop
                before = packs
                made, packs = separate(data, min(start, end), end, text, out, made, packed, packs)
                owners[before:packs] = count
                facts[0, count], facts[1, count] = made, FREED
                facts[2, count], facts[3, count] = begin, end
                facts[4, count] = facts[5, count] = facts[6, count] = 0
                facts[7, count] = _freed_chunk(data, begin, end) if is_tuple else 0
                count += 1
                begin = end
            at = stop
    return made, count, packs


@compiled
def _freed_chunk(data: Bytes, begin: int, stop: int) -> int:
    """Return where the data of a freed TOAST chunk begin, whose tuple may end before `stop`."""
    if half_at(data, begin + 18) & 0x7FF != 3 or data[begin + 20] & 1:
        return 0
    at = begin + number(data[begin + 22]) + 8
    if at + 4 >= stop:
        return 0
    if data[at] & 1:
        return at + 1 if at + (number(data[at]) >> 1) <= stop else 0
    word = word_at(data, at)
    return at + 4 if word & 3 == 0 and 4 < (word >> 2) <= stop - at else 0
