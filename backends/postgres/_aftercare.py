"""What follows a COMMIT and cannot be part of it: VACUUM, and statistics taken anew."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from backends.postgres import _statistics
from backends.postgres._catalog import relation_by_oid
from backends.postgres._session import SNAPSHOT, WRITING, Cluster, Connection

# What is locked is skipped with a warning, not waited for: no time-out of ours holds outside of
# a transaction.
_VACUUM = sql.SQL("VACUUM (SKIP_LOCKED, ANALYZE, INDEX_CLEANUP TRUE) {}")
_ANALYZE = sql.SQL("ANALYZE (SKIP_LOCKED) {}")
_LARGE_OBJECTS = sql.Identifier("pg_catalog", "pg_largeobject")
_LOCKED = "55P03"
_TRIES = 5
_PAUSE_S = 0.2


def after_rows(
    cluster: Cluster, connection: Connection, oid: int, *, cleared: bool, dead_rows: bool
) -> list[str]:
    """Follow up on a relation that lost rows. Returns limitations; harmless to repeat."""
    with cluster.transaction(connection, SNAPSHOT):
        relation = relation_by_oid(connection, oid)
        parents = _statistics.ancestors(connection, oid)
    if relation is None:
        return []
    limitations = []
    name = sql.Identifier(*relation.qualified)
    analysed = _run(connection, (_VACUUM if dead_rows else _ANALYZE).format(name))
    if dead_rows and not analysed:
        limitations.append("not-vacuumed")
    taken = [_run(connection, _ANALYZE.format(sql.Identifier(*parent))) for parent in parents]
    # ANALYZE writes over the statistics of a relation that has rows, and leaves an empty one's.
    if not cleared and not (analysed and relation.size and all(taken)):
        limitations.append("statistics-kept")
    return limitations


def after_large_objects(connection: Connection) -> list[str]:
    """Follow up on large objects that were unlinked. Returns limitations."""
    return [] if _run(connection, _VACUUM.format(_LARGE_OBJECTS)) else ["not-vacuumed"]


def clear_again(cluster: Cluster, connection: Connection, oid: int) -> bool:
    """Remove statistics that a crash may have left; whether all of them are removed."""
    with cluster.transaction(connection, WRITING):
        return _statistics.clear(connection, oid).complete


def _run(connection: Connection, statement: sql.Composed) -> bool:
    """Run a maintenance statement; a refusal comes as a warning."""
    for left in reversed(range(_TRIES)):
        with _warnings(connection) as warnings:
            connection.execute(statement)
        if _LOCKED not in warnings:
            return not warnings
        if left:
            time.sleep(_PAUSE_S)
    return False


@contextmanager
def _warnings(connection: Connection) -> Iterator[list[str | None]]:
    """Collect the SQLSTATEs of warnings."""
    seen: list[str | None] = []

    def note(diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            seen.append(diagnostic.sqlstate)

    connection.add_notice_handler(note)
    try:
        yield seen
    finally:
        connection.remove_notice_handler(note)
