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

# How containers begin in base64, and hardly anything else: gzip, zip, 7z, xz, bzip2, zstd, lz4;
# PDF; SQLite and its journals; Parquet, Arrow, Feather, Avro, ORC; OLE; numpy; pg_dump; pickles;
# sealed values.
ENCODED_BEGINS: tuple[bytes, ...] = (b"H4sI", b"UEsD", b"N3q8", b"/Td6", b"Qlpo", b"KLUv", b"BCJN")
ENCODED_BEGINS += (b"JVBE", b"U1FM", b"N38G", b"2dUF", b"UEFS", b"QVJS", b"////", b"RkVB", b"T2Jq")
ENCODED_BEGINS += (b"T1JD", b"0M8R", b"k05V", b"UEdE", b"gASV", b"gAWV", b"gAJd", b"gAJ9", b"gAIo")
ENCODED_BEGINS += (b"gANd", b"gAN9", b"gAMo", b"XXEA", b"SEAL")
_CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_SEXTETS = np.full(256, 64, np.uint8)  # 62 and 63: + and /; 64: none
_SEXTETS[list(_CHARACTERS)] = range(64)
_SHOWN = bytes(b" "[0] if sextet == 64 else b"A"[0] for sextet in _SEXTETS.tolist())
_BEGINS = np.array([int.from_bytes(begin) for begin in ENCODED_BEGINS], np.uint32)
_CONTROL = np.array([(n < 32 and n not in b"\t\n\r") or n == 127 for n in range(256)])
# How many bytes of a character follow one; 9: no character begins so.
_FOLLOWING = np.array([0] * 128 + [9] * 66 + [1] * 30 + [2] * 16 + [3] * 5 + [9] * 11, np.uint8)
_FOLLOWING[_CONTROL] = 9

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
        of them stand for begins a text in UTF-8 or UTF-16, or a name that is filled up with zeros,
        as in a tar; of as many letters, digits, ``+`` and
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
        if b"A" * 16 not in data.translate(_SHOWN):
            return np.empty(0, np.int64)
        array = np.frombuffer(data, np.uint8)
        kinds = _SEXTETS[array]
        runs, words = _sixteen(kinds < 64), _sixteen(kinds < 62)
        every = np.union1d(runs, words)
        first = array[every[:, None] + np.arange(4)].astype(np.uint32)
        begins = first @ np.array([1 << 24, 1 << 16, 1 << 8, 1], np.uint32)
        packed = every[np.isin(begins, _BEGINS)]
        words = np.setdiff1d(words, packed)
        offsets = _texts(kinds[words[:, None] + np.arange(16)])
        return np.union1d(packed, (words + offsets)[offsets >= 0])


def _sixteen(inside: Mask) -> Positions:
    """Return where 16 bytes and more that are inside begin."""
    outside = np.concatenate([[-1], np.flatnonzero(~inside), [inside.size]])
    return np.asarray(outside[np.flatnonzero(np.diff(outside) > 16)] + 1)


def _texts(sextets: Bytes) -> Positions:
    """Return where in each 16 letters and digits base64 of a text may begin, 0 to 3, or -1."""
    good = np.zeros((len(sextets), 4), np.bool_)
    for at in range(4):
        a, b, c, d = (sextets[:, at + place : at + 12 : 4] for place in range(4))
        nine = np.stack([a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d], axis=2).reshape(-1, 9)
        good[:, at] = ~nine[:, 0::2].any(axis=1) | ~nine[:, 1::2].any(axis=1) | _in_utf8(nine)
    return np.where(good.any(axis=1), good.argmax(axis=1), -1)


def _in_utf8(rows: Bytes) -> Mask:
    """Tell of each row whether a text in UTF-8 begins so, or a name filled up with zeros."""
    good = np.ones(len(rows), np.bool_)
    left = np.zeros(len(rows), np.uint8)  # bytes of a character that are to come
    ended = np.zeros(len(rows), np.bool_)
    for number, byte in enumerate(rows.T):
        goes_on = left > 0
        if number:
            ended |= (byte == 0) & ~goes_on
        following = _FOLLOWING[byte]
        good &= np.where(ended, byte == 0, np.where(goes_on, byte & 0xC0 == 0x80, following < 9))
        left = np.where(ended, 0, np.where(goes_on, left - 1, following))
    return good


def _may_join(array: Bytes, data: bytes) -> bool:
    present = [bracket for bracket in _CLOSING if bracket in data]
    if not present:
        return False
    commas = array[1:] == _COMMA
    return any(bool(((array[:-1] == bracket) & commas).any()) for bracket in present)
