"""SQLite's databases, write-ahead logs and rollback journals ("Database File Format").

Of a database the trees are walked from the schema: rows of tables, entries of indexes. What is in
no tree (pages on the freelist, stretches of pages that were freed) is probed, and read as the rows
that are whole there. A log or a journal is a document of its own: pages, of which the last version
of each is read in the same way, and the earlier ones as what is freed.
"""

from __future__ import annotations

import re
import struct
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from backends.content import Bounds, Opener, Part, Source, Stop
from backends.content.apart import Block, Found, Loose, Names, Unread, as_parts
from backends.content.openers._sqlite_deleted import column_count, deleted
from backends.content.openers._sqlite_pages import (
    TABLE_INTERIOR,
    TABLE_LEAF,
    Cell,
    Fetch,
    Page,
    carved,
    shown,
    stale_rows,
    values,
)

_DATABASE = b"SQLite format 3\0"
_WAL = re.compile(rb"\x37\x7f\x06[\x82\x83]\0\x2d\xe2\x18")
_JOURNAL = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
_FRAME, _ENTRY = 24, 100  # bytes of a frame's header; of memory for the place of a page
_PLACE = 5  # bytes of memory for what a page was read as
_ROWS, _BYTES = 1000, 256 << 10  # of a block
_APART = bytes(16)  # between stretches: nothing is found across
_ALIAS = re.compile(r"\binteger\b[^,]*\bprimary\s+key\b|\bprimary\s+key\s*\(", re.IGNORECASE)
_OWN = ("sqlite_sequence", "sqlite_stat")  # tables of SQLite's own, whose rows are no records
_TREE, _OVERFLOW = 1, 2
_MOST_COLUMNS = 2000  # SQLite's own limit, as it is compiled nearly always


class Sqlite(Opener):
    """Opens a database."""

    name = "sqlite"

    def recognises(self, head: bytes) -> bool:
        """Tell by the magic number."""
        return head.startswith(_DATABASE)

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield the rows, the indexes, and what is left of others."""
        yield from as_parts(_database(source.seekable(), bounds), bounds)


class Wal(Opener):
    """Opens a write-ahead log."""

    name = "sqlite-wal"

    def recognises(self, head: bytes) -> bool:
        """Tell by the magic number and the version."""
        return _WAL.match(head) is not None

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield the rows of the pages in it."""
        yield from as_parts(_log(source.seekable(), bounds), bounds)


class Journal(Opener):
    """Opens a rollback journal."""

    name = "sqlite-journal"

    def recognises(self, head: bytes) -> bool:
        """Tell by the magic number."""
        return head.startswith(_JOURNAL)

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield the rows of the pages in it."""
        yield from as_parts(_journal(source.seekable()), bounds)


SQLITE, WAL, JOURNAL = Sqlite(), Wal(), Journal()


def _database(file: BinaryIO, bounds: Bounds) -> Iterator[Found]:
    head = file.read(100)
    if len(head) < 100:
        raise Stop("damaged-container")
    size = _page_size(int.from_bytes(head[16:18], "big"))
    count = -(-file.seek(0, 2) // size)
    bounds.hold(_PLACE * count)

    def fetch(number: int) -> bytes:
        if not 1 <= number <= count:
            return b""
        file.seek((number - 1) * size)
        return file.read(size)

    database = _Trees(fetch, count, size - head[20], bounds)
    yield from database.read()
    every = (size - head[20]) // 5 + 1 if any(head[52:56]) else 0
    for number in range(1, count + 1):
        pointers = every and number > 1 and (number - 2) % every == 0
        if not pointers:
            yield from database.left(number)
    yield from database.rest()
    bounds.hold(-_PLACE * count)


def _log(file: BinaryIO, bounds: Bounds) -> Iterator[Found]:
    head = file.read(32)
    if len(head) < 32:
        raise Stop("damaged-container")
    size = _page_size(int.from_bytes(head[8:12], "big"))
    latest, stale = _frames(file, head[16:24], size, bounds)

    def fetch(number: int) -> bytes:
        if number not in latest:
            return b""
        file.seek(latest[number])
        return file.read(size)

    # What is reserved in pages stands in the first one only, and is nothing nearly always.
    trees = _Trees(fetch, max(latest, default=0), size - _reserved(fetch(1)), bounds)
    trees.partial = True
    yield from trees.read()
    for number in sorted(latest):
        yield from trees.left(number)
    for offset, number in stale:
        file.seek(offset)
        yield from trees.freed(file.read(size), number)
    yield from trees.rest()


def _frames(
    file: BinaryIO, salts: bytes, size: int, bounds: Bounds
) -> tuple[Mapping[int, int], list[tuple[int, int]]]:
    """Return where the last committed version of each page is, and all others."""
    latest: dict[int, int] = {}
    pending: dict[int, int] = {}
    stale: list[tuple[int, int]] = []
    at = 32
    while True:
        file.seek(at)
        head = file.read(_FRAME)
        if len(head) < _FRAME:
            break
        bounds.hold(_ENTRY)
        number, commit = struct.unpack_from(">II", head)
        if head[8:16] == salts:
            if number in pending:
                stale.append((pending[number], number))
            pending[number] = at + _FRAME
            if commit:
                stale += [(latest[n], n) for n in pending if n in latest]
                latest |= pending
                pending = {}
        else:
            stale.append((at + _FRAME, number))
        at += _FRAME + size
    return latest, sorted([*stale, *((place, number) for number, place in pending.items())])


def _journal(file: BinaryIO) -> Iterator[Found]:
    head = file.read(28)
    if len(head) < 28:
        raise Stop("damaged-container")
    sector, page = struct.unpack_from(">II", head, 20)
    size = _page_size(page)
    if not 32 <= sector <= 1 << 16:
        raise Stop("damaged-container")
    trees = _Trees(lambda _: b"", 0, size, None)
    at = sector
    while True:
        file.seek(at)
        record = file.read(8 + size)
        if record.startswith(_JOURNAL):
            at += sector
            continue
        if len(record) <= 4:
            break
        yield from trees.freed(record[4 : 4 + size], int.from_bytes(record[:4], "big"))
        at += 8 + size
    yield from trees.rest()


def _page_size(size: int) -> int:
    size = 1 << 16 if size == 1 else size
    if size < 512 or size > 1 << 16 or size & (size - 1):
        raise Stop("damaged-container")
    return size


def _reserved(first: bytes) -> int:
    return first[20] if first.startswith(_DATABASE) else 0


class _Stretches:
    """Gathers small stretches to be probed together."""

    def __init__(self, *, freed: bool = False) -> None:
        self._freed = freed
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> Iterator[Found]:
        self._pieces += [piece, _APART]
        self._size += len(piece)
        if self._size >= _BYTES:
            yield from self.rest()

    def rest(self) -> Iterator[Found]:
        if self._pieces:
            yield Loose(b"".join(self._pieces), self._freed)
        self._pieces, self._size = [], 0


@dataclass(frozen=True, slots=True)
class _Root:
    """Where a tree begins, and what its entries are."""

    page: int
    kind: type[Block | Names]
    aliased: bool  # a column is the row's number, and stands nowhere else
    columns: int  # of a table; 0: unknown, or none


class _Trees:
    """The trees of a database, as far as its pages are there."""

    def __init__(self, fetch: Fetch, count: int, usable: int, bounds: Bounds | None) -> None:
        self._fetch = fetch
        self._usable = usable
        self._bounds = bounds
        self._seen = bytearray(count + 1)  # what each page was read as
        self._last = array("H", bytes(2 * (count + 1)))  # bytes used of a last overflow page
        self._columns = array("H", bytes(2 * (count + 1)))  # of the table that a page is of
        self._encoding = 1
        self.partial = False  # pages that are not there lie elsewhere
        self.loose = _Stretches()
        self.freed_parts = _Stretches(freed=True)  # of pages that are in use

    def rest(self) -> Iterator[Found]:
        """Yield what was gathered."""
        yield from self.loose.rest()
        yield from self.freed_parts.rest()

    def read(self) -> Iterator[Found]:
        """Read the schema, and the trees that it names."""
        first = self._fetch(1)
        if not first.startswith(_DATABASE):
            return
        self._encoding = int.from_bytes(first[56:60], "big")
        roots: list[_Root] = []
        rows: list[bytes] = []
        for _, record, there in self._records(1):
            if isinstance(record, Unread):
                yield record
                yield from self.loose.add(there)
                continue
            rows.append(shown(record, self._encoding, []))
            if root := self._root(record):
                roots.append(root)
        yield from _blocks(Names, rows)
        for root in roots:
            yield from self._tree(root)

    def _root(self, record: bytes) -> _Root | None:
        found = [value for _, value in values(record)][:5]
        if len(found) < 5 or not (number := int.from_bytes(found[3], "big", signed=True)):
            kinds = [kind for kind, _ in values(record)][3:4]
            number = 1 if kinds == [9] else 0
            if not number or len(found) < 5:
                return None
        codec = {2: "utf-16-le", 3: "utf-16-be"}.get(self._encoding, "utf-8")
        type_, name, _, _, sql = (c.decode(codec, "replace") for c in found)
        rows = type_ == "table" and not name.startswith(_OWN)
        columns = min(column_count(sql), _MOST_COLUMNS) if rows else 0
        return _Root(number, Block if rows else Names, rows and bool(_ALIAS.search(sql)), columns)

    def _tree(self, root: _Root) -> Iterator[Found]:
        rows: list[bytes] = []
        others: list[Found] = []
        size = 0
        for cell, record, there in self._records(root.page, root.columns):
            if isinstance(record, Unread):
                yield record
                yield from self.loose.add(there)
                continue
            try:
                rowid = cell.rowid if root.aliased else None
                rows.append(shown(record, self._encoding, others, rowid))
            except (Stop, IndexError):
                yield Unread("damaged-container")
                yield from self.loose.add(record)
                continue
            size += len(rows[-1])
            if len(rows) == _ROWS or size > _BYTES or others:
                yield from _blocks(root.kind, rows)
                yield from others
                rows, others, size = [], [], 0
        yield from _blocks(root.kind, rows)

    def _records(self, root: int, columns: int = 0) -> Iterator[tuple[Cell, bytes | Unread, bytes]]:
        """Yield the payloads of a tree; for each that cannot be had a reason, and what is there."""
        none = Cell(0, 0, 0, 0, 0, 0, 0)
        waiting = [root]
        while waiting:
            number = waiting.pop()
            data = self._fetch(number)
            if not data:
                if not self.partial:
                    yield none, Unread("damaged-container"), b""
                continue
            if self._seen[number] or len(data) < self._usable:
                yield none, Unread("damaged-container"), b""
                continue
            page = Page(data, 100 if number == 1 else 0, self._usable)
            try:
                cells = list(page.cells())
            except (Stop, struct.error):
                yield none, Unread("damaged-container"), b""
                continue
            self._seen[number] = _TREE
            self._columns[number] = columns
            if not page.is_leaf:
                waiting += [page.right, *(cell.child for cell in reversed(cells))]
            if page.kind != TABLE_INTERIOR:
                for cell in cells:
                    yield cell, self._payload(data, cell), data[cell.local : cell.end]

    def _payload(self, data: bytes, cell: Cell) -> bytes | Unread:
        if not cell.overflow:
            return data[cell.local : cell.end]
        if self._bounds and cell.payload > self._bounds.limits.memory:
            return Unread("too-large-to-open")
        pieces = [data[cell.local : cell.end - 4]]
        left, number = cell.payload - len(pieces[0]), cell.overflow
        chain: list[int] = []
        while left:
            following = self._fetch(number)
            if len(following) < self._usable or self._seen[number]:
                for page in chain:
                    self._seen[page] = 0  # it is looked at with what is freed
                return Unread("damaged-container")
            self._seen[number] = _OVERFLOW
            chain.append(number)
            pieces.append(following[4 : 4 + min(left, self._usable - 4)])
            left -= len(pieces[-1])
            self._last[number] = 0 if left else 4 + len(pieces[-1])
            number = int.from_bytes(following[:4], "big")
        return b"".join(pieces)

    def left(self, number: int) -> Iterator[Found]:
        """Yield what of a page is in no tree."""
        seen = self._seen[number]
        if seen == _TREE:
            page = Page(self._fetch(number), 100 if number == 1 else 0, self._usable)
            if (columns := self._columns[number]) and page.kind == TABLE_LEAF:
                yield from _blocks(Names, list(deleted(page, columns, self._encoding)))
            for piece in page.freed():
                yield from self.freed_parts.add(piece)
        elif seen == _OVERFLOW:
            if (last := self._last[number]) and any(rest := self._fetch(number)[last:]):
                yield from self.freed_parts.add(rest)
        else:
            yield from self.freed(self._fetch(number), number)

    def freed(self, data: bytes, number: int) -> Iterator[Found]:
        """Yield what is in a page of no tree: the rows that are whole, and all of it."""
        at = 100 if number == 1 else 0
        if not any(data[at:]):
            return
        rows, are_rows = stale_rows(data, at, self._usable, self._encoding)
        if not rows and self._is_trunk(data):
            rows, are_rows = list(carved(data[: self._usable], self._encoding)), True
        yield from _blocks(Block if are_rows else Names, rows)
        yield from self.loose.add(data)

    def _is_trunk(self, data: bytes) -> bool:
        """Whether a page of no tree may be one of those that list the freelist's pages."""
        if len(data) < self._usable:
            return False
        following, leaves = struct.unpack_from(">II", data)
        return bool(following < len(self._seen) and leaves <= self._usable // 4 - 2)


def _blocks(kind: type[Block | Names], rows: list[bytes]) -> Iterator[Found]:
    ends, end = [], 0
    for row in rows:
        end += len(row)
        ends.append(end)
    if rows:
        yield kind(b"".join(rows), tuple(ends))
