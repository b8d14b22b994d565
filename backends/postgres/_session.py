"""Connections to the databases of one cluster."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import psycopg
from psycopg import conninfo as libpq
from psycopg.pq import TransactionStatus

from backends.contract import Tell, untold
from backends.errors import CouldNotTell, SettingError
from backends.postgres._errors import translate, translate_connecting

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

OLDEST = 130000
SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
WRITING = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"

_IDLE_PER_DATABASE = 4
_DEFAULTS: Mapping[str, str | int] = {
    "connect_timeout": 10,
    "fallback_application_name": "shredder",
    # A server that vanishes in mid-scan is noticed within a minute, not after two hours.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_SECRETS = frozenset({"password", "sslpassword", "oauth_client_secret"})

# Rows come in physical order and one text form, whatever the role's or the database's defaults;
# a policy that would hide rows is an error; what is committed is on disk. All of it for one
# transaction only: behind a pooler a session's settings would become other people's.
_SETTINGS = """
SET LOCAL search_path = '';
SET LOCAL row_security = off;
SET LOCAL synchronize_seqscans = off;
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL jit = off;
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL lock_timeout = '{lock_timeout_s}s';
SET LOCAL DateStyle = 'ISO, YMD';
SET LOCAL IntervalStyle = 'postgres';
SET LOCAL TimeZone = 'UTC';
SET LOCAL extra_float_digits = 1;
SET LOCAL bytea_output = 'escape';
SET LOCAL quote_all_identifiers = off;
SELECT pg_catalog.set_config('transaction_timeout', '0', true)
  FROM pg_catalog.pg_settings WHERE name = 'transaction_timeout';
SELECT pg_catalog.set_config('synchronous_commit', 'on', true)
 WHERE pg_catalog.current_setting('synchronous_commit') <> 'remote_apply';
SELECT pg_catalog.set_config('session_replication_role', 'origin', true)
 WHERE pg_catalog.current_setting('session_replication_role') <> 'origin'
"""


@dataclass
class Cluster:
    """The server that a conninfo leads to. Thread-safe; connects at first use."""

    store: str
    conninfo: str = field(repr=False)
    lock_timeout_s: int = 5
    tell: Tell = field(default=untold, repr=False)
    _idle: dict[str, list[Connection]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _identity: str = ""
    _closed: bool = False

    def where(self, database: str = "") -> str:
        """Name the place for a message."""
        return f"store {self.store}" + (f", database {database}" if database else "")

    @property
    def identity(self) -> str:
        """``postgresql:`` and the cluster's system identifier, the same on its standbys.

        Where the server withholds it: ``postgresql-at:`` and a digest of host and port, which
        stays the same as long as the conninfo does.
        """
        if not self._identity:
            with self.use() as connection:
                self._identity = self._read_identity(connection)
        return self._identity

    @contextmanager
    def use(self, database: str = "", *, fresh: bool = False) -> Iterator[Connection]:
        """Lend a connection in autocommit, and translate what the driver raises.

        `database`: the one that conninfo names where left out. It goes back to the pool only if
        it is idle: whatever else was going on in it ends with it.
        """
        connection = None if fresh else self._from_pool(database)
        connection = connection or self.connect(database)
        try:
            yield connection
        except psycopg.Error as error:
            connection.close()
            raise translate(error, self.where(database)) from None
        finally:
            self._give_back(database, connection, keep=not fresh)

    @contextmanager
    def transaction(self, connection: Connection, begin: str) -> Iterator[None]:
        """Run a transaction: committed at the end, rolled back by any exception."""
        self.begin(connection, begin)
        try:
            yield
        except BaseException:
            if connection.pgconn.transaction_status != TransactionStatus.ACTIVE:
                roll_back(connection)
            raise
        connection.execute("COMMIT")

    @contextmanager
    def reading(self, database: str = "", *, fresh: bool = False) -> Iterator[Connection]:
        """Lend a connection in a snapshot of its own."""
        with (
            self.use(database, fresh=fresh) as connection,
            self.transaction(connection, SNAPSHOT),
        ):
            yield connection

    def begin(self, connection: Connection, begin: str) -> None:
        """Begin a transaction with our settings."""
        settings = _SETTINGS.format(lock_timeout_s=self.lock_timeout_s)
        connection.execute(f"{begin};{settings}".encode())

    def connect(self, database: str = "") -> Connection:
        """Open a connection of the caller's own."""
        given = libpq.conninfo_to_dict(self.conninfo)
        words: dict[str, str | int] = {k: v for k, v in _DEFAULTS.items() if k not in given}
        words["client_encoding"] = "UTF8"
        if database:
            words["dbname"] = database
        where = self.where(database)
        try:
            connection = psycopg.connect(self.conninfo, autocommit=True, **words)  # type: ignore[arg-type]  # libpq's words
        except psycopg.Error as error:
            raise translate_connecting(error, where) from None
        connection.prepare_threshold = None  # a pooler in between may not keep statements
        if connection.info.server_version < OLDEST:
            connection.close()
            raise CouldNotTell(
                f"{where}: the server is older than Postgres 13", reason="server-too-old"
            )
        return connection

    def close(self) -> None:
        """Close what is idle; what is lent closes when it comes back."""
        with self._lock:
            self._closed = True
            pools, self._idle = list(self._idle.values()), {}
        for connection in (c for pool in pools for c in pool):
            connection.close()

    def _read_identity(self, connection: Connection) -> str:
        try:
            with self.transaction(connection, SNAPSHOT):
                row = connection.execute(
                    "SELECT system_identifier::text FROM pg_control_system()"
                ).fetchone()
        except psycopg.errors.InsufficientPrivilege:
            row = None
        if row is not None:
            return f"postgresql:{row[0]}"
        at = f"{connection.info.host}:{connection.info.port}"
        return f"postgresql-at:{hashlib.sha256(at.encode()).hexdigest()[:32]}"

    def _from_pool(self, database: str) -> Connection | None:
        while True:
            with self._lock:
                pool = self._idle.get(database)
                if not pool:
                    return None
                connection = pool.pop()
            if _alive(connection):
                return connection
            connection.close()

    def _give_back(self, database: str, connection: Connection, *, keep: bool) -> None:
        idle = connection.pgconn.transaction_status == TransactionStatus.IDLE
        with self._lock:
            pool = self._idle.setdefault(database, [])
            if keep and idle and not self._closed and len(pool) < _IDLE_PER_DATABASE:
                pool.append(connection)
                return
        connection.close()


def parse_conninfo(store: str, conninfo: str) -> None:
    """Refuse a conninfo that libpq does not take, and one with a secret in it."""
    try:
        words = libpq.conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError:
        raise SettingError(
            f"store {store}: conninfo is not in libpq's form",
            hint='for example conninfo = "service=warehouse" or "host=db.example dbname=shop"',
        ) from None
    if _SECRETS & words.keys():
        raise SettingError(
            f"store {store}: conninfo holds a password",
            hint="take it out, and give it by .pgpass, a service file or PGPASSWORD",
        )


def roll_back(connection: Connection) -> None:
    """Roll back, if the connection can still be spoken to."""
    try:
        connection.execute("ROLLBACK")
    except psycopg.Error:
        connection.close()


def _alive(connection: Connection) -> bool:
    if connection.closed:
        return False
    try:
        connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True
