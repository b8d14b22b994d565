"""The numpy route: all the tokens of a part hashed at once, filtered, then looked up."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from shredder.fingerprint import tokens
from shredder.fingerprint.catalogue import Catalogue
from shredder.fingerprint.engine import wanted_lengths
from shredder.fingerprint.keys import Keys
from shredder.fingerprint.siphash import Bytes, Offsets, siphash24_many
from shredder.fingerprint.starts import passes
from shredder.fingerprint.tokens import LONGEST, Mask, Part

_PART = 1 << 18  # bytes that are probed at once
_NONE = np.empty(0, np.int64)


class PlainEngine:
    """See :class:`shredder.fingerprint.engine.Engine`."""

    def __init__(self, catalogue: Catalogue, keys: Keys) -> None:
        self._catalogue = catalogue
        self._keys = keys
        self._wanted = wanted_lengths(catalogue, LONGEST + 1)

    def find(self, block: bytes) -> tuple[Offsets, Offsets]:
        """See the protocol."""
        if not self._catalogue.hashes.size:
            return _NONE, _NONE
        raw = np.frombuffer(block, np.uint8)
        found = [_NONE]
        rows = [_NONE]
        for start, end in tokens.parts(block):
            part = Part(raw[start:end])
            places, at = self._look_up(part.text, *part.tokens(self._wanted))
            if self._catalogue.mixed and not block.isascii():
                more, more_at = self._look_up(part.text, *part.mixed_tokens(self._wanted))
                places, at = np.concatenate((places, more)), np.concatenate((at, more_at))
                order = np.argsort(places, kind="stable")
                places, at = places[order], at[order]
            found.append(places + start)
            rows.append(at)
        return np.concatenate(found), np.concatenate(rows)

    def anchors(self, block: bytes, first: int, last: int) -> tuple[Offsets, Offsets, Offsets]:
        """See the protocol."""
        found = [(_NONE, _NONE, _NONE)]
        for start in range(first, last, _PART) if self._catalogue.hashes.size else ():
            stop = min(start + _PART, last)
            part = Part(np.frombuffer(block[start : stop + LONGEST], np.uint8))
            hits = self._anchored(part, stop - start)
            found += [(places + start, lengths, rows) for places, lengths, rows in hits]
        places, lengths, rows = (np.concatenate(column) for column in zip(*found, strict=True))
        return places, lengths, rows

    def _anchored(self, part: Part, last: int) -> Iterator[tuple[Offsets, Offsets, Offsets]]:
        """Yield for each length the tokens that start before `last`."""
        room = part.room(mixed=self._catalogue.mixed)
        sizes = self._catalogue.start_lengths
        for size, below in zip(sizes, (*sizes[1:], LONGEST + 1), strict=True):
            starts = np.flatnonzero(room[:last] >= size)
            lengths = np.full(starts.size, size, np.int64)
            hashes = siphash24_many(self._keys.starts, part.text, starts, lengths)
            starts = starts[passes(self._catalogue.starts, hashes) != 0]
            for length in self._catalogue.lengths:
                if size <= length < below:
                    chosen = starts[room[starts] >= length]
                    lengths = np.full(chosen.size, length, np.int64)
                    places, rows = self._look_up(part.text, chosen, lengths)
                    yield places, lengths[: places.size], rows

    def something(self, block: bytes, starts: Offsets, ends: Offsets) -> Mask:
        """See the protocol."""
        return tokens.something(block, starts, ends)

    def _look_up(self, text: Bytes, starts: Offsets, lengths: Offsets) -> tuple[Offsets, Offsets]:
        """Return the starts of the tokens that are in the catalogue, and their first rows."""
        hashes = siphash24_many(self._keys.tokens, text, starts, lengths)
        maybe = np.flatnonzero(passes(self._catalogue.filter, hashes))
        hashes = hashes[maybe]
        table = self._catalogue.hashes
        rows = np.searchsorted(table, hashes)
        hit = table[np.minimum(rows, table.size - 1)] == hashes
        return starts[maybe[hit]], rows[hit]
