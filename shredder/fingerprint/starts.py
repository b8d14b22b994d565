"""The starts of tokens: what begins as no token of the catalogue does is looked at no further.

Of every token the first :data:`SHORT` bytes, or the first :data:`LONG` if it has as many, are
hashed, and only a filter of these hashes is kept. The hash has to be cheap, for it is taken
wherever a token may start: three multiplications by secret odd numbers, which mix well and hide
nothing from who has the filter. So that lies in the catalogue under a veil: SHAKE256 (FIPS 202)
of a key and of a keyed digest of the filter, by exclusive or: the same filter looks the same
again, and no other lies under the same veil.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from shredder.fingerprint.keys import Keys
from shredder.fingerprint.siphash import PADDING, Bytes, Hashes, Offsets

SHORT, LONG = 6, 12  # bytes; SHORT is that of the shortest token
FOLD = 0x2020202020202020  # makes ASCII letters small, and other bytes others, always the same
_KEEP = (1 << (8 * SHORT)) - 1
_BITS = (0, 6, 12)
_NONCE = 2  # words


def heads(tokens: Sequence[bytes]) -> dict[int, list[bytes]]:
    """Return the starts of tokens by their length."""
    found: dict[int, list[bytes]] = {}
    for token in tokens:
        size = LONG if len(token) >= LONG else SHORT
        found.setdefault(size, []).append(token[:size])
    return found


def hashes_of(keys: Keys, same: Sequence[bytes]) -> Hashes:
    """Hash starts that are of the same length."""
    size = len(same[0])
    text = np.frombuffer(b"".join(same) + bytes(PADDING), np.uint8)
    return mixed(multipliers(keys), text, np.arange(len(same)) * size, size)


def veiled(words: Hashes, keys: Keys) -> Hashes:
    """Return a filter as it lies in the catalogue."""
    digest = hashlib.blake2b(words.tobytes(), key=keys.veil, digest_size=8 * _NONCE)
    nonce = np.frombuffer(digest.digest(), "<u8")
    return np.concatenate((nonce, words ^ _veil(keys, nonce, words.size)))


def unveiled(lying: Hashes, keys: Keys) -> Hashes:
    """Return the filter that was veiled."""
    nonce, words = lying[:_NONCE], lying[_NONCE:]
    return np.asarray(words ^ _veil(keys, nonce, words.size))


def _veil(keys: Keys, nonce: Hashes, size: int) -> Hashes:
    stream = hashlib.shake_256(keys.veil + nonce.tobytes()).digest(8 * size)
    return np.frombuffer(stream, "<u8")


def multipliers(keys: Keys) -> Hashes:
    """Return the three secret odd numbers."""
    return np.frombuffer(keys.starts, "<u8") | np.uint64(1)


def mixed(by: Hashes, text: Bytes, places: Offsets, size: int) -> Hashes:
    """Hash the first `size` bytes, SHORT or LONG, at each place; the compiled route does the same.

    `text` goes on for 8 bytes after the last place, or after the `size` bytes there.
    """
    unaligned: Hashes = np.ndarray((text.size - 7,), "<u8", text.data, 0, (1,))
    first = unaligned[places]
    if size == SHORT:
        first &= np.uint64(_KEEP)
        second = np.full(places.size, SHORT, np.uint64)
    else:
        second = unaligned[places + LONG - 8] | np.uint64(FOLD)
    first |= np.uint64(FOLD)
    first *= by[0]
    first ^= first >> np.uint64(32)
    first += second
    first *= by[1]
    first ^= first >> np.uint64(29)
    first *= by[2]
    first ^= first >> np.uint64(32)
    return first


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
