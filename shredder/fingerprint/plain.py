"""The numpy route: all the tokens of a part hashed at once, filtered, then looked up."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from shredder.fingerprint import tokens
from shredder.fingerprint.catalogue import Catalogue
from shredder.fingerprint.engine import meant
from shredder.fingerprint.escapes import Marks, marks
from shredder.fingerprint.keys import Keys
from shredder.fingerprint.raw import NEIGHBOURS, UUID_BYTES, least
from shredder.fingerprint.siphash import PADDING, Bytes, Hashes, Offsets, siphash24_many
from shredder.fingerprint.starts import mixed, multipliers, passes, unveiled
from shredder.fingerprint.tokens import CLASSES, LONGEST, Mask, Part

_PART = 1 << 18  # bytes that are probed at once
_NONE = np.empty(0, np.int64)


class PlainEngine:
    """See :class:`shredder.fingerprint.engine.Engine`."""

    def __init__(self, catalogue: Catalogue, keys: Keys) -> None:
        self._catalogue = catalogue
        self._keys = keys
        self._by = multipliers(keys)
        self._starts = unveiled(catalogue.starts, keys)

    def find(self, block: bytes) -> tuple[Offsets, Offsets]:
        """See the protocol."""
        if not self._catalogue.hashes.size:
            return _NONE, _NONE
        raw = np.frombuffer(block, np.uint8)
        kinds = (False, True) if self._catalogue.mixed and not block.isascii() else (False,)
        found = []
        for start, end in tokens.parts(block):
            part = Part(raw[start:end])
            for kind in kinds:
                hits = self._tokens(part, high=kind, delimited=True)
                found += [(places + start, lengths, rows) for places, lengths, rows in hits]
        return meant(raw, found)

    def _tokens(
        self, part: Part, *, high: bool, delimited: bool, last: int | None = None
    ) -> Iterator[tuple[Offsets, Offsets, Offsets]]:
        """Yield, for each length, places, lengths and first rows of tokens; `last`: see `anchors`.

        `delimited`: only those before which, and after which, is no word's byte; and with `high`
        only those that have a byte of 0x80 or above.
        """
        sizes = self._catalogue.start_lengths
        for size, below in zip(sizes, (*sizes[1:], LONGEST + 1), strict=True):
            starts = part.starts(size, high=high, delimited=delimited)
            starts = starts[: np.searchsorted(starts, last)] if last is not None else starts
            starts = starts[passes(self._starts, mixed(self._by, part.text, starts, size)) != 0]
            rooms = part.room(starts, high=high) if starts.size else starts
            for length in self._catalogue.lengths:
                if size <= length < below:
                    chosen = starts[rooms >= length]
                    if delimited:
                        chosen = chosen[part.ends(chosen, chosen + length, high=high)]
                    lengths = np.full(chosen.size, length, np.int64)
                    places, rows = self._look_up(part.text, chosen, lengths)
                    yield places, lengths[: places.size], rows

    def anchors(self, block: bytes, first: int, last: int) -> tuple[Offsets, Offsets, Offsets]:
        """See the protocol."""
        found = [(_NONE, _NONE, _NONE)]
        for start in range(first, last, _PART) if self._catalogue.hashes.size else ():
            stop = min(start + _PART, last)
            part = Part(np.frombuffer(block[start : stop + LONGEST], np.uint8))
            high = self._catalogue.mixed
            hits = self._tokens(part, high=high, delimited=False, last=stop - start)
            found += [(places + start, lengths, rows) for places, lengths, rows in hits]
        places, lengths, rows = (np.concatenate(column) for column in zip(*found, strict=True))
        return places, lengths, rows

    def uuids(self, block: bytes, first: int, last: int) -> Offsets:
        """See the protocol."""
        found = [_NONE]
        for start, part in self._raw_parts(block, first, last):
            text = np.frombuffer(part + bytes(PADDING), np.uint8)
            size = min(len(part) - UUID_BYTES + 1, last - start, _PART)
            if size > 0:
                variant, plain, mixed = (text[at : at + size] for at in (8, 6, 7))
                version = (_VERSIONED[plain] | _VERSIONED[mixed]) & ((variant >> 6) == 2)
                found.append(self._raw(text, np.flatnonzero(version), UUID_BYTES))
        return np.concatenate(found)

    def integers(self, block: bytes, first: int, last: int) -> tuple[Offsets, ...]:
        """See the protocol."""
        found: list[tuple[Offsets, ...]] = [(_NONE,) * (1 + NEIGHBOURS)]
        for start, part in self._raw_parts(block, first, last):
            for width in self._catalogue.widths:
                size = min(len(part) - width + 1, last - start, _PART)
                if size > 0:
                    integers = _integers(part, size, width)
                    found.append(tuple(self._integers(integers, width)))
        return tuple(np.unique(np.concatenate(rows)) for rows in zip(*found, strict=True))

    def _raw_parts(self, block: bytes, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        for start in range(first, last, _PART) if self._catalogue.raw.size else ():
            yield start, block[start : start + _PART + UUID_BYTES - 1]

    def _integers(self, integers: Hashes, width: int) -> Iterator[Offsets]:
        """Yield the rows of integers, and of their neighbours."""
        for values in (integers, *_neighbours(integers)):
            text = np.zeros(8 * values.size + PADDING, np.uint8)
            text[: 8 * values.size] = values.astype("<u8").view(np.uint8)
            yield self._raw(text, 8 * np.arange(values.size), width)

    def _raw(self, text: Bytes, places: Offsets, size: int) -> Offsets:
        """Return the rows of the binary forms of `size` bytes at these places."""
        lengths = np.full(places.size, size, np.int64)
        hashes = siphash24_many(self._keys.raw, text, places, lengths)
        hashes = hashes[passes(self._catalogue.raw_filter, hashes) != 0]
        table = self._catalogue.raw
        rows = np.searchsorted(table, hashes)
        return np.asarray(rows[table[np.minimum(rows, table.size - 1)] == hashes])

    def windows(self, block: bytes, ends: Offsets) -> tuple[Mask, Offsets]:
        """See the protocol."""
        starts = np.concatenate((ends[:0], [0], ends[:-1])) if ends.size else ends
        text = np.frombuffer(block, np.uint8)
        inner = ends[(ends > 0) & (ends < text.size)]
        cuts = inner[(CLASSES[text[inner - 1]] != 0) & (CLASSES[text[inner]] != 0)]
        return tokens.something(block, starts, ends), np.unique(cuts)

    def marks(self, block: bytes) -> Marks:
        """See the protocol."""
        return marks(block)

    def _look_up(self, text: Bytes, starts: Offsets, lengths: Offsets) -> tuple[Offsets, Offsets]:
        """Return the starts of the tokens that are in the catalogue, and their first rows."""
        hashes = siphash24_many(self._keys.tokens, text, starts, lengths)
        maybe = np.flatnonzero(passes(self._catalogue.filter, hashes))
        hashes = hashes[maybe]
        table = self._catalogue.hashes
        rows = np.searchsorted(table, hashes)
        hit = table[np.minimum(rows, table.size - 1)] == hashes
        return starts[maybe[hit]], rows[hit]


_VERSIONED = np.array([1 <= byte >> 4 <= 8 for byte in range(256)])  # RFC 9562, 4.2
_PRINTABLE = np.array([0x20 <= byte < 0x7F for byte in range(256)])


def _integers(part: bytes, size: int, width: int) -> Hashes:
    """Return the integers of `width` bytes at the first `size` places, in both byte orders."""
    padded = part + bytes(PADDING)
    text = np.frombuffer(padded, np.uint8)
    printable = np.lib.stride_tricks.sliding_window_view(_PRINTABLE[text], width)[:size].all(axis=1)
    unused = np.uint64(64 - 8 * width)
    low: Hashes = np.ndarray((size,), "<u8", padded, 0, (1,)) << unused >> unused
    high: Hashes = np.ndarray((size,), ">u8", padded, 0, (1,)).astype(np.uint64) >> unused
    both = np.concatenate((low[~printable], high[~printable]))
    return np.asarray(both[both >= np.uint64(least(width))])


def _neighbours(integers: Hashes) -> tuple[Hashes, ...]:
    """Return integers near these, by which is seen how many are hit by chance.

    The next one, for counters; ten and a thousand further, for what goes up in such steps.
    """
    return integers ^ np.uint64(1), integers + np.uint64(10), integers + np.uint64(1000)
