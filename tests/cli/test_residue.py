"""A whole run against a server of its own, which goes after what that keeps, too."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from demo.servers.postgres import PostgresServer
from demo.servers.tsa import TimestampAuthority
from demo.survey import COLUMNS, Record, other_records, records
from tests.cli.operating import SURVEY, HereOperator

MINE, THEIRS = records(200), other_records(200)


class Warehouse:
    """A desk with a server of its own: a table of the dataset, and one that is mixed."""

    def __init__(self, folder: Path, server: PostgresServer, authority: TimestampAuthority) -> None:
        self.server = server
        folder.mkdir()
        secrets = folder.parent / "secrets"
        secrets.mkdir(mode=0o700)
        self.operator = HereOperator(
            folder,
            {
                "PGSERVICEFILE": str(server.service_file(secrets / "pg_service.conf")),
                "PGPASSFILE": str(server.pgpass(secrets / "pgpass")),
            },
        )
        self.operator.config.write_text(
            f"""
[stores.warehouse]
backend = "postgres"
conninfo = "service=warehouse dbname=postgres"
databases = ["postgres"]
residue = true

[datasets.{SURVEY}]
sources = [{{ store = "warehouse", table = "public.survey" }}]
[datasets.{SURVEY}.columns]
respondent_id = "private"

[timestamp]
authorities = ["{authority.url}"]
"""
        )
        columns = ", ".join(f"{name} text" for name in COLUMNS)
        for table, rows in {"survey": MINE, "mixed": [*MINE, *THEIRS]}.items():
            self.sql(f"CREATE TABLE {table} ({columns})")
            statement = f"COPY {table} FROM STDIN".encode()
            with self.connect() as connection, connection.cursor().copy(statement) as copy:
                for row in rows:
                    copy.write_row(row)
        self.sql("CREATE INDEX ON mixed (email)")
        self.sql("ANALYZE")
        for words in (["init"], ["enroll", SURVEY]):
            done = self.operator.run(*words)
            assert 0 == done.code, done.err

    @contextlib.contextmanager
    def connect(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(
            self.server.conninfo, password=self.server.password, autocommit=True
        ) as connection:
            yield connection

    def sql(self, statement: str) -> None:
        with self.connect() as connection:
            connection.execute(statement.encode())

    def left(self, rows: list[Record]) -> int:
        """Of how many rows the bytes of the data directory still have the identifier."""
        files = [p for p in sorted(self.server.data_directory.rglob("*")) if p.is_file()]
        data = b"".join(path.read_bytes() for path in files)
        return sum(row[0].encode() in data for row in rows)


@pytest.fixture
def warehouse(tmp_path: Path, authority: TimestampAuthority) -> Iterator[Warehouse]:
    with PostgresServer(tmp_path / "server", settings={"autovacuum": "off"}) as server:
        yield Warehouse(tmp_path / "desk", server, authority)


def test_a_run_leaves_nothing_on_the_server_and_says_what_it_did(warehouse: Warehouse) -> None:
    run = warehouse.operator.run
    planned = run("plan", SURVEY, "--json").json
    locks = {h["locator"] for h in planned["holdings"] if (h["cost"] or {}).get("exclusive")}
    assert {"postgres/public.survey", "postgres/public.mixed:pages"} < locks
    done = run("destroy", SURVEY, "--yes", "--json")
    assert (0, "complete") == (done.code, done.json["outcome"])
    statuses = {h["locator"]: h["status"] for h in done.json["holdings"]}
    assert {"destroyed-verified"} == set(statuses.values())
    assert {"postgres/public.mixed", "pg_wal", *locks} <= statuses.keys()
    assert [] == done.json["appeared"]
    assert 0 == warehouse.left(MINE)
    assert 200 == warehouse.left(THEIRS)


def test_what_keeps_bytes_is_named_before_and_after(warehouse: Warehouse) -> None:
    warehouse.sql("SELECT pg_create_physical_replication_slot('forgotten', true)")
    run = warehouse.operator.run
    planned = run("plan", SURVEY, "--json").json
    told = {h["locator"]: (h["decision"], h["reason"]) for h in planned["holdings"]}
    assert ("impossible", "wal-held-by-idle-slot") == told["pg_wal"]
    done = run("destroy", SURVEY, "--yes", "--json")
    assert "partial" == done.json["outcome"]
    (log,) = (h for h in done.json["holdings"] if h["locator"] == "pg_wal")
    assert "wal-held-by-idle-slot" == log["reason"]
    assert 0 < warehouse.left(MINE)
