"""Anchor mode: the catalogue's tokens anywhere in bytes that have no delimiters.

A heap file, a freed page or a pickle sets a value beside the next without anything between, so a
token may start and end at any byte. Where it does is the only difference to `tokens`: it holds
the same characters, is folded the same way, and its whole length is looked up by the same hash.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shredder.fingerprint.engine import Engine
from shredder.fingerprint.siphash import Bytes, Offsets
from shredder.fingerprint.tokens import CLASSES, HIGH, LONGEST, WORD, Mask

# Bytes of a run that are kept: a token's own, and one on either side.
_KEEP = LONGEST + 1
_UUID_HEX, _UUID = 32, 36
_HYPHENS = (8, 13, 18, 23)


@dataclass(frozen=True, slots=True)
class Anchored:
    """Tokens found in a run, in the order in which they stand.

    `rows`: first rows in the catalogue. `sound`: whether the token ends at both sides where a
    value may end; what is a part of a longer word or number may be another's.
    """

    rows: Offsets
    sound: Mask


class Run:
    """Consecutive bytes that are probed block by block."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tail = b""
        self._from = 0  # of the tail: where tokens that are not yet told may start
        self._told = 0  # of the tail: where the last token that was told ends

    def take(self, block: bytes) -> Anchored:
        """Take in a block; an empty one ends the run. Return what is certain so far."""
        data = self._tail + block
        upto = max(self._from, len(data) - _KEEP) if block else len(data)
        places, lengths, rows = self._engine.anchors(data, self._from, upto)
        ends = places + lengths
        # Of tokens within one another the longest is the one that is meant.
        order = np.lexsort((-ends, places))
        places, ends, rows = places[order], ends[order], rows[order]
        before = np.maximum.accumulate(np.concatenate(([self._told], ends)))
        outer = ends > before[:-1]
        places, ends, rows = places[outer], ends[outer], rows[outer]
        found = Anchored(rows, _sound(data, places, ends))
        start = max(0, upto - 1) if block else len(data)
        self._tail, self._from = data[start:], upto - start
        self._told = max(0, int(before[-1]) - start) if block else 0
        return found


def _sound(data: bytes, starts: Offsets, ends: Offsets) -> Mask:
    """Tell of each token whether it is cut out of nothing longer, or is a UUID."""
    text = np.concatenate(([np.uint8(0)], np.frombuffer(data, np.uint8), [np.uint8(0)]))
    kind = _KINDS[text]
    first, last = starts + 1, ends + 1
    apart: Mask = (kind[first - 1] & kind[first]) == 0
    apart &= (kind[last - 1] & kind[last]) == 0
    for at in np.flatnonzero(~apart):
        apart[at] = _is_uuid(data[starts[at] : ends[at]])
    return apart


def _is_uuid(token: bytes) -> bool:
    """Whether a token is a UUID in hex: random enough to be itself within anything."""
    if len(token) == _UUID and all(token[at] == ord("-") for at in _HYPHENS):
        token = token.replace(b"-", b"")
    if len(token) != _UUID_HEX:
        return False
    return all(byte in b"0123456789abcdefABCDEF" for byte in token)


def _kinds() -> Bytes:
    kinds = np.where(CLASSES & (WORD | HIGH), np.uint8(1), np.uint8(0))
    kinds[ord("0") : ord("9") + 1] = 2
    return kinds.astype(np.uint8)


_KINDS = _kinds()  # letters, digits, and what is neither
