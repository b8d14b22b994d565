"""When a cluster proves that a relation was not written to, on two versions of it."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backends.conformance import records, strangers
from demo.servers.postgres import PostgresServer
from tests.backends.postgres.conftest import VERSIONS
from tests.backends.postgres.place import DATASET, Place, unit
from tests.needs import POSTGRES_15


def states(place: Place, *locators: str) -> list[str]:
    with place.store() as store:
        return [unit(store, at).state for at in locators]


@pytest.mark.parametrize(
    "quiet",
    [
        "SELECT count(*) FROM quiet",
        "CHECKPOINT",
        "SELECT pg_switch_wal()",
        "VACUUM (FREEZE) quiet",
        "SELECT pg_sleep(0)",
    ],
)
def test_a_relation_keeps_its_state_while_nobody_writes_rows(any_place: Place, quiet: str) -> None:
    at = any_place.plant("quiet", strangers(3))
    before = states(any_place, at)
    any_place.connection.execute(quiet.encode())
    assert before != [""]
    assert before == states(any_place, at)


def test_reading_a_relation_ends_no_state(any_place: Place) -> None:
    """Who reads rows first marks them as committed, and with checksums that is logged."""
    at = any_place.plant("quiet", [*strangers(300), *records(3)])
    with any_place.store() as store:
        any_place.sql("CHECKPOINT")
        before = unit(store, at).state
        log = any_place.sql("SELECT pg_current_wal_insert_lsn()")
        assert store.examine(unit(store, at), DATASET).holdings
        assert before == unit(store, at).state
        if any_place.sql("SHOW data_checksums") == [("on",)]:
            assert log != any_place.sql("SELECT pg_current_wal_insert_lsn()")


@pytest.mark.parametrize(
    "write",
    [
        "INSERT INTO quiet SELECT * FROM quiet",
        "UPDATE quiet SET answer = answer",
        "TRUNCATE quiet",
        "ALTER TABLE quiet RENAME COLUMN answer TO said",
        "CREATE TABLE besides AS SELECT 1",
        "SELECT lo_from_bytea(0, 'x')",
        "COMMENT ON TABLE quiet IS 'a comment'",
        "ANALYZE quiet",
    ],
)
def test_whatever_is_written_ends_every_state(any_place: Place, write: str) -> None:
    at = any_place.plant("quiet", strangers(3))
    before = states(any_place, at)
    any_place.connection.execute(write)
    assert before != states(any_place, at)


@pytest.mark.parametrize("end", ["COMMIT", "PREPARE TRANSACTION 'later'"])
@pytest.mark.parametrize("meanwhile", [False, True], ids=["alone", "with another's"])
def test_what_is_committed_later_moves_the_state(
    any_place: Place, end: str, *, meanwhile: bool
) -> None:
    """A row that was written before the sweep, and that only a commit after it shows."""
    at = any_place.plant("quiet", strangers(3))
    with any_place.connect() as other:
        other.execute("BEGIN")
        other.execute("INSERT INTO quiet SELECT * FROM quiet")
        if meanwhile:  # its id is the later one, and that one ends first
            any_place.sql("CREATE TABLE besides AS SELECT 1")
        before = states(any_place, at)
        other.execute(end.encode())
    if end != "COMMIT":
        assert before == states(any_place, at)
        any_place.sql("COMMIT PREPARED 'later'")
    after = states(any_place, at)
    assert meanwhile == (before == [""])
    assert [""] != after
    assert before != after


@pytest.mark.parametrize("version", VERSIONS)
def test_a_crash_of_the_server_ends_every_state(tmp_path: Path, version: int) -> None:
    """What was not flushed is lost, and the ids of its transactions are given anew."""
    bin_dir = POSTGRES_15 if version == 15 else None
    with PostgresServer(tmp_path / "server", bin_dir=bin_dir) as server:
        place = Place(server, tmp_path, owner="postgres")
        at = place.plant("quiet", strangers(3))
        before = states(place, at)
        (started,) = place.sql("SELECT pg_postmaster_start_time()")
        os.kill(place.connection.info.backend_pid, signal.SIGKILL)
        place.connection.close()
        place.connection = until(place.connect)
        assert [started] == place.sql("SELECT pg_postmaster_start_time()")
        after = states(place, at)
        place.connection.close()
    assert before != after
    assert [""] != after


def until(connect: Callable[[], psycopg.Connection[Any]]) -> psycopg.Connection[Any]:
    """Connect as soon as the server has recovered."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return connect()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def test_an_unlogged_table_has_no_state(any_place: Place) -> None:
    at = any_place.plant("quiet", records(3))
    any_place.connection.execute("ALTER TABLE quiet SET UNLOGGED")
    assert [""] == states(any_place, at)
