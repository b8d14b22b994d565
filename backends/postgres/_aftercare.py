"""What follows a COMMIT and cannot be part of it: VACUUM, and statistics taken anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from backends.postgres import _statistics
from backends.postgres._catalog import relation_by_oid
from backends.postgres._errors import translate
from backends.postgres._session import WRITING, Cluster, Connection

_VACUUM = sql.SQL("VACUUM (ANALYZE, INDEX_CLEANUP TRUE) {}")
_ANALYZE = sql.SQL("ANALYZE {}")
_VACUUM_LARGE_OBJECTS = sql.SQL("VACUUM pg_catalog.pg_largeobject")


def after_rows(connection: Connection, oid: int, *, cleared: bool, dead_rows: bool) -> list[str]:
    """Follow up on a relation that lost rows. Returns limitations; harmless to repeat."""
    relation = relation_by_oid(connection, oid)
    if relation is None:
        return []
    limitations = []
    name = sql.Identifier(*relation.qualified)
    analysed = _run(connection, (_VACUUM if dead_rows else _ANALYZE).format(name))
    if dead_rows and not analysed:
        limitations.append("not-vacuumed")
    parents = _statistics.ancestors(connection, oid)
    taken = [_run(connection, _ANALYZE.format(sql.Identifier(*parent))) for parent in parents]
    # ANALYZE writes over the statistics of a relation that has rows, and leaves an empty one's.
    if not cleared and not (analysed and relation.size and all(taken)):
        limitations.append("statistics-kept")
    return limitations


def after_large_objects(connection: Connection) -> list[str]:
    """Follow up on large objects that were unlinked. Returns limitations."""
    return [] if _run(connection, _VACUUM_LARGE_OBJECTS) else ["not-vacuumed"]


def clear_again(cluster: Cluster, connection: Connection, oid: int) -> bool:
    """Remove statistics that a crash may have left; whether all of them are removed."""
    with cluster.transaction(connection, WRITING):
        return _statistics.clear(connection, oid).complete


def _run(connection: Connection, statement: sql.Composable) -> bool:
    """Run a maintenance statement; a refusal comes as a warning, and a time-out as an error."""
    with _warnings(connection) as warnings:
        try:
            connection.execute(
                statement if isinstance(statement, sql.SQL) else _composed(statement)
            )
        except psycopg.Error as error:
            if connection.closed:
                raise translate(error, "maintenance") from None
            return False
    return not warnings


def _composed(statement: sql.Composable) -> sql.Composed:
    return sql.Composed([statement])


@contextmanager
def _warnings(connection: Connection) -> Iterator[list[str | None]]:
    seen: list[str | None] = []

    def note(diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            seen.append(diagnostic.sqlstate)

    connection.add_notice_handler(note)
    try:
        yield seen
    finally:
        connection.remove_notice_handler(note)
