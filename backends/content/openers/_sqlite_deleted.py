"""Rows that were deleted one by one, in what a page of SQLite has given up.

A freed cell becomes a free block ("Database File Format", section 1.6): its first four bytes are
written over by where the next block is and how long this one is. What it joins, before it or
after, keeps its bytes. So a row is found where its own length fits its values, or else where the
block that it began ends as it says, or has another such row behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from backends.content import Stop
from backends.content.openers._sqlite_pages import BLOB, ENCODINGS, Page, size_of, told, varint

_HEAD = 4  # bytes of a free block's own
_MOST = 3  # bytes of a serial type, which is then of a value of up to a megabyte
_TRIES = 100  # places of a stretch, and one in eight, at which a row is looked for in vain
_SHORT = 126  # bytes of a cell whose lengths take a byte each, without these and two more
_INTEGERS = {1: (1,), 2: (2,), 3: (3,), 4: (4,), 6: (5,), 8: (6,)}  # serial types, by size
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_CONSTRAINTS = ("constraint", "primary", "unique", "check", "foreign")
_NAME = re.compile(r"\s*(\w*)")
_DEFINITION = re.compile(r"\"[^\"]*\"|'[^']*'|`[^`]*`|\[[^\]]*\]|--[^\n]*|[(),]|[^\"'`\[(),-]+|.")

Kinds = tuple[int, ...]  # serial types, one for each column
_Cell = tuple[Kinds, int, int]  # and where the values begin and end


def column_count(sql: str) -> int:
    """Return how many columns a table has whose definition this is; 0: that cannot be told."""
    depth, columns = 0, [""]
    for found in _DEFINITION.finditer(sql):
        piece = found[0]
        depth += (piece == "(") - (piece == ")")
        if depth == 1 and piece == ",":
            columns.append("")
        elif depth and not piece.startswith("--") and (depth, piece) != (1, "("):
            columns[-1] += piece
    names = [_NAME.match(column) for column in columns if column.strip()]
    return sum(name[1].lower() not in _CONSTRAINTS for name in names if name)


def deleted(page: Page, columns: int, encoding: int) -> Iterator[bytes]:
    """Yield the rows of so many columns that are whole in a leaf's free stretches, as texts."""
    least, most = columns + 1, min(columns * _MOST + 1, 0x7F)
    # A row's length, its number, the length of its head; or a block's, of less than a page.
    begins = re.compile(
        rb"(?=[\x80-\xff]{0,2}[\x00-\x7f][\x80-\xff]{0,8}[\x00-\x7f][\x%02x-\x%02x])"
        rb"|(?=..(?:[\x01-\x%02x]|\x00[\x08-\xff]))" % (least, most, (page.usable - 1) >> 8),
        re.DOTALL,
    )
    for start, end in page.free():
        area = _Area(page.data[:end], columns, encoding)
        done, left = start, _TRIES + (end - start) // 8
        for found in begins.finditer(page.data, start, end):
            if found.start() < done:
                continue
            if row := area.row(found.start()):
                text, done = row
                yield text
            elif not (left := left - 1):  # made to keep us busy; it is probed all the same
                break


class _Area:
    """A stretch of a page, to its end, that no cell has."""

    def __init__(self, data: bytes, columns: int, encoding: int) -> None:
        self._data, self._columns, self._encoding = data, columns, encoding

    def row(self, at: int) -> tuple[bytes, int] | None:
        """Return the row whose cell begins here, and where it ends; None: there is none."""
        found = self._whole(at) or self._begun(at)
        if found is None:
            return None
        kinds, body, end = found
        return told(self._values(kinds, body), self._encoding, []), end

    def _whole(self, at: int) -> _Cell | None:
        """Read a cell of which nothing was written over."""
        try:
            payload, start = varint(self._data, at)
            _, start = varint(self._data, start)
            length = self._data[start]
        except IndexError:
            return None
        kinds = self._kinds(start + 1, start + length, self._columns)
        end = start + payload
        if kinds is None or start + length + sum(map(size_of, kinds)) != end:
            return None
        return (kinds, start + length, end) if self._clean(kinds, start + length) else None

    def _begun(self, at: int) -> _Cell | None:
        """Read a cell whose first bytes a free block's are."""
        block_end = at + int.from_bytes(self._data[at + 2 : at + _HEAD], "big")
        if not at + _HEAD < block_end <= len(self._data):
            return None
        cells = list(self._cells(at + _HEAD, block_end))
        # What the block says of itself is surer than what others within it say.
        for bounds in (self._closes, self._bounds):
            for kinds, body, end in cells:
                if bounds(end, block_end) and self._clean(kinds, body):
                    return kinds, body, end
        return None

    def _cells(self, start: int, block_end: int) -> Iterator[_Cell]:
        """Yield what a cell may be of which only the first four bytes are not known.

        These were the lengths of the row and, as far as they are no longer, its number, the head's
        length, the first type.
        """
        for first in range(start, min(start + 3, block_end)):
            length = self._data[first]
            if (kinds := self._kinds(first + 1, first + length, self._columns)) is not None:
                yield from _ended(kinds, first + length, block_end)
        if read := self._read(start, self._columns):
            yield from _ended(*read, block_end)
        for first in (start, start + 1):
            if (read := self._read(first, self._columns - 1)) is None:
                continue
            kinds, body = read
            least = body + sum(map(size_of, kinds))
            for end in range(least, min(block_end, start + _SHORT) + 1):
                size = end - least
                text = 2 * size + BLOB + 1
                if first == start:
                    for other in (text, *_INTEGERS.get(size, ())):
                        yield (other, *kinds), body, end
                elif text >> 7 and text & 0x7F == self._data[start]:  # of two bytes, the last
                    yield (text, *kinds), body, end

    def _closes(self, at: int, block_end: int) -> bool:
        """Whether the block ends here, or one begins that ends where it does."""
        size = int.from_bytes(self._data[at + 2 : at + _HEAD], "big")
        return at == block_end or (size >= _HEAD and at + size == block_end)

    def _bounds(self, at: int, block_end: int) -> bool:
        """Whether a cell may end here: its block does, or another cell begins, freed or whole."""
        while at < block_end and self._whole(at) is None:
            size = int.from_bytes(self._data[at + 2 : at + _HEAD], "big")
            if size < _HEAD:
                return False
            at += size
        return at <= block_end

    def _kinds(self, at: int, end: int, count: int) -> Kinds | None:
        """Return so many serial types if they are all that is between two places."""
        read = self._read(at, count)
        return read[0] if read and read[1] == end else None

    def _read(self, at: int, count: int) -> tuple[Kinds, int] | None:
        kinds = []
        for _ in range(count):
            try:
                kind, at = varint(self._data, at)
                if kind < 0 or at + size_of(kind) > len(self._data):
                    return None
            except (IndexError, Stop):
                return None
            kinds.append(kind)
        return tuple(kinds), at

    def _clean(self, kinds: Kinds, at: int) -> bool:
        """Whether values of these types are there: of texts, whether they are such."""
        codec = ENCODINGS.get(self._encoding, "utf-8")
        some = False
        for kind, value in self._values(kinds, at):
            if len(value) < size_of(kind):
                return False
            if kind >= BLOB and kind & 1:
                try:
                    text = value.decode(codec)
                except UnicodeDecodeError:
                    return False
                if _CONTROL.search(text) or 2 * sum(ord(c) & 0xFF == 0 for c in text) > len(text):
                    return False  # the latter is UTF-16 read from within a character
            some = some or len(value) > 0
        return some

    def _values(self, kinds: Kinds, at: int) -> Iterator[tuple[int, bytes]]:
        for kind in kinds:
            end = at + size_of(kind)
            yield kind, self._data[at:end]
            at = end


def _ended(kinds: Kinds, body: int, block_end: int) -> Iterator[_Cell]:
    end = body + sum(map(size_of, kinds))
    if end <= block_end:
        yield kinds, body, end
