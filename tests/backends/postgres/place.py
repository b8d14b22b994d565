"""A database of its own on a real server, and short words for what tests do in it."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from backends.conformance import Row
from backends.conformance._harness import matcher
from backends.contract import (
    Context,
    Destruction,
    Examination,
    Gap,
    Holding,
    Order,
    Result,
    Store,
    Unit,
    Verification,
)
from backends.postgres import BACKEND
from backends.postgres._definitions import KINDS
from demo.servers.postgres import PostgresServer, wheel_bin_dir

_numbers = itertools.count()
DATASET = matcher()
OPERATOR = "operator"  # a role that is no superuser; it owns the database of a place


_CLEAN = """
DO $$ DECLARE what text; BEGIN
  FOR what IN
    SELECT format('PUBLICATION %I', pubname) FROM pg_publication
    UNION ALL SELECT format('EXTENSION %I', extname) FROM pg_extension WHERE extname <> 'plpgsql'
    UNION ALL SELECT format('FOREIGN DATA WRAPPER IF EXISTS %I', fdwname) FROM pg_foreign_data_wrapper
    UNION ALL SELECT format('SCHEMA %I', nspname) FROM pg_namespace WHERE oid = 2200 OR oid >= 16384
      AND nspname !~ '^pg_'
  LOOP EXECUTE 'DROP ' || what || ' CASCADE'; END LOOP;
END $$;
CREATE SCHEMA public AUTHORIZATION pg_database_owner;
GRANT USAGE ON SCHEMA public TO public
"""


class Place:
    """A new database. `sql` speaks as the superuser, a store as whom it is told to."""

    def __init__(self, server: PostgresServer, scratch: Path, owner: str = OPERATOR) -> None:
        self.server = server
        self.owner = owner
        self.scratch = scratch
        self.name = f"place_{next(_numbers)}"
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {self.name} OWNER {owner}")
        self.connection = self.connect()

    def connect(self, database: str = "", user: str = "postgres") -> psycopg.Connection[Any]:
        return psycopg.connect(
            self.server.conninfo,
            dbname=database or self.name,
            user=user,
            password=self.server.password,
            autocommit=True,
            prepare_threshold=None,
        )

    def sql(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        cursor = self.connection.execute(statement.encode(), params or None)
        return cursor.fetchall() if cursor.description else []

    def plant(self, table: str, rows: Sequence[Row], schema: str = "public") -> str:
        """Make a table of rows; its name is used as it is, whatever is in it."""
        name = sql.Identifier(schema, table)
        self.connection.execute(
            sql.SQL("CREATE TABLE {} (respondent_id uuid, email text, answer text)").format(name)
        )
        self.connection.execute(
            sql.SQL("ALTER TABLE {} OWNER TO {}").format(name, sql.Identifier(self.owner))
        )
        self.fill(table, rows, schema)
        return self.locator(table, schema)

    def fill(self, table: str, rows: Sequence[Row], schema: str = "public") -> None:
        statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(schema, table))
        with self.connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def locator(self, name: str, schema: str = "public") -> str:
        ((quoted,),) = self.sql(
            "SELECT format('%%I/%%I.%%I', current_database(), %s::text, %s::text)", schema, name
        )
        return str(quoted)

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        return self.sql(f"SELECT * FROM {table}")

    def dump(self, *without: str, no_blobs: bool = False) -> str:
        """What pg_dump, which knows nothing of us, writes of everything but some tables."""
        program = self.server.bin_dir / "pg_dump"
        if not program.exists():  # a newer one reads older servers
            program = wheel_bin_dir() / "pg_dump"
        done = subprocess.run(
            [program, *(["--no-blobs"] if no_blobs else []),
             *(f"--exclude-table-data={name}" for name in without),
             "-d", f"{self.server.conninfo} dbname={self.name}"],
            env={"PGPASSWORD": self.server.password}, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return "\n".join(
            line
            for line in done.stdout.splitlines()
            if not line.startswith(("\\restrict", "\\unrestrict"))
        )

    def settings(self, user: str = "postgres", **more: object) -> Mapping[str, object]:
        passfile = self.scratch / "pgpass"
        passfile.touch(mode=0o600)
        passfile.write_text(f"*:*:*:*:{self.server.password}\n")
        conninfo = f"{self.server.conninfo} user={user} dbname={self.name} passfile={passfile}"
        return {"conninfo": conninfo, "databases": [self.name]} | more

    @contextlib.contextmanager
    def store(self, user: str = "postgres", **more: object) -> Iterator[Store]:
        store = BACKEND.open(
            "warehouse", self.settings(user, **more), Context(self.scratch, self.scratch)
        )
        try:
            yield store
        finally:
            store.close()

    def clean(self) -> None:
        """Make it as good as new, in a tenth of the time that a new one takes."""
        if self.connection.closed:
            self.connection = self.connect()
        self.sql("DISCARD ALL")  # its temporary tables too
        self.sql(_CLEAN)
        self.sql("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")

    def close(self) -> None:
        self.connection.close()

    def drop(self) -> None:
        self.close()
        with self.connect("postgres") as connection:
            connection.execute(f"DROP DATABASE {self.name} WITH (FORCE)")


def listing(store: Store, place: Place) -> list[Unit | Gap]:
    """The place's relations and large objects; every database has texts beside them, too."""
    return [
        entry
        for entry in store.units(place.name)
        if isinstance(entry, Gap) or entry.kind not in KINDS
    ]


def unit(store: Store, locator: str) -> Unit:
    (found,) = (
        entry
        for scope in store.scopes()
        for entry in store.units(scope.name)
        if isinstance(entry, Unit) and entry.locator == locator
    )
    return found


def examined(store: Store, locator: str) -> Examination:
    return store.examine(unit(store, locator), DATASET)


def holding(store: Store, locator: str) -> Holding:
    (found,) = examined(store, locator).holdings
    return found


def order(found: Holding, *, whole: bool = False) -> Order:
    technique = found.partial if found.mixed and not whole else found.whole
    assert technique is not None, found.obstacle
    return Order("order-0", found, technique, whole=whole)


def destroyed(store: Store, wanted: Order) -> Destruction:
    (outcome,) = store.destroy([wanted], DATASET)
    return outcome


def result(store: Store, wanted: Order) -> tuple[Result, str]:
    outcome = destroyed(store, wanted)
    return outcome.result, outcome.reason


def verified(store: Store, wanted: Order) -> Verification:
    (answer,) = store.verify([wanted], DATASET)
    return answer
