"""Moving the write-ahead log on, and what keeps it from going."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from backends.conformance import records, strangers
from backends.contract import CheckStatus, Context, Holding, Order, Result, Step, Store, Technique
from backends.postgres import BACKEND
from backends.postgres.residue.wal import number_of, number_of_lsn
from tests.backends.postgres.conftest import VERSIONS
from tests.backends.postgres.leftovers import looked, server
from tests.backends.postgres.place import DATASET, OPERATOR, Place, destroyed, result

DONE = (Result.DESTROYED, "")
MARK = "a mark that is nowhere else"


def log(store: Store) -> Holding:
    (held,) = (each for each in looked(store, DATASET, places=False)[0] if each.kind == "wal")
    return held


def recycling(held: Holding) -> Order:
    return Order("order-0", held, Technique.RECYCLE_WAL, whole=False)


def marked(place: Place) -> None:
    """Leave a mark in many segments of the log, and a table with records."""
    place.plant("t", records(3))
    for _ in range(3):
        place.sql("SELECT pg_logical_emit_message(false, 'test', %s)", MARK)
        place.sql("SELECT pg_switch_wal()")


def segments_with_the_mark(place: Place) -> int:
    folder = place.server.data_directory / "pg_wal"
    return sum(MARK.encode() in path.read_bytes() for path in folder.iterdir() if path.is_file())


def test_segments_are_numbered_as_the_server_does(any_place: Place) -> None:
    ((lsn, name, size),) = any_place.sql(
        "SELECT l::text, pg_walfile_name(l), pg_size_bytes(current_setting('wal_segment_size'))"
        " FROM pg_current_wal_insert_lsn() l"
    )
    assert number_of(name, size) == number_of_lsn(lsn, size)
    # 4 GiB have as many segments as fit: the last of them, and the first of the next.
    assert 1 == number_of("000000010000000100000000", 1 << 30) - number_of("0" * 22 + "03", 1 << 30)


def test_switching_alone_clears_nothing(any_place: Place) -> None:
    """The fault that the backend repairs is there: this is not a test of nothing."""
    marked(any_place)
    for _ in range(20):
        any_place.sql("SELECT pg_current_xact_id()")
        any_place.sql("SELECT pg_switch_wal()")
    assert 3 == segments_with_the_mark(any_place)
    any_place.sql("CHECKPOINT")
    assert segments_with_the_mark(any_place)


def test_nothing_of_before_is_left(any_place: Place) -> None:
    marked(any_place)
    told: list[Step] = []
    context = Context(any_place.scratch, any_place.scratch, told.append)
    settings = any_place.settings(residue=True)
    with closing(BACKEND.open("warehouse", settings, context)) as store:
        held = log(store)
        assert (Technique.RECYCLE_WAL, ()) == (held.whole, held.limitations)
        outcome = destroyed(store, recycling(held))
    assert Result.DESTROYED is outcome.result
    assert 0 == segments_with_the_mark(any_place)
    cost = held.cost
    assert cost is not None
    written = outcome.numbers["wal-segments-written"] << 24
    assert (False, True) == (cost.exclusive, 0 < written <= (cost.writes or 0))
    assert {"moving-log-on"} == {each.name for each in told}
    assert [each.done for each in told] == list(range((written >> 24) + 1))
    assert all(each.done <= each.total for each in told)


@pytest.mark.parametrize(
    "settings",
    [
        ["wal_keep_size = '96MB'"],
        ["wal_recycle = off", "wal_init_zero = off"],
        ["min_wal_size = '320MB'"],
    ],
    ids=["kept", "not-recycled", "many-ahead"],
)
def test_whatever_the_server_keeps(any_place: Place, settings: Sequence[str]) -> None:
    with configured(any_place, *settings):
        for _ in range(8):
            any_place.sql("SELECT pg_current_xact_id()")
            any_place.sql("SELECT pg_switch_wal()")
        any_place.sql("CHECKPOINT")
        marked(any_place)
        with any_place.store(residue=True) as store:
            assert DONE == result(store, recycling(log(store)))
        assert 0 == segments_with_the_mark(any_place)


def test_a_slot_that_nobody_reads_from_is_an_obstacle(any_place: Place) -> None:
    marked(any_place)
    any_place.sql("SELECT pg_create_physical_replication_slot('forgotten', true)")
    with any_place.store(residue=True) as store:
        try:
            held = log(store)
            assert (None, "wal-held-by-idle-slot", None) == (held.whole, held.obstacle, held.cost)
            assert (Result.FAILED, "wal-held-by-idle-slot") == result(store, recycling(held))
        finally:
            any_place.sql("SELECT pg_drop_replication_slot('forgotten')")
        assert DONE == result(store, recycling(held))


def test_a_slot_whose_reader_lags_is_told_before_and_after(
    any_place: Place, tmp_path: Path
) -> None:
    any_place.sql("SELECT pg_create_physical_replication_slot('lagging', true)")
    try:
        with receiving(any_place, tmp_path), any_place.store(residue=True) as store:
            marked(any_place)
            held = log(store)
            assert {"wal-held-by-active-slot", "wal-sent-to-standbys"} == set(held.limitations)
            assert (Result.FAILED, "wal-held-by-active-slot") == result(store, recycling(held))
            assert segments_with_the_mark(any_place)
    finally:
        while any_place.sql("SELECT 1 FROM pg_replication_slots WHERE active"):
            time.sleep(0.05)
        any_place.sql("SELECT pg_drop_replication_slot('lagging')")


def test_a_prepared_transaction_is_told(any_place: Place) -> None:
    marked(any_place)
    any_place.sql("BEGIN; INSERT INTO t VALUES (NULL, 'x', 'y'); PREPARE TRANSACTION 'kept'")
    try:
        with any_place.store(residue=True) as store:
            assert ("prepared-transaction",) == log(store).limitations
    finally:
        any_place.sql("ROLLBACK PREPARED 'kept'")


def test_a_table_that_is_published_is_told(any_place: Place) -> None:
    marked(any_place)
    any_place.sql("CREATE PUBLICATION told FOR TABLE t")
    with any_place.store(residue=True) as store:
        assert ("published-to-subscribers",) == log(store).limitations


@pytest.mark.parametrize("version", VERSIONS, ids="postgres-{}".format)
def test_an_archive_is_told_and_one_that_fails_is_an_obstacle(tmp_path: Path, version: int) -> None:
    with (
        server(tmp_path, version, archive_mode="on", archive_command="") as place,
        place.store(residue=True, lock_timeout_s=1) as store,
    ):
        marked(place)
        held = log(store)
        assert (None, "wal-waits-for-archiver") == (held.whole, held.obstacle)
        with configured(place, "archive_command = 'false'"):
            while not place.sql("SELECT 1 FROM pg_stat_archiver WHERE failed_count > 0"):
                time.sleep(0.1)
            assert "wal-waits-for-archiver" == log(store).obstacle
        with configured(place, "archive_command = 'true'"):
            while not place.sql(
                "SELECT 1 FROM pg_stat_archiver"
                " WHERE last_archived_time > coalesce(last_failed_time, '-infinity')"
            ):
                time.sleep(0.1)
            held = log(store)
            assert ("", ("wal-archived",)) == (held.obstacle, held.limitations)
            outcome = destroyed(store, recycling(held))
            assert (Result.DESTROYED, ("wal-archived",)) == (outcome.result, outcome.limitations)
        assert 0 == segments_with_the_mark(place)


def test_the_right_that_is_missing_is_named(any_place: Place) -> None:
    any_place.plant("t", [*records(3), *strangers(3)])
    grants = {
        "needs-pg-checkpoint": "pg_checkpoint",
        "needs-pg-switch-wal": "EXECUTE ON FUNCTION pg_catalog.pg_switch_wal()",
        "needs-pg-monitor": "pg_monitor",
    }
    with any_place.connect() as connection, any_place.store(OPERATOR, residue=True) as store:
        try:
            for obstacle, right in grants.items():
                held = log(store)
                assert obstacle == held.obstacle
                assert (Result.FAILED, obstacle) == result(store, recycling(held))
                connection.execute(f"GRANT {right} TO {OPERATOR}".encode())
            assert DONE == result(store, recycling(log(store)))
        finally:
            for right in grants.values():
                connection.execute(f"REVOKE {right} FROM {OPERATOR}".encode())


@contextlib.contextmanager
def configured(place: Place, *settings: str) -> Iterator[None]:
    """Settings of the server, for a while."""
    names = [setting.partition(" ")[0] for setting in settings]
    for setting in settings:
        place.sql(f"ALTER SYSTEM SET {setting}")
    reloaded(place)
    try:
        yield
    finally:
        for name in names:
            place.sql(f"ALTER SYSTEM RESET {name}")
        reloaded(place)


def reloaded(place: Place) -> None:
    ((before,),) = place.sql("SELECT pg_conf_load_time()")
    place.sql("SELECT pg_reload_conf()")
    while place.sql("SELECT pg_conf_load_time()") == [(before,)]:
        time.sleep(0.02)


@contextlib.contextmanager
def receiving(place: Place, directory: Path) -> Iterator[None]:
    """A reader of the slot that is connected, and has stopped to read."""
    socket = place.server.conninfo.split()[0].removeprefix("host=")
    arguments = [
        "-h",
        socket,
        "-p",
        "5432",
        "-U",
        "postgres",
        "-S",
        "lagging",
        "-D",
        str(directory),
    ]
    reader = subprocess.Popen(
        [place.server.bin_dir / "pg_receivewal", *arguments],
        env={**os.environ, "PGPASSWORD": place.server.password},
        stderr=subprocess.DEVNULL,
    )
    try:
        while not place.sql("SELECT 1 FROM pg_replication_slots WHERE active"):
            assert reader.poll() is None
            time.sleep(0.05)
        reader.send_signal(signal.SIGSTOP)
        yield
    finally:
        reader.kill()
        reader.wait()


def test_doctor_tells_what_keeps_the_log(any_place: Place) -> None:
    any_place.sql("SELECT pg_create_physical_replication_slot('forgotten', true)")
    try:
        with any_place.store(residue=True) as store:
            found = {each.what: each for each in store.check()}
    finally:
        any_place.sql("SELECT pg_drop_replication_slot('forgotten')")
    told = found["write-ahead log"]
    assert (CheckStatus.MISSING, "wal-held-by-idle-slot") == (told.status, told.detail)
    assert "drop the replication slots" in told.hint
    assert CheckStatus.OK is found["rewriting of tables: exclusive"].status
    assert CheckStatus.OK is found["server log"].status
    with any_place.store() as store:
        assert "write-ahead log" not in {each.what for each in store.check()}
