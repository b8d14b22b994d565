"""One pass over rows: what the matcher says of them, and a digest of what they were."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import BinaryIO, cast

from psycopg import sql

from backends import content
from backends.content import Examiner
from backends.contract import Digest, Evidence, Matcher, RecordClass, Scan
from backends.postgres._session import Connection
from backends.postgres._text import has_container, readable
from backends.postgres._values import documents, holds_several

_BLOCK = 1 << 18  # bytes of rows that are handed to the matcher at once
_SPILL = 1 << 22  # bytes of row addresses kept in memory
_OURS = {RecordClass.RECORD, RecordClass.TRACE}
_TID = Struct("<IH")
_MODULUS = 1 << 128

_COPY_ROWS = sql.SQL("COPY (SELECT t.* FROM ONLY {} t) TO STDOUT")
_COPY_ADDRESSED = sql.SQL("COPY (SELECT t.ctid, t.* FROM ONLY {} t) TO STDOUT")


class RowAddresses:
    """The ctids of rows, in order; beyond some memory they lie in an unnamed file."""

    def __init__(self) -> None:
        self._file = cast("BinaryIO", tempfile.SpooledTemporaryFile(_SPILL))  # noqa: SIM115
        self.count = 0

    def add(self, ctid: bytes) -> None:
        """Take in one ctid in its text form, ``(block,offset)``."""
        block, _, offset = ctid.strip(b"()").partition(b",")
        self._file.write(_TID.pack(int(block), int(offset)))
        self.count += 1

    def batches(self, size: int) -> Iterator[list[str]]:
        """Yield all of them, in lists of `size` at the most."""
        self._file.seek(0)
        while data := self._file.read(_TID.size * size):
            yield [f"({block},{offset})" for block, offset in _TID.iter_unpack(data)]

    def close(self) -> None:
        """Free what it holds."""
        self._file.close()


@dataclass
class RowScan:
    """A pass of `matcher` over rows in COPY's text form. Memory: a block, or one longer row."""

    matcher: Matcher
    binary: Sequence[int] = ()  # columns whose values are looked into, too
    addresses: RowAddresses | None = None  # takes the ctids of the rows with records
    promoted: bool = False  # see Matcher.scan()
    count_foreign: bool = False  # sum up the rows without records, whatever their order
    bytes_read: int = 0
    containers: bool = False  # some lie where they are not opened
    several: bool = False  # a row with a record may hold others as well
    foreign_sum: int = 0
    _scan: Scan = field(init=False)
    _digest: Digest = field(init=False)
    _examiner: Examiner = field(init=False)
    _rows: list[bytes] = field(default_factory=list)
    _ctids: list[bytes] = field(default_factory=list)
    _held: int = 0

    def __post_init__(self) -> None:
        self._scan = self.matcher.scan(promoted=self.promoted)
        self._digest = self.matcher.digest()
        self._examiner = Examiner(self.matcher)

    def add(self, row: bytes) -> None:
        """Take in a row, with its newline; behind its ctid and a tab if addresses are wanted."""
        if self.addresses is not None:
            ctid, _, row = row.partition(b"\t")
            self._ctids.append(ctid.rstrip(b"\n"))  # of a table without columns
            row = row or b"\n"
        self._rows.append(row)
        self._held += len(row)
        if self._held >= _BLOCK:
            self._feed()

    def add_rows(self, rows: list[bytes]) -> None:
        """Take in many rows at once, where no addresses are wanted."""
        assert self.addresses is None
        self._rows += rows
        self._feed()

    def finish(self) -> Evidence:
        """Sum up what was taken in."""
        self._feed()
        return self._scan.evidence()

    def inside(self) -> content.Reading | None:
        """Sum up what was found in binary values; None: no value had to be opened."""
        return self._examiner.reading()

    def digest(self) -> str:
        """Return the keyed digest of the rows as they came, lower-case hex."""
        return self._digest.hexdigest()

    def _feed(self) -> None:
        if not self._rows:
            return
        block = b"".join(self._rows)
        self._digest.update(block)
        self.bytes_read += len(block)
        if self.binary:
            self.containers = self.containers or has_container(block)
            for row in self._rows:
                for document in documents(row, self.binary):
                    self._examiner.take(document)
        classes = self._scan.feed(*readable(self._rows))
        if not self.several and not _OURS.isdisjoint(classes):
            self.several = any(
                kind in _OURS and holds_several(row)
                for row, kind in zip(self._rows, classes, strict=True)
            )
        if self.addresses is not None:
            for ctid, kind in zip(self._ctids, classes, strict=True):
                if kind == RecordClass.RECORD:
                    self.addresses.add(ctid)
        if self.count_foreign:
            for row, kind in zip(self._rows, classes, strict=True):
                if kind != RecordClass.RECORD:
                    self.foreign_sum = (self.foreign_sum + self._number(row)) % _MODULUS
        self._rows.clear()
        self._ctids.clear()
        self._held = 0

    def _number(self, row: bytes) -> int:
        digest = self.matcher.digest()
        digest.update(row)
        return int(digest.hexdigest()[:32], 16)


def copy_rows(connection: Connection, relation: tuple[str, str], scan: RowScan) -> Evidence:
    """Read a relation's own rows (schema, name), not its children's, in physical order."""
    statement = _COPY_ROWS if scan.addresses is None else _COPY_ADDRESSED
    return copy_query(connection, statement.format(sql.Identifier(*relation)), scan)


def copy_query(connection: Connection, statement: sql.Composed, scan: RowScan) -> Evidence:
    """Read what a COPY … TO STDOUT gives."""
    if scan.addresses is None:
        for rows in blocks_of(connection, statement):
            scan.add_rows(rows)
    else:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in copy:
                scan.add(bytes(row))
    return scan.finish()


def blocks_of(connection: Connection, statement: sql.Composed) -> Iterator[list[bytes]]:
    """Yield the rows that a COPY … TO STDOUT gives, some hundred kilobytes at a time."""
    rows: list[bytes] = []
    held = 0
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for data in copy:
            row = bytes(data)
            rows.append(row)
            held += len(row)
            if held >= _BLOCK:
                yield rows
                rows, held = [], 0
    if rows:
        yield rows
