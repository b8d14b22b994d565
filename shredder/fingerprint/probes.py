"""The loops of the compiled route for bytes without delimiters. Importing this needs numba.

They say the same as `PlainEngine` does, see `shredder.fingerprint.plain`.
"""

from __future__ import annotations

import numpy as np

from backends.lanes import compiled, lowest_bit
from shredder.fingerprint.kernels import (
    bits_of,
    doubled,
    find_row,
    hash_tokens,
    known_starts,
    knows,
    longest_run,
    look_up,
    runs,
    siphash,
)
from shredder.fingerprint.siphash import Bytes, Hashes, Offsets
from shredder.fingerprint.tokens import Mask

_1, _8 = np.uint64(1), np.uint64(8)
_BATCH = 1 << 14  # candidates that are hashed together


@compiled
def anchors(
    raw: Bytes,
    first: int,
    last: int,
    high: int,
    sizes: Offsets,
    wanted: Mask,
    by: Hashes,
    starts: Hashes,
    start_shift: np.uint64,
    key: Hashes,
    words: Hashes,
    shift: np.uint64,
    table: Hashes,
) -> tuple[Offsets, Offsets, Offsets]:
    """Return places, lengths and first rows of the tokens that start in [first, last).

    As `kernels.search`, but whatever is beside them.
    """
    count = ((raw.size + 63) >> 6) + 1
    word, token = np.empty(count, np.uint64), np.empty(count, np.uint64)
    bits_of(raw, high, word, token)
    places = np.empty(max(0, last - first) + 64, np.int64)
    found = np.empty((3, 64), np.int64)
    hits = 0
    for k in range(sizes.size):
        size = sizes[k]
        below = sizes[k + 1] if k + 1 < sizes.size else wanted.size
        begun = 0
        for i in range(first >> 6, min((last + 63) >> 6, count - 1)):
            begins = word[i] & runs(token[i], token[i + 1], size)
            while begins:
                at = 64 * i + lowest_bit(begins)
                begins &= begins - _1
                places[begun] = at
                begun += int(first <= at < last)
        known = known_starts(raw, places[:begun], size, (by[0], by[1], by[2]), starts, start_shift)
        for j in range(known):
            at = places[j]
            for end in range(at + size, longest_run(token, at, wanted.size - 1) + 1):
                if end - at >= below or not wanted[end - at]:
                    continue
                h = siphash(raw, at, end, key[0], key[1])
                row = find_row(table, h) if knows(words, shift, h) else -1
                if row >= 0:
                    if hits == found.shape[1]:
                        found = doubled(found)
                    found[0, hits], found[1, hits], found[2, hits] = at, end - at, row
                    hits += 1
    return found[0, :hits].copy(), found[1, :hits].copy(), found[2, :hits].copy()


@compiled
def uuids(
    raw: Bytes, first: int, last: int, key: Hashes, starts: Hashes, shift: np.uint64, table: Hashes
) -> Offsets:
    """Return the rows in `table` of the UUIDs that start in [first, last), by place."""
    text = np.zeros(((raw.size >> 3) + 3) << 3, np.uint8)
    text[: raw.size] = raw
    seen = text.view(np.uint64)
    sizes = np.full(_BATCH, 16, np.int64)
    places, v = np.empty(_BATCH, np.int64), np.empty((5, _BATCH), np.uint64)
    which, rows = np.empty(_BATCH, np.int64), np.empty(_BATCH, np.int64)
    found = np.empty(64, np.int64)
    hits = 0
    at, last = first, min(last, raw.size - 15)
    while at < last:
        count = 0
        while at < last and count < _BATCH:
            stop = min(last, at + _BATCH - count)
            for i in range(at, stop):
                places[count] = i
                plain, mixed = text[i + 6] >> 4, text[i + 7] >> 4
                version = ((plain >= 1) & (plain <= 8)) | ((mixed >= 1) & (mixed <= 8))
                count += version & (text[i + 8] >> 6 == 2)
            at = stop
        hash_tokens(seen, places[:count], sizes[:count], key[0], key[1], v)
        got = look_up(v[0, :count], starts, shift, table, which, rows)
        while hits + got > found.size:
            found = np.concatenate((found, found))
        found[hits : hits + got] = rows[:got]
        hits += got
    return found[:hits].copy()


@compiled
def integers(
    raw: Bytes,
    first: int,
    last: int,
    width: int,
    least: np.uint64,
    key: Hashes,
    starts: Hashes,
    shift: np.uint64,
    table: Hashes,
    hit: Mask,
) -> None:
    """Set `hit` where a row of `table` is that of an integer (0), or of its neighbours (1 to 3)."""
    sizes = np.full(_BATCH, width, np.int64)
    places = np.arange(_BATCH) * 8
    values, near = np.empty(_BATCH, np.uint64), np.zeros(_BATCH + 1, np.uint64)
    v, which = np.empty((5, _BATCH), np.uint64), np.empty(_BATCH, np.int64)
    rows = np.empty(_BATCH, np.int64)
    at, last = first, min(last, raw.size - width + 1)
    while at < last:
        count = 0
        while at < last and count < _BATCH - 1:
            low = high = np.uint64(0)
            binary = False
            for j in range(width):
                c = raw[at + j]
                low |= np.uint64(c) << np.uint64(8 * j)
                high = (high << _8) | np.uint64(c)
                binary |= (c < 0x20) | (c >= 0x7F)
            values[count] = low
            count += int(binary & (low >= least))
            values[count] = high
            count += int(binary & (high >= least))
            at += 1
        for step in range(4):
            for i in range(count):
                if step == 0:
                    near[i] = values[i]
                elif step == 1:
                    near[i] = values[i] ^ _1
                else:
                    near[i] = values[i] + np.uint64(10 if step == 2 else 1000)
            hash_tokens(near, places[:count], sizes[:count], key[0], key[1], v)
            got = look_up(v[0, :count], starts, shift, table, which, rows)
            for i in range(got):
                hit[step, rows[i]] = True
