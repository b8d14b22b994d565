"""Spreadsheets: Office Open XML and OpenDocument by their XML, others by calamine.

Every sheet is read, also hidden ones. A record is a row, with the comments at its cells; a number
is there as the sheet stores it and, where a format makes a date of it or pads it with zeros, as it
is shown. All other parts are looked through, too.
"""

from __future__ import annotations

import posixpath
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import BinaryIO

from backends.content import CHUNK, Bounds, Declined, Opener, Part, Source, Stop
from backends.content.apart import Block, Found, Inner, Loose, Names, Unread, as_parts, read_apart
from backends.content.openers import _ods, _xlsx, _xml
from backends.content.readers.values import AFTER

_LOCAL = b"PK\x03\x04"
# What a workbook's first member may be called; any other archive is left to who opens archives.
_FIRST = re.compile(
    rb"\[Content_Types\]\.xml|_rels/|docProps/|docMetadata/|customXml/|xl/|mimetype|content\.xml"
    rb"|meta\.xml|styles\.xml|settings\.xml|META-INF/manifest\.xml"
)
_SHEETS = {"worksheet", "chartsheet", "dialogsheet", "macrosheet"}
_RECORDS = {"pivotCacheRecords", "pivotCacheDefinition", "externalLink", "externalReference"}
_ODS_TYPE = b"application/vnd.oasis.opendocument.spreadsheet"
_PRINTER = re.compile(r"printerSettings[^/]*\.bin$", re.IGNORECASE)
_DIRECTORY = 16 << 20  # bytes of an archive's directory
_HEAD = 4096
_ROWS, _BYTES = 1000, 256 << 10  # of a block
_ROW = 64 << 20  # bytes of a part that is no XML
_CALAMINE = "backends.content.readers.sheets:workbook"


class Spreadsheet(Opener):
    """Opens workbooks of both kinds that are zip archives."""

    name = "spreadsheet"
    precedes = frozenset({"zip"})
    wants = ("python_calamine",)  # for xlsb

    def recognises(self, head: bytes) -> bool:
        """Tell by the name of the archive's first member."""
        return head.startswith(_LOCAL) and _FIRST.match(head, 30) is not None

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield the rows, and what else there is. Raises Declined for other archives."""
        try:
            file = source.seekable()
            book = _Book(file, bounds)
        except (Stop, zipfile.BadZipFile, struct.error, ValueError, OSError):
            raise Declined from None
        if not book.kind:
            raise Declined
        if book.kind == "xlsb":
            yield from read_apart(_CALAMINE, file, bounds)
        yield from as_parts(book.found(), bounds)


SPREADSHEET = Spreadsheet()


class _Book:
    """The members of a workbook's archive."""

    def __init__(self, file: BinaryIO, bounds: Bounds) -> None:
        end = file.seek(0, 2)
        file.seek(max(0, end - 22 - 0xFFFF))
        tail = file.read(22 + 0xFFFF)
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or struct.unpack_from("<I", tail, at + 12)[0] > _DIRECTORY:
            raise Declined
        self._file, self._bounds = file, bounds
        self._archive = zipfile.ZipFile(file)
        self._members = self._archive.infolist()
        self.kind = self._kind()

    def _kind(self) -> str:
        names = {member.filename.lower() for member in self._members}
        if any(name.endswith("workbook.bin") for name in names):
            return "xlsb"
        if any(name.endswith("workbook.xml") for name in names):
            return "xlsx"
        if "mimetype" in names and "content.xml" in names:
            kind = self._archive.read("mimetype")[:200]
            return "ods" if kind.startswith(_ODS_TYPE) else ""
        return ""

    def _chunks(self, member: zipfile.ZipInfo) -> Iterator[bytes]:
        if member.flag_bits & 1:
            raise Stop("encrypted")
        try:
            with self._archive.open(member) as part:
                while data := part.read(CHUNK):
                    self._bounds.unpacked(len(data))
                    yield data
        except NotImplementedError:
            raise Stop("container-not-opened") from None

    def _root(self, member: zipfile.ZipInfo) -> str:
        try:
            with self._archive.open(member) as part:
                return _xml.root(part.read(_HEAD))
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError):
            return ""

    def found(self) -> Iterator[Found]:
        """Yield what is in all members, and in what no directory names."""
        roots = {}
        for member in self._members:
            self._bounds.member()
            roots[member.filename] = self._root(member)
        if self.kind == "ods":
            yield from self._open_document(roots)
        elif self.kind == "xlsx":
            yield from self._office(roots)
        for member in self._members:
            root = roots[member.filename]
            if member.is_dir() or root in _SHEETS | {"sst"} or self._is_content(member):
                continue
            yield from self._told(self._other(member, root))
        yield from self._between()

    def _is_content(self, member: zipfile.ZipInfo) -> bool:
        return self.kind == "ods" and member.filename in {"content.xml", "mimetype"}

    def _told(self, found: Iterator[Found]) -> Iterator[Found]:
        """Yield what could be made out before the damage, and the reason."""
        try:
            yield from found
        except Stop as stop:
            yield Unread(stop.reason)
        except (zipfile.BadZipFile, RuntimeError, ValueError, EOFError, struct.error):
            yield Unread("damaged-container")
        except Exception as error:
            if type(error).__module__ not in {"zlib", "_bz2", "_lzma"}:
                raise
            yield Unread("damaged-container")

    def _events(self, member: zipfile.ZipInfo) -> Iterator[_xml.Event]:
        return _xml.events(self._chunks(member))

    def _open_document(self, roots: Mapping[str, str]) -> Iterator[Found]:
        if "META-INF/manifest.xml" in roots:
            manifest = self._archive.getinfo("META-INF/manifest.xml")
            for _, name, _ in self._events(manifest):
                if name == "encryption-data":
                    yield Unread("encrypted")
                    return
        content = self._archive.getinfo("content.xml")
        yield from self._told(self._sheets(self._events(content)))

    def _sheets(self, events: Iterator[_xml.Event]) -> Iterator[Found]:
        beside: list[bytes] = []
        for name, rows in _ods.sheets(events, beside):
            yield from _names([*beside, name.encode() + AFTER])
            beside.clear()
            yield from _blocks(rows)
        yield from _names(beside)

    def _office(self, roots: Mapping[str, str]) -> Iterator[Found]:
        strings, formats = _xlsx.Strings(), _xlsx.Formats()
        named = {member.filename: member for member in self._members}
        for name, root in roots.items():
            if root == "sst":
                try:
                    strings.take(self._events(named[name]), self._bounds)
                except Stop as stop:
                    yield Unread(stop.reason)
                    texts = _xlsx.shared_texts(self._events(named[name]))
                    yield from self._told(_blocks((t + AFTER for t in texts), Names))
            elif root == "styleSheet":
                formats.take(self._events(named[name]))
            elif root == "workbook":
                formats.since_1904 = any(
                    attributes.get("date1904", "0") in {"1", "true"}
                    for _, part, attributes in self._events(named[name])
                    if part == "workbookPr"
                )
        for name, root in roots.items():
            if root in _SHEETS:
                notes = self._notes(name, named, roots)
                beside: list[bytes] = []
                found = _xlsx.rows(self._events(named[name]), strings, formats, notes, beside)
                yield from self._told(_blocks(found))
                # The next sheet's rows are others: each has its own header.
                yield from _names(beside or [AFTER])
        yield from _names(list(strings.unused()))

    def _notes(
        self, sheet: str, named: Mapping[str, zipfile.ZipInfo], roots: Mapping[str, str]
    ) -> dict[int, list[bytes]]:
        """Return the comments that a sheet's relations lead to, by row."""
        folder, name = posixpath.split(sheet)
        relations = named.get(f"{folder}/_rels/{name}.rels")
        notes: dict[int, list[bytes]] = {}
        for _, _, attributes in self._events(relations) if relations else ():
            target = attributes.get("Target", "")
            path = target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)
            path = posixpath.normpath(path)
            if roots.get(path) in {"comments", "ThreadedComments"}:
                for row, text in _xlsx.comments(self._events(named[path]), self._bounds):
                    notes.setdefault(row, []).append(text)
        return notes

    def _other(self, member: zipfile.ZipInfo, root: str) -> Iterator[Found]:
        """Yield what is in a part without rows: its texts; or a document of its own."""
        if root and root not in _RECORDS:
            yield from _xml.names(self._events(member))
            return
        if self.kind == "xlsb" and member.filename.endswith(".bin"):
            for data in self._chunks(member):
                yield Loose(data, freed=True)  # calamine has read the rows
            return
        if member.file_size > _ROW:
            yield Unread("too-large-to-open")
            return
        data = b"".join(self._chunks(member))
        yield Loose(data, freed=True) if _PRINTER.search(member.filename) else Inner(data)

    def _between(self) -> Iterator[Found]:
        """Yield archives' members that the directory does not name, as archives of their own."""
        places = sorted(member.header_offset for member in self._members)
        ends = {m.header_offset: self._end(m) for m in self._members}
        last = 0
        for place in [*places, self._archive.start_dir]:
            gap = place - last
            if gap > 30:
                self._file.seek(last)
                data = self._file.read(min(gap, _ROW))
                if (at := data.find(_LOCAL)) >= 0:
                    yield Inner(data[at:])
            last = max(last, ends.get(place, place))

    def _end(self, member: zipfile.ZipInfo) -> int:
        self._file.seek(member.header_offset + 26)
        name, extra = struct.unpack("<HH", self._file.read(4).ljust(4, b"\0"))
        return int(member.header_offset + 30 + name + extra + member.compress_size)


def _names(texts: list[bytes]) -> Iterator[Found]:
    if texts:
        yield Names(b"".join(texts), tuple(accumulate(map(len, texts))))


def _blocks(rows: Iterator[bytes], kind: type[Block | Names] = Block) -> Iterator[Found]:
    waiting: list[bytes] = []
    size = 0
    for row in rows:
        waiting.append(row)
        size += len(row)
        if len(waiting) == _ROWS or size > _BYTES:
            yield kind(b"".join(waiting), tuple(accumulate(map(len, waiting))))
            waiting, size = [], 0
    if waiting:
        yield kind(b"".join(waiting), tuple(accumulate(map(len, waiting))))
