"""The loops of the compiled route to names, passages and numbers. Importing it needs numba.

They say the same as the numpy route does, see `shredder.fingerprint.phrases`.
"""

from __future__ import annotations

import numpy as np

from backends.lanes import compiled
from shredder.fingerprint.kernels import find_row, knows
from shredder.fingerprint.siphash import INITIAL, Bytes, Hashes, Offsets
from shredder.fingerprint.tokens import HIGH, WORD, Mask
from shredder.fingerprint.words import LONGEST_WORD, PASSAGE, REACH

_1, _3, _7, _56 = (np.uint64(n) for n in (1, 3, 7, 56))
_0 = np.uint64(0)
_C0, _C1, _C2, _C3 = (np.uint64(c) for c in INITIAL)
_L13, _L16, _L21, _L17, _L32 = (np.uint64(n) for n in (13, 16, 21, 17, 32))
_R13, _R16, _R21, _R17, _R32 = (np.uint64(64 - n) for n in (13, 16, 21, 17, 32))
_FF = np.uint64(0xFF)
_PAIR_END, _PASSAGE_END = np.uint64(16 << 56), np.uint64((8 * PASSAGE) << 56)


@compiled
def _rounds(
    a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64, count: int
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    for _ in range(count):
        a += b
        c += d
        b = ((b << _L13) | (b >> _R13)) ^ a
        d = ((d << _L16) | (d >> _R16)) ^ c
        a = (a << _L32) | (a >> _R32)
        c += b
        a += d
        b = ((b << _L17) | (b >> _R17)) ^ c
        d = ((d << _L21) | (d >> _R21)) ^ a
        c = (c << _L32) | (c >> _R32)
    return a, b, c, d


@compiled
def split(
    raw: Bytes,
    classes: Bytes,
    stops: Offsets,
    key: Hashes,
    starts: Offsets,
    lengths: Offsets,
    windows: Offsets,
    hashes: Hashes,
    high: Mask,
) -> int:
    """Write the words of `raw`, with the window of each and its hash; return how many.

    A word with a byte of 0x80 or above is flagged in `high`, and has no hash.
    """
    count = 0
    window = 0
    i = 0
    size = raw.size
    while i < size:
        if not classes[raw[i]] & (WORD | HIGH):
            i += 1
            continue
        start = i
        above = False
        a, b, c, d = _C0 ^ key[0], _C1 ^ key[1], _C2 ^ key[0], _C3 ^ key[1]
        block = _0
        length = _0
        while i < size:
            byte = raw[i]
            kind = classes[byte]
            if not kind & (WORD | HIGH):
                break
            i += 1
            if kind & HIGH:
                above = True
            if length < LONGEST_WORD:
                folded = byte | (np.uint8((byte >= 0x41) & (byte <= 0x5A)) << np.uint8(5))
                block |= np.uint64(folded) << ((length & _7) << _3)
                length += _1
                if not length & _7:
                    d ^= block
                    a, b, c, d = _rounds(a, b, c, d, 2)
                    a ^= block
                    block = _0
        block |= length << _56
        d ^= block
        a, b, c, d = _rounds(a, b, c, d, 2)
        a ^= block
        c ^= _FF
        a, b, c, d = _rounds(a, b, c, d, 4)
        while stops[window] <= start:
            window += 1
        starts[count] = start
        lengths[count] = i - start
        windows[count] = window
        high[count] = above
        hashes[count] = _0 if above else a ^ b ^ c ^ d
        count += 1
    return count


@compiled
def names(
    hashes: Hashes,
    windows: Offsets,
    key: Hashes,
    known: tuple[Hashes, np.uint64],
    table: tuple[Hashes, np.uint64, Hashes],
) -> tuple[Offsets, Offsets]:
    """Return the last words of pairs that are in `table`, and their first rows there."""
    last, rows = [0], [0]  # numba tells the type of a list from what it holds
    last.pop()
    rows.pop()
    filter_words, shift, keys = table
    before = np.zeros(REACH, np.bool_)  # of the words before this one, whether they are known
    for i in range(hashes.size if keys.size else 0):
        here = knows(known[0], known[1], hashes[i])
        if here:
            for step in range(1, REACH + 1):
                j = i - step
                if j < 0 or not before[j % REACH] or windows[i] - windows[j] > 1:
                    continue
                first, second = min(hashes[i], hashes[j]), max(hashes[i], hashes[j])
                a, b, c, d = _C0 ^ key[0], _C1 ^ key[1], _C2 ^ key[0], _C3 ^ key[1]
                d ^= first
                a, b, c, d = _rounds(a, b, c, d, 2)
                a ^= first
                d ^= second
                a, b, c, d = _rounds(a, b, c, d, 2)
                a ^= second
                d ^= _PAIR_END
                a, b, c, d = _rounds(a, b, c, d, 2)
                a ^= _PAIR_END
                c ^= _FF
                a, b, c, d = _rounds(a, b, c, d, 4)
                h = a ^ b ^ c ^ d
                if knows(filter_words, shift, h):
                    row = find_row(keys, h)
                    if row >= 0:
                        last.append(i)
                        rows.append(row)
        before[i % REACH] = here
    return np.array(last, np.int64), np.array(rows, np.int64)


@compiled
def passages(
    hashes: Hashes,
    windows: Offsets,
    key: Hashes,
    known: tuple[Hashes, np.uint64],
    table: tuple[Hashes, np.uint64, Hashes],
) -> tuple[Offsets, Offsets]:
    """Return the last words of passages that are in `table`, and their first rows there."""
    last, rows = [0], [0]  # numba tells the type of a list from what it holds
    last.pop()
    rows.pop()
    filter_words, shift, keys = table
    run = 0  # of known words in one window
    for i in range(hashes.size if keys.size else 0):
        if i and windows[i] != windows[i - 1]:
            run = 0
        run = run + 1 if knows(known[0], known[1], hashes[i]) else 0
        if run < PASSAGE:
            continue
        a, b, c, d = _C0 ^ key[0], _C1 ^ key[1], _C2 ^ key[0], _C3 ^ key[1]
        for j in range(i - PASSAGE + 1, i + 1):
            d ^= hashes[j]
            a, b, c, d = _rounds(a, b, c, d, 2)
            a ^= hashes[j]
        d ^= _PASSAGE_END
        a, b, c, d = _rounds(a, b, c, d, 2)
        a ^= _PASSAGE_END
        c ^= _FF
        a, b, c, d = _rounds(a, b, c, d, 4)
        h = a ^ b ^ c ^ d
        if knows(filter_words, shift, h):
            row = find_row(keys, h)
            if row >= 0:
                last.append(i)
                rows.append(row)
    return np.array(last, np.int64), np.array(rows, np.int64)


@compiled
def numbers(hashes: Hashes, table: tuple[Hashes, np.uint64, Hashes]) -> tuple[Offsets, Offsets]:
    """Return the words that are in `table`, and their first rows there."""
    last, rows = [0], [0]  # numba tells the type of a list from what it holds
    last.pop()
    rows.pop()
    filter_words, shift, keys = table
    for i in range(hashes.size if keys.size else 0):
        if knows(filter_words, shift, hashes[i]):
            row = find_row(keys, hashes[i])
            if row >= 0:
                last.append(i)
                rows.append(row)
    return np.array(last, np.int64), np.array(rows, np.int64)
