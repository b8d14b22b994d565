r"""Where the lines of a block end, and where they may not: by compiled code where numba is.

There are two routes with equal results: numpy's, here, and one compiled by numba (extra ``fast``).
"""

from __future__ import annotations

import binascii
import functools
import re
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

_NEWLINE, _RETURN, _COMMA = 10, 13, 44
_CLOSING = b")]}"

# How containers begin in base64, and hardly anything else: gzip, zip, 7z, xz, bzip2, zstd, lz4;
# PDF; SQLite and its journals; Parquet, Arrow, Feather, Avro, ORC; OLE; numpy; pg_dump; pickles.
ENCODED_BEGINS: tuple[bytes, ...] = (b"H4sI", b"UEsD", b"N3q8", b"/Td6", b"Qlpo", b"KLUv", b"BCJN")
ENCODED_BEGINS += (b"JVBE", b"U1FM", b"N38G", b"2dUF", b"UEFS", b"QVJS", b"////", b"RkVB", b"T2Jq")
ENCODED_BEGINS += (b"T1JD", b"0M8R", b"k05V", b"UEdE", b"gASV", b"gAWV", b"gAJd", b"gAJ9", b"gAIo")
ENCODED_BEGINS += (b"gANd", b"gAN9", b"gAMo", b"XXEA")
_WORD, _RUN = re.compile(rb"[0-9A-Za-z]{16,}"), re.compile(rb"[0-9A-Za-z+/]{16,}")

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

    def encoded(self, data: bytes) -> Positions:
        """Return where there may be base64, ascending.

        Of 16 letters and digits, or more, that begin, it is the first of four from which what 12
        of them stand for begins a text in UTF-8 or UTF-16; of as many letters, digits, ``+`` and
        ``/`` the first one, if a container begins there.
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

    def encoded(self, data: bytes) -> Positions:
        """See the protocol."""
        packed = {m.start() for m in _RUN.finditer(data) if m[0].startswith(ENCODED_BEGINS)}
        texts = {
            match.start() + offset
            for match in _WORD.finditer(data)
            if match.start() not in packed and (offset := _text_at(match[0])) >= 0
        }
        return np.array(sorted(packed | texts), np.int64)


def _text_at(word: bytes) -> int:
    """Return where in 16 letters and digits base64 of a text may begin, 0 to 3, or -1."""
    if word.startswith(ENCODED_BEGINS):
        return 0
    places = (at for at in range(4) if _may_begin(binascii.a2b_base64(word[at : at + 12])))
    return next(places, -1)


def _may_begin(nine: bytes) -> bool:
    """Whether a text begins so, in UTF-8 or UTF-16."""
    if not any(nine[0::2]) or not any(nine[1::2]):
        return True
    if any((byte < 32 and byte not in b"\t\n\r") or byte == 127 for byte in nine):
        return False
    left = 0  # bytes of a character that are to come
    for byte in nine:
        if left:
            if byte & 0xC0 != 0x80:
                return False
            left -= 1
        elif byte >= 0x80:
            left = 1 if 0xC2 <= byte < 0xE0 else 2 if 0xE0 <= byte < 0xF0 else 3
            if not 0xC2 <= byte < 0xF5:
                return False
    return True


def _may_join(array: Bytes, data: bytes) -> bool:
    present = [bracket for bracket in _CLOSING if bracket in data]
    if not present:
        return False
    commas = array[1:] == _COMMA
    return any(bool(((array[:-1] == bracket) & commas).any()) for bracket in present)
