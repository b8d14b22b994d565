"""Names that are records, and options of other servers' tables: they say nothing afterwards.

What is there besides is told by pg_dump, in which nothing differs but these names.
"""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from backends.conformance import records, strangers
from backends.contract import CoverageStatus, Finding, Result, Technique
from backends.postgres import _dropping
from backends.postgres._dropping import Found
from backends.postgres._session import Connection
from tests.backends.postgres.leftovers import carried_out, looked
from tests.backends.postgres.place import DATASET, OPERATOR, Place, destroyed, order, unit, verified
from tests.backends.postgres.test_dropping import dropped, planned

ID = records(1)[0].respondent_id
NAME = f'"{ID}"'
_EVERYTHING = f"""
CREATE SCHEMA {NAME};
CREATE TYPE {NAME}.{NAME} AS ({NAME} int, b text);
CREATE DOMAIN {NAME}."{ID} d" AS text CONSTRAINT {NAME} CHECK (VALUE <> 'x');
CREATE TYPE {NAME}."{ID} e" AS ENUM ('a', '{ID}');
CREATE TABLE {NAME}."{ID} typed" OF {NAME}.{NAME};
CREATE TABLE {NAME}."{ID} t" (
  {NAME} int GENERATED ALWAYS AS IDENTITY,
  "{ID} v" text DEFAULT 'others',
  "%I %s %L" {NAME}."{ID} e" DEFAULT '{ID}',
  d {NAME}."{ID} d" DEFAULT 'y',
  CONSTRAINT "{ID} k" PRIMARY KEY ({NAME}),
  CONSTRAINT {NAME} CHECK ({NAME} > 0),
  CONSTRAINT "{ID} u" UNIQUE ("{ID} v")
);
CREATE INDEX "{ID} i" ON {NAME}."{ID} t" (lower("{ID} v")) WHERE {NAME} > 0;
CREATE TABLE {NAME}."{ID} heir" () INHERITS ({NAME}."{ID} t");
CREATE TABLE refers (k int CONSTRAINT {NAME} REFERENCES {NAME}."{ID} t");
CREATE TABLE {NAME}."{ID} parted" ({NAME} int PRIMARY KEY) PARTITION BY LIST ({NAME});
CREATE TABLE part PARTITION OF {NAME}."{ID} parted" FOR VALUES IN (1);
CREATE FUNCTION {NAME}.{NAME}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE FUNCTION called(n int) RETURNS text STABLE
  BEGIN ATOMIC SELECT t."{ID} v" FROM {NAME}."{ID} t" t WHERE t.{NAME} = called.n; END;
CREATE AGGREGATE {NAME}."{ID} a" (int) (SFUNC = int4larger, STYPE = int);
CREATE TRIGGER {NAME} BEFORE INSERT ON {NAME}."{ID} t" FOR EACH ROW EXECUTE FUNCTION {NAME}.{NAME}();
CREATE TRIGGER {NAME} AFTER INSERT ON {NAME}."{ID} parted" FOR EACH ROW
  EXECUTE FUNCTION {NAME}.{NAME}();
CREATE VIEW {NAME}."{ID} w" WITH (security_barrier = true, check_option = local) AS
  SELECT {NAME}, "{ID} v", d FROM {NAME}."{ID} t" WHERE {NAME} < 1000;
ALTER VIEW {NAME}."{ID} w" ALTER d SET DEFAULT 'of the view';
CREATE VIEW on_it AS SELECT w.{NAME} AS n, count(*) FROM {NAME}."{ID} w" w GROUP BY 1;
GRANT SELECT ("{ID} v") ON {NAME}."{ID} w" TO {OPERATOR};
COMMENT ON VIEW on_it IS 'it stays';
CREATE RULE {NAME} AS ON DELETE TO {NAME}."{ID} t" WHERE old.{NAME} = 7
  DO INSTEAD UPDATE {NAME}."{ID} t" SET "{ID} v" = 'kept' WHERE {NAME} = old.{NAME};
CREATE POLICY {NAME} ON {NAME}."{ID} t" TO {OPERATOR}
  USING ({NAME} IN (SELECT p.{NAME} FROM {NAME}."{ID} parted" p)) WITH CHECK (d <> 'z');
CREATE STATISTICS {NAME}."{ID} s" ON {NAME}, "{ID} v" FROM {NAME}."{ID} t";
CREATE COLLATION {NAME}.{NAME} FROM "C";
CREATE TEXT SEARCH CONFIGURATION {NAME}.{NAME} (COPY = simple);
CREATE TEXT SEARCH DICTIONARY {NAME}.{NAME} (TEMPLATE = simple);
CREATE OPERATOR CLASS {NAME}.{NAME} FOR TYPE int USING hash AS FUNCTION 1 hashint4(int);
CREATE CONVERSION {NAME}.{NAME} FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE DOMAIN {NAME}."{ID} n" AS int[];
CREATE TYPE {NAME}."{ID} r" AS RANGE (SUBTYPE = int);
CREATE TABLE ranges (r {NAME}."{ID} r" DEFAULT {NAME}."{ID} r"(1, 2));
CREATE SEQUENCE {NAME}."{ID} q";
CREATE PUBLICATION {NAME} FOR TABLE {NAME}."{ID} t" WITH (publish = 'insert');
CREATE FOREIGN DATA WRAPPER {NAME};
CREATE SERVER {NAME} FOREIGN DATA WRAPPER {NAME}
"""


def read(dump: str) -> list[str]:
    """A dump's lines, in which a record's name and what stands for it are the same."""
    same = re.sub(' AS "removed-name-[0-9]+"', "", dump)
    same = re.sub(rf"{ID}( \w+)?|removed-\d+", "(name)", same)
    # Where a name begins and ends decides on the order, of objects and of members.
    lines = (line.strip().rstrip(",") for line in same.splitlines())
    return sorted(line for line in lines if not line.startswith("--"))


def works(place: Place, schema: str, table: str, key: str, value: str) -> None:
    """What refers to the names does what it did."""
    at = f'"{schema}"."{table}"'
    place.sql(f'INSERT INTO {at} ("{value}") VALUES (%s)', "found")
    ((number,),) = place.sql(f'SELECT max("{key}") FROM {at}')
    assert [("found",)] == place.sql("SELECT called(%s)", number)
    assert (number, 1) in place.rows("on_it")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        place.sql("INSERT INTO refers VALUES (4711)")
    with pytest.raises(psycopg.errors.CheckViolation):
        place.sql(f"INSERT INTO {at} (d) VALUES ('x')")
    place.sql(f"DELETE FROM {at}")


def test_everything_has_another_name_and_works(any_place: Place) -> None:
    any_place.sql(_EVERYTHING)
    works(any_place, ID, f"{ID} t", ID, f"{ID} v")
    before = any_place.dump()
    dropped(any_place)
    after = any_place.dump()
    assert ID not in after
    assert read(before) == read(after)
    ((schema, table, oid),) = any_place.sql(
        "SELECT relnamespace::regnamespace::text, relname, oid FROM pg_class"
        " WHERE oid = (SELECT confrelid FROM pg_constraint WHERE conrelid = 'refers'::regclass"
        " AND contype = 'f')"
    )
    assert f"removed-{oid}" == table
    works(any_place, schema.strip('"'), table, "removed-1", "removed-2")


def test_what_is_computed_by_a_name_goes_where_it_cannot_be_made_anew(any_place: Place) -> None:
    any_place.sql(f"CREATE TABLE t ({NAME} int); CREATE MATERIALIZED VIEW mv AS SELECT * FROM t")
    dropped(any_place)
    assert [(None,)] == any_place.sql("SELECT to_regclass('mv')")


def test_a_name_that_only_a_view_s_tree_has_is_found(any_place: Place) -> None:
    any_place.sql(f"CREATE TABLE t ({NAME} int); CREATE VIEW v AS SELECT {NAME} AS n FROM t")
    any_place.sql(f"ALTER TABLE t RENAME {NAME} TO n")
    before = any_place.dump()
    assert ID not in before
    dropped(any_place)
    assert before == any_place.dump()


def test_of_what_is_inherited_from_several_none_is_renamed(any_place: Place) -> None:
    any_place.sql(f"CREATE TABLE a ({NAME} int); CREATE TABLE b ({NAME} int)")
    any_place.sql("CREATE TABLE c () INHERITS (a, b)")
    before = any_place.dump()
    with planned(any_place) as (store, held):
        outcome = destroyed(store, order(held, whole=True))
        assert (Result.FAILED, "others-depend-on-it") == (outcome.result, outcome.reason)
    assert before == any_place.dump()


def test_a_name_that_is_taken_is_told(any_place: Place) -> None:
    any_place.sql(f"CREATE TABLE {NAME} (n int)")
    ((oid,),) = any_place.sql("SELECT oid FROM pg_class WHERE relname = %s", ID)
    any_place.sql(f'CREATE VIEW "removed-{oid}" AS SELECT 1')
    before = any_place.dump()
    with planned(any_place) as (store, held):
        outcome = destroyed(store, order(held, whole=True))
        assert (Result.FAILED, "neutral-name-taken") == (outcome.result, outcome.reason)
    assert before == any_place.dump()


def test_a_table_is_written_anew_by_whatever_name(new_place: Place) -> None:
    new_place.plant(ID, [*records(3), *strangers(3)])
    with new_place.store(residue=True) as store:
        holdings, _ = looked(store, DATASET, places=False)
        assert {"table", "definitions", "pages"} <= {each.kind for each in holdings}
        names = {each.locator.rpartition(".")[2] for each in holdings}
        assert {"pg_class:pages", "pg_type:pages"} <= names, "its row's type has its name"
        made = [
            replace(order(each, whole=each.kind == "definitions"), id=f"order-{number}")
            for number, each in enumerate(holdings)
            if each.kind != "wal"
        ]
        made.sort(key=lambda each: (each.technique.stage, int(each.holding.details["phase"])))
        outcomes, answers = carried_out(store, made, DATASET)
    assert {(Result.DESTROYED, "")} == {(each.result, each.reason) for each in outcomes}
    assert {Finding.ABSENT} == {each.finding for each in answers}


def test_a_role_has_another_name_in_every_database(any_place: Place) -> None:
    any_place.sql(f"CREATE ROLE {NAME} LOGIN")
    ((oid,),) = any_place.sql("SELECT oid FROM pg_roles WHERE rolname = %s", ID)
    try:
        any_place.sql(f"GRANT {NAME} TO {OPERATOR}; ALTER ROLE {NAME} SET shredder.note = 'a'")
        dropped(any_place)
        assert [(True,)] == any_place.sql(
            f"SELECT pg_has_role('{OPERATOR}', 'removed-{oid}', 'USAGE')"
        )
        assert [(["shredder.note=a"],)] == any_place.sql(
            "SELECT setconfig FROM pg_db_role_setting WHERE setrole = %s", oid
        )
    finally:
        any_place.sql(f'DROP ROLE "removed-{oid}"')


@pytest.mark.parametrize(
    ("made", "ended"),
    [
        (
            "SELECT pg_replication_origin_create('{id}')",
            "SELECT pg_replication_origin_drop('{id}')",
        ),
        ("BEGIN; PREPARE TRANSACTION '{id}'", "ROLLBACK PREPARED '{id}'"),
    ],
)
def test_what_others_go_on_by_is_named(any_place: Place, made: str, ended: str) -> None:
    for statement in made.split("; "):
        any_place.sql(statement.format(id=ID))
    try:
        with planned(any_place) as (_, held):
            assert (None, "no-rewrite-of-definitions") == (held.whole, held.obstacle)
    finally:
        any_place.sql(ended.format(id=ID))


@contextlib.contextmanager
def subscribed(place: Place, name: str, more: str = "", publication: str = "p") -> Iterator[None]:
    place.sql(
        f"CREATE SUBSCRIPTION {name} CONNECTION ' dbname=x  {more} ' PUBLICATION {publication}"
        " WITH (connect = false, slot_name = NONE)"
    )
    try:
        yield
    finally:
        for (made,) in place.sql(
            "SELECT quote_ident(subname) FROM pg_subscription"
            " WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ):
            place.sql(f"DROP SUBSCRIPTION {made}")


def test_a_subscription_has_another_name_in_this_database(any_place: Place) -> None:
    names = "SELECT subname FROM pg_subscription ORDER BY 1"
    other = Place(any_place.server, any_place.scratch)
    try:
        with subscribed(any_place, NAME), subscribed(other, NAME):
            dropped(any_place)
            (theirs,), (ours,) = any_place.sql(names)
            assert (ID, "removed-") == (theirs, ours[:8])
            dropped(other)
            assert [True, True] == [name.startswith("removed-") for (name,) in any_place.sql(names)]
    finally:
        other.close()


@pytest.mark.parametrize("said", [(f"application_name={ID}",), ("", NAME)])
def test_what_a_subscription_says_is_named_and_a_gap_to_others(
    any_place: Place, said: tuple[str, ...]
) -> None:
    with subscribed(any_place, "s", *said):
        with planned(any_place) as (_, held):
            assert (None, "no-rewrite-of-definitions") == (held.whole, held.obstacle)
        with any_place.store(user=OPERATOR) as store:
            gap = store.examine(unit(store, f"{any_place.name}/definitions"), DATASET).gap
    assert gap is not None
    assert (CoverageStatus.FAILED, "access-denied") == (gap.status, gap.reason)


def test_rules_of_a_collation_are_named(new_place: Place) -> None:
    new_place.sql('CREATE COLLATION c FROM "C"')
    new_place.sql("UPDATE pg_collation SET collicurules = %s WHERE oid = 'c'::regcollation", ID)
    with planned(new_place) as (_, held):
        assert (None, "no-rewrite-of-definitions") == (held.whole, held.obstacle)


def test_the_role_that_connects_is_named(new_place: Place) -> None:
    new_place.sql(f"CREATE ROLE {NAME} LOGIN SUPERUSER PASSWORD '{new_place.server.password}'")
    try:
        with planned(new_place, ID) as (_, held):
            assert (None, "no-rewrite-of-definitions") == (held.whole, held.obstacle)
        with planned(new_place) as (_, held):
            assert Technique.DROP_DEFINITIONS is held.whole
    finally:
        new_place.sql(f"DROP ROLE {NAME}")


_FAR = """
CREATE FOREIGN DATA WRAPPER w OPTIONS (o '{id}', p 'others');
CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host '{id}', port '1');
CREATE USER MAPPING FOR {operator} SERVER s OPTIONS (u '{id}', p 'others');
CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS ("a b" '{id}');
CREATE FOREIGN TABLE far (v text OPTIONS (column_name '{id}', x 'y'), "{id}" int) SERVER s
  OPTIONS (table_name '{id}', schema_name 'theirs')
"""


def test_options_say_nothing_and_others_stay(any_place: Place) -> None:
    any_place.sql(_FAR.format(id=ID, operator=OPERATOR))
    before = any_place.dump()
    dropped(any_place)
    expected = re.sub(rf"'{ID}'", "'removed'", before).replace(ID, "removed-2")
    assert expected == any_place.dump()


def test_a_wrapper_may_not_take_it(new_place: Place) -> None:
    new_place.sql("CREATE EXTENSION postgres_fdw")
    new_place.sql("CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw")
    new_place.sql("CREATE FOREIGN TABLE far (v text) SERVER s OPTIONS (fetch_size '100')")
    held = f"{{fetch_size={ID}}}"  # no wrapper takes it either: it comes from a time without one
    new_place.sql("UPDATE pg_foreign_table SET ftoptions = %s", held)
    with planned(new_place) as (store, found):
        outcome = destroyed(store, order(found, whole=True))
        assert (Result.FAILED, "option-not-taken") == (outcome.result, outcome.reason)
        assert Finding.RESIDUE is verified(store, order(found, whole=True)).finding
    assert [([f"fetch_size={ID}"],)] == new_place.sql("SELECT ftoptions FROM pg_foreign_table")


def test_options_that_are_not_shown_are_a_gap(any_place: Place) -> None:
    with any_place.store(user=OPERATOR) as store:
        assert store.examine(unit(store, f"{any_place.name}/definitions"), DATASET).gap is None
        any_place.sql("CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w")
        any_place.sql("CREATE USER MAPPING FOR postgres SERVER s OPTIONS (u 'x')")
        gap = store.examine(unit(store, f"{any_place.name}/definitions"), DATASET).gap
    assert gap is not None
    assert (CoverageStatus.FAILED, "access-denied") == (gap.status, gap.reason)


def test_the_server_remembers_none_of_it(any_place: Place) -> None:
    any_place.sql("CREATE EXTENSION pg_stat_statements")
    any_place.sql(f"CREATE TABLE {NAME} ()")
    any_place.sql("SELECT pg_stat_statements_reset()")
    dropped(any_place)
    remembered = any_place.sql("SELECT query FROM pg_stat_statements")
    assert remembered
    assert [] == [query for (query,) in remembered if ID in query]


_SHOWN = "SELECT state, query FROM pg_stat_activity WHERE pid = %s"


def test_the_server_shows_none_of_it_meanwhile(
    any_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it dies, or another has a deadlock with us, it logs what it shows of us."""
    any_place.sql(f"CREATE TABLE {NAME} ()")
    shown: list[tuple[str, str]] = []
    real = _dropping._refused

    def watched(connection: Connection, part: Found) -> str:
        reason = real(connection, part)
        shown.extend(any_place.sql(_SHOWN, connection.info.backend_pid))
        return reason

    monkeypatch.setattr(_dropping, "_refused", watched)
    dropped(any_place)
    assert {("disabled", "")} == set(shown)
