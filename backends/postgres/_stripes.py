"""Reading a large table by ranges of its blocks, over several connections in one snapshot.

COPY is the work of one server process; several share it. The blocks are dealt out in turn, a few
megabytes each, and the rows are taken in order: what is read, and its digest, are those of one
COPY. Memory: two ranges a connection, at the most.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import TypeAlias

from psycopg import sql

from backends.postgres._catalog import Relation, one
from backends.postgres._rows import RowScan, blocks_of
from backends.postgres._session import SNAPSHOT, Cluster, Connection

LARGE = 256 << 20  # bytes; a smaller table is read over one connection
RANGE = 16 << 20  # bytes of table that are read in one go
_MOST = 4  # connections
_AHEAD = 16  # blocks of rows that wait for each connection
_PATIENCE = 0.2  # seconds between two looks at whether anybody still wants the rows

_COPY = sql.SQL(
    "COPY (SELECT t.* FROM ONLY {} t WHERE t.ctid >= {}::tid AND t.ctid < {}::tid) TO STDOUT"
)
_LOCK = sql.SQL("LOCK TABLE ONLY {} IN ACCESS SHARE MODE")
_LAYOUT = """
SELECT a.amname = 'heap' AND NOT pg_is_in_recovery(),
       pg_relation_size(c.oid), current_setting('block_size')::bigint
  FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.oid = %s
"""

_Item: TypeAlias = "list[bytes] | Exception | None"  # None: the end of a range


def connections() -> int:
    """How many connections are worth while: the server's processes and ours share the machine."""
    return min(_MOST, (len(os.sched_getaffinity(0)) + 1) // 2)


def copy_striped(
    cluster: Cluster, connection: Connection, relation: Relation, scan: RowScan, number: int
) -> bool:
    """Read all rows over `number` connections; False, with nothing read: it is not worth while.

    The connection is in a snapshot of its own, and takes a lock that keeps the rows in place.
    """
    if number < 2 or relation.relkind != "r" or connection.info.server_version < 140000:
        return False  # before 14, a range of ctids is looked for from the first block on
    row = connection.execute(_LAYOUT, [relation.oid]).fetchone()
    if row is None or not row[0] or row[1] < LARGE:
        return False
    _, size, block = row
    connection.execute(_LOCK.format(sql.Identifier(*relation.qualified)))
    (snapshot,) = one(connection, "SELECT pg_export_snapshot()")
    step = max(1, RANGE // block)
    # Rows may stand beyond what the size says now; the last range has no end.
    starts = range(0, -(-size // block), step)
    stripes = [
        _Stripe(cluster, connection.info.dbname, snapshot, relation, starts, step, n, number)
        for n in range(min(number, len(starts)))
    ]
    try:
        for each in stripes:
            each.start()
        for at in range(len(starts)):
            for rows in stripes[at % len(stripes)].rows_of_a_range():
                scan.add_rows(rows)
    finally:
        for each in stripes:
            each.stop()
    return True


class _Stripe(threading.Thread):
    """One connection, and every so-manieth range."""

    def __init__(
        self,
        cluster: Cluster,
        database: str,
        snapshot: str,
        relation: Relation,
        starts: range,
        step: int,
        first: int,
        number: int,
    ) -> None:
        super().__init__(name="postgres stripe", daemon=True)
        self._cluster, self._database, self._snapshot = cluster, database, snapshot
        self._relation, self._starts, self._step = relation, starts, step
        self._first, self._number = first, number
        self._queue: Queue[_Item] = Queue(_AHEAD)
        self._stopped = threading.Event()

    def run(self) -> None:
        begin = f"{SNAPSHOT}; SET TRANSACTION SNAPSHOT '{self._snapshot}'"
        try:
            with (
                self._cluster.use(self._database) as connection,
                self._cluster.transaction(connection, begin),
            ):
                for at in range(self._first, len(self._starts), self._number):
                    for rows in blocks_of(connection, self._statement(at)):
                        self._put(rows)
                    self._put(None)
        except _Unwanted:
            pass
        except Exception as error:  # noqa: BLE001 - raised where the rows are wanted
            with suppress(_Unwanted):
                self._put(error)

    def _statement(self, at: int) -> sql.Composed:
        start = self._starts[at]
        end = start + self._step if at + 1 < len(self._starts) else 0xFFFFFFFF
        ends = (sql.Literal(f"({block},0)") for block in (start, end))
        return _COPY.format(sql.Identifier(*self._relation.qualified), *ends)

    def _put(self, item: _Item) -> None:
        while not self._stopped.is_set():
            with suppress(Full):
                self._queue.put(item, timeout=_PATIENCE)
                return
        raise _Unwanted

    def rows_of_a_range(self) -> Iterator[list[bytes]]:
        """Yield the rows of its next range, in order. Raises what reading raised."""
        while (item := self._queue.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item

    def stop(self) -> None:
        """Want no more rows, and wait for the connection to be given back."""
        self._stopped.set()
        with suppress(Empty):
            while True:
                self._queue.get_nowait()
        if self.ident is not None:
            self.join()


class _Unwanted(Exception):
    """Nobody wants the rows any more."""
