"""The compiled route (extra ``fast``). Importing this module needs numba.

Compiling takes some seconds once; the machine code is kept beside the module, or in the user's
cache folder, where one of them can be written to.
"""

from __future__ import annotations

import numpy as np

from shredder.fingerprint import kernels, probes, tokens
from shredder.fingerprint.catalogue import Catalogue
from shredder.fingerprint.engine import wanted_lengths
from shredder.fingerprint.keys import Keys
from shredder.fingerprint.raw import NEIGHBOURS, least
from shredder.fingerprint.siphash import Bytes, Offsets, words
from shredder.fingerprint.starts import shift_of
from shredder.fingerprint.tokens import CLASSES, HIGH, LONGEST, WORD, Mask

_NONE = np.empty(0, np.int64)
_RUN = 32  # the longest run that is asked for by its bits; longer tokens are counted out
_ATTEMPTS = 64  # well above the number of functions in `kernels`, with their types


class CompiledEngine:
    """See :class:`shredder.fingerprint.engine.Engine`."""

    def __init__(self, catalogue: Catalogue, keys: Keys) -> None:
        self._catalogue = catalogue
        self._key = np.array(words(keys.tokens), np.uint64)
        self._start_key = np.array(words(keys.starts), np.uint64)
        self._start_sizes = np.array(catalogue.start_lengths, np.int64)
        self._start_shift = np.uint64(shift_of(catalogue.starts))
        self._wanted = wanted_lengths(catalogue, LONGEST + 1)
        self._shortest = min((*catalogue.lengths, _RUN))
        self._shift = np.uint64(catalogue.shift)
        self._compile()

    def _compile(self) -> None:
        """Compile now. A function whose code cannot be kept (disk full) is compiled all the same.

        numba raises after it has compiled and registered one, so each call gets one further.
        """
        for attempt in range(_ATTEMPTS):
            try:
                self._search(np.frombuffer(b"\0", np.uint8), 0)
                self.something(b"\0", _NONE, _NONE)
                self.anchors(b"\0", 0, 1)
                self.uuids(b"\0", 0, 1)
                self.integers(b"\0", 0, 1)
            except OSError:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return

    def find(self, block: bytes) -> tuple[Offsets, Offsets]:
        """See the protocol."""
        if not self._catalogue.hashes.size:
            return _NONE, _NONE
        raw = np.frombuffer(block, np.uint8)
        kinds = (0, 1) if self._catalogue.mixed and not block.isascii() else (0,)
        found, rows = [_NONE], [_NONE]
        for start, end in tokens.parts(block):
            hits = [self._search(raw[start:end], kind) for kind in kinds]
            places = np.concatenate([place for place, _ in hits])
            order = np.argsort(places, kind="stable")
            found.append(places[order] + start)
            rows.append(np.concatenate([row for _, row in hits])[order])
        return np.concatenate(found), np.concatenate(rows)

    def anchors(self, block: bytes, first: int, last: int) -> tuple[Offsets, Offsets, Offsets]:
        """See the protocol."""
        if not self._catalogue.hashes.size:
            return _NONE, _NONE, _NONE
        return probes.anchors(
            np.frombuffer(block, np.uint8),
            first,
            last,
            int(self._catalogue.mixed),
            self._start_sizes,
            self._wanted,
            self._start_key,
            self._catalogue.starts,
            self._start_shift,
            self._key,
            self._catalogue.filter,
            self._shift,
            self._catalogue.hashes,
        )

    def uuids(self, block: bytes, first: int, last: int) -> Offsets:
        """See the protocol."""
        catalogue = self._catalogue
        if not catalogue.raw.size:
            return _NONE
        raw = np.frombuffer(block, np.uint8)
        table = (self._start_key, catalogue.starts, self._start_shift, catalogue.raw)
        return probes.uuids(raw, first, last, *table)

    def integers(self, block: bytes, first: int, last: int) -> tuple[Offsets, ...]:
        """See the protocol."""
        catalogue = self._catalogue
        if not catalogue.widths:
            return (_NONE,) * (1 + NEIGHBOURS)
        raw = np.frombuffer(block, np.uint8)
        table = (self._start_key, catalogue.starts, self._start_shift, catalogue.raw)
        hit = np.zeros((1 + NEIGHBOURS, catalogue.raw.size), np.bool_)
        for width in catalogue.widths:
            probes.integers(raw, first, last, width, np.uint64(least(width)), *table, hit)
        return tuple(np.flatnonzero(rows) for rows in hit)

    def something(self, block: bytes, starts: Offsets, ends: Offsets) -> Mask:
        """See the protocol."""
        found = np.empty(ends.size, np.bool_)
        kernels.something(np.frombuffer(block, np.uint8), CLASSES, starts, ends, WORD | HIGH, found)
        return found

    def _search(self, raw: Bytes, high: int) -> tuple[Offsets, Offsets]:
        return kernels.search(
            raw,
            high,
            self._wanted,
            self._shortest,
            self._key,
            self._catalogue.filter,
            self._shift,
            self._catalogue.hashes,
        )
