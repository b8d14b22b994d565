"""7z archives: each packed stream is sent through its methods, and cut into the files in it."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from backends.content import CHUNK, Bounds, Member, Opaque, Opener, Part, Source, Stop
from backends.content.openers._sevenzip_header import ENCODED, PLAIN, Coder, Folder, Header
from backends.content.openers.compressed import Inflate, held, lzma_filter, pump

_MAGIC = b"7z\xbc\xaf\x27\x1c"
_START = 32  # bytes before the first packed stream
_LONGEST = 64 << 20  # bytes of a header
_ENCODED_TWICE = 4  # headers that are packed in headers; one is usual

_COPY, _LZMA, _LZMA2, _DELTA = b"\x00", b"\x03\x01\x01", b"\x21", b"\x03"
_DEFLATE, _BZIP2, _AES = b"\x04\x01\x08", b"\x04\x02\x02", b"\x06\xf1\x07\x01"
_BRANCHES = {
    b"\x03\x03\x01\x03": lzma.FILTER_X86,
    b"\x03\x03\x02\x05": lzma.FILTER_POWERPC,
    b"\x03\x03\x04\x01": lzma.FILTER_IA64,
    b"\x03\x03\x05\x01": lzma.FILTER_ARM,
    b"\x03\x03\x07\x01": lzma.FILTER_ARMTHUMB,
    b"\x03\x03\x08\x05": lzma.FILTER_SPARC,
}


class SevenZip(Opener):
    """Opens an archive by the header at its end."""

    name = "7z"

    def recognises(self, head: bytes) -> bool:
        """Tell by the magic number."""
        return head.startswith(_MAGIC)

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield the files, and a reason for each packed stream that is not opened."""
        file = source.seekable()
        folders, end = _folders(file, bounds)
        for folder in folders:
            try:
                unpacked = _unpacked(file, folder, bounds)
            except Stop as stop:
                yield Opaque(stop.reason)
                continue
            inner = Source(unpacked)
            for size, crc in folder.files:
                bounds.member()
                body = _file(inner, size, crc)
                yield Member(Source(body))
                for data in body:  # what nobody asked for lies before the next file
                    bounds.unpacked(len(data))
        if rest := file.seek(0, 2) - end:
            yield Member(Source(_packed(file, end, rest)))


SEVEN_ZIP = SevenZip()


def _folders(file: BinaryIO, bounds: Bounds) -> tuple[list[Folder], int]:
    """Return what is in the header, and where the archive ends."""
    start = file.read(_START)
    if len(start) < _START or zlib.crc32(start[12:]) != int.from_bytes(start[8:12], "little"):
        raise Stop("damaged-container")
    offset, size = (int.from_bytes(start[at : at + 8], "little") for at in (12, 20))
    if size > _LONGEST:
        raise Stop("bomb-limit")
    file.seek(_START + offset)
    data = file.read(size)
    if len(data) < size or zlib.crc32(data) != int.from_bytes(start[28:32], "little"):
        raise Stop("damaged-container")
    end = _START + offset + size
    for _ in range(_ENCODED_TWICE):
        if not data:
            return [], end
        header = Header(data)
        kind = header.byte()
        if kind == PLAIN:
            return header.main_streams(), end
        if kind != ENCODED:
            raise Stop("damaged-container")
        (folder,) = header.streams()
        if folder.size > _LONGEST:
            raise Stop("bomb-limit")
        data = b"".join(_unpacked(file, folder, bounds))
    raise Stop("bomb-limit")


def _unpacked(file: BinaryIO, folder: Folder, bounds: Bounds) -> Iterator[bytes]:
    """Return what comes out of a packed stream. Raises Stop for methods that are not known."""
    if any(coder.method == _AES for coder in folder.coders):
        raise Stop("encrypted")
    if not folder.order or folder.packed_streams != 1:
        raise Stop("container-not-opened")  # BCJ2 has four streams
    chunks = _packed(file, _START + folder.offset, folder.packed)
    coders = folder.coders
    while coders:
        # liblzma has the filters for branches only together with LZMA.
        several = 1 + next(
            (n for n, c in enumerate(coders[1:]) if c.method not in {*_BRANCHES, _DELTA}),
            len(coders) - 1,
        )
        used = several if coders[0].method in {_LZMA, _LZMA2} else 1
        chunks = _decoded(chunks, coders[:used], bounds)
        coders = coders[used:]
    return chunks


def _packed(file: BinaryIO, offset: int, left: int) -> Iterator[bytes]:
    while left:
        file.seek(offset)
        data = file.read(min(left, CHUNK))
        if not data:
            raise Stop("damaged-container")
        offset, left = offset + len(data), left - len(data)
        yield data


def _decoded(chunks: Iterator[bytes], coders: list[Coder], bounds: Bounds) -> Iterator[bytes]:
    """Return what comes out of one method, or of LZMA with its filters."""
    coder = coders[0]
    source, size = Source(chunks), coders[-1].size
    if coder.method == _COPY:
        return chunks
    if coder.method == _DEFLATE:
        return pump(Inflate(-15), source, size)
    if coder.method == _BZIP2:
        return _bzip2(source)
    if coder.method == _LZMA:
        last = lzma_filter(coder.properties, bounds)
    elif coder.method == _LZMA2 and len(coder.properties) == 1 and coder.properties[0] <= 40:
        bits = coder.properties[0]
        most = (2 | bits & 1) << (bits // 2 + 11) if bits < 40 else 0xFFFFFFFF
        last = {"id": lzma.FILTER_LZMA2, "dict_size": held(most, bounds)}
    else:
        raise Stop("container-not-opened")
    filters = [_filter(c) for c in reversed(coders[1:])]
    return pump(lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[*filters, last]), source, size)


def _bzip2(source: Source) -> Iterator[bytes]:
    while source.peek(1):  # several threads write several streams
        yield from pump(bz2.BZ2Decompressor(), source)


def _filter(coder: Coder) -> dict[str, int]:
    if coder.method == _DELTA and len(coder.properties) == 1:
        return {"id": lzma.FILTER_DELTA, "dist": coder.properties[0] + 1}
    return {"id": _BRANCHES[coder.method]}


def _file(source: Source, left: int, crc: int | None) -> Iterator[bytes]:
    seen = 0
    while left:
        data = source.read(min(left, CHUNK))
        if not data:
            raise Stop("damaged-container")
        left -= len(data)
        seen = zlib.crc32(data, seen)
        yield data
    if crc is not None and crc != seen:
        raise Stop("damaged-container")
