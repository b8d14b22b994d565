"""pglz the other way, as plainly as can be, and decompressors that share nothing with ours."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


def compressed(text: bytes) -> bytes:
    """Compress: at each place the longest earlier match, found by trying all of them."""
    items: list[tuple[bool, bytes]] = []
    at = 0
    while at < len(text):
        best = (0, 0)
        for back in range(1, min(at, 4095) + 1):
            length = 0
            while (
                length < 273
                and at + length < len(text)
                and (text[at - back + length % back] == text[at + length])
            ):
                length += 1
            best = max(best, (length, back))
        length, back = best
        if length < 3:
            items.append((False, text[at : at + 1]))
            at += 1
            continue
        tag = bytes([(back >> 4) & 0xF0 | min(length - 3, 15), back & 0xFF])
        items.append((True, tag + (bytes([length - 18]) if length >= 18 else b"")))
        at += length
    out = b""
    for begin in range(0, len(items), 8):
        group = items[begin : begin + 8]
        out += bytes([sum(1 << n for n, (copy, _) in enumerate(group) if copy)])
        out += b"".join(data for _, data in group)
    return out


def decompressed(data: bytes, size: int) -> bytes:
    """Decompress, in the words of the format: a second opinion for the searches of images."""
    stream = iter(data)
    out = bytearray()
    for control in stream:
        for bit in range(8):
            if len(out) >= size:
                return bytes(out[:size])
            try:
                first = next(stream)
                if not control >> bit & 1:
                    out.append(first)
                    continue
                second = next(stream)
                length = (first & 15) + 3
                length += next(stream) if length == 18 else 0
            except StopIteration:
                return bytes(out)
            start = len(out) - ((first >> 4 << 8) + second)
            if start < 0 or start == len(out):
                return bytes(out)
            for place in range(start, start + length):
                out.append(out[place])
    return bytes(out[:size])


def decompressed_lz4(data: bytes, size: int) -> bytes:
    """Decompress a block of LZ4, as far as it goes."""
    stream = iter(data)
    out = bytearray()
    with contextlib.suppress(StopIteration):
        while len(out) < size:
            token = next(stream)
            for _ in range(_extended(token >> 4, stream)):
                out.append(next(stream))
            back = next(stream) + (next(stream) << 8)
            length = _extended(token & 15, stream) + 4
            if not 0 < back <= len(out):
                break
            for _ in range(length):
                out.append(out[-back])
    return bytes(out[:size])


def _extended(length: int, stream: Iterator[int]) -> int:
    """Return a length of four bits, with the bytes that follow the greatest of them."""
    more = 255 if length == 15 else 0
    while more == 255:
        more = next(stream)
        length += more
    return length
