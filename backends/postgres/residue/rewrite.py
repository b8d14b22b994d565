"""Writing a relation anew, so that no page of its old file is in use: tables and catalogues.

VACUUM FULL keeps all that depends on a table, for its oid stays; TOAST and indexes are written
anew with it. It copies a deleted row that somebody may still want to see, so nobody must, before
it begins. The old file goes at COMMIT; a crash before that leaves it as it was.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from backends.contract import Step
from backends.postgres import _parts
from backends.postgres._catalog import one
from backends.postgres._session import SNAPSHOT, Cluster, Connection
from backends.postgres.residue import blockers

# What lies in which catalogue. The owner of the database may write them anew, but for those that
# all databases share: these are the superuser's.
OF_RELATIONS = ("pg_statistic", "pg_statistic_ext_data")
OF_MISSING_VALUES = ("pg_attribute",)
OF_LARGE_OBJECTS = ("pg_largeobject", "pg_largeobject_metadata", "pg_statistic")
OF_COMMENTS = ("pg_description", "pg_statistic")
OF_SHARED_COMMENTS = (*OF_COMMENTS, "pg_shdescription")
CATALOGUES = frozenset(
    {
        *OF_RELATIONS,
        *OF_MISSING_VALUES,
        *OF_LARGE_OBJECTS,
        *OF_SHARED_COMMENTS,
        *_parts.CATALOGUES,
    }
)
_VACUUM = sql.SQL("VACUUM (FULL) {}")
# Through a pooler no setting can be relied on, so nothing is waited for.
_VACUUM_SKIPPING = sql.SQL("VACUUM (FULL, SKIP_LOCKED) {}")
_FILE = "SELECT pg_relation_filenode(%s::oid), pg_total_relation_size(%s::oid)"
_TRIES_PER_S = 5


class NotRewrittenError(Exception):
    """It was left as it is, for a reason with a code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class File:
    """A relation's file: the number of its name, and how large it is with TOAST and indexes."""

    node: int
    size: int


def file_of(connection: Connection, oid: int) -> File | None:
    """Return a relation's file; None: it has none."""
    node, size = one(connection, _FILE, [oid, oid])
    return None if node is None else File(int(node), int(size or 0))


def rewrite(cluster: Cluster, database: str, relation: tuple[str, str], oid: int) -> File:
    """Write a relation anew, and return its new file. Raises NotRewrittenError."""
    with _direct(cluster, database) as (connection, waits):
        await_readers(cluster, connection, catalogue=relation[0] == "pg_catalog")
        before = _file(cluster, connection, oid)
        name = sql.Identifier(*relation)
        cluster.tell(Step("rewriting"))
        if waits:
            refused = _warned(connection, _VACUUM.format(name))
        else:
            refused = _skipping(connection, name, cluster.lock_timeout_s)
        after = _file(cluster, connection, oid)
    if refused or after.node == before.node:
        raise NotRewrittenError(refused or "not-rewritten")
    return after


def await_readers(cluster: Cluster, connection: Connection, *, catalogue: bool) -> None:
    """Wait until nobody may want to see what was deleted before now; raises NotRewrittenError."""
    with cluster.transaction(connection, "BEGIN"):
        since = blockers.new_transaction(connection)
    deadline = time.monotonic() + cluster.lock_timeout_s
    while True:
        with cluster.transaction(connection, SNAPSHOT):
            holders = list(blockers.of_rows(connection, since, catalogue=catalogue))
        if not holders:
            return
        if time.monotonic() > deadline:
            raise NotRewrittenError(holders[0])
        time.sleep(1 / _TRIES_PER_S)


@contextmanager
def _direct(cluster: Cluster, database: str) -> Iterator[tuple[Connection, bool]]:
    """Lend a connection of its own, and whether its settings hold from statement to statement.

    VACUUM runs in no transaction of ours, so what bounds its waiting is a session's setting. A
    pooler shows by the process's number: the one told at connecting is the pooler's own.
    """
    with cluster.use(database, fresh=True) as connection:
        told = connection.info.backend_pid
        direct = one(connection, "SELECT pg_catalog.pg_backend_pid()")[0] == told
        if direct:
            connection.execute(f"SET lock_timeout = '{cluster.lock_timeout_s}s'".encode())
            connection.execute("SET statement_timeout = 0")
        yield connection, direct


def _file(cluster: Cluster, connection: Connection, oid: int) -> File:
    with cluster.transaction(connection, SNAPSHOT):
        found = file_of(connection, oid)
    if found is None:
        raise NotRewrittenError("vanished")
    return found


def _skipping(connection: Connection, name: sql.Identifier, seconds: int) -> str:
    refused = ""
    for _ in range(seconds * _TRIES_PER_S):
        refused = _warned(connection, _VACUUM_SKIPPING.format(name))
        if refused != "lock-timeout":
            break
        time.sleep(1 / _TRIES_PER_S)
    return refused


def _warned(connection: Connection, statement: sql.Composed) -> str:
    """Run a statement; what it is refused comes as a warning, and is returned as a code."""
    seen: list[str] = []

    def note(diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            locked = diagnostic.sqlstate == "55P03"
            seen.append("lock-timeout" if locked else "access-denied")

    connection.add_notice_handler(note)
    try:
        connection.execute(statement)
    except psycopg.errors.LockNotAvailable:
        return "lock-timeout"
    finally:
        connection.remove_notice_handler(note)
    return next(iter(seen), "")
