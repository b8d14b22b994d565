"""The loops of the compiled route. Importing this module needs numba.

They work on a part of a block, see `shredder.fingerprint.tokens`, and say the same as the numpy
route does. They are written so that the compiler turns them into vector instructions: bytes are
classed 64 at once (`backends.lanes`), and one loop over all tokens does each round of
the hash.
"""

from __future__ import annotations

import numpy as np

from backends.lanes import LANES, between, compiled, lowest_bit, rest, word_at
from shredder.fingerprint.siphash import INITIAL, Bytes, Hashes, Offsets
from shredder.fingerprint.starts import FOLD, LONG, SHORT
from shredder.fingerprint.tokens import Mask

_0, _1, _2, _6, _8, _12, _63, _64 = (np.uint64(n) for n in (0, 1, 2, 6, 8, 12, 63, 64))
_56 = np.uint64(56)
_LEFT = tuple(np.uint64(n) for n in (13, 16, 21, 17, 32))
_L13, _L16, _L21, _L17, _L32 = _LEFT
_R13, _R16, _R21, _R17, _R32 = (np.uint64(64) - n for n in _LEFT)
_C0, _C1, _C2, _C3 = (np.uint64(c) for c in INITIAL)
_FF = np.uint64(0xFF)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)

_4, _29, _32 = (np.uint64(n) for n in (4, 29, 32))
_SHORT, _LONG, _FOLD = SHORT, LONG, np.uint64(FOLD)
_BATCH = 1024  # starts that are hashed at once
_STEP = 16  # of these, that are passed over at once, for most are not known
_SHORT_BITS = np.uint64((1 << (8 * SHORT)) - 1)


@compiled
def _words(raw: Bytes, at: int, high: int) -> np.uint64:
    """Return which of 64 bytes are a word's; with `high` = 1, those of 0x80 and above are, too."""
    found = (
        between(raw, at, 0x30, 0x39) | between(raw, at, 0x41, 0x5A) | between(raw, at, 0x61, 0x7A)
    )
    if high:
        found |= between(raw, at, 0x80, 0xFF)
    return found


@compiled
def _joints(raw: Bytes, at: int) -> np.uint64:
    """Return which of 64 bytes are a token's punctuation."""
    found = between(raw, at, 0x2B, 0x2B) | between(raw, at, 0x2D, 0x2E)
    return found | between(raw, at, 0x40, 0x40) | between(raw, at, 0x5F, 0x5F)


@compiled
def _rounds(v0: Hashes, v1: Hashes, v2: Hashes, v3: Hashes, live: int, count: int) -> None:
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
        _rounds(v0, v1, v2, v3, live, 2)
        for i in range(live):
            v0[i] ^= block[i]
        step += 1
        while live and (sizes[live - 1] >> 3) < step:
            live -= 1
    for i in range(places.size):
        v2[i] ^= _FF
    _rounds(v0, v1, v2, v3, places.size, 4)
    for i in range(places.size):
        v0[i] ^= v1[i] ^ v2[i] ^ v3[i]


@compiled
def knows(words: Hashes, shift: np.uint64, h: np.uint64) -> bool:
    """Whether a filter knows a hash; of the others it takes about 1% for known."""
    bits = words[np.int64(h >> shift)]
    bits = (bits >> (h & _63)) & (bits >> ((h >> _6) & _63)) & (bits >> ((h >> _12) & _63))
    return bool((bits & _1) != _0)


@compiled
def find_row(table: Hashes, h: np.uint64) -> int:
    """Return the first row of a hash in `table`, or -1."""
    low, high = 0, table.size
    while low < high:
        middle = (low + high) >> 1
        if table[middle] < h:
            low = middle + 1
        else:
            high = middle
    return low if low < table.size and table[low] == h else -1


@compiled
def look_up(
    hashes: Hashes, words: Hashes, shift: np.uint64, table: Hashes, which: Offsets, rows: Offsets
) -> int:
    """Write which hashes are in `table`, and their first rows there; return how many."""
    count = 0
    for i in range(hashes.size):
        h = hashes[i]
        if knows(words, shift, h):
            row = find_row(table, h)
            if row >= 0:
                which[count] = i
                rows[count] = row
                count += 1
    return count


@compiled
def _behind(here: np.uint64, following: np.uint64, step: np.uint64) -> np.uint64:
    """Return the bits that are `step` places further, the next word's at the end."""
    return (here >> step) | (following << (_64 - step))


@compiled
def runs(here: np.uint64, following: np.uint64, size: int) -> np.uint64:
    """Leave a bit of `here` where SHORT or LONG bits follow each other from it on."""
    two, next_two = here & _behind(here, following, _1), following & (following >> _1)
    four, next_four = two & _behind(two, next_two, _2), next_two & (next_two >> _2)
    if size == _SHORT:
        return four & _behind(two, next_two, _4)
    eight = four & _behind(four, next_four, _4)
    return eight & _behind(four, next_four, _8)


@compiled
def doubled(found: Offsets) -> Offsets:
    """Return the same, with room for twice as many."""
    more = np.empty((found.shape[0], 2 * found.shape[1]), np.int64)
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            more[i, j] = found[i, j]
    return more


@compiled
def bits_of(raw: Bytes, high: int, words: Hashes, tokens: Hashes) -> None:
    """Write a bit for each byte of a word, and of a token; the last word of bits is 0."""
    whole = raw.size // LANES
    for i in range(whole):
        words[i] = _words(raw, i * LANES, high)
        tokens[i] = words[i] | _joints(raw, i * LANES)
    if whole < words.size - 1:
        last = rest(raw, whole * LANES)
        words[whole] = _words(last, 0, high)
        tokens[whole] = words[whole] | _joints(last, 0)
    words[-1] = tokens[-1] = 0


@compiled
def _sip(
    v0: np.uint64, v1: np.uint64, v2: np.uint64, v3: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """One SipRound."""
    v0 += v1
    v2 += v3
    v1 = ((v1 << _L13) | (v1 >> _R13)) ^ v0
    v3 = ((v3 << _L16) | (v3 >> _R16)) ^ v2
    v0 = (v0 << _L32) | (v0 >> _R32)
    v2 += v1
    v0 += v3
    v1 = ((v1 << _L17) | (v1 >> _R17)) ^ v2
    v3 = ((v3 << _L21) | (v3 >> _R21)) ^ v0
    v2 = (v2 << _L32) | (v2 >> _R32)
    return v0, v1, v2, v3


@compiled
def siphash(raw: Bytes, start: int, end: int, k0: np.uint64, k1: np.uint64) -> np.uint64:
    """Hash a token, folded, by SipHash-2-4."""
    v0, v1, v2, v3 = _C0 ^ k0, _C1 ^ k1, _C2 ^ k0, _C3 ^ k1
    size = end - start
    for step in range((size >> 3) + 1):
        m = _0
        first = start + 8 * step
        for i in range(min(8, end - first)):
            c = raw[first + i]
            upper = (c >= 0x41) & (c <= 0x5A)
            m |= np.uint64(c | (np.uint8(upper) << np.uint8(5))) << np.uint64(8 * i)
        if end - first < 8:
            m |= np.uint64(size) << _56
        v3 ^= m
        v0, v1, v2, v3 = _sip(v0, v1, v2, v3)
        v0, v1, v2, v3 = _sip(v0, v1, v2, v3)
        v0 ^= m
    v2 ^= _FF
    for _ in range(4):
        v0, v1, v2, v3 = _sip(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


@compiled
def _start(first: np.uint64, second: np.uint64, by: tuple[np.uint64, ...]) -> np.uint64:
    """Hash the first bytes of a token as `starts.mixed` does."""
    h = first * by[0]
    h ^= h >> _32
    h = (h + second) * by[1]
    h ^= h >> _29
    h *= by[2]
    return h ^ (h >> _32)


@compiled
def known_starts(
    raw: Bytes,
    places: Offsets,
    size: int,
    by: tuple[np.uint64, ...],
    words: Hashes,
    shift: np.uint64,
) -> int:
    """Leave in `places`, which ascend, those whose first bytes the filter knows; return how many.

    Straight loops over a few at a time, each of which does one thing: so those that reckon are
    vector instructions, and the look-ups in the filter, which is larger than a core's own cache,
    wait for each other as little as can be.
    """
    keep = _ALL if size == _LONG else _SHORT_BITS
    hashes, more = np.empty(_BATCH, np.uint64), np.empty(_BATCH, np.uint64)
    count = 0
    for done in range(0, places.size, _BATCH):
        some = min(_BATCH, places.size - done)
        full = some
        while full and places[done + full - 1] + 8 > raw.size:  # the last bytes of all
            full -= 1
            hashes[full], more[full] = _0, np.uint64(size)
            for i in range(size):
                hashes[full] |= np.uint64(raw[places[done + full] + i]) << np.uint64(8 * i)
        if size == _LONG:
            for j in range(full):
                at = places[done + j]
                hashes[j], more[j] = word_at(raw, at), word_at(raw, at + 4) | _FOLD
        else:
            for j in range(full):
                hashes[j], more[j] = word_at(raw, places[done + j]), np.uint64(size)
        for j in range(some):
            hashes[j] = _start((hashes[j] & keep) | _FOLD, more[j], by)
        for j in range(some):
            more[j] = words[hashes[j] >> shift]
        for j in range(some):
            h, bits = hashes[j], more[j]
            more[j] = (
                (bits >> (h & _63)) & (bits >> ((h >> _6) & _63)) & (bits >> ((h >> _12) & _63))
            )
        for first in range(0, some, _STEP):
            last = min(some, first + _STEP)
            known = _0
            for j in range(first, last):
                known |= more[j]
            if known & _1:
                for j in range(first, last):
                    places[count] = places[done + j]
                    count += int(more[j] & _1)
    return count


@compiled
def longest_run(token: Hashes, at: int, most: int) -> int:
    """Return where the run of a token's bytes ends that goes on at `at`, or `most` bytes on."""
    end = at
    while end - at < most and (token[end >> 6] >> np.uint64(end & 63)) & _1:
        end += 1
    return end


@compiled
def _begun(word: Hashes, token: Hashes, size: int, places: Offsets) -> int:
    """Write where a word begins from which `size` bytes of a token follow; return how many."""
    count = word.size - 1
    begins = np.empty(count, np.uint64)
    if count:
        begins[0] = word[0] & ~(word[0] << _1) & runs(token[0], token[1], size)
    if size == _LONG:
        for i in range(1, count):
            first = word[i] & ~_behind(word[i - 1], word[i], _63)
            begins[i] = first & runs(token[i], token[i + 1], _LONG)
    else:
        for i in range(1, count):
            first = word[i] & ~_behind(word[i - 1], word[i], _63)
            begins[i] = first & runs(token[i], token[i + 1], _SHORT)
    begun = 0
    for i in range(count):
        left = begins[i]
        while left:
            places[begun] = 64 * i + lowest_bit(left)
            left &= left - _1
            begun += 1
    return begun


@compiled
def search(
    raw: Bytes,
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
    """Return places, lengths and first rows of the tokens in `raw` that are in `table`.

    Before them and after them is no word's byte. `high` = 0: ASCII tokens; 1: those that have a
    byte of 0x80 or above. `sizes`: that starts have, ascending; `wanted`: whether the table has a
    token of this length. `by`, `starts` and `start_shift`: the filter of starts. `key`: two
    words. `words` and `shift`: the filter of `table`.
    """
    count = ((raw.size + 63) >> 6) + 1
    word, token = np.empty(count, np.uint64), np.empty(count, np.uint64)
    bits_of(raw, high, word, token)
    places = np.empty(raw.size // 2 + 1, np.int64)
    found = np.empty((3, 64), np.int64)
    hits = 0
    for k in range(sizes.size):
        size = sizes[k]
        below = sizes[k + 1] if k + 1 < sizes.size else wanted.size
        begun = _begun(word, token, size, places)
        known = known_starts(raw, places[:begun], size, (by[0], by[1], by[2]), starts, start_shift)
        for j in range(known):
            at = places[j]
            last = longest_run(token, at, wanted.size - 1)
            is_ascii = True
            for i in range(at, at + size - 1):
                is_ascii &= raw[i] < 0x80
            for end in range(at + size, last + 1):
                is_ascii &= raw[end - 1] < 0x80
                if end - at >= below or not wanted[end - at] or (high and is_ascii):
                    continue
                if not (word[(end - 1) >> 6] >> np.uint64((end - 1) & 63)) & _1:
                    continue
                if (word[end >> 6] >> np.uint64(end & 63)) & _1:
                    continue
                h = siphash(raw, at, end, key[0], key[1])
                row = find_row(table, h) if knows(words, shift, h) else -1
                if row >= 0:
                    if hits == found.shape[1]:
                        found = doubled(found)
                    found[0, hits], found[1, hits], found[2, hits] = at, end - at, row
                    hits += 1
    return found[0, :hits].copy(), found[1, :hits].copy(), found[2, :hits].copy()
