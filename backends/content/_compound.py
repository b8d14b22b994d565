"""Lines that pack several records: a JSON array, an INSERT of many rows, a list of tuples."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

_Positions = NDArray[np.int64]

_JOINT = re.compile(rb"[})\]], ?[{(\[]")
_PACKED_LINE = re.compile(rb"\s*(?:[\[(]|insert\b|replace\b|values\b)", re.IGNORECASE)
_SEPARATORS = re.compile(rb"[\x0b\x0c\x1c-\x1e]")
_TAGS = re.compile(rb"\s*<[^\n]*>\s*<")
LONG = 4096  # bytes; a window longer than that may well be more than one record


def split(
    data: bytes, ends: _Positions, quotes: _Positions, *, packed: bool
) -> tuple[_Positions, bool]:
    """Add the ends of records within lines that pack them, but not within quotes.

    `packed` says that `data` begins within such a line; returned is whether the next block does.
    """
    joints = np.fromiter((m.start() + 2 for m in _JOINT.finditer(data)), np.int64)
    joints = joints[np.searchsorted(quotes, joints) % 2 == 0]
    starts = np.concatenate([np.zeros(1, np.int64), ends])
    lines = np.searchsorted(ends, joints, side="right")
    packs = np.zeros(len(starts), np.bool_)
    for line in np.unique(lines):
        packs[line] = (line == 0 and packed) or bool(_PACKED_LINE.match(data, int(starts[line])))
    joints = joints[packs[lines]]
    goes_on = packed and not len(ends)
    if len(joints) and (not len(ends) or joints[-1] > ends[-1]):
        goes_on = True
    return np.sort(np.concatenate([ends, joints])), goes_on


def undivided(window: bytes, nulls: int) -> bool:
    """Whether a window may hold more than one record, as far as its form tells.

    `nulls`: how many NULs the first one has; so many stand between the fields of a record.
    """
    return separated(window, nulls) or _TAGS.match(window) is not None


def separated(window: bytes, nulls: int) -> bool:
    """Whether a window is too long for one record, or has what separates records in it."""
    return len(window) > LONG or window.count(0) != nulls or _SEPARATORS.search(window) is not None
