"""The shapes that a copy has in a database: tables of all kinds of columns, views, large objects."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from tests.corpus.tables import DATES, NUMERIC, Column, Kind, Table

Link = Connection[Any]
Shape = Callable[[random.Random, Link, Table], None]

_NAME = sql.Identifier("app", "t_2018")


def _make(
    link: Link, columns: Mapping[str, str], *, before: str = "TABLE", after: str = ""
) -> None:
    link.execute("CREATE SCHEMA IF NOT EXISTS app")
    listed = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(t)) for n, t in columns.items()
    )
    link.execute(
        sql.SQL("CREATE {} {} ({}) {}").format(
            sql.SQL(before),
            _NAME,
            listed,
            sql.SQL(after),
        )
    )


def _fill(link: Link, rows: list[list[Any]]) -> None:
    with link.cursor() as cursor, cursor.copy(sql.SQL("COPY {} FROM STDIN").format(_NAME)) as copy:
        for row in rows:
            copy.write_row(row)


def _texts(table: Table) -> list[list[Any]]:
    return [[value or None for value in row] for row in table.rows]


def text(rng: random.Random, link: Link, table: Table) -> None:
    _make(link, dict.fromkeys(table.names, "text"), before=rng.choice(("TABLE", "UNLOGGED TABLE")))
    _fill(link, _texts(table))


def _type(column: Column, values: list[Any], whole: str) -> str:
    kinds = {type(value) for value in values if value is not None}
    if column.kind in NUMERIC and kinds <= {int, float}:
        return whole if kinds <= {int} else "numeric(12,2)"
    if column.kind in DATES and kinds <= {date}:
        return "date"
    if column.kind is Kind.ID and all(len(str(v)) in {32, 36} for v in values):
        return "uuid"
    return "text"


def typed(rng: random.Random, link: Link, table: Table) -> None:
    whole = rng.choice(("bigint", "numeric", "double precision"))
    by_column = table.columnar()
    _make(link, {c.name: _type(c, by_column[c.name], whole) for c in table.columns})
    _fill(link, [list(row) for row in zip(*by_column.values(), strict=True)])


def partitioned(rng: random.Random, link: Link, table: Table) -> None:
    columns = {**dict.fromkeys(table.names, "text"), "part": "int"}
    _make(link, columns, after="PARTITION BY LIST (part)")
    link.execute("CREATE TABLE app.p PARTITION OF app.t_2018 FOR VALUES IN (1)")
    _fill(link, [[*row, 1] for row in _texts(table)])


def materialised_view(rng: random.Random, link: Link, table: Table) -> None:
    """The table that it was made of is empty by now."""
    text(rng, link, table)
    link.execute("CREATE MATERIALIZED VIEW app.v AS SELECT * FROM app.t_2018 ORDER BY 1 DESC")
    link.execute("TRUNCATE app.t_2018")


def jsonb(rng: random.Random, link: Link, table: Table) -> None:
    _make(link, {"n": "int", "body": "jsonb"})
    for number, record in enumerate(table.records()):
        link.execute(
            sql.SQL("INSERT INTO {} VALUES (%s, %s)").format(_NAME), [number, Jsonb(record)]
        )


def json_in_one(rng: random.Random, link: Link, table: Table) -> None:
    """All records in one value."""
    _make(link, {"body": rng.choice(("jsonb", "json"))})
    _fill(link, [[json.dumps(list(table.records()))]])


def array(rng: random.Random, link: Link, table: Table) -> None:
    _make(link, {"answer": "text[]"})
    _fill(link, [[list(row)] for row in table.rows])


def lines_in_bytea(rng: random.Random, link: Link, table: Table) -> None:
    _make(link, {"line": "bytea"})
    _fill(link, [["\t".join(row).encode()] for row in table.rows])


SHAPES: Mapping[str, Shape] = {
    "table-of-text": text,
    "table-typed": typed,
    "partition": partitioned,
    "materialised-view": materialised_view,
    "jsonb": jsonb,
    "json-in-one": json_in_one,
    "text-array": array,
    "lines-in-bytea": lines_in_bytea,
}


def file_in_bytea(link: Link, data: bytes) -> None:
    """A file as an application keeps uploads."""
    _make(link, {"name": "text", "content": "bytea"})
    _fill(link, [["upload", data]])


def large_object(link: Link, data: bytes) -> None:
    link.execute("SELECT lo_from_bytea(0, %s)", [data])
