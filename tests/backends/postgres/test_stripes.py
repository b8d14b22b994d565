"""A large table read by ranges, over several connections: the same rows, in the same order."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from backends.conformance import records, strangers
from backends.errors import BackendError
from backends.postgres import _copy, _examine, _stripes
from backends.postgres._catalog import relation_at
from backends.postgres._rows import RowScan, copy_rows
from backends.postgres._session import Cluster
from tests.backends.postgres.place import DATASET, Place, examined, unit


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges of two blocks, whatever the size of the table, over three connections."""
    monkeypatch.setattr(_stripes, "LARGE", 1)
    monkeypatch.setattr(_stripes, "RANGE", 2 * 8192)


def filled(place: Place) -> str:
    at = place.plant("large", [*strangers(300), *records(40), *strangers(900)[300:]])
    place.connection.execute("DELETE FROM large WHERE answer LIKE '%7%'")
    place.connection.execute("INSERT INTO large SELECT * FROM large ORDER BY answer LIMIT 200")
    return at


def read(place: Place, at: str, number: int) -> tuple[object, str, bool]:
    cluster = Cluster("w", str(place.settings()["conninfo"]))
    try:
        with cluster.reading(at.split("/", maxsplit=1)[0]) as connection:
            relation = relation_at(connection, at)
            assert relation is not None
            scan = RowScan(DATASET)
            striped = _stripes.copy_striped(cluster, connection, relation, scan, number)
            if not striped:
                copy_rows(connection, relation.qualified, scan)
            return scan.finish(), scan.digest(), striped
    finally:
        cluster.close()


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("number", [2, 3, 50])
def test_the_rows_are_those_of_one_connection(any_place: Place, number: int) -> None:
    at = filled(any_place)
    alone = read(any_place, at, 1)
    together = read(any_place, at, number)
    assert (False, True) == (alone[2], together[2])
    assert alone[:2] == together[:2]


@pytest.mark.usefixtures("small")
def test_an_empty_table_has_no_ranges(any_place: Place) -> None:
    at = any_place.plant("empty", [])
    assert not read(any_place, at, 3)[2]


def test_a_small_table_is_not_worth_it(any_place: Place) -> None:
    assert not read(any_place, filled(any_place), 3)[2]


@pytest.mark.usefixtures("small")
def test_examining_a_large_table_takes_all_connections_that_are_worth_it(
    any_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = filled(any_place)
    with any_place.store() as store:
        (expected,) = examined(store, at).holdings
    monkeypatch.setattr(_examine, "connections", lambda: 3)
    seen: list[str] = []
    share = _stripes._share

    def noted(cluster: Cluster, database: str, *rest: Any) -> Iterator[_copy.Rows | None]:
        seen.append(threading.current_thread().name)
        yield from share(cluster, database, *rest)

    monkeypatch.setattr(_stripes, "_share", noted)
    with any_place.store() as store:
        assert (expected,) == examined(store, at).holdings
    assert ["postgres stripe"] * 3 * 2 == seen  # a holding is read twice


@pytest.mark.usefixtures("small")
def test_a_connection_that_fails_fails_the_unit_and_leaves_nothing_behind(
    any_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = filled(any_place)
    monkeypatch.setattr(_examine, "connections", lambda: 3)
    blocks_of, left = _copy.blocks_of, [4]

    def broken(*arguments: Any, **named: Any) -> Iterator[_copy.Rows]:
        left[0] -= 1
        if not left[0]:
            raise ValueError("a fault of the test's")
        yield from blocks_of(*arguments, **named)

    monkeypatch.setattr(_stripes, "blocks_of", broken)
    with any_place.store() as store, pytest.raises((BackendError, ValueError)):
        store.examine(unit(store, at), DATASET)
    assert not [t for t in threading.enumerate() if t.name == "postgres stripe"]
    assert [] == any_place.sql(
        "SELECT state FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND state <> 'idle'"
    )


@pytest.mark.usefixtures("small")
def test_nobody_takes_the_rows_away_meanwhile(any_place: Place) -> None:
    """TRUNCATE ends no snapshot, so only a lock keeps the rows there for all connections."""
    at = filled(any_place)
    cluster = Cluster("w", str(any_place.settings()["conninfo"]))
    with cluster.reading(at.split("/", maxsplit=1)[0]) as connection:
        relation = relation_at(connection, at)
        assert relation is not None
        scan = RowScan(DATASET)
        assert _stripes.copy_striped(cluster, connection, relation, scan, 3)
        with pytest.raises(Exception, match="lock timeout"):
            any_place.connection.execute("SET lock_timeout = '50ms'; TRUNCATE large")
    cluster.close()
