"""Zip archives (APPNOTE.TXT 6.3, section 4.3), read front to back by their local headers.

That also sees members that the directory at the end does not name any more. Where the stream can
seek, the directory is read as well: it has the sizes that a header leaves open, and leads on where
the headers do not follow one another.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from backends.content import CHUNK, Bounds, Member, Opaque, Opener, Part, Source, Stop
from backends.content.openers.compressed import Inflate, inflate64, lzma_filter, pump

_LOCAL = b"PK\x03\x04"
_DESCRIPTOR = b"PK\x07\x08"
_ENCRYPTED, _END_MARK, _SIZES_FOLLOW = 1, 2, 8  # bits of the general purpose flag
_STORED, _DEFLATED, _DEFLATED_64, _BZIP2, _LZMA, _XZ = 0, 8, 9, 12, 14, 95
_FRAMES = {20, 93}  # of Zstandard: documents by themselves
_OPENED = {_STORED, _DEFLATED, _DEFLATED_64, _BZIP2, _LZMA, _XZ, *_FRAMES}
_AES = 99
_ZIP64 = 0xFFFFFFFF
_END = 22 + 0xFFFF  # bytes: the end record with the longest comment
_DIRECTORY = 64 << 20  # bytes; a larger directory is not read
# Spreadsheets and documents: their text is cut up by their own rules, so windows are no records.
_OFFICE = (b"[Content_Types].xml", b"mimetype")


class Zip(Opener):
    """Opens an archive member by member."""

    name = "zip"
    wants = ("inflate64",)

    def recognises(self, head: bytes) -> bool:
        """Tell by the first member's header."""
        return head.startswith(_LOCAL)

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield the members, and a reason for each that is not opened."""
        try:
            file = source.seekable(hold=False)
        except Stop:
            file = None
        known = _directory(file) if file else {}
        start, seen = source.taken, set()
        try:
            while source.peek(4) == _LOCAL:
                seen.add(at := source.taken - start)
                yield from _member(source, bounds, known.get(at))
            _skip_directory(source)
        except Stop as stop:
            yield Opaque(stop.reason)
        for at in sorted(known.keys() - seen):
            member = _from(file, at)
            if member.peek(4) == _LOCAL:
                yield from _member(member, bounds, known[at])
            else:
                yield Opaque("damaged-container")


ZIP = Zip()


def _from(file: BinaryIO | None, offset: int) -> Source:
    assert file is not None
    file.seek(offset)
    return Source(iter(lambda: file.read(CHUNK), b""))


def _member(source: Source, bounds: Bounds, known: int | None) -> Iterator[Part]:
    """Yield what a local header leads to; `known`: its packed size by the directory."""
    bounds.member()
    header = source.exactly(30)
    flags, method = struct.unpack_from("<HH", header, 6)
    crc, packed, size, name_length, extra_length = struct.unpack_from("<IIIHH", header, 14)
    name = source.exactly(name_length)
    extra = source.exactly(extra_length)
    if _ZIP64 in {packed, size}:
        packed, size = _zip64_sizes(extra, packed, size)
    if name in _OFFICE:
        yield Opaque("container-not-opened")
    body = _Body(source, known if flags & _SIZES_FOLLOW else packed)
    checked: _Checked | None = None
    if flags & _ENCRYPTED or method == _AES:
        yield Opaque("encrypted")
        body.skip()
    elif method not in _OPENED:
        yield Opaque("container-not-opened")
        body.skip()
    else:
        ends_itself = body.left is None and method in {_DEFLATED, _BZIP2, _LZMA}
        inner = source if ends_itself else Source(body.chunks())
        size = None if flags & (_END_MARK | _SIZES_FOLLOW) else size
        checked = _Checked(_unpacked(inner, method, size, bounds))
        yield Member(Source(checked.chunks(None if flags & _SIZES_FOLLOW else crc)))
        if not ends_itself:
            body.skip()
    if flags & _SIZES_FOLLOW:
        crc = _skip_descriptor(source)
        if checked and checked.whole and checked.crc != crc:
            yield Opaque("damaged-container")


def _unpacked(source: Source, method: int, size: int | None, bounds: Bounds) -> Iterator[bytes]:
    if method == _STORED or method in _FRAMES:
        yield from source.chunks()
    elif method == _DEFLATED_64:
        yield from inflate64(source)
    elif method == _DEFLATED:
        yield from pump(Inflate(-15), source)
    elif method == _BZIP2:
        yield from pump(bz2.BZ2Decompressor(), source)
    elif method == _XZ:
        yield from pump(lzma.LZMADecompressor(lzma.FORMAT_XZ, bounds.limits.memory), source)
    else:  # LZMA: a version, the length of the properties, and these (section 5.8.8)
        (length,) = struct.unpack("<2xH", source.exactly(4))
        filters = [lzma_filter(source.exactly(length), bounds)]
        yield from pump(lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters), source, size)


def _directory(file: BinaryIO) -> Mapping[int, int]:
    """Return the packed size of each member by its offset; nothing if there is no directory."""
    end = file.seek(0, 2)
    file.seek(max(0, end - _END))
    tail = file.read(_END)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        return {}
    size, offset = struct.unpack_from("<II", tail, at + 12)
    locator = tail[at - 20 : at] if at >= 20 else b""
    if offset == _ZIP64 and locator[:4] == b"PK\x06\x07":
        file.seek(min(end, int.from_bytes(locator[8:16], "little")))
        size, offset = struct.unpack("<40xQQ", file.read(56).ljust(56, b"\0"))
    if offset + size > end or size > _DIRECTORY:
        return {}
    file.seek(offset)
    data, at = file.read(size), 0
    known = {}
    while data[at : at + 4] == b"PK\x01\x02" and at + 46 <= len(data):
        packed, unpacked = struct.unpack_from("<II", data, at + 20)
        name, extra, comment = struct.unpack_from("<HHH", data, at + 28)
        (place,) = struct.unpack_from("<I", data, at + 42)
        if _ZIP64 not in {packed, unpacked, place}:
            known[place] = packed
        at += 46 + name + extra + comment
    return known


class _Checked:
    """What comes out of a member, and its CRC-32 so far."""

    def __init__(self, unpacked: Iterator[bytes]) -> None:
        self._unpacked = unpacked
        self.crc, self.whole = 0, False

    def chunks(self, expected: int | None) -> Iterator[bytes]:
        """Yield it. Raises Stop where it is not what went in; None: that is told later."""
        for data in self._unpacked:
            self.crc = zlib.crc32(data, self.crc)
            yield data
        self.whole = True
        if expected is not None and self.crc != expected:
            raise Stop("damaged-container")


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


def _skip_descriptor(source: Source) -> int:
    """Take a data descriptor's CRC-32; it has a signature or none, and sizes of 4 or 8 bytes."""
    head = source.peek(28)
    for length in (16, 24, 12, 20):
        signed = length in {16, 24}
        if signed is (head[:4] == _DESCRIPTOR) and head[length : length + 2] in {b"PK", b""}:
            source.exactly(length)
            return int.from_bytes(head[4:8] if signed else head[:4], "little")
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
