"""Finding names, passages and short numbers in a block: what both routes do.

Words are hashed under a key of their own and only pass through; what the catalogue keeps of names
and passages are hashes of word hashes. Most words of foreign text are in no name and no passage:
two filters tell, so that little has to be hashed a second time.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from shredder.fingerprint.catalogue import Catalogue, Filter, Table
from shredder.fingerprint.engine import ROUTE
from shredder.fingerprint.keys import Keys
from shredder.fingerprint.siphash import PADDING, Bytes, Hashes, Offsets, siphash24_many
from shredder.fingerprint.tokens import CLASSES, HIGH, WORD, Mask
from shredder.fingerprint.words import LONGEST_RUN, LONGEST_WORD, PASSAGE, REACH, unfold

_NONE = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found of one kind: the window of each, where it ends, and its first row."""

    windows: Offsets
    ends: Offsets  # offsets into the block, of the last word's start
    rows: Offsets


@dataclass(frozen=True, slots=True)
class Found:
    """What one block holds."""

    names: Hits
    passages: Hits
    numbers: Hits
    whole: Mask  # of names: both words are in the window


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a block in order. `hashes` are 0 where `high`: those are taken apart yet."""

    starts: Offsets
    lengths: Offsets
    windows: Offsets
    hashes: Hashes
    high: Mask


class Route(Protocol):
    """One of two ways to do the same. Holds no state; for several threads at once."""

    def words(self, block: bytes, stops: Offsets) -> Words:
        """Return the words of a block whose windows end at `stops`."""

    def find(self, words: Words) -> tuple[tuple[Offsets, Offsets], ...]:
        """Return for names, passages and numbers: the numbers of last words, and first rows."""


class Phrases:
    """Finds names, passages and numbers of a catalogue."""

    def __init__(self, catalogue: Catalogue, keys: Keys) -> None:
        self._key, self._pairs = keys.words, keys.phrases
        self._names = catalogue.names.hashes
        self._route = _route(catalogue, keys)

    def find(self, block: bytes, stops: Offsets) -> Found:
        """Look through a block whose windows end at `stops`.

        A passage is within one window; a name may go on in the next, as where a key has a line.
        """
        words = self._route.words(block, stops)
        if words.high.any():
            words = self._unfolded(block, words)
        found = self._route.find(words)
        names, passages, numbers = (
            Hits(words.windows[last], words.starts[last], rows) for last, rows in found
        )
        return Found(names, passages, numbers, self._whole(words, *found[0]))

    def _whole(self, words: Words, last: Offsets, rows: Offsets) -> Mask:
        """Tell of names, by their last words, whether the other word is in the same window."""
        whole = np.zeros(last.size, np.bool_)
        for step in range(1, REACH + 1):
            first = np.maximum(last - step, 0)
            at = np.flatnonzero((words.windows[first] == words.windows[last]) & (last >= step))
            pairs = pair_rows(words.hashes[first[at]], words.hashes[last[at]])
            whole[at] |= hashed_rows(self._pairs, pairs) == self._names[rows[at]]
        return whole

    def _unfolded(self, block: bytes, words: Words) -> Words:
        """Put in the place of each run with a byte of 0x80 or above the words it holds."""
        at = np.flatnonzero(words.high)
        starts = words.starts[at].tolist()
        ends = (words.starts[at] + np.minimum(words.lengths[at], LONGEST_RUN)).tolist()
        inner = [unfold(block[start:end]) for start, end in zip(starts, ends, strict=True)]
        counts = np.ones(words.starts.size, np.int64)
        counts[at] = np.fromiter(map(len, inner), np.int64, len(inner))
        hashes = np.repeat(words.hashes, counts)
        high = np.repeat(words.high, counts)
        hashes[high] = hashed(self._key, [word for run in inner for word in run])
        return Words(
            np.repeat(words.starts, counts),
            np.repeat(words.lengths, counts),
            np.repeat(words.windows, counts),
            hashes,
            np.zeros(hashes.size, np.bool_),
        )


def hashed(key: bytes, texts: list[bytes]) -> Hashes:
    """Hash each of some short texts."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    padded = np.frombuffer(b"".join(texts) + bytes(PADDING), np.uint8)
    return siphash24_many(key, padded, np.cumsum(lengths) - lengths, lengths)


def hashed_rows(key: bytes, rows: npt.NDArray[np.uint64]) -> Hashes:
    """Hash each row of a matrix of word hashes, as its bytes."""
    count, width = rows.shape
    raw = np.zeros(rows.size + 1, "<u8")  # a word more is the padding
    raw[:-1] = rows.reshape(-1)
    starts = np.arange(count, dtype=np.int64) * (8 * width)
    return siphash24_many(key, raw.view(np.uint8), starts, np.full(count, 8 * width, np.int64))


def pair_rows(first: Hashes, second: Hashes) -> npt.NDArray[np.uint64]:
    """Return pairs of words as rows that are the same in either order."""
    return np.stack((np.minimum(first, second), np.maximum(first, second)), axis=1)


def passage_rows(words: Hashes) -> npt.NDArray[np.uint64]:
    """Return every passage of consecutive words as a row."""
    if words.size < PASSAGE:
        return np.empty((0, PASSAGE), np.uint64)
    return np.lib.stride_tricks.sliding_window_view(words, PASSAGE)


def passes(known: Filter, hashes: Hashes) -> Mask:
    """Tell of each hash whether a filter knows it, or seems to."""
    words = known.words[(hashes >> np.uint64(known.shift)).view(np.int64)]
    bits = words >> (hashes & np.uint64(63))
    bits &= words >> ((hashes >> np.uint64(6)) & np.uint64(63))
    bits &= words >> ((hashes >> np.uint64(12)) & np.uint64(63))
    return (bits & np.uint64(1)).astype(np.bool_)


def look_up(table: Table, hashes: Hashes) -> tuple[Offsets, Offsets]:
    """Return which of some hashes are in a table, and their first rows there."""
    if not table.hashes.size:
        return _NONE, _NONE
    maybe = np.flatnonzero(passes(table.filter, hashes))
    rows = np.searchsorted(table.hashes, hashes[maybe])
    hit = table.hashes[np.minimum(rows, table.hashes.size - 1)] == hashes[maybe]
    return maybe[hit], rows[hit]


class PlainRoute:
    """The numpy route."""

    def __init__(self, catalogue: Catalogue, keys: Keys) -> None:
        self._catalogue = catalogue
        self._keys = keys

    def words(self, block: bytes, stops: Offsets) -> Words:
        """See the protocol."""
        raw = np.zeros(len(block) + PADDING, np.uint8)
        raw[: len(block)] = np.frombuffer(block, np.uint8)
        upper = (raw - np.uint8(0x41)) < np.uint8(26)
        raw |= upper.view(np.uint8) << np.uint8(5)
        inside = np.zeros(len(block) + 2, np.bool_)
        inside[1:-1] = (CLASSES[raw[: len(block)]] & (WORD | HIGH)) != 0
        edges = np.flatnonzero(inside[1:] != inside[:-1])
        starts, lengths = edges[0::2], edges[1::2] - edges[0::2]
        high = _have_high(raw, starts, lengths) if not block.isascii() else starts < 0
        hashes = np.zeros(starts.size, np.uint64)
        low = ~high
        hashes[low] = siphash24_many(
            self._keys.words, raw, starts[low], np.minimum(lengths[low], LONGEST_WORD)
        )
        return Words(starts, lengths, np.searchsorted(stops, starts, side="right"), hashes, high)

    def find(self, words: Words) -> tuple[tuple[Offsets, Offsets], ...]:
        """See the protocol."""
        hashes, windows = words.hashes, words.windows
        return (
            self._names(hashes, windows),
            self._passages(hashes, windows),
            look_up(self._catalogue.numbers, hashes),
        )

    def _names(self, hashes: Hashes, windows: Offsets) -> tuple[Offsets, Offsets]:
        table = self._catalogue.names
        if not table.hashes.size:
            return _NONE, _NONE
        known = passes(self._catalogue.name_words, hashes)
        last, rows = [], []
        for step in range(1, REACH + 1):
            both = known[:-step] & known[step:] & (windows[step:] - windows[:-step] <= 1)
            at = np.flatnonzero(both)
            pairs = hashed_rows(self._keys.phrases, pair_rows(hashes[at], hashes[at + step]))
            which, found = look_up(table, pairs)
            last.append(at[which] + step)
            rows.append(found)
        return _in_order(np.concatenate(last), np.concatenate(rows))

    def _passages(self, hashes: Hashes, windows: Offsets) -> tuple[Offsets, Offsets]:
        table = self._catalogue.passages
        if not table.hashes.size or hashes.size < PASSAGE:
            return _NONE, _NONE
        known = passes(self._catalogue.text_words, hashes)
        inside = np.lib.stride_tricks.sliding_window_view(known, PASSAGE).all(axis=1)
        inside &= windows[: 1 - PASSAGE] == windows[PASSAGE - 1 :]
        at = np.flatnonzero(inside)
        which, rows = look_up(table, hashed_rows(self._keys.phrases, passage_rows(hashes)[at]))
        return at[which] + PASSAGE - 1, rows


def _have_high(raw: Bytes, starts: Offsets, lengths: Offsets) -> Mask:
    counts = np.zeros(raw.size + 1, np.int64)
    np.cumsum(raw >= np.uint8(0x80), out=counts[1:])
    return np.asarray(counts[starts + lengths] > counts[starts])


def _in_order(last: Offsets, rows: Offsets) -> tuple[Offsets, Offsets]:
    order = np.argsort(last, kind="stable")
    return last[order], rows[order]


def _route(catalogue: Catalogue, keys: Keys) -> Route:
    """Choose as :func:`shredder.fingerprint.engine.choose` has chosen."""
    if os.environ.get(ROUTE, "") != "numpy":
        try:
            # Imported here, for numba takes a second to load.
            from shredder.fingerprint.phrases_fast import CompiledRoute  # noqa: PLC0415
        except ImportError:
            pass  # a route that was asked for and is not there: `choose` has said so
        else:
            return CompiledRoute(catalogue, keys)
    return PlainRoute(catalogue, keys)
