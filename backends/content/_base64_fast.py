"""What short texts say in base64, by compiled code. Importing this module needs numba.

Where most of a text is tokens of a few hundred characters, what Python does for each takes a
hundred times as long as decoding it. What is told here is what :mod:`backends.content._base64`
tells, of runs that are plain text in one line; all others are left to it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.lanes import compile_by, compiled

Bytes = NDArray[np.uint8]
Positions = NDArray[np.int64]

_NONE, _FILLS = 64, 65  # no character of base64; what fills it up
_CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_SEXTETS = np.full(256, _NONE, np.uint8)
_SEXTETS[list(_CHARACTERS + b"+/")] = range(64)
_SEXTETS[list(b"-_")] = 62, 63
_SEXTETS[list(b"=")] = _FILLS
_NEWLINE, _RETURN, _BACKSLASH, _R, _N = 10, 13, 92, 114, 110


class Texts:
    """Decodes what is text in one line."""

    def __init__(self, begins: tuple[bytes, ...], controls: bytes, bounds: tuple[int, ...]) -> None:
        """`begins`: of containers; `controls`: bytes of no text; `bounds`: see `_texts`."""
        self._begins = np.array([int.from_bytes(begin) for begin in begins], np.uint32)
        self._kinds = np.zeros(256, np.uint8)
        self._kinds[128:] = 1
        self._kinds[list(controls)] = 2
        self._bounds = np.array(bounds, np.int64)
        compile_by(lambda: self.take(b"\n", np.zeros(1, np.int64), 0, 0))

    def take(self, block: bytes, places: Positions, number: int, at: int) -> tuple[bytes, int, int]:
        """Return what the runs at `places` say, from the one of this `number` on: a line for each.

        Up to one that is left to others, of which the number is returned, and last where the run
        before it ends; no run begins before `at`.
        """
        raw = np.frombuffer(block, np.uint8)
        said = np.empty(raw.size, np.uint8)
        number, at, size = _texts(
            raw, places, number, at, _SEXTETS, self._begins, self._kinds, self._bounds, said
        )
        return said[: max(size - 1, 0)].tobytes(), number, at


@compiled
def _goes_on(raw: Bytes, end: int, sextets: Bytes) -> bool:
    """Whether a line that ends here is followed by another of nothing else, or by nothing."""
    size = raw.size
    at = end
    c = raw[at]
    if c in (_RETURN, _NEWLINE):
        at += c == _RETURN
        if at == size or raw[at] != _NEWLINE:
            return False
        at += 1
        while at < size and (raw[at] == 32 or raw[at] == 9):
            at += 1
    elif c == _BACKSLASH:
        if at + 3 < size and raw[at + 1] == _R and raw[at + 2] == _BACKSLASH:
            at += 2
        if at + 1 >= size or raw[at + 1] != _N:
            return False
        at += 2
    else:
        return False
    if at == size:
        return True
    begun = at
    while at < size and sextets[raw[at]] < 64:
        at += 1
    if at == begun:
        return False
    fills = 0
    while at < size and fills < 2 and sextets[raw[at]] == _FILLS:
        at += 1
        fills += 1
    if at == size:
        return True
    c = raw[at]
    return c in (_RETURN, _NEWLINE, 34, 39, 60, _BACKSLASH)


@compiled
def _decoded(raw: Bytes, start: int, end: int, sextets: Bytes, said: Bytes, size: int) -> int:
    """Append what these characters stand for; return the size then."""
    at = start
    while at + 4 <= end:
        a, b = sextets[raw[at]], sextets[raw[at + 1]]
        c, d = sextets[raw[at + 2]], sextets[raw[at + 3]]
        said[size] = (a << 2) | (b >> 4)
        said[size + 1] = (b << 4) | (c >> 2)
        said[size + 2] = (c << 6) | d
        size += 3
        at += 4
    if end - at > 1:
        b = sextets[raw[at + 1]]
        said[size] = (sextets[raw[at]] << 2) | (b >> 4)
        size += 1
        if end - at > 2:
            said[size] = (b << 4) | (sextets[raw[at + 2]] >> 2)
            size += 1
    return size


@compiled
def _is_text(said: Bytes, start: int, end: int, kinds: Bytes, others: float) -> bool:
    """Whether bytes are text, mostly of ASCII, and in no encoding of two bytes and more."""
    if said[start] >= 0xFE and said[start + 1] >= 0xFE:  # a byte order mark
        return False
    foreign = 0
    for i in range(start, end):
        kind = kinds[said[i]]
        if kind == 2:
            return False
        foreign += kind
    return foreign <= (end - start) * others


@compiled
def _texts(
    raw: Bytes,
    places: Positions,
    number: int,
    at: int,
    sextets: Bytes,
    begins: NDArray[np.uint32],
    kinds: Bytes,
    bounds: Positions,
    said: Bytes,
) -> tuple[int, int, int]:
    """Write what runs say; return the next one's number, the end of the last, and the size.

    `bounds`: characters before a place that may belong to it; of a line that may go on; by which
    it is told whether a run is text; the least bytes of a text; and how many in a hundred of
    these may be no ASCII.
    """
    reach, line, most, least, others = bounds[0], bounds[1], bounds[2], bounds[3], bounds[4]
    size = 0
    for n in range(number, places.size):
        place = places[n]
        if place < at:
            continue
        first = place
        while first > max(at, place - reach) and sextets[raw[first - 1]] < 64:
            first -= 1
        start = place - (place - first) // 4 * 4
        end = place
        while end < raw.size and sextets[raw[end]] < 64:
            end += 1
        stop = end
        while stop < raw.size and stop < end + 2 and sextets[raw[stop]] == _FILLS:
            stop += 1
        if stop == raw.size or end - start < 4:
            return n, at, size
        if end - start >= line and _goes_on(raw, end, sextets):
            return n, at, size
        begin = np.uint32(0)
        for i in range(4):
            begin = (begin << np.uint32(8)) | np.uint32(raw[start + i])
        for other in begins:
            if other == begin:
                return n, at, size
        after = _decoded(raw, start, end, sextets, said, size)
        head = min(end - start, most) // 4 * 3
        if head < least or not _is_text(said, size, size + head, kinds, others / 100):
            return n, at, size
        said[after] = _NEWLINE
        size = after + 1
        at = stop
    return places.size, at, size
