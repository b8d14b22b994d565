"""A source of records: a table or a query, streamed as text."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import psycopg
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import DiagnosticField, ExecStatus

from backends.contract import SourceSpec
from backends.errors import AccessDenied, BackendError, CouldNotTell, SourceError
from backends.postgres._catalog import relation_by_oid
from backends.postgres._errors import translate
from backends.postgres._session import SNAPSHOT, Cluster, Connection

_ROWS_AT_ONCE = 2000
_HINT = 'for example table = "public.survey", quoted where SQL quotes it'
_MISTAKES = ("0A", "22", "25", "34", "42")  # classes of SQLSTATE: a wrong name, a wrong query
_FETCH = sql.SQL("FETCH FORWARD {} FROM shredder_source")
_DECLARE = b"DECLARE shredder_source NO SCROLL CURSOR FOR "


class _UndecodableError(Exception):
    """A value is not in UTF-8. Python's own error would quote it."""


class _AsText(Loader):
    """Every value as the server writes it."""

    def load(self, data: Buffer) -> str:
        raw = bytes(data)
        text = raw.decode("utf-8", "replace")
        if "\ufffd" in text and b"\xef\xbf\xbd" not in raw:
            raise _UndecodableError
        return text


class _BytesAsText(Loader):
    """A bytea as the text in it."""

    def load(self, data: Buffer) -> str:
        return bytes.fromhex(bytes(data)[2:].decode()).decode("utf-8", "replace")


class PostgresRows:
    """A table's or a query's rows; see :class:`backends.contract.SourceRows`."""

    def __init__(self, cluster: Cluster, spec: SourceSpec) -> None:
        self._cluster = cluster
        self._where = cluster.where()
        self.locator = ""
        self._connection = cluster.connect()
        self._cursor = self._connection.cursor()
        weakref.finalize(self, self._connection.close)  # also of a source that is never read
        try:
            self._open(spec)
            fields = self._cursor.execute(_FETCH.format(0)).description
            self.columns = tuple(field.name for field in fields or ())
        except psycopg.Error as error:
            self._connection.close()
            raise self._error(error.sqlstate, error) from None
        except BaseException:
            self._connection.close()
            raise

    def __iter__(self) -> Iterator[tuple[str | None, ...]]:
        """Yield each row, once."""
        if self._connection.closed:
            raise SourceError(f"{self._where}: the source was read already")
        try:
            while rows := self._cursor.execute(_FETCH.format(_ROWS_AT_ONCE)).fetchall():
                yield from rows
        except psycopg.Error as error:
            raise translate(error, self._where) from None
        except _UndecodableError:
            raise CouldNotTell(
                f"{self._where}: the source holds text that is not in UTF-8",
                hint="the database's encoding is SQL_ASCII: convert the text in a query",
                reason="undecodable-text",
            ) from None
        finally:
            self._connection.close()

    def _open(self, spec: SourceSpec) -> None:
        connection = self._connection
        self._cluster.begin(connection, SNAPSHOT)
        # Names mean here what they mean to the operator.
        connection.execute("SET LOCAL search_path TO DEFAULT")
        query = spec.query.strip().removesuffix(";").encode()
        if spec.table:
            query = self._table(connection, spec.table).as_bytes(connection)
        connection.execute("SET LOCAL bytea_output = 'hex'")
        # The extended protocol takes one statement only: nothing can follow the query.
        declared = connection.pgconn.exec_params(_DECLARE + query, None)
        if declared.status != ExecStatus.COMMAND_OK:
            state = declared.error_field(DiagnosticField.SQLSTATE)
            raise self._error(state.decode() if state else None)
        for info in connection.adapters.types:
            for oid in filter(None, (info.oid, info.array_oid)):
                self._cursor.adapters.register_loader(oid, _AsText)
        self._cursor.adapters.register_loader("bytea", _BytesAsText)

    def _table(self, connection: Connection, name: str) -> sql.Composed:
        row = connection.execute(
            "SELECT c.oid, n.nspname, c.relname, EXISTS (SELECT FROM pg_catalog.pg_inherits i"
            " WHERE i.inhparent = c.oid) FROM pg_catalog.pg_class c"
            " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.oid = pg_catalog.to_regclass(%s) AND c.relkind IN ('r','p','m','v','f')",
            [name],
        ).fetchone()
        if row is None:
            raise SourceError(f"{self._where}: the source is not there", hint=_HINT)
        oid, schema, table, has_children = int(row[0]), row[1], row[2], row[3]
        connection.execute("SET LOCAL search_path = ''")
        relation = None if has_children else relation_by_oid(connection, oid)
        self.locator = relation.locator if relation is not None else ""
        return sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, table))

    def _error(self, state: str | None, error: psycopg.Error | None = None) -> BackendError:
        if state == "42501":
            return AccessDenied(f"{self._where}: the server refused to read the source")
        if state and state.startswith(_MISTAKES):
            return SourceError(
                f"{self._where}: the source cannot be read (SQLSTATE {state})", hint=_HINT
            )
        return translate(error or psycopg.OperationalError(), self._where)


def open_source(cluster: Cluster, spec: SourceSpec) -> PostgresRows:
    """Open a source; raises SourceError for a path or a key, which are other stores'."""
    if not spec.table and not spec.query:
        raise SourceError(
            f"{cluster.where()}: a source in Postgres is a table or a query", hint=_HINT
        )
    return PostgresRows(cluster, spec)
