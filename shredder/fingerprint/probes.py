"""The loops of the compiled route for bytes without delimiters. Importing this needs numba.

They say the same as `PlainEngine` does, see `shredder.fingerprint.plain`.
"""

from __future__ import annotations

import numpy as np

from shredder.fingerprint.kernels import (
    classify,
    compiled,
    hash_tokens,
    knows,
    look_up,
    rounds,
    sort_by_words,
)
from shredder.fingerprint.siphash import INITIAL, Bytes, Hashes, Offsets
from shredder.fingerprint.tokens import Mask

_1, _3, _7, _8, _56, _63 = (np.uint64(n) for n in (1, 3, 7, 8, 56, 63))
_C0, _C1, _C2, _C3 = (np.uint64(c) for c in INITIAL)
_FF, _ALL = np.uint64(0xFF), np.uint64(0xFFFFFFFFFFFFFFFF)
_BATCH = 1 << 14  # candidates that are hashed together
_MOST = 1 << 16  # tokens that are looked up together


@compiled
def _rooms(word: Bytes, token: Bytes, room: Bytes) -> None:
    """Write for each byte how many bytes of a token follow each other from it, up to 255."""
    after = 0
    for i in range(room.size - 1, -1, -1):
        after = min(after + 1, 255) * token[i]
        room[i] = after * word[i]
        # A token begins with a word's byte, but goes on over others.


@compiled
def _hash_starts(
    text: Hashes, places: Offsets, size: int, k0: np.uint64, k1: np.uint64, v: Hashes
) -> None:
    """Hash the `size` bytes (8 to 15) at each place into ``v[0]``."""
    v0, v1, v2, v3, m = v[0], v[1], v[2], v[3], v[4]
    last = np.uint64(size) << _56
    keep = ~(_ALL << (np.uint64(size - 8) << _3))
    count = places.size
    for i in range(count):
        at = places[i]
        shift = (np.uint64(at) & _7) << _3
        m[i] = (text[at >> 3] >> shift) | ((text[(at >> 3) + 1] << _1) << (_63 - shift))
    for i in range(count):
        v0[i], v1[i], v2[i], v3[i] = _C0 ^ k0, _C1 ^ k1, _C2 ^ k0, _C3 ^ k1 ^ m[i]
    rounds(v0, v1, v2, v3, count, 2)
    for i in range(count):
        v0[i] ^= m[i]
        at = places[i] + 8
        shift = (np.uint64(at) & _7) << _3
        m[i] = (text[at >> 3] >> shift) | ((text[(at >> 3) + 1] << _1) << (_63 - shift))
        m[i] = (m[i] & keep) | last
    for i in range(count):
        v3[i] ^= m[i]
    rounds(v0, v1, v2, v3, count, 2)
    for i in range(count):
        v0[i] ^= m[i]
        v2[i] ^= _FF
    rounds(v0, v1, v2, v3, count, 4)
    for i in range(count):
        v0[i] ^= v1[i] ^ v2[i] ^ v3[i]


@compiled
def anchors(
    raw: Bytes,
    first: int,
    last: int,
    high: int,
    sizes: Offsets,
    wanted: Mask,
    start_key: Hashes,
    starts: Hashes,
    start_shift: np.uint64,
    key: Hashes,
    words: Hashes,
    shift: np.uint64,
    table: Hashes,
) -> tuple[Offsets, Offsets, Offsets]:
    """Return places, lengths and first rows of the tokens that start in [first, last).

    `sizes`: of the starts in the filter `starts`, ascending. The rest as for `kernels.search`.
    """
    padded = ((raw.size >> 3) + 3) << 3
    text, word = np.zeros(padded, np.uint8), np.zeros(padded, np.uint8)
    token, room = np.zeros(padded, np.uint8), np.zeros(padded, np.uint8)
    classify(raw, text, word, token, high)
    _rooms(word, token, room)
    seen = text.view(np.uint64)
    places, v = np.empty(_BATCH, np.int64), np.empty((5, _BATCH), np.uint64)
    tried, lengths = np.empty(_MOST, np.int64), np.empty(_MOST, np.int64)
    order, ordered = np.empty(_MOST, np.int64), np.empty(_MOST, np.int64)
    state = np.empty((5, _MOST), np.uint64)
    which, rows = np.empty(_MOST, np.int64), np.empty(_MOST, np.int64)
    found = np.empty((3, 64), np.int64)
    hits = 0
    for k in range(sizes.size):
        size = sizes[k]
        below = sizes[k + 1] if k + 1 < sizes.size else wanted.size
        at, pending = first, 0
        while at < last or pending:
            count = 0
            while at < last and count < _BATCH:
                stop = min(last, at + _BATCH - count)
                for i in range(at, stop):
                    places[count] = i
                    count += room[i] >= size
                at = stop
            _hash_starts(seen, places[:count], size, start_key[0], start_key[1], v)
            for i in range(count + 1):
                # The last turn only looks up what is left, once the text is through.
                if i < count:
                    if not knows(starts, start_shift, v[0, i]):
                        continue
                    place = places[i]
                    for length in range(size, min(int(room[place]) + 1, below)):
                        if wanted[length] and word[place + length - 1]:
                            tried[pending], lengths[pending] = place, length
                            pending += 1
                    if pending < _MOST - wanted.size:
                        continue
                elif at < last:
                    continue
                sort_by_words(tried[:pending], lengths[:pending], order, ordered)
                hash_tokens(seen, order[:pending], ordered[:pending], key[0], key[1], state)
                got = look_up(state[0, :pending], words, shift, table, which, rows)
                while hits + got > found.shape[1]:
                    more = np.empty((3, 2 * found.shape[1]), np.int64)
                    more[:, :hits] = found[:, :hits]
                    found = more
                for j in range(got):
                    found[0, hits] = order[which[j]]
                    found[1, hits] = ordered[which[j]]
                    found[2, hits] = rows[j]
                    hits += 1
                pending = 0
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
