"""Zip archives (APPNOTE.TXT 6.3, section 4.3), read front to back by their local headers.

That also sees members that the directory at the end does not name any more.
"""

from __future__ import annotations

import bz2
import struct
from collections.abc import Callable, Iterator

from backends.text._compressed import Inflate, pump
from backends.text._source import CHUNK, Meter, Source, Stop

_LOCAL = b"PK\x03\x04"
_DESCRIPTOR = b"PK\x07\x08"
_ENCRYPTED, _SIZES_FOLLOW = 1, 8  # bits of the general purpose flag
_STORED, _DEFLATED, _BZIP2 = 0, 8, 12
_AES = 99
_ZIP64 = 0xFFFFFFFF
# Spreadsheets and documents: their text is cut up by their own rules, so windows are no records.
_OFFICE = (b"[Content_Types].xml", b"mimetype")

Note = Callable[[str], None]  # takes the reason why a member was not opened


def zip_members(source: Source, meter: Meter, note: Note) -> Iterator[Source]:
    """Yield the members; each is read to its end before the next is asked for.

    `note` gets the reason for each that is not opened. Raises Stop where reading cannot go on.
    """
    while source.peek(4) == _LOCAL:
        meter.member()
        header = source.exactly(30)
        flags, method = struct.unpack_from("<HH", header, 6)
        packed, size, name_length, extra_length = struct.unpack_from("<IIHH", header, 18)
        name = source.exactly(name_length)
        extra = source.exactly(extra_length)
        if _ZIP64 in {packed, size}:
            packed, size = _zip64_sizes(extra, packed, size)
        if name in _OFFICE:
            note("container-not-opened")
        body = _Body(source, None if flags & _SIZES_FOLLOW else packed)
        if flags & _ENCRYPTED or method == _AES:
            note("encrypted")
            body.skip()
        elif method == _STORED:
            yield Source(_counted(body.chunks(), meter))
        elif method in {_DEFLATED, _BZIP2}:
            decompressor = Inflate(-15) if method == _DEFLATED else bz2.BZ2Decompressor()
            if body.left is None:
                yield Source(pump(decompressor, source, meter))
            else:
                inner = Source(body.chunks())
                yield Source(pump(decompressor, inner, meter))
                body.skip()
        else:
            note("container-not-opened")
            body.skip()
        if flags & _SIZES_FOLLOW:
            _skip_descriptor(source)
    _skip_directory(source)


class _Body:
    """The bytes of a member as they lie in the archive; `left` None: up to where they end."""

    def __init__(self, source: Source, left: int | None) -> None:
        self._source = source
        self.left = left

    def chunks(self) -> Iterator[bytes]:
        if self.left is None:  # stored, and the size comes after: nobody can tell where
            raise Stop("container-not-opened")
        while self.left:
            data = self._source.read(min(self.left, CHUNK))
            if not data:
                raise Stop("damaged-container")
            self.left -= len(data)
            yield data

    def skip(self) -> None:
        for _ in self.chunks():
            pass


def _counted(chunks: Iterator[bytes], meter: Meter) -> Iterator[bytes]:
    for chunk in chunks:
        meter.unpacked(len(chunk))
        yield chunk


def _zip64_sizes(extra: bytes, packed: int, size: int) -> tuple[int, int]:
    """Return the sizes with those replaced that stand in the extra field (APPNOTE 4.5.3)."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        field = extra[at + 4 : at + 4 + length]
        if kind == 1:
            values = [v for (v,) in struct.iter_unpack("<Q", field[: len(field) // 8 * 8])]
            if size == _ZIP64 and values:
                size = values.pop(0)
            if packed == _ZIP64 and values:
                packed = values.pop(0)
            return packed, size
        at += 4 + length
    raise Stop("damaged-container")


def _skip_descriptor(source: Source) -> None:
    """Skip a data descriptor: with or without its signature, sizes of 4 or 8 bytes."""
    head = source.peek(28)
    for length in (16, 24, 12, 20):
        signed = length in {16, 24}
        if signed is (head[:4] == _DESCRIPTOR) and head[length : length + 2] in {b"PK", b""}:
            source.exactly(length)
            return
    raise Stop("damaged-container")


def _skip_directory(source: Source) -> None:
    """Skip the central directory and the end records; what follows stays in `source`."""
    while (mark := source.peek(4))[:2] == b"PK":
        if mark == b"PK\x01\x02":
            lengths = struct.unpack_from("<HHH", source.exactly(46), 28)
            source.exactly(sum(lengths))
        elif mark == b"PK\x06\x06":
            (length,) = struct.unpack_from("<Q", source.exactly(12), 4)
            if length > CHUNK:
                raise Stop("damaged-container")
            source.exactly(length)
        elif mark == b"PK\x06\x07":
            source.exactly(20)
        elif mark == b"PK\x05\x06":
            (length,) = struct.unpack_from("<H", source.exactly(22), 20)
            source.exactly(length)
        elif mark == _LOCAL:
            return
        else:  # e.g. an archive's decryption header or digital signature
            raise Stop("container-not-opened")
