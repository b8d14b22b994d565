"""pglz, the compression of values and of page images that is built into Postgres.

Its stream has no header (that of a value tells how long the text is). A control byte tells of the
next eight items, the least bit first: 0, a byte as it is; 1, a copy of earlier output. A copy has
two bytes: the low half of the first is its length less 3; the high half, and the second, how far
back it begins, 1 to 4,095. If the length is 18, the most, a third byte is added to it. A copy may
run into itself. (``src/common/pg_lzcompress.c`` of Postgres describes the format.)
"""

from __future__ import annotations

import numpy as np

from backends.postgres.raw.compiled import Bytes, array_of, compiled, number

# What most of a stream can give: eight copies of three bytes and 273 each, for a control byte.
_MOST_OUT, _MOST_IN = 8 * 273, 1 + 8 * 3


class Damaged(Exception):
    """Bytes are not what they were taken for. What was made of them until then is in `got`."""

    def __init__(self, got: bytes = b"") -> None:
        super().__init__("damaged")
        self.got = got


def decompress(data: bytes, size: int) -> bytes:
    """Return the `size` bytes that a stream holds. Raises Damaged, also where it goes on."""
    if not 0 <= size <= (len(data) // _MOST_IN + 1) * _MOST_OUT:
        raise Damaged(_upto(data, (len(data) // _MOST_IN + 1) * _MOST_OUT)[0])
    got, rest = _upto(data, size)
    if len(got) < size or rest:
        raise Damaged(got)
    return got


def _upto(data: bytes, size: int) -> tuple[bytes, int]:
    """Return what comes out, up to `size` bytes, and how many bytes of the stream are left."""
    out = np.empty(size, np.uint8)
    made, used = _decompress(array_of(data), out)
    return out[:made].tobytes(), len(data) - used


@compiled
def _decompress(data: Bytes, out: Bytes) -> tuple[int, int]:
    """Fill `out`; return how many bytes came out, and how many were used."""
    at = made = 0
    while at < data.size and made < out.size:
        control = number(data[at])
        at += 1
        for bit in range(8):
            if at >= data.size or made >= out.size:
                break
            if not (control >> bit) & 1:
                out[made] = data[at]
                made += 1
                at += 1
                continue
            if at + 1 >= data.size:
                return made, at
            length = (number(data[at]) & 0x0F) + 3
            back = ((number(data[at]) & 0xF0) << 4) | number(data[at + 1])
            at += 2
            if length == 18:
                if at >= data.size:
                    return made, at
                length += number(data[at])
                at += 1
            if back == 0 or back > made:
                return made, at
            stop = min(made + length, int(out.size))
            while made < stop:
                out[made] = out[made - back]
                made += 1
    return made, at
