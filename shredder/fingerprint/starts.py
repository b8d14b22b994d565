"""The starts of tokens: by them bytes without delimiters are searched at every position.

Of every token of at least :data:`SHORT` bytes the first :data:`SHORT`, or the first :data:`LONG`
if it has as many, are hashed under a key of their own, and only a filter of these hashes is kept.
A position whose hash it does not know starts no token. What is shorter is not looked for: six
letters stand anywhere by chance, sooner or later.
"""

from __future__ import annotations

import tempfile
from typing import BinaryIO, cast

import numpy as np

from shredder.fingerprint.siphash import Bytes, Hashes, Offsets, siphash24_many

SHORT, LONG = 8, 12  # bytes
_IN_MEMORY = 1 << 24  # bytes of hashes; what is more lies in an unnamed file
_CHUNK = 1 << 20  # hashes
_BITS = (0, 6, 12)


class Starts:
    """The starts seen so far. Bounded memory, but for the filter itself."""

    def __init__(self, key: bytes) -> None:
        """`key`: 16 bytes."""
        self._key = key
        self._file = cast("BinaryIO", tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115
        self._count = 0
        self._lengths: set[int] = set()

    def add(self, text: Bytes, starts: Offsets, lengths: Offsets) -> None:
        """Take in tokens; `text` as for `siphash24_many`."""
        for size, chosen in (
            (SHORT, (lengths >= SHORT) & (lengths < LONG)),
            (LONG, lengths >= LONG),
        ):
            if chosen.any():
                sizes = np.full(int(np.count_nonzero(chosen)), size, np.int64)
                hashes = np.unique(siphash24_many(self._key, text, starts[chosen], sizes))
                self._file.write(hashes.astype("<u8").tobytes())
                self._count += hashes.size
                self._lengths.add(size)

    def finish(self, raw: Hashes) -> tuple[Hashes, tuple[int, ...]]:
        """Return the filter, and the lengths that starts have; it knows the hashes `raw`, too."""
        words = room(self._count + raw.size)
        insert(words, raw)
        self._file.seek(0)
        while data := self._file.read(8 * _CHUNK):
            insert(words, np.frombuffer(data, "<u8"))
        return words, tuple(sorted(self._lengths))

    def close(self) -> None:
        """Free what it holds."""
        self._file.close()


def room(count: int) -> Hashes:
    """Return an empty blocked Bloom filter: 16 to 32 bits for each of `count` hashes."""
    return np.zeros(1 << max(4, int(count / 4).bit_length()), np.uint64)


def shift_of(words: Hashes) -> int:
    """Return by how much a hash is shifted right to give its word in a filter."""
    return 64 - (words.size.bit_length() - 1)


def insert(words: Hashes, hashes: Hashes) -> None:
    """Set three bits for each hash, all in the word that its highest bits choose."""
    at = (hashes >> np.uint64(shift_of(words))).astype(np.int64)
    for place in _BITS:
        np.bitwise_or.at(words, at, np.uint64(1) << ((hashes >> np.uint64(place)) & np.uint64(63)))


def passes(words: Hashes, hashes: Hashes) -> Hashes:
    """Return 1 for each hash that a filter knows, with about 1% of the others; else 0."""
    found = words[(hashes >> np.uint64(shift_of(words))).view(np.int64)]
    bits = found >> (hashes & np.uint64(63))
    for place in _BITS[1:]:
        bits &= found >> ((hashes >> np.uint64(place)) & np.uint64(63))
    bits &= np.uint64(1)
    return bits
