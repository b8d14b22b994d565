"""Where lines end, by compiled code. Importing this module needs numba; see `_lines`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.content._lines import Bytes, Lines, Mask, Positions
from backends.lanes import LANES, between, bit_count, compile_by, compiled, lowest_bit, rest

_1, _63, _ALL = np.uint64(1), np.uint64(63), np.uint64(0xFFFFFFFFFFFFFFFF)
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
