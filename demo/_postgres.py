"""The demo's database cluster: the survey's table, what was made of it, and what must stay."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import LiteralString

import psycopg
from psycopg import sql

from demo.servers.postgres import PostgresServer
from demo.survey import Record, as_csv

_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TYPES: LiteralString = """(
    respondent_id uuid PRIMARY KEY, email text NOT NULL, name text, birth_year integer,
    income numeric(12, 2), answer_use text, answer_wish text)"""

Place = tuple[str, str, str]  # database, schema, relation


class Cluster:
    """Two databases, ``postgres`` and ``lab``, of one server."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self.holdings: dict[Place, int] = {}  # relation -> records
        self.large_object = 0
        self.large_object_records = 0
        self._mixed: set[Place] = set()
        self._ids: frozenset[bytes] = frozenset()

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Connect as the superuser; every statement is its own transaction."""
        return psycopg.connect(
            self.server.conninfo, password=self.server.password, dbname=database, autocommit=True
        )

    def plant(self, survey: Sequence[Record], others: Sequence[Record]) -> None:
        """Fill the cluster, which is new."""
        self._ids = frozenset(row.respondent_id.encode() for row in survey)
        with self.connect() as connection:
            connection.execute("CREATE DATABASE lab")
            self._plant_source(connection, survey)
            self._plant_descendants(connection, survey)
            self._plant_mixed(connection, survey, others)
            self._plant_decoys(connection, others)
        with self.connect("lab") as connection:
            connection.execute("CREATE TABLE extract " + _TYPES)
            self._hold(connection, ("lab", "public", "extract"), survey[:2000])
            connection.execute("CREATE TABLE readings (at timestamptz, celsius real)")
            connection.execute(
                "INSERT INTO readings SELECT timestamptz '2018-05-01' + n * interval '1 minute',"
                " 20 + n % 7 FROM generate_series(1, 5000) n"
            )

    def _plant_source(self, connection: psycopg.Connection, survey: Sequence[Record]) -> None:
        connection.execute("CREATE TABLE survey_2018_05 " + _TYPES)
        self._hold(connection, ("postgres", "public", "survey_2018_05"), survey)
        connection.execute("CREATE INDEX ON survey_2018_05 (email)")

    def _plant_descendants(self, connection: psycopg.Connection, survey: Sequence[Record]) -> None:
        connection.execute("CREATE SCHEMA archive")
        connection.execute(
            'CREATE TABLE archive."old ""stuff""; (final)" ('
            "id text, mail text, who text, born integer, pay text, a text, b text)"
            " PARTITION BY RANGE (born)"
        )
        for name, low, high in (("up_to_1969", 1900, 1970), ("from_1970", 1970, 2100)):
            connection.execute(
                sql.SQL(
                    'CREATE TABLE archive.{} PARTITION OF archive."old ""stuff""; (final)"'
                    " FOR VALUES FROM ({}) TO ({})"
                ).format(sql.Identifier(name), low, high)
            )
            born = [row for row in survey if low <= int(row.birth_year) < high]
            self._hold(connection, ("postgres", "archive", name), born)
        connection.execute("CREATE SCHEMA reporting")
        connection.execute(
            """CREATE MATERIALIZED VIEW reporting.spenders AS
               SELECT respondent_id, email, income FROM survey_2018_05 WHERE income > 100000"""
        )
        spenders = sum(int(row.income) > 100_000 for row in survey)
        self.holdings["postgres", "reporting", "spenders"] = spenders
        # Without line breaks in answers: a large object goes whole or not at all, so every line of
        # it has to be a record for certain.
        some = [row for row in survey[7000:8000] if "\n" not in row.answer_use]
        made = connection.execute("SELECT lo_from_bytea(0, %s)", [as_csv(some).encode()])
        row = made.fetchone()
        assert row is not None
        self.large_object = row[0]
        self.large_object_records = len(some)

    def _plant_mixed(
        self, connection: psycopg.Connection, survey: Sequence[Record], others: Sequence[Record]
    ) -> None:
        connection.execute("CREATE SCHEMA analytics")
        connection.execute("CREATE TABLE analytics.responses " + _TYPES)
        mine, theirs = survey[:400], others[:4000]
        place = ("postgres", "analytics", "responses")
        step = len(theirs) // len(mine) if mine else 1
        rows = [*theirs]
        for number, row in enumerate(mine):
            rows.insert(number * step, row)
        self._hold(connection, place, rows)
        self.holdings[place] = len(mine)
        self._mixed.add(place)

    def _plant_decoys(self, connection: psycopg.Connection, others: Sequence[Record]) -> None:
        connection.execute("CREATE TABLE survey_2019_11 " + _TYPES)
        _load(connection, ("postgres", "public", "survey_2019_11"), others)
        connection.execute(
            'CREATE TABLE "Weird; ""name""" (id bigserial PRIMARY KEY, note text, raw bytea)'
        )
        connection.execute(
            'INSERT INTO "Weird; ""name""" (note, raw)'
            " SELECT 'note ' || n, decode(md5(n::text), 'hex') FROM generate_series(1, 3000) n"
        )
        connection.execute(
            "CREATE MATERIALIZED VIEW reporting.canteen AS"
            " SELECT birth_year, count(*) FROM survey_2019_11 GROUP BY birth_year"
        )
        connection.execute("SELECT lo_from_bytea(0, %s)", [as_csv(others[:500]).encode()])

    def _hold(self, connection: psycopg.Connection, place: Place, rows: Sequence[Record]) -> None:
        _load(connection, place, rows)
        self.holdings[place] = len(rows)

    def decoys(self) -> dict[str, str]:
        """Digest each relation and large object that is no holding, and mixed ones' other rows."""
        found = {}
        for place, lines in self._contents():
            if place in self._mixed:
                kept = sorted(line for line in lines if self._ids.isdisjoint(_UUID.findall(line)))
                found[f"foreign rows of {_label(place)}"] = _digest(kept)
            elif place not in self.holdings:
                found[_label(place)] = _digest(lines)
        for number, content in self._large_objects():
            if number != self.large_object:
                found[f"postgres: large object {number}"] = hashlib.sha256(content).hexdigest()
        return found

    def survivors(self) -> dict[str, int]:
        """Count the rows of each relation, and records of each large object, with a respondent."""
        counts = {
            _label(place): sum(not self._ids.isdisjoint(_UUID.findall(line)) for line in lines)
            for place, lines in self._contents()
        }
        for number, content in self._large_objects():
            ids = set(_UUID.findall(content)) & self._ids
            counts[f"postgres: large object {number}"] = len(ids)
        return counts

    def _contents(self) -> Iterator[tuple[Place, Iterator[bytes]]]:
        """Yield every relation that holds rows, with its rows as text; consume each in turn."""
        for database in self._databases():
            with self.connect(database) as connection:
                found = connection.execute(
                    """SELECT n.nspname, c.relname FROM pg_class c
                       JOIN pg_namespace n ON n.oid = c.relnamespace
                       WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^(pg_|information_schema)'
                       ORDER BY 1, 2"""
                ).fetchall()
                for schema, relation in found:
                    yield (database, schema, relation), _rows(connection, schema, relation)

    def _databases(self) -> list[str]:
        with self.connect() as connection:
            found = connection.execute("SELECT datname FROM pg_database WHERE datallowconn")
            return [name for (name,) in found if name != "template1"]

    def _large_objects(self) -> list[tuple[int, bytes]]:
        with self.connect() as connection:
            return connection.execute(
                "SELECT oid::bigint, lo_get(oid) FROM pg_largeobject_metadata ORDER BY 1"
            ).fetchall()


def _load(connection: psycopg.Connection, place: Place, rows: Sequence[Record]) -> None:
    into = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(*place[1:]))
    with connection.cursor().copy(into) as copy:
        for row in rows:
            copy.write_row(row)


def _rows(connection: psycopg.Connection, schema: str, relation: str) -> Iterator[bytes]:
    """Read a relation's rows in COPY's text format, a row a line."""
    query = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT").format(sql.Identifier(schema, relation))
    with connection.cursor().copy(query) as copy:
        for data in copy:
            yield bytes(data)


def _digest(lines: Iterator[bytes] | list[bytes]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
    return digest.hexdigest()


def _label(place: Place) -> str:
    return "postgres: " + ".".join(place)
