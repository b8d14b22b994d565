"""The compiled route to names, passages and numbers. Importing this module needs numba."""

from __future__ import annotations

import numpy as np

from backends.lanes import compile_by
from shredder.fingerprint import phrase_kernels as kernels
from shredder.fingerprint.catalogue import Catalogue, Filter, Table
from shredder.fingerprint.keys import Keys
from shredder.fingerprint.phrases import Words
from shredder.fingerprint.siphash import Hashes, Offsets, words
from shredder.fingerprint.tokens import CLASSES


class CompiledRoute:
    """See :class:`shredder.fingerprint.phrases.Route`."""

    def __init__(self, catalogue: Catalogue, keys: Keys) -> None:
        self._catalogue = catalogue
        self._words = np.array(words(keys.words), np.uint64)
        self._phrases = np.array(words(keys.phrases), np.uint64)
        compile_by(self._compile)

    def _compile(self) -> None:
        """Compile now."""
        self.find(self.words(b"a b c d e f", np.array([11], np.int64)))

    def words(self, block: bytes, stops: Offsets) -> Words:
        """See the protocol."""
        raw = np.frombuffer(block, np.uint8)
        room = raw.size // 2 + 1
        starts, lengths = np.empty(room, np.int64), np.empty(room, np.int64)
        windows = np.empty(room, np.int64)
        hashes, high = np.empty(room, np.uint64), np.empty(room, np.bool_)
        found = kernels.split(
            raw, CLASSES, stops, self._words, starts, lengths, windows, hashes, high
        )
        return Words(starts[:found], lengths[:found], windows[:found], hashes[:found], high[:found])

    def find(self, words: Words) -> tuple[tuple[Offsets, Offsets], ...]:
        """See the protocol."""
        known = self._catalogue
        hashes, windows, key = words.hashes, words.windows, self._phrases
        return (
            kernels.names(hashes, windows, key, _filter(known.name_words), _table(known.names)),
            kernels.passages(
                hashes, windows, key, _filter(known.text_words), _table(known.passages)
            ),
            kernels.numbers(hashes, _table(known.numbers)),
        )


def _filter(known: Filter) -> tuple[Hashes, np.uint64]:
    return known.words, np.uint64(known.shift)


def _table(table: Table) -> tuple[Hashes, np.uint64, Hashes]:
    words, shift = _filter(table.filter)
    return words, shift, table.hashes
