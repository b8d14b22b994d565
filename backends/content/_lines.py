r"""Where the lines of a block end, and where they may not: by compiled code where numba is.

There are two routes with equal results: numpy's, here, and one compiled by numba (extra ``fast``).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

_NEWLINE, _RETURN, _COMMA = 10, 13, 44
_CLOSING = b")]}"

Positions = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Lines:
    """What one look at a block shows."""

    newlines: Positions  # the places after each
    quotes: Positions
    returns: bool  # whether there is one
    joints: bool  # whether a closing bracket stands before a comma


class Route(Protocol):
    """One way to look."""

    def lines(self, data: bytes, quote: int) -> Lines:
        """Look at a block; with `quote` < 0, for no quotes."""

    def outside(
        self, array: Bytes, quotes: Positions, lines: Positions, beside: Mask, *, last: bool
    ) -> tuple[Positions, int]:
        """Return the line ends that are not within quotes, and the first quote out of place.

        Quotes open and close in turn. One that opens stands after a byte that is `beside`, one
        that closes before such a byte, or at an edge of the block. -1: all are in their places,
        up to the last line end that was returned, or to the end of the block if it is the `last`.
        """


@functools.cache
def route() -> Route:
    """Choose the route."""
    try:
        from backends.content._lines_fast import Compiled  # noqa: PLC0415 - numba takes its time
    except ImportError:
        return Plain()
    return Compiled()


class Plain:
    """By numpy."""

    def lines(self, data: bytes, quote: int) -> Lines:
        """See the protocol."""
        array = np.frombuffer(data, np.uint8)
        quotes = np.empty(0, np.int64)
        if quote >= 0 and quote in data:
            quotes = np.flatnonzero(array == quote)
        newlines = np.flatnonzero(array == _NEWLINE) + 1
        return Lines(newlines, quotes, _RETURN in data, _may_join(array, data))

    def outside(
        self, array: Bytes, quotes: Positions, lines: Positions, beside: Mask, *, last: bool
    ) -> tuple[Positions, int]:
        """See the protocol."""
        size = len(array)
        ends: Positions = lines[np.searchsorted(quotes, lines) % 2 == 0]
        done = int(ends[-1]) if len(ends) else 0
        opening, closing = quotes[0::2], quotes[1::2]
        before = np.where(opening > 0, array[opening - 1], _NEWLINE)
        after = np.where(closing < size - 1, array[np.minimum(closing + 1, size - 1)], _NEWLINE)
        wrong = np.concatenate([opening[~beside[before]], closing[~beside[after]]])
        wrong = wrong[wrong < (size if last else done)]  # beyond, the text may still go on
        return ends, int(wrong.min()) if len(wrong) else -1


def _may_join(array: Bytes, data: bytes) -> bool:
    present = [bracket for bracket in _CLOSING if bracket in data]
    if not present:
        return False
    commas = array[1:] == _COMMA
    return any(bool(((array[:-1] == bracket) & commas).any()) for bracket in present)
