"""Values told apart in bytes of rows, without knowing the columns of the table.

A value of variable length begins with a header: one byte, odd, that is twice the length and one;
or, from a multiple of four on, four bytes, which are four times the length, and two more if the
value is compressed ("TOAST" in the manual; ``varatt.h``). The first kind often is a letter or a
digit, and would stick to the value, as the next value's would. So what can be a header, with text
of that length behind it, becomes a tab, and another follows the value; what is no text becomes
blanks. A compressed value is told by its place, to be opened by itself.

What is taken for a header by mistake parts a word. Whoever looks at the result therefore looks at
the bytes themselves, too.
"""

from __future__ import annotations

import numpy as np

from backends.postgres.raw.compiled import Bytes, Numbers, compiled, number

_TAB, _BLANK, _NEWLINE = 9, 32, 10
_SHORTEST = 2  # bytes of text for which a header is looked for
_LEAST_LONG = 131  # bytes of a value with a header of four, this included
_STRAY = 8  # bytes of an integer, or of another value of a fixed size, that may look like text
_HEAD_AND_SIZE = 8  # bytes before a compressed value
_MOST_RATIO = 300  # bytes that come out for one, with either method


@compiled
def text_ends(data: Bytes, ends: Numbers) -> None:
    """Set for each place where the text that begins there ends; at the place: it is none."""
    end = data.size
    for at in range(data.size - 1, -1, -1):
        byte = data[at]
        if not (byte >= 0x80 or 0x20 <= byte < 0x7F or byte in (9, 10, 13)):
            end = at
        ends[at] = end


@compiled
def word_at(data: Bytes, at: int) -> int:
    """Return four bytes as a number, the least first."""
    return (
        number(data[at])
        | (number(data[at + 1]) << 8)
        | (number(data[at + 2]) << 16)
        | (number(data[at + 3]) << 24)
    )


@compiled
def half_at(data: Bytes, at: int) -> int:
    """Return two bytes as a number, the least first."""
    return number(data[at]) | (number(data[at + 1]) << 8)


@compiled
def _may_end(data: Bytes, at: int, end: int, text: Numbers) -> bool:
    """Whether a value may end here: with the row, before bytes that are no text, or a header."""
    if at == end or text[at] - at < _STRAY:
        return True
    size = number(data[at]) >> 1
    return data[at] & 1 == 1 and size > _SHORTEST and at + size <= min(end, text[at])


@compiled
def separate(
    data: Bytes,
    begin: int,
    end: int,
    text: Numbers,
    out: Bytes,
    made: int,
    packed: Numbers,
    count: int,
    aligned: int = 3,
) -> tuple[int, int]:
    """Write the window of data[begin:end] into `out` from `made` on: twice its bytes at the most.

    A newline ends it. Places and lengths of what may be compressed go into pairs of `packed`, from
    the pair `count` on. Returns the new `made` and `count`. `aligned`: bits that are not set in the
    place of a header of four bytes; 0 for records of the log, which align nothing.
    """
    at = begin
    while at < end:
        head = number(data[at])
        size = 0
        begins = at + 1
        if head & 1:
            size = head >> 1
        elif at & aligned == 0 and at + _HEAD_AND_SIZE < end:
            word = word_at(data, at)
            if word & 3 == 0:
                size, begins = word >> 2, at + 4
                # A shorter one has the shorter header. An integer looks like this, too.
                if size < _LEAST_LONG:
                    size = 0
            elif word & 3 == 2:
                length = word >> 2
                raw = word_at(data, at + 4)
                whole, method = raw & 0x3FFFFFFF, raw >> 30
                if (
                    _HEAD_AND_SIZE < length <= end - at
                    and length - _HEAD_AND_SIZE <= whole <= length * _MOST_RATIO
                    and method <= 1
                    and 2 * count + 1 < packed.size
                ):
                    packed[2 * count], packed[2 * count + 1] = at, length
                    count += 1
        if (
            size >= begins - at + _SHORTEST
            and at + size <= end
            and text[begins] >= at + size
            and _may_end(data, at + size, end, text)
        ):
            out[made] = _TAB
            made += 1
            for place in range(begins, at + size):
                byte = data[place]
                out[made] = max(byte, _BLANK)
                made += 1
            out[made] = _TAB  # an integer may follow, whose bytes may be letters
            made += 1
            at += size
            continue
        out[made] = head if _BLANK <= head != 0x7F else _BLANK
        made += 1
        at += 1
    out[made] = _NEWLINE
    return made + 1, count


@compiled
def windows(
    data: Bytes, stops: Numbers, text: Numbers, out: Bytes, packed: Numbers, aligned: int
) -> Numbers:
    """Write the windows that end at `stops` into `out`; return where each ends there.

    The last number is how many pairs of `packed` there are.
    """
    ends = np.empty(stops.size + 1, np.int64)
    begin = made = count = 0
    for which in range(stops.size):
        made, count = separate(data, begin, stops[which], text, out, made, packed, count, aligned)
        ends[which] = made
        begin = stops[which]
    ends[stops.size] = count
    return ends


def separated(data: bytes, stops: Numbers) -> tuple[bytes, Numbers, Numbers]:
    """Return bytes that align nothing as windows, where each ends, and what may be compressed."""
    block = np.frombuffer(data, np.uint8)
    text = np.empty(block.size, np.int64)
    text_ends(block, text)
    out = np.empty(2 * block.size + stops.size, np.uint8)
    packed = np.empty(2 * (block.size // 4 + 1), np.int64)
    found = windows(block, stops, text, out, packed, 0)
    ends, count = found[:-1], int(found[-1])
    return out[: int(ends[-1]) if ends.size else 0].tobytes(), ends, packed[: 2 * count]
