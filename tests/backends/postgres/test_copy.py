"""The rows of a COPY, by both ways of asking for them, and what another thread has ready."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Generator

import psycopg
import pytest
from psycopg import sql

from backends.conformance import records, strangers
from backends.postgres import _copy, _rows
from backends.postgres._ahead import ahead
from backends.postgres._gather import Gatherer
from tests.backends.postgres.place import Place, examined

WAYS = pytest.mark.parametrize("many", [True, False], ids=["compiled", "row by row"])
QUERIES = {
    "nothing": "SELECT WHERE false",
    "rows without columns": "SELECT FROM generate_series(1, 3)",
    "one block and a row": "SELECT n FROM generate_series(1, 50000) n",
    "rows longer than a block": "SELECT repeat(n::text, 300000) FROM generate_series(1, 4) n",
    "long ones between short ones": "SELECT repeat('é', n + 200000 * (n % 7 / 6)) FROM generate_series(1, 50) n",
    "escapes": r"SELECT E'a\tb\nc\\d\r' || chr(n), NULL FROM generate_series(1, 255) n",
}


def copy(query: str) -> sql.Composed:
    return sql.SQL("COPY ({}) TO STDOUT").format(sql.SQL(query))


def by_the_driver(place: Place, query: str) -> bytes:
    with place.connection.cursor() as cursor, cursor.copy(copy(query)) as rows:
        return b"".join(map(bytes, rows))


@WAYS
@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_blocks_are_whole_rows_and_together_all_of_them(
    any_place: Place, query: str, *, many: bool
) -> None:
    blocks = list(_copy.blocks_of(any_place.connection, copy(query), many=many))
    whole = by_the_driver(any_place, query)
    assert whole == b"".join(block.data for block in blocks)
    rows = [b.data[i:j] for b in blocks for i, j in itertools.pairwise([0, *b.ends])]
    assert whole.splitlines(keepends=True) == rows
    assert any_place.connection.execute("SELECT 1").fetchone() == (1,)


def test_rows_are_gathered_by_compiled_code_where_that_is_installed(new_place: Place) -> None:
    assert isinstance(_copy._compiled(new_place.connection.pgconn), Gatherer)


@WAYS
def test_an_error_in_mid_copy_is_raised(new_place: Place, *, many: bool) -> None:
    fails = copy("SELECT 1 / (90000 - n) FROM generate_series(1, 90000) n")
    with pytest.raises(psycopg.errors.DivisionByZero):
        list(_copy.blocks_of(new_place.connection, fails, many=many))
    assert new_place.connection.execute("SELECT 1").fetchone() == (1,)


@WAYS
def test_a_server_that_ends_in_mid_copy_is_no_end_of_the_rows(
    new_place: Place, *, many: bool
) -> None:
    with new_place.connect() as connection:
        blocks = _copy.blocks_of(
            connection, copy("SELECT generate_series(1, 100000000)"), many=many
        )
        next(blocks)
        new_place.sql("SELECT pg_terminate_backend(%s)", connection.info.backend_pid)
        with pytest.raises(psycopg.OperationalError):
            list(blocks)


@WAYS
@pytest.mark.parametrize("last", [1, 1000000000], ids=["after the last", "in the middle"])
def test_who_stops_taking_rows_leaves_nothing_under_way(
    new_place: Place, caplog: pytest.LogCaptureFixture, last: int, *, many: bool
) -> None:
    rows = copy(f"SELECT generate_series(1, {last})")
    blocks = _copy.blocks_of(new_place.connection, rows, many=many)
    next(blocks)
    blocks.close()
    assert new_place.connection.execute("SELECT 1").fetchone() == (1,)
    assert [] == caplog.records  # the driver would warn


def test_examining_a_large_table_by_compiled_code_gives_the_same(
    any_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = any_place.plant("t", [*strangers(9000), *records(30)])
    with any_place.store() as store:
        alone = examined(store, at)
        monkeypatch.setattr(_rows, "MANY", 1)
        assert alone == examined(store, at)
    assert 30 == alone.holdings[0].records


def counted(closed: list[str], size: int = 1) -> Generator[bytes]:
    try:
        for number in range(100):
            yield bytes([number]) * size
    finally:
        closed.append(threading.current_thread().name)


@pytest.mark.parametrize("size", [1, 2, 9])
def test_what_another_thread_produces_comes_in_order(size: int) -> None:
    closed: list[str] = []
    with ahead(counted(closed, size), 3, "counting") as blocks:
        assert [*counted([], size)] == list(blocks)
    assert ["counting"] == closed


def test_no_more_is_held_than_may_be() -> None:
    """Of what is produced, three bytes wait; the next block waits with its producer."""
    made: list[int] = []

    def noted() -> Generator[bytes]:
        for block in counted([]):
            made.append(block[0])
            yield block

    with ahead(noted(), 3, "counting") as blocks:
        assert b"\0" == next(blocks)
        deadline = time.monotonic() + 30
        while len(made) < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        assert [0, 1, 2, 3, 4] == made


def test_a_producer_of_which_nobody_wants_more_ends_with_its_thread() -> None:
    closed: list[str] = []
    with ahead(counted(closed), 3, "counting") as blocks:
        assert b"\0" == next(blocks)
    assert ["counting"] == closed
    assert "counting" not in [thread.name for thread in threading.enumerate()]


def test_a_producer_s_error_is_raised_behind_what_came_before_it() -> None:
    def broken() -> Generator[bytes]:
        yield b"1"
        raise ValueError("a fault of the test's")

    with ahead(broken(), 3, "counting") as blocks:
        assert b"1" == next(blocks)
        with pytest.raises(ValueError, match="fault"):
            next(blocks)
