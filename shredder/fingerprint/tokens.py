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

    def tokens(self, wanted: Mask) -> tuple[Offsets, Offsets]:
        """Return starts and lengths of the ASCII tokens of a wanted length, ascending.

        `wanted` has ``LONGEST + 1`` entries.
        """
        return self._tokens(self._word, wanted)

    def mixed_tokens(self, wanted: Mask) -> tuple[Offsets, Offsets]:
        """Return the same for the tokens that have a byte of 0x80 or above."""
        high = self._folded >= np.uint8(0x80)
        places = np.flatnonzero(high)
        starts, lengths = self._tokens(self._word | high, wanted)
        if not places.size:
            return starts[:0], lengths[:0]
        first = places[np.minimum(np.searchsorted(places, starts), places.size - 1)]
        has_one = (first >= starts) & (first < starts + lengths)
        return starts[has_one], lengths[has_one]

    def room(self, *, mixed: bool) -> Offsets:
        """Return for each byte how many bytes that a token may have follow each other from it.

        With `mixed`, those of 0x80 and above are among them.
        """
        inside = self._inside(self._word | (self._folded >= 0x80) if mixed else self._word)
        outside = np.flatnonzero(~inside[1:])  # the last one is the end of the text
        at = np.arange(self._folded.size)
        return np.asarray(outside[np.searchsorted(outside, at)] - at)

    def _inside(self, word: Mask) -> Mask:
        """Return whether each byte may be a token's, with one before and one after that may not."""
        inside = np.zeros(self._folded.size + 2, np.bool_)
        body = inside[1:-1]
        np.copyto(body, word)
        for joint in PUNCTUATION:
            body |= self._folded == np.uint8(joint)
        return inside

    def _tokens(self, word: Mask, wanted: Mask) -> tuple[Offsets, Offsets]:
        inside = self._inside(word)
        edges = np.flatnonzero(inside[1:] != inside[:-1])
        starts, ends = edges[0::2], edges[1::2]
        long = (ends - starts) >= max(SHORTEST, int(np.argmax(wanted)))
        starts, ends = starts[long], ends[long]
        untrimmed = np.flatnonzero(~(word[starts] & word[ends - 1]))
        if untrimmed.size:
            starts[untrimmed], ends[untrimmed] = _trim(word, starts[untrimmed], ends[untrimmed])
        lengths = ends - starts
        chosen = (lengths > 0) & (lengths <= LONGEST)
        chosen[chosen] = wanted[lengths[chosen]]
        return starts[chosen], lengths[chosen]


def _trim(word: Mask, starts: Offsets, ends: Offsets) -> tuple[Offsets, Offsets]:
    """Move both ends of runs inwards to a word's byte; one without any ends up with no length."""
    for _ in range(SHORTEST // 2):  # a full stop, "...": nearly all; and no run is used up
        starts = starts + ~word[starts]
        ends = ends - ~word[ends - 1]
    rest = np.flatnonzero((starts < ends) & ~(word[starts] & word[ends - 1]))
    if rest.size:
        # Sentinels stand for "none": a run without a word's byte gets an end before its start.
        places = np.concatenate(([-1], np.flatnonzero(word), [word.size]))
        starts[rest], ends[rest] = (
            places[np.searchsorted(places, starts[rest])],
            places[np.searchsorted(places, ends[rest]) - 1] + 1,
        )
    return starts, ends


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
