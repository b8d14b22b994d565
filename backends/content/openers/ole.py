"""OLE 2 compound files ([MS-CFB]): documents of older Office programs, and encrypted newer ones.

Excel's workbooks (xls) are opened. The text of other documents lies in pieces and in forms of each
program's own, so they are searched as bytes, and count as not examined in full. A document that has
a password is named as encrypted.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from backends.content import CHUNK, Bounds, Opaque, Opener, Part, Raw, Source, Stop
from backends.content.apart import read_apart
from backends.content.openers._compound_file import MAGIC, CompoundFile

_CALAMINE = "backends.content.readers.sheets:workbook"
_BOOKS = {"Workbook", "Book"}  # since Excel 97, and before
_BESIDE = {"\x01CompObj", "\x05SummaryInformation", "\x05DocumentSummaryInformation"}
_ENCRYPTED = "EncryptedPackage"  # [MS-OFFCRYPTO] section 2.3.4
# Records of [MS-XLS] section 2.3: a password; and what has texts of somebody's and is not read:
# comments, text boxes, scenarios, and what is remembered of other workbooks.
_PASSWORD = 0x2F
_UNREAD = {0x1C, 0x1B6, 0xAF, 0x5A}


class Ole(Opener):
    """Opens a workbook, and searches any other compound file as bytes."""

    name = "ole"
    wants = ("python_calamine",)  # for xls

    def recognises(self, head: bytes) -> bool:
        """Tell by the magic number."""
        return head.startswith(MAGIC)

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield the rows of a workbook, or a reason; and all of it as bytes."""
        try:
            file = source.seekable()
        except Stop as stop:
            yield Opaque(stop.reason)
            yield Raw(source.chunks())
            return
        rows_are_all = False
        try:
            rows_are_all = _has_rows_only(CompoundFile(file, bounds))
            yield from read_apart(_CALAMINE, file, bounds)
        except Stop as stop:
            rows_are_all = False
            yield Opaque(stop.reason)
        file.seek(0)
        yield Raw(iter(lambda: file.read(CHUNK), b""), freed=rows_are_all)


OLE = Ole()


def _has_rows_only(document: CompoundFile) -> bool:
    """Whether all that a workbook says of anybody stands in cells. Raises Stop if it is none."""
    names = [entry.name for entry in document.streams]
    if _ENCRYPTED in names:
        raise Stop("encrypted")
    books = [entry for entry in document.streams if entry.name in _BOOKS]
    if not books:
        raise Stop("container-not-opened")
    only = len(books) == 1 and {*names} <= {*_BOOKS, *_BESIDE}
    for book in books:
        for kind in _records(Source(document.chunks(book))):
            if kind == _PASSWORD:
                raise Stop("encrypted")
            only = only and kind not in _UNREAD
    return only


def _records(stream: Source) -> Iterator[int]:
    """Yield the kinds of a workbook's records; some writers leave zeros after the last one."""
    while head := stream.peek(4):
        kind, size = struct.unpack("<HH", head.ljust(4, b"\0"))
        if not kind and not size:
            if any(chunk.strip(b"\0") for chunk in stream.chunks()):
                raise Stop("damaged-container")
            return
        stream.exactly(4 + size)
        yield kind
