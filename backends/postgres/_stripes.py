"""Reading a large table by ranges of its blocks, over several connections in one snapshot.

COPY is the work of one server process; several share it. The blocks are dealt out in turn, a few
megabytes each, and the rows are taken in order: what is read, and its digest, are those of one
COPY. Memory: a few megabytes for each connection, or one longer row.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from itertools import pairwise

from psycopg import sql

from backends.postgres._ahead import ahead
from backends.postgres._catalog import Relation, lock_shared, one
from backends.postgres._copy import Rows, blocks_of
from backends.postgres._rows import RowScan
from backends.postgres._session import SNAPSHOT, Cluster, Connection

LARGE = 256 << 20  # bytes; a smaller table is read over one connection
RANGE = 16 << 20  # bytes of table that are read in one go
_MOST = 4  # connections
_AHEAD = 4 << 20  # bytes of rows that wait, for each connection

_COPY = sql.SQL(
    "COPY (SELECT t.* FROM ONLY {} t WHERE t.ctid >= {}::tid AND t.ctid < {}::tid) TO STDOUT"
)
_LAYOUT = """
SELECT a.amname = 'heap' AND NOT pg_is_in_recovery(),
       pg_relation_size(c.oid), current_setting('block_size')::bigint
  FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.oid = %s
"""


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
    lock_shared(connection, relation)
    (snapshot,) = one(connection, "SELECT pg_export_snapshot()")
    step = max(1, RANGE // block)
    starts = range(0, -(-size // block), step)
    # Rows may stand beyond what the size says now; the last range has no end.
    spans = list(pairwise([*starts, 0xFFFFFFFF]))
    with ExitStack() as running:
        shares = [
            running.enter_context(
                ahead(
                    _share(cluster, connection.info.dbname, snapshot, relation, spans[n::number]),
                    _AHEAD,
                    "postgres stripe",
                )
            )
            for n in range(min(number, len(spans)))
        ]
        for at in range(len(spans)):
            while rows := next(shares[at % number]):
                scan.take(rows)
    return True


def _share(
    cluster: Cluster,
    database: str,
    snapshot: str,
    relation: Relation,
    starts: Sequence[tuple[int, int]],
) -> Generator[Rows | None]:
    """Yield the rows of each range over one connection, and None at its end."""
    begin = f"{SNAPSHOT}; SET TRANSACTION SNAPSHOT '{snapshot}'"
    with cluster.use(database) as connection, cluster.transaction(connection, begin):
        for span in starts:
            ends = (sql.Literal(f"({block},0)") for block in span)
            statement = _COPY.format(sql.Identifier(*relation.qualified), *ends)
            with closing(blocks_of(connection, statement, many=True)) as blocks:
                yield from blocks
            yield None
