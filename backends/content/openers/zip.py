"""Zip archives (APPNOTE.TXT 6.3, section 4.3), read front to back by their local headers.

That also sees members that the directory at the end does not name any more.
"""

from __future__ import annotations

import bz2
import struct
from collections.abc import Iterator

from backends.content import CHUNK, Bounds, Member, Opaque, Opener, Part, Source, Stop
from backends.content.openers.compressed import Inflate, pump

_LOCAL = b"PK\x03\x04"
_DESCRIPTOR = b"PK\x07\x08"
_ENCRYPTED, _SIZES_FOLLOW = 1, 8  # bits of the general purpose flag
_STORED, _DEFLATED, _BZIP2 = 0, 8, 12
_AES = 99
_ZIP64 = 0xFFFFFFFF
# Spreadsheets and documents: their text is cut up by their own rules, so windows are no records.
_OFFICE = (b"[Content_Types].xml", b"mimetype")


class Zip(Opener):
    """Opens an archive member by member."""

    name = "zip"

    def recognises(self, head: bytes) -> bool:
        """Tell by the first member's header."""
        return head.startswith(_LOCAL)

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield the members, and a reason for each that is not opened."""
        while source.peek(4) == _LOCAL:
            bounds.member()
            header = source.exactly(30)
            flags, method = struct.unpack_from("<HH", header, 6)
            packed, size, name_length, extra_length = struct.unpack_from("<IIHH", header, 18)
            name = source.exactly(name_length)
            extra = source.exactly(extra_length)
            if _ZIP64 in {packed, size}:
                packed, size = _zip64_sizes(extra, packed, size)
            if name in _OFFICE:
                yield Opaque("container-not-opened")
            body = _Body(source, None if flags & _SIZES_FOLLOW else packed)
            if flags & _ENCRYPTED or method == _AES:
                yield Opaque("encrypted")
                body.skip()
            elif method == _STORED:
                yield Member(Source(body.chunks()))
                body.skip()
            elif method in {_DEFLATED, _BZIP2}:
                decompressor = Inflate(-15) if method == _DEFLATED else bz2.BZ2Decompressor()
                if body.left is None:
                    yield Member(Source(pump(decompressor, source)))
                else:
                    yield Member(Source(pump(decompressor, Source(body.chunks()))))
                    body.skip()
            else:
                yield Opaque("container-not-opened")
                body.skip()
            if flags & _SIZES_FOLLOW:
                _skip_descriptor(source)
        _skip_directory(source)


ZIP = Zip()


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
