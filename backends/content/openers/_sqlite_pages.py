"""Pages of SQLite's files ("Database File Format", sections 1.5 to 2.1): cells, and what is freed.

Nothing of SQLite's is run here, so no trigger, view, collation or virtual table is, either.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from backends.content import Stop
from backends.content.apart import Found
from backends.content.readers.values import AFTER, BETWEEN, apart, binary, text_of

INDEX_INTERIOR, TABLE_INTERIOR, INDEX_LEAF, TABLE_LEAF = 2, 5, 10, 13
_KINDS = {INDEX_INTERIOR, TABLE_INTERIOR, INDEX_LEAF, TABLE_LEAF}
_SIZES = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)  # of the serial types below 10
_FLOAT, _ZERO, _ONE, BLOB = 7, 8, 9, 12  # serial types; from BLOB on even ones, odd ones are texts
_SHORTEST = 4  # bytes of what is freed; less is no value
ENCODINGS = {2: "utf-16-le", 3: "utf-16-be"}


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a cell lies in its page, and what it leads to."""

    start: int
    end: int
    child: int  # a page; 0 in leaves
    rowid: int
    payload: int  # bytes in all
    local: int  # where those begin that are in the page
    overflow: int  # the page where the others begin, or 0


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a tree. Raises Stop where it is none."""

    data: bytes
    at: int  # where its header begins
    usable: int

    @property
    def kind(self) -> int:
        """Tell what tree it is of, and whether it is a leaf."""
        return self.data[self.at]

    @property
    def is_leaf(self) -> bool:
        """Tell whether no page is below it."""
        return self.kind in {INDEX_LEAF, TABLE_LEAF}

    @property
    def right(self) -> int:
        """Return the last page below."""
        return int.from_bytes(self.data[self.at + 8 : self.at + 12], "big")

    @property
    def _pointers(self) -> tuple[int, ...]:
        (count,) = struct.unpack_from(">H", self.data, self.at + 3)
        start = self.at + (8 if self.is_leaf else 12)
        if start + 2 * count > self.usable:
            raise Stop("damaged-container")
        return struct.unpack_from(f">{count}H", self.data, start)

    def cells(self) -> Iterator[Cell]:
        """Yield the cells in order."""
        if self.kind not in _KINDS:
            raise Stop("damaged-container")
        for start in self._pointers:
            yield self._cell(start)

    def _cell(self, start: int) -> Cell:
        data, kind, at = self.data, self.kind, start
        child = rowid = payload = 0
        try:
            if not self.is_leaf:
                child, at = int.from_bytes(data[at : at + 4], "big"), at + 4
            if kind != TABLE_INTERIOR:
                payload, at = varint(data, at)
            if kind in {TABLE_LEAF, TABLE_INTERIOR}:
                rowid, at = varint(data, at)
        except IndexError:
            raise Stop("damaged-container") from None
        here = self._here(payload)
        end = at + here
        overflow = 0
        if here < payload:
            overflow, end = int.from_bytes(data[end : end + 4], "big"), end + 4
        if end > self.usable:
            raise Stop("damaged-container")
        return Cell(start, end, child, rowid, payload, at, overflow)

    def _here(self, payload: int) -> int:
        """Return how many bytes of a payload are in the page itself."""
        usable = self.usable
        most = usable - 35 if self.kind == TABLE_LEAF else (usable - 12) * 64 // 255 - 23
        if payload <= most:
            return payload
        least = (usable - 12) * 32 // 255 - 23
        here = least + (payload - least) % (usable - 4)
        return here if here <= most else least

    def _used(self) -> list[tuple[int, int]]:
        """Return where its head and its cells are."""
        (count,) = struct.unpack_from(">H", self.data, self.at + 3)
        head = (0, self.at + (8 if self.is_leaf else 12) + 2 * count)
        return [head, *((cell.start, cell.end) for cell in self.cells())]

    def free(self) -> Iterator[tuple[int, int]]:
        """Yield where the stretches are that no cell has."""
        last = 0
        for start, end in sorted([*self._used(), (self.usable, self.usable)]):
            if start > last:
                yield last, start
            last = max(last, end)

    def freed(self) -> Iterator[bytes]:
        """Yield what no cell has any more, where something is left of it."""
        used = self._used()
        (block,) = struct.unpack_from(">H", self.data, self.at + 1)
        for _ in range(self.usable // 4):
            if not block or block + 4 > self.usable:
                break
            used.append((block, block + 4))  # where the next one is, and how long this is
            (block,) = struct.unpack_from(">H", self.data, block)
        last = 0
        for start, end in sorted([*used, (len(self.data), len(self.data))]):
            piece = self.data[last:start]
            if len(piece) >= _SHORTEST and any(piece):
                yield piece
            last = max(last, end)


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of one to nine bytes, and where the next thing begins."""
    byte = data[at]
    if byte < 0x80:
        return byte, at + 1
    value = byte & 0x7F
    for place in range(at + 1, at + 8):
        byte = data[place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + 1
    value = value << 8 | data[at + 8]
    return value - (1 << 64) if value >> 63 else value, at + 9


def size_of(kind: int) -> int:
    """Return how many bytes a value of a serial type has."""
    size = _SIZES[kind] if 0 <= kind < 10 else (kind - BLOB) // 2
    if size < 0:
        raise Stop("damaged-container")
    return size


def values(record: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the serial type and the bytes of each value of a record."""
    end, at = varint(record, 0)
    place = end
    while at < end:
        kind, at = varint(record, at)
        size = size_of(kind)
        if place + size > len(record):
            raise Stop("damaged-container")
        yield kind, record[place : place + size]
        place += size


def shown(record: bytes, encoding: int, others: list[Found], rowid: int | None = None) -> bytes:
    """Return a record as text; `rowid` stands for a column of the table."""
    return told(values(record), encoding, others, rowid)


def told(
    pairs: Iterable[tuple[int, bytes]],
    encoding: int,
    others: list[Found],
    rowid: int | None = None,
) -> bytes:
    """Return as text what serial types and bytes say."""
    found = [] if rowid is None else [b"%d" % rowid]
    decode = ENCODINGS.get(encoding)
    for kind, value in pairs:
        if kind >= BLOB:
            if kind & 1:
                found.append(value.decode(decode, "replace").encode() if decode else value)
            elif other := apart(value):
                others.append(other)
            else:
                found.append(binary(value))
        elif kind == _FLOAT:
            found.append(text_of(struct.unpack(">d", value)[0]))
        elif kind in {_ZERO, _ONE}:
            found.append(b"%d" % (kind - _ZERO))
        elif kind:
            found.append(b"%d" % int.from_bytes(value, "big", signed=True))
    return BETWEEN.join(found) + AFTER


def stale_rows(data: bytes, at: int, usable: int, encoding: int) -> tuple[list[bytes], bool]:
    """Return the records of a leaf that no tree has any more, as far as they are in it.

    And whether it is a table's, whose records are rows.
    """
    page, rows = Page(data, at, usable), list[bytes]()
    if len(data) < usable or page.kind not in {TABLE_LEAF, INDEX_LEAF}:
        return [], False
    try:
        for cell in page.cells():
            if not cell.overflow:
                rows.append(shown(data[cell.local : cell.end], encoding, []))
    except (Stop, IndexError, ValueError):
        return [], False  # it has been written over
    return rows, page.kind == TABLE_LEAF


def carved(data: bytes, encoding: int) -> Iterator[bytes]:
    """Yield the table records of a page whose head was written over.

    The freelist's trunk pages are such: pages of a dropped table with a list at their beginning.
    A cell is taken for one where the sizes of its values add up to its own.
    """
    (leaves,) = struct.unpack_from(">I", data, 4)
    at = 8 + 4 * leaves
    while at < len(data) - _SHORTEST:
        try:
            payload, start = varint(data, at)
            _, start = varint(data, start)
            end = start + payload
            if 2 < data[start] < payload and end <= len(data):
                record = data[start:end]
                if sum(len(value) for _, value in values(record)) == payload - data[start]:
                    yield shown(record, encoding, [])
                    at = end
                    continue
        except (Stop, IndexError):
            pass
        at += 1


Fetch = Callable[[int], bytes]
"""Returns a page by its number; nothing where there is none."""
