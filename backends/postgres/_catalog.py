"""What there is in a cluster: databases, relations, large objects."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, LiteralString

from psycopg import sql

from backends.contract import CoverageStatus, Gap, Scope, Unit
from backends.errors import CouldNotTell
from backends.postgres import _definitions
from backends.postgres._session import Cluster, Connection

PAGE = 1000  # entries of a listing that one query brings
FIRST_USER_OID = 16384  # FirstNormalObjectId: below it lies what initdb made

TABLE, PARTITION, VIEW = "table", "partition", "materialised-view"
FOREIGN_TABLE = "foreign-table"
LARGE_OBJECT = "large-object"
_KINDS = {"m": VIEW, "f": FOREIGN_TABLE}
_RELATION_CURSOR, _LARGE_CURSOR = "1", "2"

_DATABASES = """
SELECT d.datname, d.datallowconn, d.datconnlimit,
       has_database_privilege(d.oid, 'CONNECT')
  FROM pg_database d
 WHERE d.datallowconn OR NOT d.datistemplate
 ORDER BY d.datname
"""
_AS_OF = """
SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
            ELSE pg_current_wal_insert_lsn() END::text
"""
# What is visible changes only where a transaction with an id ends (docs/decisions/0011). A crash of
# one server process could undo what was not flushed and give its ids anew: it resets statistics.
_STATE = """
SELECT format('%s:%s:%s', pg_postmaster_start_time(), pg_stat_get_bgwriter_stat_reset_time(),
              pg_snapshot_xmax(now.snapshot))
  FROM (SELECT pg_current_snapshot()) now(snapshot)
 WHERE NOT pg_is_in_recovery() AND pg_snapshot_xmin(now.snapshot) = pg_snapshot_xmax(now.snapshot)
"""
_RELATION = """
SELECT c.oid, n.nspname, c.relname,
       format('%%I/%%I.%%I', current_database(), n.nspname, c.relname),
       c.relkind, c.relispartition, c.relpersistence, pg_relation_filenode(c.oid),
       pg_relation_size(c.oid) + coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0),
       has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),
       row_security_active(c.oid), c.relispopulated,
       ARRAY(SELECT x.place
               FROM (SELECT row_number() OVER (ORDER BY a.attnum) - 1, a.atttypid
                       FROM pg_attribute a
                      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                    ) x(place, type) JOIN pg_type t ON t.oid = x.type
              WHERE 'bytea'::regtype IN (t.oid, t.typelem, t.typbasetype) ORDER BY x.place)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
"""
_PAGE_OF_RELATIONS: LiteralString = (
    _RELATION
    + """
 WHERE c.relkind IN ('r', 'm', 'f') AND c.oid >= %s AND c.oid > %s
 ORDER BY c.oid LIMIT %s
"""
)
_ONE_RELATION: LiteralString = _RELATION + " WHERE c.oid = %s AND c.relkind IN ('r', 'm', 'f')"
_RELATION_AT: LiteralString = (
    _RELATION
    + """
 WHERE c.relkind IN ('r', 'm')
   AND format('%%I/%%I.%%I', current_database(), n.nspname, c.relname) = %s
"""
)
_PAGE_OF_LARGE_OBJECTS = """
SELECT oid, format('%%I/pg_largeobject:%%s', current_database(), oid)
  FROM pg_largeobject_metadata WHERE oid > %s ORDER BY oid LIMIT %s
"""
_LARGE_OBJECT_EXISTS = "SELECT FROM pg_largeobject_metadata WHERE oid = %s"
_LOCK = sql.SQL("LOCK TABLE ONLY {} IN ACCESS SHARE MODE")
_STILL_NAMED = "SELECT to_regclass(format('%%I.%%I', %s::text, %s::text))::oid = %s"


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, leaf partition, materialised view or foreign table, as the catalogue shows it."""

    oid: int
    schema: str
    name: str
    locator: str
    relkind: str  # r, m, f
    partition: bool
    persistence: str  # p, u, t
    filenode: int | None
    size: int | None
    readable: bool
    filtered: bool  # a row policy applies to us
    populated: bool
    binary: Sequence[int]  # places of bytea columns among all, from 0 on

    @property
    def qualified(self) -> tuple[str, str]:
        """Schema and name, unquoted."""
        return self.schema, self.name

    @property
    def kind(self) -> str:
        """The kind of unit."""
        if self.relkind in _KINDS:
            return _KINDS[self.relkind]
        return PARTITION if self.partition else TABLE

    @property
    def storage(self) -> str:
        """The part of a version that is known without reading."""
        return f"{self.oid}:{self.filenode or 0}"


def scopes(cluster: Cluster, patterns: Sequence[str]) -> list[Scope]:
    """Return the databases whose names match a pattern, those we cannot enter included."""
    with cluster.reading() as connection:
        rows = connection.execute(_DATABASES).fetchall()
        as_of = str(one(connection, _AS_OF)[0])
    found = []
    for name, allowed, limit, may_connect in rows:
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
            problem = ""
            if limit == -2:  # left by a DROP DATABASE that was interrupted
                problem = "invalid-database"
            elif not allowed:
                problem = "connections-not-allowed"
            elif not may_connect:
                problem = "access-denied"
            found.append(Scope(name, as_of, problem))
    return found


def database_exists(cluster: Cluster, name: str) -> bool:
    """Whether the cluster has a database of this name."""
    with cluster.reading() as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        return found.rowcount == 1


@dataclass(frozen=True, slots=True)
class Choice:
    """Which relations are examined: patterns of ``schema.table``."""

    exclude: Sequence[str] = ()
    foreign: Sequence[str] = ()  # foreign tables that are read, too

    def excludes(self, relation: Relation) -> str:
        """Return why a relation is left out; empty: it is not."""
        name = f"{relation.schema}.{relation.name}"
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in self.exclude):
            return "excluded-by-setting"
        if relation.kind != FOREIGN_TABLE:
            return ""
        read = any(fnmatch.fnmatchcase(name, pattern) for pattern in self.foreign)
        return "" if read else "foreign-table"


def units(cluster: Cluster, scope: str, after: str, choice: Choice) -> Iterator[Unit | Gap]:
    """Yield what a database holds: relations by oid, large objects by oid, other texts.

    Page by page, each in its own short transaction: a reader that takes its time must not keep
    the server from vacuuming. What is created after the scope's `as_of` may be missed.
    """
    kind, _, number = after.partition(":")
    with cluster.reading(scope) as connection:
        known = connection.execute(_STATE).fetchone()
    state = str(known[0]) if known else ""
    if kind in {"", _RELATION_CURSOR}:
        for relation in _relations(cluster, scope, int(number or 0)):
            entry = _listed(relation, scope, choice)
            local = relation.kind != FOREIGN_TABLE and relation.persistence == "p"
            if isinstance(entry, Unit) and local and state:
                entry = replace(entry, state=f"{state}:{relation.storage}")
            yield entry
        number = ""
    before = {"", _RELATION_CURSOR, _LARGE_CURSOR}
    last = int(number or 0) if kind in before else None
    while last is not None:
        with cluster.reading(scope) as connection:
            page = connection.execute(_PAGE_OF_LARGE_OBJECTS, [last, PAGE]).fetchall()
        for oid, locator in page:
            cursor = f"{_LARGE_CURSOR}:{oid:010}"
            yield Unit(scope, locator, str(oid), LARGE_OBJECT, None, cursor, state)
        if len(page) < PAGE:
            break
        last = page[-1][0]
    yield from _definitions.units(scope, after, state)


def relation_by_oid(connection: Connection, oid: int) -> Relation | None:
    """Return a relation that holds rows; None: there is none with this oid."""
    row = connection.execute(_ONE_RELATION, [oid]).fetchone()
    return None if row is None else Relation(*row)


def relation_at(connection: Connection, locator: str) -> Relation | None:
    """Return the relation that a locator leads to now, whatever its oid."""
    row = connection.execute(_RELATION_AT, [locator]).fetchone()
    return None if row is None else Relation(*row)


def lock_shared(connection: Connection, relation: Relation) -> None:
    """Keep whatever table has the name, and its rows, in place until the transaction ends."""
    connection.execute(_LOCK.format(sql.Identifier(*relation.qualified)))


def still_named(connection: Connection, relation: Relation) -> bool:
    """Whether its name leads to this very relation: to be asked once a lock on it is held.

    Statements name relations, and a name can be given to another one before the lock.
    """
    return bool(one(connection, _STILL_NAMED, [*relation.qualified, relation.oid])[0])


def large_object_exists(connection: Connection, oid: int) -> bool:
    """Whether there is a large object with this oid."""
    return connection.execute(_LARGE_OBJECT_EXISTS, [oid]).rowcount == 1


def one(
    connection: Connection,
    query: LiteralString,
    params: Sequence[object] | Mapping[str, object] | None = None,
) -> tuple[Any, ...]:
    """Return the one row of a query that always has one."""
    row = connection.execute(query, params).fetchone()
    if row is None:
        raise CouldNotTell("the server gave no row where there is always one")
    return row


def _relations(cluster: Cluster, scope: str, after: int) -> Iterator[Relation]:
    last = after
    while True:
        with cluster.reading(scope) as connection:
            rows = connection.execute(_PAGE_OF_RELATIONS, [FIRST_USER_OID, last, PAGE]).fetchall()
        page = [Relation(*row) for row in rows]
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1].oid


def _listed(relation: Relation, scope: str, choice: Choice) -> Unit | Gap:
    def gap(status: CoverageStatus, reason: str) -> Gap:
        return Gap(scope, status, reason, relation.locator)

    if reason := choice.excludes(relation):
        return gap(CoverageStatus.EXCLUDED, reason)
    if relation.persistence == "t":  # lives in the memory of the session that made it
        return gap(CoverageStatus.FAILED, "temporary-table")
    if not relation.readable:
        return gap(CoverageStatus.FAILED, "access-denied")
    if relation.filtered:
        return gap(CoverageStatus.FAILED, "row-level-security")
    return Unit(
        scope,
        relation.locator,
        relation.storage,
        relation.kind,
        None if relation.kind == FOREIGN_TABLE else relation.size,
        f"{_RELATION_CURSOR}:{relation.oid:010}",
    )
