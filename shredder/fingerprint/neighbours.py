"""Records that are laid out over several lines: what stands near each other.

A window is a line, and JSON, XML or a letter put each value of a record on a line of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shredder.fingerprint.siphash import Offsets
from shredder.fingerprint.tokens import Mask

NEAR = 16  # windows from one value of a record to the next
_TOGETHER = 3  # windows from one stretch of a text to the next
_NARROW = 200  # bytes; a longer window is a record of its own, or more than one
_WIDEST = 4096  # bytes that are looked at around a window
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_SEPARATED = re.compile(rb"[,;\t|\x1f]")
_UNBROKEN = re.compile(rb"[^\s,;|<>\"'\x00-\x1f]*")
_ADDRESS = re.compile(
    rb"[0-9A-Za-z_.+\-\x80-\xff]{1,64}(?:@|%40|=40|&#64;)[0-9A-Za-z.\-\x80-\xff]+"
)

Keys = npt.NDArray[np.uint64]  # window << 32 | record
_BESIDE = 600  # bytes on either side of one of several anchors in a window
_ALONE = 2  # places; an address can stand in a window twice


@dataclass(frozen=True, slots=True)
class Anchors:
    """What points to records: hits by window, place and record; one for each record it may be."""

    windows: Offsets
    places: Offsets
    records: Offsets

    @property
    def keys(self) -> Keys:
        """Windows and records, in one number each."""
        high: Keys = self.windows.astype(np.uint64) << _HALF
        return high | self.records.astype(np.uint64)

    @property
    def turned(self) -> Keys:
        """Records and places, likewise."""
        high: Keys = self.records.astype(np.uint64) << _HALF
        return high | self.places.astype(np.uint64)

    def only(self, chosen: Mask) -> Anchors:
        """Return some of them."""
        return Anchors(self.windows[chosen], self.places[chosen], self.records[chosen])


@dataclass(frozen=True, slots=True)
class Stretch:
    """A group of anchors: its window, what stands with it there, what is beyond, its records."""

    window: int
    text: bytes
    beyond: bytes
    records: list[int]


def surroundings(
    block: bytes, stops: Offsets, anchors: Anchors, taken: Offsets, *, addressed: bool
) -> Iterator[Stretch]:
    """Yield each group of anchors with what stands round it.

    Anchors of a window that share a record and follow each other are one group. A group alone in
    its window has all of it, and if it is narrow what is beyond it, too: see `around`. Of several,
    each has what is between the one before and the one after, and no more than 600 bytes.
    `addressed`: records are known by addresses, so what is beyond another address is another's.
    """
    order = np.lexsort((anchors.places, anchors.windows))
    windows = anchors.windows[order].tolist()
    places, records = anchors.places[order].tolist(), anchors.records[order].tolist()
    at = 0
    while at < len(windows):
        end = at
        groups: list[tuple[int, int, set[int]]] = []
        while end < len(windows) and windows[end] == windows[at]:
            place, mine = places[end], set[int]()
            while end < len(windows) and windows[end] == windows[at] and places[end] == place:
                mine.add(records[end])
                end += 1
            if groups and groups[-1][2] & mine:
                groups[-1] = (groups[-1][0], place, groups[-1][2] & mine)
            else:
                groups.append((place, place, mine))
        window = windows[at]
        at = end
        start, stop = (int(stops[window - 1]) if window else 0), int(stops[window])
        if len(groups) == 1:
            beyond = around(block, stops, window, taken, addressed=addressed)
            yield Stretch(window, block[start:stop], beyond, sorted(groups[0][2]))
            continue
        for n, (first, last, mine) in enumerate(groups):
            left = max(groups[n - 1][1] if n else start, first - _BESIDE)
            right = min(groups[n + 1][0] if n + 1 < len(groups) else stop, last + _BESIDE)
            if addressed:
                left, right = _between_addresses(block, left, first, last, right)
            yield Stretch(window, block[left:right], b"", sorted(mine))


def beside(hits: Anchors, anchors: Anchors) -> Mask:
    """Tell of each hit whether an anchor of the same record is near, or has the window with it.

    Near is within so many bytes; of a window in which no other anchor stands, all is near.
    """
    if not hits.windows.size or not anchors.windows.size:
        return np.zeros(hits.windows.size, np.bool_)
    mine, theirs = hits.turned, np.sort(anchors.turned)
    first = mine - np.minimum(mine & _LOW, np.uint64(_BESIDE))
    at = np.minimum(np.searchsorted(theirs, first), theirs.size - 1)
    found = theirs[at]
    close = (found >= first) & (found <= mine + np.uint64(_BESIDE))
    close &= found >> _HALF == mine >> _HALF
    places = np.unique(np.stack((anchors.windows, anchors.places)), axis=1)[0]
    windows, counts = np.unique(places, return_counts=True)
    alone = anchors.only(np.isin(anchors.windows, windows[counts <= _ALONE]))
    return np.asarray(close | np.isin(hits.keys, alone.keys))


def near(hits: Anchors, anchors: Anchors) -> Offsets:
    """Count for each hit the records, by place, that anchors near it point to."""
    places = np.sort(np.unique(anchors.turned) & _LOW).astype(np.int64)
    after = np.searchsorted(places, hits.places + _BESIDE, side="right")
    return np.asarray(after - np.searchsorted(places, hits.places - _BESIDE))


def together(keys: Keys, counts: Offsets) -> Offsets:
    """Sum up counts over windows of the same record that follow each other closely."""
    if not keys.size:
        return counts
    turned = _turned(keys)
    order = np.argsort(turned)
    ordered = turned[order]
    breaks = np.ones(ordered.size, np.bool_)
    breaks[1:] = np.diff(ordered) > np.uint64(_TOGETHER)
    starts = np.flatnonzero(breaks)
    sums = np.add.reduceat(counts[order], starts)
    found = np.empty_like(counts)
    found[order] = np.repeat(sums, np.diff(starts, append=ordered.size))
    return found


def around(block: bytes, stops: Offsets, window: int, taken: Offsets, *, addressed: bool) -> bytes:
    """Return a window with its neighbours, if it is narrow; or nothing.

    `taken`: windows, ascending, that stand for themselves; what is between two of them may
    belong to either. So do, if `addressed`, windows with an address.
    """
    start = int(stops[window - 1]) if window else 0
    text = block[start : int(stops[window])]
    if len(text) > _NARROW or len(_SEPARATED.findall(text)) > 1:
        return b""
    at = int(np.searchsorted(taken, window))
    first = max(window - NEAR, int(taken[at - 1]) + 1 if at else 0)
    last = min(window + NEAR, stops.size - 1)
    if at + 1 < taken.size:
        last = min(last, int(taken[at + 1]) - 1)
    left = int(stops[first - 1]) if first else 0
    right = int(stops[last])
    if right - left > _WIDEST or last == first:
        return b""
    if addressed:
        before = [match.start() for match in _ADDRESS.finditer(block, left, start)]
        if before:
            left = int(stops[np.searchsorted(stops, before[-1], side="right")])
        if after := _ADDRESS.search(block, int(stops[window]), right):
            right = int(stops[np.searchsorted(stops, after.start(), side="right") - 1])
    return block[left:right]


def _between_addresses(
    block: bytes, left: int, first: int, last: int, right: int
) -> tuple[int, int]:
    """Narrow a stretch to what no other address stands before or after."""
    for found in _ADDRESS.finditer(block, left, first):
        left = found.end()
    end = _UNBROKEN.match(block, last)
    after = _ADDRESS.search(block, end.end() if end else last, right)
    return left, after.start() if after else right


def _turned(keys: Keys) -> Keys:
    """Return record << 32 | window."""
    return np.asarray((keys & _LOW) << _HALF | keys >> _HALF)
