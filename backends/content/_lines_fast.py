"""Where lines end, by compiled code. Importing this module needs numba; see `_lines`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.content._lines import ENCODED_BEGINS, Bytes, Lines, Mask, Positions
from backends.lanes import LANES, between, bit_count, compile_by, compiled, lowest_bit, rest

_1, _2, _4, _8 = (np.uint64(n) for n in (1, 2, 4, 8))
_56, _60, _62, _63 = (np.uint64(n) for n in (56, 60, 62, 63))
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_RETURNS, _JOINTS = 1, 2  # bits of what a look tells
_NONE = np.empty(0, np.int64)


class Compiled:
    """See :class:`backends.content._lines.Route`."""

    def __init__(self) -> None:
        compile_by(self._compile)

    def _compile(self) -> None:
        self.lines(b"\n", 34)
        text = np.frombuffer(b"\n", np.uint8)
        self.outside(text, _NONE, _NONE, np.zeros(256, np.bool_), last=True)
        self.encoded(b"\n")

    def lines(self, data: bytes, quote: int) -> Lines:
        """See the protocol."""
        array = np.frombuffer(data, np.uint8)
        words = (array.size + LANES - 1) // LANES
        bits = np.empty((2, words), np.uint64)
        newlines, quotes, told = _look(array, quote, bits[0], bits[1])
        quotes = quotes if quote >= 0 else 0
        places = np.empty(newlines + quotes, np.int64)
        _places(bits[0], 1, places[:newlines])
        if quotes:
            _places(bits[1], 0, places[newlines:])
        return Lines(
            places[:newlines], places[newlines:], bool(told & _RETURNS), bool(told & _JOINTS)
        )

    def outside(
        self, array: Bytes, quotes: Positions, lines: Positions, beside: Mask, *, last: bool
    ) -> tuple[Positions, int]:
        """See the protocol."""
        ends = np.empty(lines.size, np.int64)
        count, wrong = _outside(array, quotes, lines, beside, last, ends)
        return ends[:count], wrong

    def encoded(self, data: bytes) -> Positions:
        """See the protocol."""
        array = np.frombuffer(data, np.uint8)
        places = np.empty(array.size // 8 + 1, np.int64)  # a word may begin within a run
        return places[: _encoded(array, _SEXTETS, _BEGINS, places)].copy()


_CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_SEXTETS = np.zeros(256, np.uint8)
_SEXTETS[list(_CHARACTERS)] = range(len(_CHARACTERS))
_BEGINS = np.array([int.from_bytes(begin) for begin in ENCODED_BEGINS], np.uint32)


@compiled
def _begins(nine: NDArray[np.uint8]) -> bool:
    """Whether a text begins so, in UTF-8 or UTF-16, or a name that is filled up, as in a tar."""
    even = odd = 0
    for i in range(0, 9, 2):
        even |= nine[i]
    for i in range(1, 9, 2):
        odd |= nine[i]
    if even == 0 or odd == 0:
        return True
    left = 0
    for i in range(9):
        c = nine[i]
        if c == 0 and i and not left:
            return not np.any(nine[i:])
        if (c < 32 and c not in {9, 10, 13}) or c == 127:
            return False
        if left:
            if c & 0xC0 != 0x80:
                return False
            left -= 1
        elif c >= 0x80:
            if c < 0xC2 or c > 0xF4:
                return False
            left = 1 if c < 0xE0 else 2 if c < 0xF0 else 3
    return True


@compiled
def _letters(raw: Bytes, at: int) -> np.uint64:
    """Return which of 64 bytes are letters or digits."""
    return between(raw, at, 48, 57) | between(raw, at, 65, 90) | between(raw, at, 97, 122)


@compiled
def _sixteen(bits: NDArray[np.uint64], found: NDArray[np.uint64]) -> np.uint64:
    """Write where runs of 16 bits and more begin; return all of these together.

    The last word of `bits` is 0. Each step is that of all words, which are vectors so.
    """
    every = np.uint64(0)
    for i in range(found.size):
        here, following = bits[i], bits[i + 1]
        first = here & ~((here << _1) | (bits[i - 1] >> _63 if i else np.uint64(0)))
        here &= (here >> _1) | (following << _63)
        following &= following >> _1
        here &= (here >> _2) | (following << _62)
        following &= following >> _2
        here &= (here >> _4) | (following << _60)
        following &= following >> _4
        here &= (here >> _8) | (following << _56)
        found[i] = first & here
        every |= found[i]
    return every


@compiled
def _text_at(raw: Bytes, at: int, sextets: Bytes, nine: NDArray[np.uint8]) -> int:
    """Return where in 16 characters base64 of a text may begin, 0 to 3, or -1; works in `nine`."""
    for first in range(at, at + 4):
        for i in range(3):
            place = first + 4 * i
            a, b = sextets[raw[place]], sextets[raw[place + 1]]
            c, d = sextets[raw[place + 2]], sextets[raw[place + 3]]
            nine[3 * i] = (a << 2) | (b >> 4)
            nine[3 * i + 1] = (b << 4) | (c >> 2)
            nine[3 * i + 2] = (c << 6) | d
        if _begins(nine):
            return first - at
    return -1


@compiled
def _encoded(raw: Bytes, sextets: Bytes, begins: NDArray[np.uint32], places: Positions) -> int:
    """Write where there may be base64; return how many places."""
    size = (raw.size + LANES - 1) // LANES
    words, runs = np.empty(size + 1, np.uint64), np.empty(size + 1, np.uint64)
    whole = raw.size // LANES
    for i in range(whole):
        words[i] = _letters(raw, i * LANES)
        runs[i] = words[i] | between(raw, i * LANES, 43, 43) | between(raw, i * LANES, 47, 47)
    if whole < size:
        last = rest(raw, whole * LANES)
        words[whole] = _letters(last, 0)
        runs[whole] = words[whole] | between(last, 0, 43, 43) | between(last, 0, 47, 47)
    words[size] = runs[size] = 0
    begun = np.empty((2, size), np.uint64)
    if not _sixteen(runs, begun[1]):
        return 0
    _sixteen(words, begun[0])
    nine = np.empty(9, np.uint8)
    count = 0
    for i in range(size):
        word = begun[0, i]
        left = word | begun[1, i]
        while left:
            bit = left & (~left + _1)
            at = LANES * i + lowest_bit(left)
            left ^= bit
            first = np.uint32(0)
            for j in range(4):
                first = (first << np.uint32(8)) | np.uint32(raw[at + j])
            offset = -1
            for begin in begins:
                if begin == first:
                    offset = 0
            if offset < 0 and word & bit:
                offset = _text_at(raw, at, sextets, nine)
            if offset >= 0:
                places[count] = at + offset
                count += 1
    return count


@compiled
def _brackets(raw: Bytes, at: int) -> np.uint64:
    return (
        between(raw, at, 0x29, 0x29) | between(raw, at, 0x5D, 0x5D) | between(raw, at, 0x7D, 0x7D)
    )


@compiled
def _look(
    raw: Bytes, quote: int, newlines: NDArray[np.uint64], quotes: NDArray[np.uint64]
) -> tuple[int, int, int]:
    """Write a bit for each newline and each quote; return how many, and what else there is."""
    whole = raw.size // LANES
    lines = marks = 0
    returns = joints = carried = np.uint64(0)
    for word in range(whole):
        at = word * LANES
        newline, mark = between(raw, at, 10, 10), between(raw, at, quote, quote)
        newlines[word], quotes[word] = newline, mark
        lines += bit_count(newline)
        marks += bit_count(mark)
        returns |= between(raw, at, 13, 13)
        closing = _brackets(raw, at)
        joints |= ((closing << _1) | carried) & between(raw, at, 44, 44)
        carried = closing >> _63
    if whole < newlines.size:
        last = rest(raw, whole * LANES)
        there = ~(_ALL << np.uint64(raw.size & 63))
        newlines[whole] = between(last, 0, 10, 10)
        quotes[whole] = between(last, 0, quote, quote) & there
        lines += bit_count(newlines[whole])
        marks += bit_count(quotes[whole])
        returns |= between(last, 0, 13, 13)
        joints |= ((_brackets(last, 0) << _1) | carried) & between(last, 0, 44, 44)
    told = (_RETURNS if returns else 0) | (_JOINTS if joints else 0)
    return lines, marks, told


@compiled
def _places(bits: NDArray[np.uint64], step: int, places: Positions) -> None:
    """Write the places of the bits that are set, `step` further."""
    count = 0
    for word in range(bits.size):
        left = bits[word]
        while left:
            places[count] = LANES * word + lowest_bit(left) + step
            left &= left - _1
            count += 1


@compiled
def _outside(
    raw: Bytes, quotes: Positions, lines: Positions, beside: Mask, last: bool, ends: Positions
) -> tuple[int, int]:
    """Write the line ends outside of quotes; return how many, and the first quote out of place."""
    count = seen = 0
    for line in lines:
        while seen < quotes.size and quotes[seen] < line:
            seen += 1
        if seen % 2 == 0:
            ends[count] = line
            count += 1
    limit = raw.size if last else (ends[count - 1] if count else 0)
    for number in range(quotes.size):
        at = quotes[number]
        if at >= limit:
            break
        place = at - 1 if number % 2 == 0 else at + 1
        if 0 <= place < raw.size and not beside[raw[place]]:
            return count, at
    return count, -1
