"""Whether a table has been written to since it was examined, told by its pages and by no row.

Each page of a logged table says how far the write-ahead log was when the page was last altered
("Database Page Layout" in the manual, ``pd_lsn``). So a table whose pages all say less than the log
had come to before the snapshot in which it was examined has the rows of that snapshot:

* Who wrote to it before that and has not ended holds a lock on the table ("Explicit Locking" in the
  manual), and the lock is looked for after the place in the log is taken, and before the snapshot.
* That place is one on disk: no crash gives it to anything else. A server that was started since,
  from a backup or as somebody's successor, could count from an earlier place, so it must be the
  same start.
* Pages at the end that are gone with their rows show by the size, another file by its number, and
  columns that came or went by their rows in the catalogue.

What alters a page and no row is taken for a change: VACUUM, a lock on a row, a hint bit where pages
have checksums. Nothing is claimed then: the rows are read.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from backends.postgres._catalog import Relation, one
from backends.postgres._session import Connection
from backends.postgres.raw.pages import LAYOUT, PAGE

_PIECE = 1 << 20  # bytes
_HALF, _MASK = 32, 0xFFFFFFFF

_SERVER = """
SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint,
       CASE WHEN NOT pg_is_in_recovery()
            THEN (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint END
"""
_WRITTEN_TO = """
SELECT EXISTS (SELECT FROM pg_locks
                WHERE locktype = 'relation' AND relation = %s
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                  AND mode NOT IN ('AccessShareLock', 'RowShareLock'))
"""
_TABLE = """
SELECT c.relpersistence = 'p' AND c.relkind = 'r' AND a.amname = 'heap'
         AND current_setting('block_size')::int = %s,
       pg_relation_size(c.oid),
       pg_snapshot_xmin(pg_current_snapshot())::text::numeric %% 4294967296
  FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.oid = %s
"""
_COLUMNS = """
SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = %s AND age(xmin) <= age(%s::xid))
"""


@dataclass(frozen=True, slots=True)
class Start:
    """How far a server was before a snapshot was taken in which a table is examined."""

    started: int  # when the server was; microseconds of Unix time
    written: int  # bytes of its log that were on disk

    @classmethod
    def of(cls, connection: Connection, oid: int) -> Self | None:
        """Take it, in a transaction that ends before that snapshot's begins.

        None: somebody writes to the table, or it is a standby.
        """
        started, written = one(connection, _SERVER)
        if written is None or one(connection, _WRITTEN_TO, [oid])[0]:
            return None
        return cls(int(started), int(written))


@dataclass(frozen=True, slots=True)
class Mark:
    """What a table is compared with later."""

    start: Start
    running_from: int  # the oldest transaction, of 32 bits, that may have been running
    size: int  # bytes of its own pages

    @classmethod
    def of(cls, connection: Connection, relation: Relation, start: Start) -> Self | None:
        """Make it, in the snapshot of an examination; None: such a table's pages do not tell."""
        told, size, running_from = one(connection, _TABLE, [PAGE, relation.oid])
        return cls(start, int(running_from), int(size)) if told else None

    def __str__(self) -> str:
        """Return it as a holding has it among its details."""
        start = self.start
        return f"{start.started}:{start.written}:{self.running_from}:{self.size}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError."""
        started, written, running_from, size = map(int, text.split(":"))
        return cls(Start(started, written), running_from, size)

    def holds(self, connection: Connection, relation: Relation, descriptors: Sequence[int]) -> bool:
        """Whether a table's rows are those of the examination.

        The table is locked against everybody, this role may have checkpoints made, and
        `descriptors` are its own open files, in order. That it has the file that was examined is
        the caller's to compare. Raises OSError.
        """
        started, _ = one(connection, _SERVER)
        told, size, _ = one(connection, _TABLE, [PAGE, relation.oid])
        if not told or (int(started), int(size)) != (self.start.started, self.size):
            return False
        if one(connection, _COLUMNS, [relation.oid, str(self.running_from)])[0]:
            return False
        connection.execute("CHECKPOINT")  # what is in memory alone tells nothing in the files
        read = 0
        buffer = memoryview(bytearray(_PIECE))
        for fd in descriptors:
            at = 0
            while count := os.preadv(fd, [buffer], at):
                if count % PAGE or not none_later(buffer[:count], self.start.written):
                    return False
                at += count
            read += at
        return read == self.size


def none_later(pages: memoryview, place: int) -> bool:
    """Whether no page was altered when the log had come further than `place`."""
    words = np.frombuffer(pages, "<u8").reshape(-1, PAGE // 8)
    first, third = words[:, 0], words[:, 2]
    places = (first & np.uint64(_MASK)) << np.uint64(_HALF) | first >> np.uint64(_HALF)
    layouts = third >> np.uint64(16) & np.uint64(0xFFFF)
    known = (layouts == PAGE | LAYOUT) | ((first == 0) & (third == 0))  # new pages are empty
    return bool(known.all() and (places <= place).all())
