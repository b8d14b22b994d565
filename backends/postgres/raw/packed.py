"""Compressed values and images, opened."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from backends.postgres.raw import pglz
from backends.postgres.raw.compiled import Numbers
from backends.postgres.raw.pages import PAGE
from backends.postgres.raw.wal import LZ4, PGLZ, ZSTD, Image

_INFO = struct.Struct("<I")  # size of the value, and in the two highest bits the method
_SIZE = 0x3FFFFFFF
_MOST_RATIO = 300  # bytes that come out for one


class NoLibrary(Exception):
    """What would open it is not installed."""


def value(info: bytes, data: bytes) -> bytes | None:
    """Return a value of which `info`, four bytes, tell size and method; None: it is none.

    Of a stream that breaks off, what is before that.
    """
    (word,) = _INFO.unpack(info)
    size, method = word & _SIZE, word >> 30
    if method > 1 or not len(data) <= size <= len(data) * _MOST_RATIO:
        return None
    if method == 0:
        try:
            return pglz.decompress(data, size)
        except pglz.Damaged as damaged:
            return damaged.got or None
    return _lz4(data, size)


def values(block: bytes, packed: Numbers) -> Iterator[tuple[int, bytes]]:
    """Yield each value of `block` that opens, with the number of its pair."""
    for number, (at, length) in enumerate(packed.reshape(-1, 2).tolist()):
        found = value(block[at + 4 : at + 8], block[at + 8 : at + length])
        if found:
            yield number, found


def page(image: Image) -> bytes | None:
    """Return the page of an image, zeros in its free space; None: it does not open."""
    data: bytes | None = image.data
    if image.method == PGLZ:
        try:
            data = pglz.decompress(image.data, image.size)
        except pglz.Damaged as damaged:
            data = damaged.got
    elif image.method == LZ4:
        data = _lz4(image.data, image.size)
    elif image.method == ZSTD:
        data = _zstd(image.data, image.size)
    if data is None:
        return None
    whole = data[: image.hole] + bytes(PAGE - image.size) + data[image.hole :]
    return whole.ljust(PAGE, b"\0")[:PAGE]


def _lz4(data: bytes, size: int) -> bytes | None:
    try:
        import lz4.block  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise NoLibrary from None
    try:
        return bytes(lz4.block.decompress(data, uncompressed_size=size))
    except (lz4.block.LZ4BlockError, ValueError, MemoryError):
        return None


def _zstd(data: bytes, size: int) -> bytes | None:
    try:
        import zstandard  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise NoLibrary from None
    try:
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=size)
    except (zstandard.ZstdError, MemoryError):
        return None
