"""7z archives: each packed stream is sent through its methods, and cut into the files in it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from backends.content import CHUNK, Bounds, Member, Opaque, Opener, Part, Source, Stop
from backends.content.openers._sevenzip_header import ENCODED, PLAIN, START, Folder, Header
from backends.content.openers._sevenzip_methods import packed, unpack

_MAGIC = b"7z\xbc\xaf\x27\x1c"
_LONGEST = 64 << 20  # bytes of a header
_ENCODED_TWICE = 4  # headers that are packed in headers; one is usual


class SevenZip(Opener):
    """Opens an archive by the header at its end."""

    name = "7z"
    wants = ("inflate64", "pyppmd")

    def recognises(self, head: bytes) -> bool:
        """Tell by the magic number."""
        return head.startswith(_MAGIC)

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield the files, and a reason for each packed stream that is not opened."""
        file = source.seekable()
        folders, end = _folders(file, bounds)
        for folder in folders:
            try:
                unpacked = unpack(file, folder, bounds)
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
            yield Member(Source(packed(file, end, rest)))


SEVEN_ZIP = SevenZip()


def _folders(file: BinaryIO, bounds: Bounds) -> tuple[list[Folder], int]:
    """Return what is in the header, and where the archive ends."""
    start = file.read(START)
    if len(start) < START or zlib.crc32(start[12:]) != int.from_bytes(start[8:12], "little"):
        raise Stop("damaged-container")
    offset, size = (int.from_bytes(start[at : at + 8], "little") for at in (12, 20))
    if size > _LONGEST:
        raise Stop("bomb-limit")
    file.seek(START + offset)
    data = file.read(size)
    if len(data) < size or zlib.crc32(data) != int.from_bytes(start[28:32], "little"):
        raise Stop("damaged-container")
    end = START + offset + size
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
        data = b"".join(unpack(file, folder, bounds))
    raise Stop("bomb-limit")


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
