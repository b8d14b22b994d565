"""What the compiled route sees of windows: which hold anything, and where escapes may be.

Importing this module needs numba. See `shredder.fingerprint.kernels` for how these are written.
"""

from __future__ import annotations

import numpy as np

from backends.lanes import LANES, between, compiled, lowest_bit, rest
from shredder.fingerprint.escapes import BESIDE, ESCAPED, HEX, LETTER, NEAR
from shredder.fingerprint.siphash import Bytes, Offsets
from shredder.fingerprint.tokens import Mask

_1 = np.uint64(1)
_ESCAPED, _HEX, _LETTER, _BESIDE = ESCAPED, HEX, LETTER, BESIDE


@compiled
def windows(
    text: Bytes, classes: Bytes, ends: Offsets, kinds: int, found: Mask, cuts: Offsets
) -> int:
    """Set `found` for each window that holds a byte of one of the classes in `kinds`.

    Write those of `ends`, each once, that part bytes of classes; return how many.
    """
    start, count = 0, 0
    for i in range(ends.size):
        end = ends[i]
        at = start
        while at < end and not classes[text[at]] & kinds:
            at += 1
        found[i] = at < end
        if start < end < text.size and classes[text[end - 1]] != 0 and classes[text[end]] != 0:
            cuts[count] = end
            count += 1
        start = end
    return count


@compiled
def _marks(raw: Bytes, at: int) -> np.uint64:
    r"""Return which of 64 bytes are one of ``%&=\`` or begin a character that takes no room."""
    found = (
        between(raw, at, 0x25, 0x26) | between(raw, at, 0x3D, 0x3D) | between(raw, at, 0x5C, 0x5C)
    )
    high = between(raw, at, 0xAD, 0xAD) | between(raw, at, 0xC2, 0xC2)
    return found | high | between(raw, at, 0xE2, 0xE2) | between(raw, at, 0xEF, 0xEF)


@compiled
def _roomless(raw: Bytes, at: int, kinds: Bytes) -> bool:
    """Whether a character that takes no room begins here."""
    c = raw[at]
    after = raw[at + 1] if at + 1 < raw.size else 0
    if c == 0xAD:  # of an encoding of one byte a character
        return bool((at == 0 or raw[at - 1] != 0xC2) and (kinds[after] & _BESIDE) != 0)
    if c == 0xC2:
        return bool(after == 0xAD)
    last = raw[at + 2] if at + 2 < raw.size else 0
    if c == 0xE2:
        return (after == 0x80 and 0x8B <= last <= 0x8D) or (after == 0x81 and last == 0xA0)
    return bool(c == 0xEF and after == 0xBB and last == 0xBF)


@compiled
def marks(
    raw: Bytes, kinds: Bytes, quoted: Mask, places: Offsets, named: Offsets
) -> tuple[int, int]:
    """Write where escapes may begin, and where names of characters may; return how many.

    `kinds` and `quoted` are tables of `shredder.fingerprint.escapes`.
    """
    count, names, size = 0, 0, raw.size
    bits = np.empty((size + LANES - 1) // LANES, np.uint64)
    whole = size // LANES
    for word in range(whole):
        bits[word] = _marks(raw, word * LANES)
    if whole < bits.size:
        bits[whole] = _marks(rest(raw, whole * LANES), 0)
    for word in range(bits.size):
        left = bits[word]
        while left:
            at = LANES * word + lowest_bit(left)
            left &= left - _1
            c = raw[at]
            good = False
            if c >= 0x80:
                good = _roomless(raw, at, kinds)
            elif c == 0x5C:
                good = at + 1 < size and (kinds[raw[at + 1]] & _ESCAPED) != 0
            elif c == 0x25:
                good = at + 2 < size and (kinds[raw[at + 1]] & kinds[raw[at + 2]] & _HEX) != 0
            elif c == 0x3D:
                after = raw[at + 1] if at + 1 < size else 0
                # Most of what follows is no pair of the table, which is larger than a cache.
                good = (
                    after < 0x47
                    and at + 2 < size
                    and quoted[(np.int64(raw[at + 1]) << 8) | raw[at + 2]]
                )
            elif at + 3 < size and (kinds[raw[at + 1]] & _LETTER) != 0:
                furthest = min(size, at + NEAR + 1)
                end = at + 1
                while end < furthest and raw[end] != 0x3B:
                    end += 1
                if end < furthest:
                    named[names] = at
                    names += 1
            if good:
                places[count] = at
                count += 1
    return count, names
