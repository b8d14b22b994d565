"""The loops of the compiled route. Importing this module needs numba.

They work on a part of a block, see `shredder.fingerprint.tokens`, and say the same as the numpy
route does. They are written so that the compiler turns them into vector instructions: no
branches in the loops over bytes, one loop over all tokens for each round of the hash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np

from shredder.fingerprint.siphash import INITIAL, Bytes, Hashes, Offsets
from shredder.fingerprint.tokens import Mask

_0, _1, _2, _6, _12, _63 = (np.uint64(n) for n in (0, 1, 2, 6, 12, 63))
_7, _8, _56, _64 = (np.uint64(n) for n in (7, 8, 56, 64))
_LEFT = tuple(np.uint64(n) for n in (13, 16, 21, 17, 32))
_L13, _L16, _L21, _L17, _L32 = _LEFT
_R13, _R16, _R21, _R17, _R32 = (np.uint64(64) - n for n in _LEFT)
_C0, _C1, _C2, _C3 = (np.uint64(c) for c in INITIAL)
_FF = np.uint64(0xFF)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_PACK = np.uint64(0x0102040810204080)  # moves the lowest bits of eight bytes into the highest

_Kernel = TypeVar("_Kernel", bound=Callable[..., object])


def compiled(kernel: _Kernel) -> _Kernel:
    """Compile at the first call, keep the code on disk, let go of the interpreter's lock."""
    try:
        return cast("_Kernel", numba.njit(cache=True, nogil=True)(kernel))
    except RuntimeError:  # no folder that a cache could be written to
        return cast("_Kernel", numba.njit(nogil=True)(kernel))


@compiled
def classify(raw: Bytes, text: Bytes, word: Bytes, token: Bytes, high: int) -> None:
    """Fold `raw` into `text`; set 1 in `word` and `token` where a byte is of that class.

    With `high` = 1, bytes of 0x80 and above are of both classes.
    """
    for i in range(raw.size):
        c = raw[i]
        upper = (c >= 0x41) & (c <= 0x5A)
        lower = (c >= 0x61) & (c <= 0x7A)
        digit = (c >= 0x30) & (c <= 0x39)
        above = (c >= 0x80) & (high != 0)
        joint = (c == 0x2B) | (c == 0x2D) | (c == 0x2E) | (c == 0x40) | (c == 0x5F)
        is_word = upper | lower | digit | above
        text[i] = c | (np.uint8(upper) << np.uint8(5))
        word[i] = is_word
        token[i] = is_word | joint


@compiled
def _pack(flags: Hashes, bits: Hashes) -> None:
    """Turn bytes of 0 or 1, seen eight at a time, into bits, 64 to a word."""
    for i in range(bits.size):
        packed = _0
        for j in range(8):
            eight = (flags[8 * i + j] * _PACK) >> _56
            packed |= eight << np.uint64(8 * j)
        bits[i] = packed


@compiled
def _find_tokens(
    word: Bytes, bits: Hashes, wanted: Mask, shortest: int, starts: Offsets, lengths: Offsets
) -> int:
    """Write starts and lengths of the tokens of a wanted length; return how many.

    `bits` has a bit for each byte of a token, and a word of zeros at the end. A run shorter than
    `shortest` (1 to 32), before it is trimmed, is passed over.
    """
    count = 0
    before = _0
    for i in range(bits.size - 1):
        here = bits[i]
        # A bit stays where `shortest` bits follow each other from it on.
        run, following = here, bits[i + 1]
        have = 1
        while have < shortest and run:
            step = np.uint64(min(have, shortest - have))
            run &= (run >> step) | (following << (_64 - step))
            following &= following >> step
            have += int(step)
        begins = run & ~((here << _1) | before)
        before = here >> _63
        while begins:
            lowest = begins & (~begins + _1)
            begins ^= lowest
            at = 0  # of the lowest bit
            if lowest & np.uint64(0xFFFFFFFF00000000):
                at += 32
            if lowest & np.uint64(0xFFFF0000FFFF0000):
                at += 16
            if lowest & np.uint64(0xFF00FF00FF00FF00):
                at += 8
            if lowest & np.uint64(0xF0F0F0F0F0F0F0F0):
                at += 4
            if lowest & np.uint64(0xCCCCCCCCCCCCCCCC):
                at += 2
            if lowest & np.uint64(0xAAAAAAAAAAAAAAAA):
                at += 1
            start = 64 * i + at
            end = start + shortest
            while (bits[end >> 6] >> np.uint64(end & 63)) & _1:
                end += 1
            while start < end and not word[start]:
                start += 1
            while start < end and not word[end - 1]:
                end -= 1
            length = end - start
            if length < wanted.size and wanted[length]:
                starts[count] = start
                lengths[count] = length
                count += 1
    return count


@compiled
def sort_by_words(starts: Offsets, lengths: Offsets, places: Offsets, sizes: Offsets) -> None:
    """Copy tokens to `places` and `sizes`, those with the most full words first."""
    at = np.zeros(18, np.int64)
    for i in range(starts.size):
        at[16 - (lengths[i] >> 3)] += 1
    total = 0
    for k in range(18):
        at[k], total = total, total + at[k]
    for i in range(starts.size):
        k = 16 - (lengths[i] >> 3)
        places[at[k]] = starts[i]
        sizes[at[k]] = lengths[i]
        at[k] += 1


@compiled
def rounds(v0: Hashes, v1: Hashes, v2: Hashes, v3: Hashes, live: int, count: int) -> None:
    """Do `count` SipRounds on each of the first `live` states."""
    for _ in range(count):
        for i in range(live):
            a, b, c, d = v0[i], v1[i], v2[i], v3[i]
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
            v0[i], v1[i], v2[i], v3[i] = a, b, c, d


@compiled
def hash_tokens(
    text: Hashes, places: Offsets, sizes: Offsets, k0: np.uint64, k1: np.uint64, v: Hashes
) -> None:
    """Hash sorted tokens by SipHash-2-4 into ``v[0]``; `v` has five rows to work in.

    `text` is seen as aligned words and goes on for two words after the last token.
    """
    v0, v1, v2, v3, block = v[0], v[1], v[2], v[3], v[4]
    live = places.size
    for i in range(live):
        v0[i], v1[i], v2[i], v3[i] = _C0 ^ k0, _C1 ^ k1, _C2 ^ k0, _C3 ^ k1
    step = 0
    while live:
        for i in range(live):
            at = places[i] + 8 * step
            shift = np.uint64((at & 7) << 3)
            m = (text[at >> 3] >> shift) | ((text[(at >> 3) + 1] << _1) << (_63 - shift))
            left = sizes[i] - 8 * step
            if left < 8:
                m = (m & ~(_ALL << np.uint64(left << 3))) | (np.uint64(sizes[i]) << _56)
            block[i] = m
        for i in range(live):
            v3[i] ^= block[i]
        rounds(v0, v1, v2, v3, live, 2)
        for i in range(live):
            v0[i] ^= block[i]
        step += 1
        while live and (sizes[live - 1] >> 3) < step:
            live -= 1
    for i in range(places.size):
        v2[i] ^= _FF
    rounds(v0, v1, v2, v3, places.size, 4)
    for i in range(places.size):
        v0[i] ^= v1[i] ^ v2[i] ^ v3[i]


@compiled
def knows(words: Hashes, shift: np.uint64, h: np.uint64) -> bool:
    """Whether a filter knows a hash; of the others it takes about 1% for known."""
    bits = words[np.int64(h >> shift)]
    bits = (bits >> (h & _63)) & (bits >> ((h >> _6) & _63)) & (bits >> ((h >> _12) & _63))
    return bool((bits & _1) != _0)


@compiled
def look_up(
    hashes: Hashes, words: Hashes, shift: np.uint64, table: Hashes, which: Offsets, rows: Offsets
) -> int:
    """Write which hashes are in `table`, and their first rows there; return how many."""
    count = 0
    for i in range(hashes.size):
        h = hashes[i]
        if knows(words, shift, h):
            low, high = 0, table.size
            while low < high:
                middle = (low + high) >> 1
                if table[middle] < h:
                    low = middle + 1
                else:
                    high = middle
            if low < table.size and table[low] == h:
                which[count] = i
                rows[count] = low
                count += 1
    return count


@compiled
def search(
    raw: Bytes,
    high: int,
    wanted: Mask,
    shortest: int,
    key: Hashes,
    words: Hashes,
    shift: np.uint64,
    table: Hashes,
) -> tuple[Offsets, Offsets]:
    """Return where tokens that are in `table` start in `raw`, in no order, and their first rows.

    `high` = 0: the ASCII tokens; 1: those that have a byte of 0x80 or above. `wanted`: whether
    the table has a token of this length; `shortest`: 32, or the least such length below that.
    `key`: two words. `words` and `shift`: the filter.
    """
    room = ((raw.size >> 6) + 2) << 6  # the last word of bits is 0
    text, word = np.empty(room, np.uint8), np.empty(room, np.uint8)
    token, bits = np.empty(room, np.uint8), np.empty(room >> 6, np.uint64)
    for i in range(raw.size, room):
        text[i] = word[i] = token[i] = 0
    classify(raw, text, word, token, high)
    _pack(token.view(np.uint64), bits)
    most = raw.size // (shortest + 1) + 1
    starts, lengths = np.empty(most, np.int64), np.empty(most, np.int64)
    count = _find_tokens(word, bits, wanted, shortest, starts, lengths)
    if high:
        found, count = count, 0
        for i in range(found):
            start, length = starts[i], lengths[i]
            for at in range(start, start + length):
                if text[at] >= 0x80:
                    starts[count], lengths[count] = start, length
                    count += 1
                    break
    places, sizes = np.empty(count, np.int64), np.empty(count, np.int64)
    sort_by_words(starts[:count], lengths[:count], places, sizes)
    v = np.empty((5, count), np.uint64)
    hash_tokens(text.view(np.uint64), places, sizes, key[0], key[1], v)
    hits = look_up(v[0], words, shift, table, starts, lengths)
    for i in range(hits):
        starts[i] = places[starts[i]]
    return starts[:hits].copy(), lengths[:hits].copy()


@compiled
def something(
    text: Bytes, classes: Bytes, starts: Offsets, ends: Offsets, kinds: int, found: Mask
) -> None:
    """Set `found` for each window that holds a byte of one of the classes in `kinds`."""
    for i in range(ends.size):
        at = starts[i]
        while at < ends[i] and not classes[text[at]] & kinds:
            at += 1
        found[i] = at < ends[i]
