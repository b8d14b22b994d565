"""The compiled route (extra ``fast``). Importing this module needs numba.

Compiling takes some seconds once; the machine code is kept beside the module, or in the user's
cache folder, where one of them can be written to.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backends.lanes import compile_by
from shredder.fingerprint import kernels, probes, tokens, window_kernels
from shredder.fingerprint.catalogue import Catalogue
from shredder.fingerprint.engine import meant, wanted_lengths
from shredder.fingerprint.escapes import KINDS, QUOTED, Marks
from shredder.fingerprint.keys import Keys
from shredder.fingerprint.raw import NEIGHBOURS, least
from shredder.fingerprint.siphash import Offsets, words
from shredder.fingerprint.starts import multipliers, shift_of, unveiled
from shredder.fingerprint.tokens import CLASSES, HIGH, LONGEST, WORD, Mask

_NONE = np.empty(0, np.int64)


class CompiledEngine:
    """See :class:`shredder.fingerprint.engine.Engine`."""

    def __init__(self, catalogue: Catalogue, keys: Keys) -> None:
        self._catalogue = catalogue
        starts = unveiled(catalogue.starts, keys)
        self._tables: tuple[Any, ...] = (
            np.array(catalogue.start_lengths, np.int64),
            wanted_lengths(catalogue, LONGEST + 1),
            multipliers(keys),
            starts,
            np.uint64(shift_of(starts)),
            np.array(words(keys.tokens), np.uint64),
            catalogue.filter,
            np.uint64(catalogue.shift),
            catalogue.hashes,
        )
        self._raw = (
            np.array(words(keys.raw), np.uint64),
            catalogue.raw_filter,
            np.uint64(shift_of(catalogue.raw_filter)),
            catalogue.raw,
        )
        compile_by(self._compile)

    def _compile(self) -> None:
        """Compile now."""
        kernels.search(np.frombuffer(b"\0", np.uint8), 0, *self._tables)
        self.windows(b"\0", _NONE)
        self.marks(b"\0")
        self.anchors(b"\0", 0, 1)
        self.uuids(b"\0", 0, 1)
        self.integers(b"\0", 0, 1)

    def find(self, block: bytes) -> tuple[Offsets, Offsets]:
        """See the protocol."""
        if not self._catalogue.hashes.size:
            return _NONE, _NONE
        kinds = (0, 1) if self._catalogue.mixed and not block.isascii() else (0,)
        found = []
        for start, end in tokens.parts(block):
            part = np.frombuffer(block, np.uint8, end - start, start)
            for kind in kinds:
                places, lengths, rows = kernels.search(part, kind, *self._tables)
                found.append((places + start, lengths, rows))
        return meant(np.frombuffer(block, np.uint8), found)

    def anchors(self, block: bytes, first: int, last: int) -> tuple[Offsets, Offsets, Offsets]:
        """See the protocol."""
        if not self._catalogue.hashes.size:
            return _NONE, _NONE, _NONE
        mixed = int(self._catalogue.mixed)
        text = np.frombuffer(block, np.uint8)
        return probes.anchors(text, first, last, mixed, *self._tables)

    def uuids(self, block: bytes, first: int, last: int) -> Offsets:
        """See the protocol."""
        catalogue = self._catalogue
        if not catalogue.raw.size:
            return _NONE
        raw = np.frombuffer(block, np.uint8)
        return probes.uuids(raw, first, last, *self._raw)

    def integers(self, block: bytes, first: int, last: int) -> tuple[Offsets, ...]:
        """See the protocol."""
        catalogue = self._catalogue
        if not catalogue.widths:
            return (_NONE,) * (1 + NEIGHBOURS)
        raw = np.frombuffer(block, np.uint8)
        hit = np.zeros((1 + NEIGHBOURS, catalogue.raw.size), np.bool_)
        for width in catalogue.widths:
            probes.integers(raw, first, last, width, np.uint64(least(width)), *self._raw, hit)
        return tuple(np.flatnonzero(rows) for rows in hit)

    def windows(self, block: bytes, ends: Offsets) -> tuple[Mask, Offsets]:
        """See the protocol."""
        found, cuts = np.empty(ends.size, np.bool_), np.empty(ends.size, np.int64)
        text = np.frombuffer(block, np.uint8)
        count = window_kernels.windows(text, CLASSES, ends, WORD | HIGH, found, cuts)
        return found, cuts[:count]

    def marks(self, block: bytes) -> Marks:
        """See the protocol."""
        text = np.frombuffer(block, np.uint8)
        places = np.empty(text.size // 2 + 1, np.int64)  # no two begin side by side
        named = np.empty(text.size // 2 + 1, np.int64)
        count, names = window_kernels.marks(text, KINDS, QUOTED, places, named)
        return places[:count].copy(), named[:names].copy()
