"""Sealed values on a real Postgres: in by psycopg's dumpers and by COPY, out by a row factory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row, tuple_row

from backends.sealedvalue import Altered, Cell, KeyTree, Misplaced, NotSealed, Values
from backends.sealedvalue.postgres import ToSeal, opening, register
from demo.servers.postgres import PostgresServer

KEY = bytes(range(32))


@pytest.fixture
def values() -> Iterator[Values]:
    with Values(KEY) as values:
        yield values


@pytest.fixture
def connection(postgres: PostgresServer, values: Values) -> Iterator[psycopg.Connection[Any]]:
    """A table that is gone at the end; what is given as ToSeal is sealed."""
    with (
        psycopg.connect(postgres.conninfo, password=postgres.password) as connection,
        contextlib.closing(connection),
    ):
        connection.execute("CREATE TEMPORARY TABLE answers (id text, email bytea, photo bytea)")
        register(connection, values)
        yield connection


def put(connection: psycopg.Connection[Any], row: str, email: str | None, photo: bytes) -> None:
    given = [
        None if value is None else ToSeal(value, Cell("answers", column, row))
        for column, value in (("email", email), ("photo", photo))
    ]
    connection.execute("INSERT INTO answers VALUES (%s, %s, %s)", (row, *given))


def got(
    connection: psycopg.Connection[Any], values: Values, statement: str = "TABLE answers"
) -> Any:
    rows = opening(values, "answers", row="id", columns={"email", "photo"}, then=dict_row)
    with connection.cursor(row_factory=rows) as cursor:
        return cursor.execute(statement.encode()).fetchall()


def test_in_and_out(connection: psycopg.Connection[Any], values: Values) -> None:
    put(connection, "7", "jané@example.org", b"\0\xff")
    put(connection, "8", None, b"")
    assert got(connection, values) == [
        {"id": "7", "email": "jané@example.org", "photo": b"\0\xff"},
        {"id": "8", "email": None, "photo": b""},
    ]
    lying = connection.execute("SELECT email FROM answers WHERE id = '7'").fetchone()
    assert lying is not None
    assert values.open(lying[0], Cell("answers", "email", "7")) == "jané@example.org"


@pytest.mark.parametrize("placeholder", ["%s", "%b", "%t"])
def test_whatever_way_it_is_sent(
    connection: psycopg.Connection[Any], values: Values, placeholder: str
) -> None:
    given = ToSeal("jane", Cell("answers", "email", "7"))
    statement = f"INSERT INTO answers (id, email) VALUES ('7', {placeholder})"
    connection.execute(statement.encode(), (given,))
    assert got(connection, values)[0]["email"] == "jane"


@pytest.mark.parametrize("form", ["text", "binary"])
def test_by_copy(connection: psycopg.Connection[Any], values: Values, form: str) -> None:
    statement = f"COPY answers (id, email) FROM STDIN (FORMAT {form})"
    with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        copy.set_types(["text", "bytea"])
        for n in range(50):
            copy.write_row((str(n), ToSeal(f"mail {n}", Cell("answers", "email", str(n)))))
    assert [each["email"] for each in got(connection, values)] == [f"mail {n}" for n in range(50)]


def test_under_a_record(connection: psycopg.Connection[Any]) -> None:
    with Values(KEY, KeyTree.made()) as values:
        register(connection, values)
        given = ToSeal("jane", Cell("answers", "email", "7"), "r7")
        connection.execute("INSERT INTO answers (id, email) VALUES ('7', %s)", (given,))
        lying = connection.execute("SELECT email FROM answers").fetchone()
        assert lying is not None
        assert values.path("r7") in lying[0]
        assert got(connection, values)[0]["email"] == "jane"


def test_a_value_that_was_moved_is_not_given_out(
    connection: psycopg.Connection[Any], values: Values
) -> None:
    put(connection, "7", "jane", b"x")
    put(connection, "8", "john", b"y")
    connection.execute(
        "UPDATE answers SET email = (SELECT email FROM answers WHERE id = '7') WHERE id = '8'"
    )
    with pytest.raises(Misplaced):
        got(connection, values, "SELECT * FROM answers WHERE id = '8'")
    connection.execute("UPDATE answers SET photo = email WHERE id = '7'")
    with pytest.raises(Misplaced):
        got(connection, values, "SELECT * FROM answers WHERE id = '7'")


def test_what_was_altered_or_never_sealed_is_an_error(
    connection: psycopg.Connection[Any], values: Values
) -> None:
    put(connection, "7", "jane", b"x")
    connection.execute("UPDATE answers SET email = set_byte(email, 60, 1 # get_byte(email, 60))")
    with pytest.raises(Altered):
        got(connection, values)
    connection.execute("UPDATE answers SET email = 'jane'")
    with pytest.raises(NotSealed):
        got(connection, values)


def test_the_row_must_be_selected(connection: psycopg.Connection[Any], values: Values) -> None:
    put(connection, "7", "jane", b"x")
    with pytest.raises(ValueError, match="id"):
        got(connection, values, "SELECT email FROM answers")
    rows = opening(values, "answers", row="id", columns={"email"}, then=tuple_row)
    with connection.cursor(row_factory=rows) as cursor:
        assert cursor.execute("SELECT 1").fetchall() == [(1,)], (
            "of other statements nothing is asked"
        )


def test_a_value_on_its_way_is_not_shown_in_logs() -> None:
    assert "jane" not in repr(ToSeal("jane", Cell("answers", "email", "7")))
