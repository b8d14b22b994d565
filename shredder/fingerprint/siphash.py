"""SipHash-2-4: a keyed 64-bit hash of short inputs (Aumasson and Bernstein, 2012).

Two forms of the same function: :func:`siphash24`, for one input, written to be read; and
:func:`siphash24_many`, for all the tokens of a block at once in numpy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

PADDING = 8  # bytes that must follow the last token, for a word is read across its end

INITIAL = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
_MASK = (1 << 64) - 1
# Tokens hashed together: five arrays of this many words stay in a core's own cache.
_BATCH = 8192
# The bytes of a word that belong to a token whose last word has n bytes.
_KEEP = np.array([(1 << (8 * n)) - 1 for n in range(8)], dtype=np.uint64)


def siphash24(key: bytes, data: bytes) -> int:
    """Hash `data` (any length) under `key` (16 bytes) to an unsigned 64-bit number."""
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:16], "little")
    v0, v1, v2, v3 = (c ^ k for c, k in zip(INITIAL, (k0, k1, k0, k1), strict=True))

    def rounds(count: int) -> None:
        nonlocal v0, v1, v2, v3
        for _ in range(count):
            v0, v1 = (v0 + v1) & _MASK, _rotate(v1, 13)
            v1, v0 = v1 ^ v0, _rotate(v0, 32)
            v2, v3 = (v2 + v3) & _MASK, _rotate(v3, 16)
            v3 ^= v2
            v0, v3 = (v0 + v3) & _MASK, _rotate(v3, 21)
            v3 ^= v0
            v2, v1 = (v2 + v1) & _MASK, _rotate(v1, 17)
            v1, v2 = v1 ^ v2, _rotate(v2, 32)

    for at in range(0, len(data) // 8 * 8 + 1, 8):
        part = data[at : at + 8]
        word = int.from_bytes(part, "little")
        if len(part) < 8:
            word |= (len(data) & 0xFF) << 56
        v3 ^= word
        rounds(2)
        v0 ^= word
    v2 ^= 0xFF
    rounds(4)
    return v0 ^ v1 ^ v2 ^ v3


def _rotate(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (64 - bits))) & _MASK


def words(key: bytes) -> tuple[int, int]:
    """Return the two words of a 16-byte key."""
    return int.from_bytes(key[:8], "little"), int.from_bytes(key[8:16], "little")


def siphash24_many(key: bytes, text: Bytes, starts: Offsets, lengths: Offsets) -> Hashes:
    """Hash ``text[start : start + length]`` for each pair, under `key` (16 bytes).

    `text` is contiguous and goes on for :data:`PADDING` bytes after the last token's end.
    """
    found = np.empty(starts.size, np.uint64)
    if not starts.size:
        return found
    # A word at every offset: the processor reads unaligned words, numpy lets us ask.
    unaligned: Hashes = np.ndarray((text.size - 7,), "<u8", text.data, 0, (1,))
    # Longest first: those that still have a word to give are then always a leading slice.
    full = lengths >> 3
    order = np.argsort(-full, kind="stable")
    for at in range(0, order.size, _BATCH):
        chosen = order[at : at + _BATCH]
        found[chosen] = _batch(key, unaligned, starts[chosen], lengths[chosen])
    return found


def _batch(key: bytes, unaligned: Hashes, starts: Offsets, lengths: Offsets) -> Hashes:
    """Hash tokens that are sorted by their number of full words, descending."""
    k0, k1 = words(key)
    full = lengths >> 3
    state = [
        np.full(starts.size, c ^ k, np.uint64)
        for c, k in zip(INITIAL, (k0, k1, k0, k1), strict=True)
    ]
    spare = np.empty(starts.size, np.uint64)
    # reach[w]: how many tokens have at least w full words
    reach = starts.size - np.cumsum(np.bincount(full))
    reach = np.concatenate(([starts.size], reach))
    for word in range(int(full[0]) + 1):
        live, going_on = int(reach[word]), int(reach[word + 1])
        block = unaligned[starts[:live] + 8 * word]
        last = lengths[going_on:live]
        block[going_on:] &= _KEEP[last & 7]
        block[going_on:] |= (last.astype(np.uint64) & np.uint64(0xFF)) << np.uint64(56)
        v0, v1, v2, v3 = (v[:live] for v in state)
        v3 ^= block
        for _ in range(2):
            _round(v0, v1, v2, v3, spare[:live])
        v0 ^= block
    v0, v1, v2, v3 = state
    v2 ^= np.uint64(0xFF)
    for _ in range(4):
        _round(v0, v1, v2, v3, spare)
    v0 ^= v1
    v0 ^= v2
    v0 ^= v3
    return v0


def _round(v0: Hashes, v1: Hashes, v2: Hashes, v3: Hashes, spare: Hashes) -> None:
    """One SipRound, in place."""
    _half(v0, v1, v2, v3, (13, 16), spare)
    _half(v2, v1, v0, v3, (17, 21), spare)


def _half(
    a: Hashes, b: Hashes, c: Hashes, d: Hashes, turns: tuple[int, int], spare: Hashes
) -> None:
    a += b
    _turn(b, turns[0], spare)
    b ^= a
    _turn(a, 32, spare)
    c += d
    _turn(d, turns[1], spare)
    d ^= c


def _turn(v: Hashes, bits: int, spare: Hashes) -> None:
    np.right_shift(v, np.uint64(64 - bits), out=spare)
    np.left_shift(v, np.uint64(bits), out=v)
    v |= spare
