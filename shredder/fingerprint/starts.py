"""The starts of tokens: by them bytes without delimiters are searched at every position.

Of every token of at least :data:`SHORT` bytes the first :data:`SHORT`, or the first :data:`LONG`
if it has as many, are hashed under a key of their own, and only a filter of these hashes is kept.
A position whose hash it does not know starts no token. What is shorter is not looked for: six
letters stand anywhere by chance, sooner or later.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shredder.fingerprint.siphash import Hashes

SHORT, LONG = 8, 12  # bytes
_BITS = (0, 6, 12)


def heads(tokens: Sequence[bytes]) -> dict[int, list[bytes]]:
    """Return the starts of tokens by their length."""
    found: dict[int, list[bytes]] = {}
    for token in tokens:
        if len(token) >= SHORT:
            size = LONG if len(token) >= LONG else SHORT
            found.setdefault(size, []).append(token[:size])
    return found


def shift_of(words: Hashes) -> int:
    """Return by how much a hash is shifted right to give its word in a filter."""
    return 64 - (words.size.bit_length() - 1)


def passes(words: Hashes, hashes: Hashes) -> Hashes:
    """Return 1 for each hash that a filter knows, with about 1% of the others; else 0."""
    found = words[(hashes >> np.uint64(shift_of(words))).view(np.int64)]
    bits = found >> (hashes & np.uint64(63))
    for place in _BITS[1:]:
        bits &= found >> ((hashes >> np.uint64(place)) & np.uint64(63))
    bits &= np.uint64(1)
    return bits
