"""Writing a table anew by pg_repack, while others use it."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from backends.conformance import records, strangers
from backends.contract import Result, Store
from backends.postgres.residue import online
from tests.backends.postgres.leftovers import looked
from tests.backends.postgres.place import DATASET, Place, result
from tests.backends.postgres.test_rewriting import another, everything, nodes, ordered, state

pytestmark = pytest.mark.needs("pg-repack")


@pytest.fixture
def repack_place(old_place: Place) -> Iterator[Place]:
    """A database of the older server, for which Debian has pg_repack, with its extension."""
    old_place.sql("CREATE EXTENSION pg_repack")
    yield old_place
    old_place.sql("DROP EXTENSION pg_repack")


def test_a_table_with_everything_on_it_is_the_same_afterwards(repack_place: Place) -> None:
    everything(repack_place)
    with repack_place.store(residue=True, rewrite="online") as store:
        compact = ordered(store, "pages")
        assert 2 == len(compact)
        assert [False, False] == [o.holding.cost.exclusive for o in compact if o.holding.cost]
        before, files = state(repack_place), nodes(repack_place, "t", "part", "by_email")
        outcomes = store.destroy(compact, DATASET)
    assert {(Result.DESTROYED, "")} == {(each.result, each.reason) for each in outcomes}
    assert not set(files) & set(nodes(repack_place, "t", "part", "by_email"))
    assert before == state(repack_place)


def test_what_an_interrupted_one_left_is_taken_away(repack_place: Place) -> None:
    repack_place.plant("t", [*records(9), *strangers(9)])
    repack_place.sql("ALTER TABLE t ADD PRIMARY KEY (respondent_id)")
    with repack_place.store(residue=True, rewrite="online", lock_timeout_s=1) as store:
        (compact,) = ordered(store, "pages")
        before = repack_place.dump()
        with another(repack_place, "SELECT pg_current_xact_id()"):  # it waits for this one
            assert (Result.FAILED, "old-transaction") == result(store, compact)
            with begun(repack_place):
                assert (Result.FAILED, "lock-timeout") == result(store, compact)
        assert before != repack_place.dump()
        assert (Result.DESTROYED, "") == result(store, compact)
        assert (Result.ALREADY_ABSENT, "") == result(store, compact)
    assert before == repack_place.dump()
    assert [] == repack_place.sql("SELECT 1 FROM pg_class WHERE relname LIKE 'log\\_%%'")


@contextlib.contextmanager
def begun(place: Place) -> Iterator[None]:
    """The program at work on a table: it is killed once its trigger is there."""
    environment = {**os.environ, "PGPASSWORD": place.server.password}
    for word in place.server.conninfo.split():
        key, _, value = word.partition("=")
        environment[{"dbname": "PGDATABASE"}.get(key, f"PG{key.upper()}")] = value
    arguments = [online.PROGRAM, "--table=t", "--no-order", f"--dbname={place.name}"]
    program = subprocess.Popen(arguments, env=environment, stderr=subprocess.DEVNULL)
    try:
        while not place.sql("SELECT 1 FROM pg_trigger WHERE tgname = 'repack_trigger'"):
            assert program.poll() is None
            time.sleep(0.05)
        yield
    finally:
        program.kill()
        program.wait()
        while place.sql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"):
            time.sleep(0.05)


def test_what_is_missing_for_it_is_told(old_place: Place) -> None:
    old_place.plant("t", [*records(9), *strangers(9)])
    with old_place.store(residue=True, rewrite="online") as store:
        assert "pg-repack-missing" == obstacle(store)
        old_place.sql("CREATE EXTENSION pg_repack")
        try:
            assert "pg-repack-needs-key" == obstacle(store)
            old_place.sql("ALTER TABLE t ADD PRIMARY KEY (respondent_id)")
            assert "" == obstacle(store)
        finally:
            old_place.sql("DROP EXTENSION pg_repack")


def obstacle(store: Store) -> str:
    (held,) = (each for each in looked(store, DATASET, places=False)[0] if each.kind == "pages")
    assert (held.whole is None) == bool(held.obstacle)
    return held.obstacle


def test_what_a_column_gave_to_older_rows_stays(repack_place: Place) -> None:
    """So they are named: the catalogue has the value after it as before."""
    repack_place.plant("t", [*records(3), *strangers(3)])
    repack_place.sql("ALTER TABLE t ADD PRIMARY KEY (respondent_id)")
    repack_place.sql(f"ALTER TABLE t ADD w text DEFAULT '{records(4)[3].respondent_id}'")
    repack_place.sql("UPDATE t SET w = 'theirs'")
    with repack_place.store(residue=True, rewrite="online") as store:
        (compact,) = ordered(store, "pages")
        (kept,) = (each for each in looked(store, DATASET)[0] if each.kind == "missing-values")
        assert (None, online.KEEPS_MISSING_VALUES) == (kept.whole, kept.obstacle)
        assert (Result.DESTROYED, "") == result(store, compact)
    assert [(1,)] == repack_place.sql("SELECT count(*) FROM pg_attribute WHERE atthasmissing")
