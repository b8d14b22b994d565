"""Statements that a server remembers, and the log that it writes: what of them can go by SQL."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from backends.contract import Finding, Holding, Order, Result, Store, Technique, Unit
from tests.backends.postgres import leftovers
from tests.backends.postgres.conftest import VERSIONS
from tests.backends.postgres.place import OPERATOR, Place

DATASET = leftovers.matcher()
RECORD, OTHER = leftovers.row("m", 1), leftovers.row("s", 1)
LOGGED = leftovers.row("m", 0).respondent_id.encode()


@pytest.fixture(params=VERSIONS, ids="postgres-{}".format)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A server of its own, whose log lies in its data directory."""
    with leftovers.server(tmp_path_factory.mktemp("server"), request.param) as made:
        yield made


def held(store: Store, kind: str) -> list[Holding]:
    units = (
        entry
        for scope in store.scopes()
        for entry in store.units(scope.name)
        if isinstance(entry, Unit) and entry.kind == kind
    )
    return [each for unit in units for each in store.examine(unit, DATASET).holdings]


def carried_out(store: Store, holding: Holding) -> tuple[Result, str, tuple[str, ...]]:
    assert holding.whole is not None, holding.obstacle
    order = Order("order-0", holding, holding.whole, whole=False)
    (outcome,) = store.destroy([order], DATASET)
    return outcome.result, outcome.reason, outcome.limitations


def remembered(place: Place, statement: str) -> None:
    """Run a statement whose text is kept as it is, for it is none of a plan's."""
    place.sql(f"CREATE VIEW passing AS {statement}")
    place.sql("DROP VIEW passing")


def file_of_texts(place: Place) -> bytes:
    return (place.server.data_directory / "pg_stat_tmp" / "pgss_query_texts.stat").read_bytes()


def test_statements_with_records_go_and_others_stay(place: Place) -> None:
    place.sql("CREATE EXTENSION pg_stat_statements")
    remembered(place, f"SELECT '{RECORD.respondent_id}'::text AS v")
    for _ in range(3):
        remembered(place, f"SELECT '{OTHER.respondent_id}'::text AS v")
    kept = "SELECT queryid, calls FROM pg_stat_statements WHERE query LIKE %s"
    before = place.sql(kept, f"%{OTHER.respondent_id}%")
    assert RECORD.respondent_id.encode() in file_of_texts(place)
    with place.store(residue=True) as store:
        (statements,) = held(store, "statements")
        assert Technique.RESET_STATISTICS is statements.whole
        assert (Result.DESTROYED, "", ()) == carried_out(store, statements)
        assert [] == held(store, "statements")
    assert [] == place.sql(kept, f"%{RECORD.respondent_id}%")
    assert before == place.sql(kept, f"%{OTHER.respondent_id}%")
    assert [(1, 3)] == [(len(before), calls) for _, calls in before]
    assert RECORD.respondent_id.encode() not in file_of_texts(place)
    assert OTHER.respondent_id.encode() in file_of_texts(place)
    assert [(0,)] == place.sql(
        "SELECT count(*) FROM pg_stat_statements WHERE query LIKE '%%shredder%%'"
    )


def test_where_they_may_not_be_reset_that_is_said(place: Place) -> None:
    place.sql("CREATE EXTENSION pg_stat_statements")
    place.sql(f"GRANT pg_read_all_stats TO {OPERATOR}")
    remembered(place, f"SELECT '{RECORD.respondent_id}'::text AS v")
    with place.store(OPERATOR, residue=True) as store:
        (statements,) = held(store, "statements")
    assert (None, "statement-texts-not-reset") == (statements.whole, statements.obstacle)


def log_files(place: Place) -> list[str]:
    return sorted(path.name for path in (place.server.data_directory / "log").iterdir())


def test_on_its_host_a_file_of_the_log_is_overwritten_and_removed(place: Place) -> None:
    leftovers.logged(place)
    (name,) = log_files(place)
    with (
        place.store(residue=True) as store,
        (place.server.data_directory / "log" / name).open("rb") as kept,
    ):
        (log,) = held(store, "server-log")
        assert (Technique.REMOVE_LOG, "") == (log.whole, log.obstacle)
        order = Order("order-0", log, Technique.REMOVE_LOG, whole=False)
        assert LOGGED in kept.read()
        assert (Result.DESTROYED, "", ()) == carried_out(store, log)
        kept.seek(0)
        assert (after := kept.read())
        assert LOGGED not in after
        assert name not in log_files(place)
        assert Finding.ABSENT is next(iter(store.verify([order], DATASET))).finding
        place.sql("DO $$ BEGIN RAISE LOG 'the log goes on'; END $$")
        leftovers.await_in_log(place, "the log goes on")


@pytest.mark.needs("root")
@pytest.mark.parametrize("place", [18], indirect=True)
def test_a_file_that_is_not_the_servers_stays(place: Place) -> None:
    """Who rules the server can have its log's folder be any: this process may be root."""
    leftovers.logged(place)
    (name,) = log_files(place)
    path = place.server.data_directory / "log" / name
    with place.store(residue=True) as store:
        (log,) = held(store, "server-log")
        os.chown(path, 0, -1)
        assert (Result.FAILED, "log-not-removed", ()) == carried_out(store, log)
    assert LOGGED in path.read_bytes()


def test_a_log_without_records_is_none_of_the_plan(place: Place) -> None:
    with place.store(residue=True) as store:
        assert [] == held(store, "server-log")


def test_what_is_missing_to_read_the_log_is_named(place: Place) -> None:
    leftovers.logged(place)

    def missing(store: Store) -> list[str]:
        gaps = leftovers.looked(store, DATASET, places=False)[1]
        return [gap.reason for gap in gaps if gap.locator == "log/*"]

    read = "pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)"
    with place.store(OPERATOR, residue=True) as store:
        assert ["needs-pg-monitor"] == missing(store)
        place.sql(f"GRANT pg_monitor TO {OPERATOR}")
        assert ["needs-pg-read-server-files"] == missing(store)
        place.sql(f"GRANT EXECUTE ON FUNCTION {read} TO {OPERATOR}")
        place.sql(f"GRANT pg_read_server_files TO {OPERATOR}")
        assert [] == missing(store)
        assert 1 == len(held(store, "server-log"))
