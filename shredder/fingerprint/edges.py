"""Where a value may begin and end within a run of a token's characters.

File names, keys and logs glue values to other words: ``respondent_7f3a….json``, ``7f3a…-final``.
So a token may begin after punctuation in the run and end before some, under these rules:

* A UUID is itself wherever no letter or digit touches it.
* An e-mail address has all of its run, but for punctuation at the ends or ``_`` after it: what
  stands before ``ada@example.org`` with a dot, a plus or a hyphen makes another address of it.
* All else may be glued by ``_``; by other punctuation only to what is no digit: ``R-17`` is not
  meant by ``R-17-2``, nor a number by one with decimals.
"""

from __future__ import annotations

import numpy as np

from shredder.fingerprint.siphash import Bytes, Offsets
from shredder.fingerprint.tokens import CLASSES, JOINT, LONGEST, WORD, Mask

_UUID_HEX, _UUID = 32, 36
_HYPHENS = (8, 13, 18, 23)
_UNDERLINE = ord("_")
_FAR = LONGEST  # punctuation in a row that is looked over


def whole(text: Bytes, starts: Offsets, ends: Offsets) -> Mask:
    """Tell of each token whether it begins and ends where a value may.

    No letter or digit is beside them.
    """
    good = _free(text, starts - 1, -1) & _free(text, ends, 1)
    addresses = _addresses(text, starts, ends)
    if addresses.size:
        before, after = starts[addresses] - 1, ends[addresses]
        good[addresses] = _alone(text, before, -1) & (
            _alone(text, after, 1) | (_at(text, after) == _UNDERLINE)
        )
    for at in np.flatnonzero(~good):
        good[at] = is_uuid(text[starts[at] : ends[at]].tobytes())
    return good


def outermost(starts: Offsets, ends: Offsets) -> Offsets:
    """Return which tokens are within no other, by their start: the longest is what is meant.

    Of two that are the same the first is.
    """
    order = np.lexsort((-ends, starts))
    before = np.maximum.accumulate(np.concatenate(([-1], ends[order])))
    return np.asarray(order[before[1:] > before[:-1]])


def is_uuid(token: bytes) -> bool:
    """Whether a token is a UUID in hex: random enough to be itself within anything."""
    if len(token) == _UUID and all(token[at] == ord("-") for at in _HYPHENS):
        token = token.replace(b"-", b"")
    if len(token) != _UUID_HEX:
        return False
    return all(byte in b"0123456789abcdefABCDEF" for byte in token)


def _at(text: Bytes, places: Offsets) -> Bytes:
    """Return the bytes at these places; 0 before and after the text."""
    inside = (places >= 0) & (places < text.size)
    return np.asarray(text[np.where(inside, places, 0)] * inside)


def _free(text: Bytes, places: Offsets, step: int) -> Mask:
    """Tell of the bytes beside tokens whether nothing is glued there that changes the meaning."""
    beside, beyond = _at(text, places), _at(text, places + step)
    digit = (beyond - np.uint8(0x30)) < np.uint8(10)
    return np.asarray((CLASSES[beside] != JOINT) | (beside == _UNDERLINE) | ~digit)


def _alone(text: Bytes, places: Offsets, step: int) -> Mask:
    """Tell whether there is only punctuation from here to the end of the run."""
    for _ in range(_FAR):
        joint = CLASSES[_at(text, places)] == JOINT
        if not joint.any():
            break
        places = places + step * joint
    return np.asarray(CLASSES[_at(text, places)] != WORD)


def _addresses(text: Bytes, starts: Offsets, ends: Offsets) -> Offsets:
    """Return which tokens have an ``@`` in them."""
    marks = np.flatnonzero(text == ord("@"))
    return np.flatnonzero(np.searchsorted(marks, starts) < np.searchsorted(marks, ends))
