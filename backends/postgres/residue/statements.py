"""What pg_stat_statements remembers of statements: the entries whose texts hold a record go.

Other entries, and what they have counted, stay. Each text also lies in a file of the server's, and
stays in it when its entry goes, until the server writes that file anew. It does so once the file
is longer than a bound and a new statement comes. So statements are sent that are long and say
nothing, until it is, and go again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import sql

from backends.contract import Matcher, RecordClass
from backends.postgres._session import SNAPSHOT, Cluster, Connection
from backends.postgres._text import readable

_WHERE = """
SELECT n.nspname, has_function_privilege(p.oid, 'EXECUTE'),
       current_setting('pg_stat_statements.max', true),
       coalesce(current_setting('pg_stat_statements.track', true), 'none') <> 'none'
         AND current_setting('log_statement') <> 'all'
         AND current_setting('log_min_duration_statement') = '-1'
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
  JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
                  AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
  JOIN pg_proc p ON p.oid = d.objid AND p.proname = 'pg_stat_statements_reset'
 WHERE e.extname = 'pg_stat_statements'
"""
_TEXTS = sql.SQL("""
SELECT s.userid, s.dbid, s.queryid, s.query FROM {}.pg_stat_statements s
 WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND s.query IS NOT NULL AND s.queryid IS NOT NULL
""")
_RESET = sql.SQL("SELECT {}.pg_stat_statements_reset(%s, %s, %s)")
_OURS = sql.SQL("""
SELECT count({}.pg_stat_statements_reset(s.userid, s.dbid, s.queryid)) FROM {}.pg_stat_statements s
 WHERE s.query LIKE 'SELECT /* shredder %%'
""")
_SIZE = "SELECT size FROM pg_stat_file('pg_stat_tmp/pgss_query_texts.stat', true)"
_MAY_STAT = "SELECT has_function_privilege('pg_stat_file(text, boolean)', 'EXECUTE')"
# The server's bounds (pgss: need_gc_qtexts): a text counts as 1,024 bytes until it knows better,
# and twice as many as there may be entries.
_ASSUMED, _TWICE = 1024, 2
_LONG = 1 << 20  # bytes of a statement that says nothing
_MOST = 128  # of them


@dataclass(frozen=True, slots=True)
class Statements:
    """Where the extension is, and what this role may do with it."""

    schema: str
    may_reset: bool
    most: int  # entries
    fillable: bool  # what is sent is remembered, and not written into the log

    @property
    def name(self) -> sql.Identifier:
        """The schema, as SQL quotes it."""
        return sql.Identifier(self.schema)


def of(connection: Connection) -> Statements | None:
    """Return the extension of a database; None: it is not there."""
    row = connection.execute(_WHERE).fetchone()
    return None if row is None else Statements(row[0], row[1], int(row[2] or 0), row[3])


def reset(
    cluster: Cluster, connection: Connection, there: Statements, matcher: Matcher, promoted: bool
) -> int:
    """Remove the entries whose text holds a record; returns how many."""
    with cluster.transaction(connection, SNAPSHOT):
        entries = _matching(connection, there, matcher, promoted)
    with cluster.transaction(connection, "BEGIN"):
        for entry in entries:
            connection.execute(_RESET.format(there.name), entry)
    return len(entries)


def _matching(
    connection: Connection, there: Statements, matcher: Matcher, promoted: bool
) -> list[tuple[Any, Any, Any]]:
    scan = matcher.scan(promoted=promoted)
    found = []
    with connection.cursor() as cursor:
        for user, database, query_id, text in cursor.stream(_TEXTS.format(there.name)):
            window = as_copied(text)
            (kind,) = scan.feed(*readable(window, [len(window)]))
            if kind == RecordClass.RECORD:
                found.append((user, database, query_id))
    scan.evidence()
    return found


def as_copied(text: str) -> bytes:
    """Return a text as one row in COPY's form: what it was found in."""
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    return escaped.replace("\r", "\\r").encode() + b"\n"


def have_texts_written_anew(cluster: Cluster, connection: Connection, there: Statements) -> bool:
    """Have the server write its file of texts anew; whether that was seen."""
    if not there.fillable:
        return False
    with cluster.transaction(connection, "BEGIN"):
        seen = bool(_first(connection, _MAY_STAT))
        bound = there.most * _ASSUMED * _TWICE // _LONG + 2
        sent = 0
        size = _size(connection, seen)
        while sent < min(bound, _MOST) if not seen else sent < _MOST:
            sent += 1
            _say_nothing(connection, sent, _LONG)
            _take_back(connection, there)
            before, size = size, _size(connection, seen)
            if seen and size < before:
                return True
    return False


def _say_nothing(connection: Connection, number: int, length: int) -> None:
    """Run a statement of that length, which differs from others in its number of columns."""
    columns = ",".join(["1"] * number)
    connection.execute(f"SELECT /* shredder {'-' * length} */ {columns}".encode())


def _take_back(connection: Connection, there: Statements) -> None:
    connection.execute(_OURS.format(there.name, there.name))


def _size(connection: Connection, may: bool) -> int:
    return int(_first(connection, _SIZE) or 0) if may else 0


def _first(connection: Connection, query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None
