"""One pass over rows: what the matcher says of them, and a digest of what they were."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from struct import Struct
from typing import BinaryIO, cast

from psycopg import sql

from backends import content
from backends.content import Examiner, may_hold_base64
from backends.contract import Digest, Evidence, Matcher, RecordClass, Scan
from backends.postgres._copy import Rows, blocks_of
from backends.postgres._session import Connection
from backends.postgres._text import has_container, readable
from backends.postgres._values import documents, holds_several, quoted

MANY = 4 << 20  # bytes of a relation from which on its rows are gathered by compiled code
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
    """A pass of `matcher` over rows in COPY's text form. Memory: that of a block."""

    matcher: Matcher
    binary: Sequence[int] = ()  # columns whose values are looked into, too
    addresses: RowAddresses | None = None  # takes the ctids of the rows with records
    promoted: bool = False  # see Matcher.scan()
    digested: bool = True  # else without the digest, which tells one state of rows from another
    count_foreign: bool = False  # sum up the rows without records, whatever their order
    bytes_read: int = 0
    containers: bool = False  # some lie where they are not opened
    several: bool = False  # a row with a record may hold others as well
    foreign_sum: int = 0
    _scan: Scan = field(init=False)
    _digest: Digest | None = field(init=False)
    _examiner: Examiner = field(init=False)

    def __post_init__(self) -> None:
        self._scan = self.matcher.scan(promoted=self.promoted)
        self._digest = self.matcher.digest() if self.digested else None
        self._examiner = Examiner(self.matcher)

    def take(self, rows: Rows) -> None:
        """Take in rows; behind the ctid of each and a tab, if these are wanted."""
        ctids: list[bytes] = []
        if self.addresses is not None:
            ctids, rows = _without_ctids(rows)
        block, ends = rows.data, rows.ends
        if self._digest:
            self._digest.update(block)
        self.bytes_read += len(block)
        if self.binary:
            self.containers = self.containers or has_container(block)
            for row in _parted(rows):
                for document in documents(row, self.binary):
                    self._examiner.take(document)
        if may_hold_base64(block):
            self._examiner.take_within(quoted(block, self.binary))
        classes = self._scan.feed(*readable(block, ends))
        if not self.several and not _OURS.isdisjoint(classes):
            self.several = any(
                kind in _OURS and holds_several(row)
                for row, kind in zip(_parted(rows), classes, strict=True)
            )
        if self.addresses is not None:
            for ctid, kind in zip(ctids, classes, strict=True):
                if kind == RecordClass.RECORD:
                    self.addresses.add(ctid)
        if self.count_foreign:
            for row, kind in zip(_parted(rows), classes, strict=True):
                if kind != RecordClass.RECORD:
                    self.foreign_sum = (self.foreign_sum + self._number(row)) % _MODULUS

    def finish(self) -> Evidence:
        """Sum up what was taken in."""
        return self._scan.evidence()

    def inside(self) -> content.Reading | None:
        """Sum up what was found in values that had to be opened; None: there was none."""
        return self._examiner.reading()

    def digest(self) -> str:
        """Return the keyed digest of the rows as they came, lower-case hex; empty without one."""
        return self._digest.hexdigest() if self._digest else ""

    def _number(self, row: bytes) -> int:
        digest = self.matcher.digest()
        digest.update(row)
        return int(digest.hexdigest()[:32], 16)


def _parted(rows: Rows) -> Iterator[bytes]:
    for start, end in pairwise([0, *rows.ends]):
        yield rows.data[start:end]


def _without_ctids(rows: Rows) -> tuple[list[bytes], Rows]:
    parts = [row.partition(b"\t") for row in _parted(rows)]
    # Of a table without columns, there is only the ctid, and the newline.
    values = [row if tab else b"\n" for _, tab, row in parts]
    ctids = [ctid.rstrip(b"\n") for ctid, _, _ in parts]
    return ctids, Rows(b"".join(values), list(accumulate(map(len, values))))


def copy_rows(
    connection: Connection, relation: tuple[str, str], scan: RowScan, size: int | None = None
) -> Evidence:
    """Read a relation's own rows (schema, name), not its children's, in physical order.

    `size`: in bytes, where it is known.
    """
    copy = _COPY_ROWS if scan.addresses is None else _COPY_ADDRESSED
    many = size is not None and size >= MANY
    return copy_query(connection, copy.format(sql.Identifier(*relation)), scan, many=many)


def copy_query(
    connection: Connection, statement: sql.Composed, scan: RowScan, *, many: bool = False
) -> Evidence:
    """Read what a COPY … TO STDOUT gives; `many`: see `blocks_of`."""
    with closing(blocks_of(connection, statement, many=many)) as blocks:
        for rows in blocks:
            scan.take(rows)
    return scan.finish()
