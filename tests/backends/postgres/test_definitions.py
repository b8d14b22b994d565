"""Records in what a database holds beside rows, on two versions of it."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import pytest

from backends.conformance import acquaintances, records
from backends.contract import CoverageStatus, Unit
from backends.postgres._definitions import KINDS
from tests.backends.postgres.place import DATASET, OPERATOR, Place, unit

ID = records(1)[0].respondent_id
SOMEBODY = acquaintances(1)[0].email


def found(place: Place, kind: str) -> list[tuple[int | None, str]]:
    database = place.locator("x").split("/", maxsplit=1)[0]
    with place.store() as store:
        seen = store.examine(unit(store, f"{database}/{kind}"), DATASET)
        assert seen.gap is None
        return [(h.records, h.obstacle) for h in seen.holdings]


def test_each_kind_is_one_unit_after_the_rows(any_place: Place) -> None:
    any_place.plant("t", records(1))
    with any_place.store() as store:
        entries = [u for u in store.units(any_place.name) if isinstance(u, Unit)]
    assert sorted(KINDS) == [u.kind for u in entries][-3:]
    cursors = [u.cursor for u in entries]
    assert sorted(cursors) == cursors
    with any_place.store() as store:
        scope = entries[0].scope
        for entry in entries:
            after = [u.cursor for u in store.units(scope, entry.cursor) if isinstance(u, Unit)]
            assert [c for c in cursors if c > entry.cursor] == after


def test_an_empty_database_has_none(any_place: Place) -> None:
    assert [[], [], []] == [found(any_place, kind) for kind in sorted(KINDS)]


@pytest.mark.parametrize(
    "statement",
    [
        "COMMENT ON TABLE t IS 'as {id} said'",
        "COMMENT ON COLUMN t.v IS 'as {id} said'",
        "COMMENT ON DATABASE {database} IS 'of {id}'",
    ],
)
def test_a_record_in_a_comment_is_found(any_place: Place, statement: str) -> None:
    database = any_place.locator("x").split("/", maxsplit=1)[0]
    any_place.connection.execute("CREATE TABLE t (v text)")
    any_place.connection.execute(statement.format(id=ID, database=database).encode())
    try:
        assert [(1, "")] == found(any_place, "comments")
    finally:
        any_place.connection.execute(f"COMMENT ON DATABASE {database} IS NULL".encode())


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT '{id}' $$",
        "CREATE VIEW v AS SELECT '{id}'::text",
        "CREATE MATERIALIZED VIEW v AS SELECT 1 WHERE '{id}' = 'x'",
        "ALTER TABLE t ADD CHECK (v <> '{id}')",
        "ALTER TABLE t ALTER v SET DEFAULT '{id}'",
        "ALTER TABLE t ADD w uuid DEFAULT '{id}'",
        "CREATE INDEX ON t (v) WHERE v <> '{id}'",
        "CREATE TYPE e AS ENUM ('a', '{id}')",
        "CREATE POLICY p ON t USING (v <> '{id}')",
        "CREATE RULE r AS ON INSERT TO t WHERE new.v = '{id}' DO NOTHING",
        "CREATE TABLE p PARTITION OF parted FOR VALUES IN ('{id}')",
    ],
)
def test_a_record_in_a_definition_is_found(any_place: Place, statement: str) -> None:
    any_place.connection.execute("CREATE TABLE t (v text)")
    any_place.connection.execute("CREATE TABLE parted (v text) PARTITION BY LIST (v)")
    any_place.connection.execute(statement.format(id=ID).encode())
    assert [(1, "no-rewrite-of-definitions")] == found(any_place, "definitions")


def test_a_person_who_is_named_in_a_comment_is_no_holding(any_place: Place) -> None:
    any_place.connection.execute("CREATE TABLE t (v text)")
    any_place.connection.execute(f"COMMENT ON TABLE t IS 'ask {SOMEBODY}'".encode())
    assert [] == found(any_place, "comments")


def test_what_is_found_can_be_named_and_not_destroyed(any_place: Place) -> None:
    any_place.sql(f"CREATE FOREIGN DATA WRAPPER w OPTIONS (\"{ID}\" 'x')")
    database = any_place.locator("x").split("/", maxsplit=1)[0]
    with any_place.store() as store:
        (holding,) = store.examine(unit(store, f"{database}/definitions"), DATASET).holdings
    assert (None, None, None) == (holding.whole, holding.partial, holding.foreign_records)


def test_the_texts_of_statements_are_looked_at_and_what_is_hidden_is_a_gap(
    any_place: Place,
) -> None:
    place = any_place
    database = place.locator("x").split("/", maxsplit=1)[0]
    place.connection.execute("CREATE EXTENSION pg_stat_statements")
    try:
        place.connection.execute("SELECT pg_stat_statements_reset()")  # of other tests' statements
        place.connection.execute("CREATE TABLE t (v text)")
        place.connection.execute(f"CREATE VIEW kept AS SELECT '{ID}'::text".encode())
        place.connection.execute("DROP VIEW kept")
        assert [(1, "statement-texts-not-reset")] == found(place, "statements")
        with place.store(user=OPERATOR) as store:
            seen = store.examine(unit(store, f"{database}/statements"), DATASET)
        assert seen.gap is not None
        assert (CoverageStatus.FAILED, "access-denied") == (seen.gap.status, seen.gap.reason)
        place.connection.execute("SELECT pg_stat_statements_reset()")
        assert [] == found(place, "statements")
    finally:
        place.connection.execute("DROP EXTENSION pg_stat_statements")
