"""What a token is, and finding all the tokens of a block at once.

A token is a maximal run of the ASCII letters, digits and ``_ . @ + -``, with that punctuation
trimmed at both ends, ASCII letters folded to lower case, of :data:`SHORTEST` to
:data:`LONGEST` bytes. These characters hold e-mail addresses, UUIDs, decimal numbers and most
identifiers together; quotes, commas, colons, slashes, brackets, ``=``, ``&`` and ``|`` part them,
which is how CSV, JSON, SQL, XML, URLs and logs delimit values.

A maximal run that has bytes of 0x80 and above too is a token *besides*: a name or an identifier
with an umlaut is found, and an ASCII identifier is still found between typographic quotes,
no-break spaces, after a byte order mark or within Chinese text, in any encoding that is a
superset of ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from shredder.fingerprint.siphash import PADDING, Bytes, Offsets

SHORTEST = 6  # a@b.de; what is shorter can be no evidence
LONGEST = 128

PUNCTUATION = b"_.@+-"
_WORD = b"0-9A-Za-z"
_HIGH = rb"\x80-\xff"

# The class of each byte, one bit each; the compiled route uses the same table.
WORD, JOINT, HIGH = 1, 2, 4  # a letter or digit; punctuation of a token; 0x80 and above
CLASSES: Bytes = np.zeros(256, np.uint8)
for _byte in range(256):
    if _byte >= 0x80:
        CLASSES[_byte] = HIGH
    elif bytes([_byte]).isalnum():
        CLASSES[_byte] = WORD
    elif _byte in PUNCTUATION:
        CLASSES[_byte] = JOINT
CLASSES.setflags(write=False)

# Of a block, so much is worked on at once: it bounds memory, and has tokens enough to be hashed
# together (in numpy 256 KiB give 185 MB/s, 1 MiB give 228).
_PART = 1 << 20
_BOUNDARY = re.compile(rb"[^%s%s%s]" % (_WORD, re.escape(PUNCTUATION), _HIGH))
_SOMETHING = re.compile(rb"[%s%s]" % (_WORD, _HIGH))
_FEW = 256  # windows that are looked at one by one

Mask = npt.NDArray[np.bool_]


def parts(block: bytes, size: int = _PART) -> Iterator[tuple[int, int]]:
    """Cut a block into parts of about `size` bytes, each as start and end; none cuts a token."""
    view = np.frombuffer(block, np.uint8)
    start = 0
    while len(block) - start > size:
        tail = start + size - min(size, 2 * LONGEST)
        outside = np.flatnonzero(CLASSES[view[tail : start + size]] == 0)
        if outside.size:
            end = tail + int(outside[-1]) + 1
        else:
            following = _BOUNDARY.search(block, start + size)
            end = following.end() if following else len(block)
        yield start, end
        start = end
    if start < len(block):
        yield start, len(block)


class Part:
    """A part of a block, folded to lower case and padded for hashing."""

    def __init__(self, raw: Bytes) -> None:
        size = raw.size
        self.text: Bytes = np.zeros(size + PADDING, np.uint8)
        folded = self.text[:size]
        upper = (raw - np.uint8(0x41)) < np.uint8(26)
        np.left_shift(upper.view(np.uint8), np.uint8(5), out=folded)
        folded |= raw
        self._word = ((folded - np.uint8(0x61)) < np.uint8(26)) | (
            (folded - np.uint8(0x30)) < np.uint8(10)
        )
        self._folded = folded
        self._high: Mask = folded >= np.uint8(0x80)

    def starts(self, size: int, *, high: bool, delimited: bool) -> Offsets:
        """Return where a word's bytes are from which `size` bytes of a token follow each other.

        With `high`, bytes of 0x80 and above are a word's; `delimited`: only those that have no
        word's byte before them.
        """
        words = self._words(high=high)
        if delimited:
            first = words.copy()
            first[1:] &= ~words[:-1]
            words = first
        run, have = self._inside(high=high), 1
        while have < size:  # a run of as many as are known, twice, with an overlap at the end
            step = min(have, size - have)
            run = run[:-step] & run[step:]
            have += step
        return np.asarray(np.flatnonzero(words[: run.size] & run))

    def room(self, places: Offsets, *, high: bool) -> Offsets:
        """Return how many bytes of a token follow each other from each place on."""
        ends = np.append(np.flatnonzero(~self._inside(high=high)), self._folded.size)
        return np.asarray(ends[np.searchsorted(ends, places)] - places)

    def _inside(self, *, high: bool) -> Mask:
        inside = self._words(high=high).copy()
        for joint in PUNCTUATION:
            inside |= self._folded == np.uint8(joint)
        return inside

    def ends(self, starts: Offsets, stops: Offsets, *, high: bool) -> Mask:
        """Tell whether at each stop a word ends; with `high`, and a byte of 0x80 is before it."""
        words = np.append(self._words(high=high), False)
        ends: Mask = words[stops - 1] & ~words[stops]
        if high:
            places = np.append(np.flatnonzero(self._high), self._high.size)
            ends &= places[np.searchsorted(places, starts)] < stops
        return ends

    def _words(self, *, high: bool) -> Mask:
        return self._word | self._high if high else self._word


def something(block: bytes, starts: Offsets, ends: Offsets) -> Mask:
    """Tell of each window whether it holds a letter, a digit or a byte of 0x80 or above."""
    view = np.frombuffer(block, np.uint8)
    found = np.zeros(ends.size, np.bool_)
    left = np.flatnonzero(starts < ends)
    at = starts[left]
    for _ in range(16):  # quotes and indentation come first
        if left.size <= _FEW:
            break
        hit = (CLASSES[view[at]] & (WORD | HIGH)) != 0
        found[left[hit]] = True
        left, at = left[~hit], at[~hit] + 1
        inside = at < ends[left]
        left, at = left[inside], at[inside]
    if left.size <= _FEW:
        for window, start in zip(left.tolist(), at.tolist(), strict=True):
            found[window] = _SOMETHING.search(block, start, int(ends[window])) is not None
        return found
    counts = np.zeros(len(block) + 1, np.int64)
    np.cumsum((CLASSES[view] & (WORD | HIGH)) != 0, out=counts[1:])
    found[left] = counts[ends[left]] > counts[at]
    return found
