"""Unpacking a block of Snappy's (google/snappy, format_description.txt)."""

from __future__ import annotations

_LITERAL, _NEAR, _FAR = 0, 1, 2


class NotSnappy(ValueError):
    """The block does not unpack."""


def unpacked(block: bytes, most: int = 64 << 20) -> bytes:
    """Return the bytes of a block. Raises NotSnappy."""
    try:
        size, at = varint(block, 0)
        if size > most:
            raise NotSnappy
        out = bytearray()
        while at < len(block):
            tag = block[at]
            kind, at = tag & 3, at + 1
            if kind == _LITERAL:
                length = tag >> 2
                if length >= 60:
                    extra = length - 59
                    length = int.from_bytes(block[at : at + extra], "little")
                    at += extra
                out += block[at : at + length + 1]
                at += length + 1
                continue
            if kind == _NEAR:
                length, back = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | block[at]
                at += 1
            else:
                width = 2 if kind == _FAR else 4
                length, back = (tag >> 2) + 1, int.from_bytes(block[at : at + width], "little")
                at += width
            _repeat(out, back, length)
    except IndexError:
        raise NotSnappy from None
    if len(out) != size:
        raise NotSnappy
    return bytes(out)


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Read an unsigned number of seven bits a byte; return it and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _repeat(out: bytearray, back: int, length: int) -> None:
    if not 0 < back <= len(out):
        raise NotSnappy
    start = len(out) - back
    if back >= length:
        out += out[start : start + length]
        return
    piece = bytes(out[start:])
    out += (piece * (length // back + 1))[:length]
