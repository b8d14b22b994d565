"""What the packed streams of a 7z archive are sent through (Methods.txt of the LZMA SDK)."""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Iterator
from typing import BinaryIO, cast

from backends.content import CHUNK, Bounds, Member, Source, Stop, Stretch
from backends.content.apart import read_apart
from backends.content.openers import _branches
from backends.content.openers._sevenzip_header import START, Coder, Folder
from backends.content.openers.compressed import Inflate, held, inflate64, lzma_filter, pump

_COPY, _LZMA, _LZMA2, _DELTA = b"\x00", b"\x03\x01\x01", b"\x21", b"\x03"
_DEFLATE, _DEFLATE_64, _BZIP2 = b"\x04\x01\x08", b"\x04\x01\x09", b"\x04\x02\x02"
_PPMD = b"\x03\x04\x01"
_AES, _ARM64, _BCJ2 = b"\x06\xf1\x07\x01", b"\x0a", b"\x03\x03\x01\x1b"
_SWAP = {b"\x02\x03\x02": 2, b"\x02\x03\x04": 4}
_BRANCHES = {  # by their names of old and of today
    b"\x03\x03\x01\x03": lzma.FILTER_X86,
    b"\x04": lzma.FILTER_X86,
    b"\x03\x03\x02\x05": lzma.FILTER_POWERPC,
    b"\x05": lzma.FILTER_POWERPC,
    b"\x03\x03\x04\x01": lzma.FILTER_IA64,
    b"\x06": lzma.FILTER_IA64,
    b"\x03\x03\x05\x01": lzma.FILTER_ARM,
    b"\x07": lzma.FILTER_ARM,
    b"\x03\x03\x07\x01": lzma.FILTER_ARMTHUMB,
    b"\x08": lzma.FILTER_ARMTHUMB,
    b"\x03\x03\x08\x05": lzma.FILTER_SPARC,
    b"\x09": lzma.FILTER_SPARC,
}
_SMALLEST, _ORDERS = 1 << 11, range(2, 65)  # memory and contexts of PPMd
_READER = "backends.content.readers.ppmd:decoded"


def unpack(file: BinaryIO, folder: Folder, bounds: Bounds) -> Iterator[bytes]:
    """Return what comes out of a folder. Raises Stop for methods that are not known."""
    if any(coder.method == _AES for coder in folder.coders):
        raise Stop("encrypted")
    return _Streams(file, folder, bounds).coder(folder.root)


def packed(file: BinaryIO, offset: int, left: int) -> Iterator[bytes]:
    """Yield a stretch of the archive. Raises Stop where it ends before."""
    while left:
        file.seek(offset)
        data = file.read(min(left, CHUNK))
        if not data:
            raise Stop("damaged-container")
        offset, left = offset + len(data), left - len(data)
        yield data


class _Streams:
    """The streams of a folder, packed and on their way."""

    def __init__(self, file: BinaryIO, folder: Folder, bounds: Bounds) -> None:
        self._file, self._folder, self._bounds = file, folder, bounds

    def _feed(self, number: int) -> Iterator[bytes]:
        if number >= 0:
            return self.coder(number)
        offset, size = self._folder.streams[~number]
        return packed(self._file, START + offset, size)

    def coder(self, number: int) -> Iterator[bytes]:
        """Return what comes out of a method."""
        coder = self._folder.coders[number]
        if coder.method == _BCJ2 and len(coder.feeds) == 4:
            main, calls, jumps, coded = (Source(self._feed(n)) for n in coder.feeds)
            return _branches.bcj2(main, calls, jumps, coded, coder.size)
        if len(coder.feeds) != 1:
            raise Stop("container-not-opened")
        (feed,) = coder.feeds
        if coder.method == _PPMD and feed < 0:
            return self._ppmd(coder, feed)
        return self._simple(coder, self._feed(feed))

    def _simple(self, coder: Coder, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Return what comes out of a method that has one stream."""
        method, source, size = coder.method, Source(chunks), coder.size
        if method == _COPY:
            return chunks
        if method == _DEFLATE:
            return pump(Inflate(-15), source, size)
        if method == _DEFLATE_64:
            return inflate64(source)
        if method == _BZIP2:
            return _bzip2(source)
        if method == _ARM64:
            return _branches.arm64(chunks, _start(coder))
        if method in _SWAP:
            return _branches.swapped(chunks, _SWAP[method])
        filters = [_filter(coder, self._bounds)]
        if method in {_DELTA, *_BRANCHES}:
            source = Source(_branches.stored(chunks))
            filters.append(_branches.STORED)
        return pump(lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters), source, size)

    def _ppmd(self, coder: Coder, feed: int) -> Iterator[bytes]:
        if len(coder.properties) < 5:  # some write two NULs more
            raise Stop("damaged-container")
        order, memory = coder.properties[0], int.from_bytes(coder.properties[1:5], "little")
        if order not in _ORDERS or memory < _SMALLEST:
            raise Stop("damaged-container")
        offset, size = self._folder.streams[~feed]
        file = cast("BinaryIO", Stretch(self._file, START + offset, size))
        memory = held(memory, self._bounds)
        settings = {"order": order, "memory": memory, "length": coder.size}
        for part in read_apart(_READER, file, self._bounds, settings):
            if isinstance(part, Member):
                yield from part.source.chunks()


def _bzip2(source: Source) -> Iterator[bytes]:
    while source.peek(1):  # several threads write several streams
        yield from pump(bz2.BZ2Decompressor(), source)


def _filter(coder: Coder, bounds: Bounds) -> dict[str, int]:
    """Return the filter of liblzma's that a method is."""
    if coder.method == _LZMA:
        return lzma_filter(coder.properties, bounds)
    if coder.method == _LZMA2 and len(coder.properties) == 1 and coder.properties[0] <= 40:
        bits = coder.properties[0]
        most = (2 | bits & 1) << (bits // 2 + 11) if bits < 40 else 0xFFFFFFFF
        return {"id": lzma.FILTER_LZMA2, "dict_size": held(most, bounds)}
    if coder.method == _DELTA and len(coder.properties) == 1:
        return {"id": lzma.FILTER_DELTA, "dist": coder.properties[0] + 1}
    if coder.method in _BRANCHES:
        return {"id": _BRANCHES[coder.method], "start_offset": _start(coder)}
    raise Stop("container-not-opened")


def _start(coder: Coder) -> int:
    """Return where the code stood."""
    return int.from_bytes(coder.properties[:4], "little")
