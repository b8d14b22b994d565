"""Anchor mode: the catalogue's tokens anywhere in bytes that have no delimiters.

A heap file, a freed page or a pickle sets a value beside the next without anything between, so a
token may start and end at any byte. Where it does is the only difference to `tokens`: it holds
the same characters, is folded the same way, and its whole length is looked up by the same hash.
Beside them are looked for: the same tokens where each character takes two bytes (UTF-16, either
byte order, ASCII only), and the binary forms of values, see `raw`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shredder.fingerprint.edges import is_uuid
from shredder.fingerprint.engine import Engine
from shredder.fingerprint.siphash import Bytes, Offsets
from shredder.fingerprint.tokens import CLASSES, HIGH, LONGEST, WORD, Mask

# Bytes of a run that are kept: a token's own, of two bytes each, and those on either side.
_KEEP = 2 * LONGEST + 2


@dataclass(frozen=True, slots=True)
class Anchored:
    """What was found in a run, in the order in which it stands.

    `rows`: first rows of tokens in the catalogue. `sound`: whether the token ends at both sides
    where a value may end; what is a part of a longer word or number may be another's.
    `raw_rows`: rows of UUIDs among the binary forms. `integers`: rows of integers there, and of
    the neighbours of integers, see `Engine.integers`.
    """

    rows: Offsets
    sound: Mask
    raw_rows: Offsets
    integers: tuple[Offsets, ...]


_Tokens = tuple[Offsets, Offsets, Offsets, Mask]  # where in the run they start and end; see above


class Run:
    """Consecutive bytes that are probed block by block."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._begin()

    def _begin(self) -> None:
        self._tail = b""
        self._base = 0  # where in the run the tail starts
        self._from = 0  # of the tail: where tokens that are not yet told may start
        self._told = [0, 0]  # where in the run the last token that was told ends; plain, wide

    def take(self, block: bytes) -> Anchored:
        """Take in a block; an empty one ends the run. Return what is certain so far."""
        data = self._tail + block
        upto = max(self._from, len(data) - _KEEP) if block else len(data)
        plain = self._tokens(data, self._from, upto, 0, 1)
        wide = []
        for skip in (0, 1):
            for order in ("<u2", ">u2"):
                if (narrow := _narrowed(data[skip:], order)) is not None:
                    first, last = ((at - skip + 1) // 2 for at in (self._from, upto))
                    wide.append(self._tokens(narrow, first, last, skip, 2))
        rows, sound = self._outer(0, plain)
        wide_rows, wide_sound = self._outer(1, *wide)
        found = Anchored(
            np.concatenate((rows, wide_rows)),
            np.concatenate((sound, wide_sound)),
            self._engine.uuids(data, self._from, upto),
            self._engine.integers(data, self._from, upto),
        )
        start = max(0, upto - 2)
        self._tail, self._from = data[start:], upto - start
        self._base += start
        if not block:
            self._begin()
        return found

    def _tokens(self, text: bytes, first: int, last: int, offset: int, size: int) -> _Tokens:
        """Find tokens in text that starts `offset` bytes after the tail, `size` a character."""
        places, lengths, rows = self._engine.anchors(text, first, last)
        starts = self._base + offset + size * places
        return starts, starts + size * lengths, rows, _sound(text, places, places + lengths)

    def _outer(self, form: int, *found: _Tokens) -> tuple[Offsets, Mask]:
        """Return rows of tokens, and whether they are sound, for those within no other.

        Of tokens within one another the longest is the one that is meant. Wide text reads the
        same from one byte before in the other byte order.
        """
        if not found:
            return np.empty(0, np.int64), np.empty(0, np.bool_)
        starts, ends, rows, sound = (np.concatenate(column) for column in zip(*found, strict=True))
        order = np.lexsort((-ends, starts))
        before = np.maximum.accumulate(np.concatenate(([self._told[form]], ends[order])))
        outer = order[before[1:] > before[:-1] + form]
        self._told[form] = int(before[-1])
        return rows[outer], sound[outer]


def _narrowed(data: bytes, order: str) -> bytes | None:
    """Return the ASCII of UTF-16 as one byte each, and NULs for all else; None: there is none."""
    size = len(data) // 2
    pairs = np.frombuffer(data, order, size)
    plain = (pairs - np.uint16(0x21)) < np.uint16(0x5E)
    fours = plain[: size // 4 * 4].view(np.uint32)
    if not (fours == np.uint32(0x01010101)).any():  # every wide token has four at such a place
        return None
    return (pairs * plain).astype(np.uint8).tobytes()


def _sound(data: bytes, starts: Offsets, ends: Offsets) -> Mask:
    """Tell of each token whether it is cut out of nothing longer, or is a UUID."""
    text = np.frombuffer(data, np.uint8)
    kind = np.zeros(4 * starts.size, np.uint8).reshape(4, -1)  # before, first, last, after
    for side, at in zip(kind, (starts - 1, starts, ends - 1, ends), strict=True):
        inside = (at >= 0) & (at < text.size)
        side[inside] = _KINDS[text[at[inside]]]
    apart: Mask = ((kind[0] & kind[1]) | (kind[2] & kind[3])) == 0
    for cut in np.flatnonzero(~apart):
        apart[cut] = is_uuid(data[starts[cut] : ends[cut]])
    return apart


def _kinds() -> Bytes:
    kinds = np.where(CLASSES & (WORD | HIGH), np.uint8(1), np.uint8(0))
    kinds[ord("0") : ord("9") + 1] = 2
    return kinds.astype(np.uint8)


_KINDS = _kinds()  # letters, digits, and what is neither
