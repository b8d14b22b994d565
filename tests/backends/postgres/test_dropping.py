"""Definitions that hold records are dropped by the operator's word, and nothing else is.

What is there before they are made, and after they are dropped, is told by pg_dump.
"""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.conformance import records
from backends.contract import Finding, Holding, Matcher, Order, Result, Store, Technique, Unit
from tests.backends.postgres import leftovers
from tests.backends.postgres.place import DATASET, OPERATOR, Place, destroyed, order, unit, verified

ID = records(1)[0].respondent_id
_THERE = """
CREATE TABLE t (v text, n int DEFAULT 7, CHECK (v <> 'x'));
CREATE TABLE child () INHERITS (t);
ALTER TABLE child ALTER v SET DEFAULT 'others';
CREATE DOMAIN d AS text CHECK (VALUE <> 'x');
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT 'others' $$;
CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE VIEW others AS SELECT v, f() FROM t;
CREATE TABLE parted (v text) PARTITION BY LIST (v);
CREATE TABLE part PARTITION OF parted FOR VALUES IN ('x');
COMMENT ON VIEW others IS 'it stays'
"""
_DROPPED = {
    "function": "CREATE FUNCTION g(int) RETURNS text LANGUAGE sql AS $$ SELECT '{id}' $$",
    "default of a parameter": "CREATE FUNCTION g(v text DEFAULT '{id}') RETURNS text"
    " LANGUAGE sql AS $$ SELECT v $$",
    "procedure": "CREATE PROCEDURE \"a % b\"() LANGUAGE sql AS $$ SELECT '{id}' $$",
    "parameter of an aggregate": 'CREATE AGGREGATE g ("{id}" int) (SFUNC = int4larger, STYPE = int)',
    "view": "CREATE VIEW v AS SELECT '{id}'::text",
    "view on a view": "CREATE VIEW v AS SELECT '{id}'::text AS x;"
    "CREATE VIEW w AS SELECT x, '{id}' AS y FROM v",
    "constraint": "ALTER TABLE t ADD CONSTRAINT \"c c\" CHECK (v <> '{id}')",  # and the child's
    "constraint that is inherited, too": "ALTER TABLE child ADD CONSTRAINT c CHECK (v <> '{id}');"
    "ALTER TABLE t ADD CONSTRAINT c CHECK (v <> '{id}');"
    # The child's comes first then.
    "UPDATE pg_constraint SET conname = conname WHERE conname = 'c' AND conrelid = 't'::regclass",
    "constraint of a domain": "ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE <> '{id}')",
    "default of a domain": "ALTER DOMAIN d SET DEFAULT '{id}'",
    "default": "ALTER TABLE ONLY t ALTER v SET DEFAULT '{id}'",  # the child's own one stays
    "default of a partition, too": "ALTER TABLE parted ALTER v SET DEFAULT '{id}'",
    "default of a view": "ALTER VIEW others ALTER v SET DEFAULT '{id}'",
    "index": "CREATE INDEX i ON t (v) WHERE v <> '{id}'",
    "policy": "CREATE POLICY p ON t USING (v <> '{id}')",
    "rule": "CREATE RULE r AS ON INSERT TO t WHERE new.v = '{id}' DO NOTHING",
    "trigger": "CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW WHEN (new.v = '{id}')"
    " EXECUTE FUNCTION fire()",
    "trigger of a partition": "CREATE TRIGGER tr AFTER INSERT ON parted FOR EACH ROW"
    " WHEN (new.v = '{id}') EXECUTE FUNCTION fire()",
    "materialised view": "CREATE MATERIALIZED VIEW mv AS SELECT 1 AS x WHERE '{id}' = 'x';"
    "CREATE VIEW w AS SELECT x, '{id}' AS y FROM mv",
    "statistics object": "CREATE STATISTICS s ON (v || '{id}'), n FROM t",
}


@pytest.fixture
def filled(any_place: Place) -> Place:
    any_place.sql(_THERE)
    return any_place


@contextlib.contextmanager
def planned(place: Place, user: str = "postgres") -> Iterator[tuple[Store, Holding]]:
    with place.store(user) as store:
        (held,) = store.examine(unit(store, f"{place.name}/definitions"), DATASET).holdings
        yield store, held


@pytest.mark.parametrize("statements", _DROPPED.values(), ids=_DROPPED.keys())
def test_what_holds_a_record_is_dropped(filled: Place, statements: str) -> None:
    before = filled.dump()
    filled.sql(statements.format(id=ID))
    assert before != filled.dump()
    with planned(filled) as (store, held):
        assert (None, Technique.DROP_DEFINITIONS) == (held.partial, held.whole)
        wanted = order(held, whole=True)
        outcome = destroyed(store, wanted)
        assert (Result.DESTROYED, "") == (outcome.result, outcome.reason)
        assert outcome.numbers["definitions-dropped"] >= 1
        assert Finding.ABSENT is verified(store, wanted).finding
        assert Result.ALREADY_ABSENT is destroyed(store, wanted).result
    assert before == filled.dump()


@pytest.mark.parametrize(
    "statement",
    [
        (
            "CREATE TABLE u (v text); CREATE TABLE heir () INHERITS (t, u);"
            "ALTER TABLE u ADD w bool GENERATED ALWAYS AS (v = '{id}') STORED;"
            "ALTER TABLE t ADD w bool GENERATED ALWAYS AS (v = '{id}') STORED"
        ),
        "CREATE FOREIGN DATA WRAPPER w OPTIONS (\"{id}\" 'x')",
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s TYPE '{id}' FOREIGN DATA WRAPPER w",
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s VERSION '{id}' FOREIGN DATA WRAPPER w",
        (
            "CREATE TEXT SEARCH DICTIONARY simple (TEMPLATE = simple);"
            "UPDATE pg_ts_dict SET dictinitoption = '{id}' WHERE oid = 'public.simple'::regdictionary"
        ),
    ],
)
def test_what_is_more_than_a_definition_is_named(filled: Place, statement: str) -> None:
    filled.sql("INSERT INTO t VALUES ('y')")
    filled.sql(statement.format(id=ID))
    with planned(filled) as (_, held):
        assert (None, "no-rewrite-of-definitions") == (held.whole, held.obstacle)


def dropped(place: Place) -> None:
    """Drop what holds a record, and see that nothing does any more."""
    with planned(place) as (store, held):
        wanted = order(held, whole=True)
        outcome = destroyed(store, wanted)
        assert (Result.DESTROYED, "") == (outcome.result, outcome.reason)
        assert Finding.ABSENT is verified(store, wanted).finding
        assert Result.ALREADY_ABSENT is destroyed(store, wanted).result


def test_a_generated_column_keeps_its_values(any_place: Place) -> None:
    by_it = f"bool GENERATED ALWAYS AS (v <> '{ID}') STORED"
    any_place.sql(f"CREATE TABLE early (v text, w {by_it})")
    any_place.sql(f"CREATE TABLE t (v text, w {by_it})")
    any_place.sql("ALTER TABLE early INHERIT t")
    any_place.sql(f"CREATE TABLE parted (v text, w {by_it}) PARTITION BY LIST (v)")
    any_place.sql("CREATE TABLE part PARTITION OF parted FOR VALUES IN ('x')")
    any_place.sql("CREATE TABLE child () INHERITS (t); CREATE TABLE heir () INHERITS (child)")
    for table in ("heir", "parted"):
        any_place.sql(f"INSERT INTO {table} VALUES ('x')")
    dropped(any_place)
    for table in ("t", "child", "heir", "parted"):
        assert [("x", True)] == any_place.rows(table)
        any_place.sql(f"INSERT INTO {table} VALUES ('x', false)")


@pytest.mark.parametrize("any_place", [18], indirect=True)
def test_a_virtual_column_goes(any_place: Place) -> None:
    any_place.sql("CREATE TABLE t (v text)")
    before = any_place.dump()
    any_place.sql(f"ALTER TABLE t ADD w bool GENERATED ALWAYS AS (v <> '{ID}')")
    dropped(any_place)
    assert before == any_place.dump()


def test_a_publication_tells_of_no_row_that_it_did_not(any_place: Place) -> None:
    any_place.sql("CREATE TABLE t (v text); CREATE TABLE u (v text)")
    any_place.sql(f"CREATE PUBLICATION p FOR TABLE t WHERE (v <> '{ID}'), u WHERE (v <> 'x')")
    dropped(any_place)
    assert [("u",)] == any_place.sql("SELECT tablename::text FROM pg_publication_tables")


def test_a_partition_keeps_its_rows(filled: Place) -> None:
    filled.sql("INSERT INTO parted VALUES ('x')")
    filled.sql(f"CREATE TABLE p PARTITION OF parted FOR VALUES IN ('{ID}', 'y')")
    filled.sql("INSERT INTO parted VALUES ('y')")
    dropped(filled)
    assert [("x",)] == filled.rows("parted")
    assert [("y",)] == filled.rows("p")


def test_a_label_keeps_its_place_and_the_rows_that_have_it(any_place: Place) -> None:
    any_place.sql(f"CREATE TYPE e AS ENUM ('a', '{ID}', 'b')")
    any_place.sql("CREATE TABLE t (v e)")
    any_place.sql(f"INSERT INTO t VALUES ('{ID}'), ('a')")
    dropped(any_place)
    ((first,), (label,), (last,)) = any_place.sql("SELECT unnest(enum_range(NULL::e))::text")
    assert ("a", "b") == (first, last)
    assert label.startswith("removed-")
    assert [("a",), (label,)] == any_place.sql("SELECT v FROM t ORDER BY v")


def test_a_setting_goes_and_others_stay(any_place: Place) -> None:
    whose = (
        f"ROLE {OPERATOR}",
        f"ROLE {OPERATOR} IN DATABASE {any_place.name}",
        f"DATABASE {any_place.name}",
        "ROLE ALL",
    )
    kept = "SELECT setdatabase, setrole, setconfig FROM pg_db_role_setting ORDER BY 1, 2"
    before = any_place.sql(kept)
    try:
        for each in whose:
            any_place.sql(f"ALTER {each} SET shredder.others = 'theirs'")
        others = any_place.sql(kept)
        for each in whose:
            any_place.sql(f"ALTER {each} SET shredder.\"User\" = 'a, {ID}'")
        dropped(any_place)
        assert others == any_place.sql(kept)
    finally:
        for each in whose:
            any_place.sql(f"ALTER {each} RESET ALL")
    assert before == any_place.sql(kept)


def test_nothing_goes_that_others_depend_on(filled: Place) -> None:
    filled.sql(_DROPPED["view"].format(id=ID))
    filled.sql("CREATE VIEW on_it AS SELECT 1 FROM v")
    filled.sql(_DROPPED["function"].format(id=ID))
    before = filled.dump()
    with planned(filled) as (store, held):
        outcome = destroyed(store, order(held, whole=True))
        assert (Result.FAILED, "others-depend-on-it") == (outcome.result, outcome.reason)
        assert Finding.RESIDUE is verified(store, order(held, whole=True)).finding
    assert before == filled.dump()


def test_what_was_defined_since_is_left_alone(filled: Place) -> None:
    filled.sql(_DROPPED["function"].format(id=ID))
    with planned(filled) as (store, held):
        filled.sql("CREATE OR REPLACE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT 'new' $$")
        before = filled.dump()
        assert Result.CHANGED is destroyed(store, order(held, whole=True)).result
    assert before == filled.dump()


def test_what_another_database_has_dropped_is_no_change(filled: Place) -> None:
    """A role's setting is every database's: the order of one drops it for all."""
    note = f"ALTER ROLE {OPERATOR} SET shredder.note = '{ID}'"
    filled.sql(_DROPPED["function"].format(id=ID))
    try:
        filled.sql(note)
        with planned(filled) as (store, held):
            filled.sql(f"ALTER ROLE {OPERATOR} SET shredder.note = 'another'")
            filled.sql(f"ALTER ROLE {OPERATOR} SET shredder.more = '{ID}'")
            assert Result.CHANGED is destroyed(store, order(held, whole=True)).result
            filled.sql(f"ALTER ROLE {OPERATOR} RESET ALL")
            assert Result.DESTROYED is destroyed(store, order(held, whole=True)).result
    finally:
        filled.sql(f"ALTER ROLE {OPERATOR} RESET ALL")


@pytest.mark.parametrize("because", ["no word", "no superuser", "an event trigger"])
def test_it_is_not_done_without(filled: Place, because: str) -> None:
    filled.sql(_DROPPED["function"].format(id=ID))
    with planned(filled) as (_, held):
        wanted = Order("order-0", held, Technique.DROP_DEFINITIONS, whole=because != "no word")
    if because == "an event trigger":
        filled.sql(
            "CREATE FUNCTION seen() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;"
            "CREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION seen()"
        )
    try:
        user = OPERATOR if because == "no superuser" else "postgres"
        before = filled.dump()
        with planned(filled, user) as (store, held):
            assert (held.whole is None) == (because != "no word")
            outcome = destroyed(store, wanted)
        assert (Result.FAILED, "technique-not-offered") == (outcome.result, outcome.reason)
        assert before == filled.dump()
    finally:
        filled.sql("DROP EVENT TRIGGER IF EXISTS e")


def spelled(directory: Path, text: str) -> int:
    """In how many files it is as an expression is kept: by the numbers of its bytes."""
    numbers = " ".join(map(str, text.encode())).encode()
    return sum(numbers in path.read_bytes() for path in directory.rglob("*") if path.is_file())


def test_what_others_have_dropped_is_found_by_its_literals(tmp_path: Path) -> None:
    """In a short tree, in one that is compressed, and in the log that both were written to."""
    dataset = leftovers.enrolled_matcher(tmp_path)
    short, long = (f"{row.respondent_id} {row.email}" for row in leftovers.rows("m", 2))
    with (
        leftovers.server(tmp_path, 18, shared_preload_libraries="") as place,
        place.store(residue=True) as store,
    ):
        place.sql(f"CREATE DOMAIN d AS text CHECK (VALUE <> '{short}')")
        place.sql("ALTER DOMAIN d DROP CONSTRAINT d_check")
        columns = ", ".join(f"{number} AS c{number}" for number in range(60))
        place.sql(f"CREATE VIEW v AS SELECT {columns}, '{long}'::text AS said")
        place.sql("DROP VIEW v")
        directory = place.server.data_directory
        place.sql("CHECKPOINT")
        assert 0 < spelled(directory, short)
        found = {each.locator.rpartition("/")[2]: each for each in looked_at(store, dataset)}
        assert {"pg_catalog.pg_constraint:pages", "pg_catalog.pg_rewrite:pages", "pg_wal"} <= set(
            found
        )
        assert (1, 1, 2) == tuple(found[name].records for name in sorted(found)[-3:])
        planned = leftovers.orders([*found.values(), *store.companions([*found.values()], dataset)])
        outcomes, answers = leftovers.carried_out(store, planned, dataset)
        assert {Result.DESTROYED} == {each.result for each in outcomes}
        assert {Finding.ABSENT} == {each.finding for each in answers}
        assert 0 == spelled(directory, short)


def looked_at(store: Store, dataset: Matcher) -> list[Holding]:
    """What a sweep finds in the pages of two catalogues, and in the write-ahead log."""
    units = (
        entry
        for scope in store.scopes()
        for entry in store.units(scope.name)
        if isinstance(entry, Unit)
        and (entry.kind == "wal" or entry.locator.endswith(("constraint:pages", "rewrite:pages")))
    )
    return [each for unit in units for each in store.examine(unit, dataset).holdings]


def test_nothing_of_them_is_left_in_the_data_directory(tmp_path: Path) -> None:
    dataset = leftovers.enrolled_matcher(tmp_path)
    without = {"shared_preload_libraries": ""}  # else statements are remembered
    with (
        leftovers.server(tmp_path, 18, **without) as place,
        place.store(residue=True) as store,
    ):
        for number in range(100):
            row = leftovers.row("m", number)
            said = f"{row.respondent_id} {row.email}"
            place.sql(
                f"CREATE FUNCTION f{number}() RETURNS text LANGUAGE sql AS $$SELECT '{said}'$$"
            )
        row = leftovers.row("m", 100)
        place.sql(f"CREATE DOMAIN d AS text DEFAULT '{row.respondent_id} {row.email}'")
        more = [f"{row.respondent_id} {row.email}" for row in leftovers.rows("m", 112)[101:]]
        place.sql(f"ALTER ROLE {OPERATOR} SET shredder.note = '{more[0]}'")
        place.sql(f"CREATE MATERIALIZED VIEW mv AS SELECT 1 WHERE '{more[1]}' = 'x'")
        place.sql("CREATE TABLE parted (v text) PARTITION BY LIST (v)")
        place.sql(f"CREATE TABLE p PARTITION OF parted FOR VALUES IN ('{more[2]}')")
        place.sql(f"CREATE TYPE e AS ENUM ('{more[3]}')")
        place.sql(f'CREATE SCHEMA "{more[4]}"')
        place.sql(f'CREATE TABLE "{more[4]}"."{more[5]}" ("{more[6]}" int PRIMARY KEY)')
        place.sql(
            f'CREATE VIEW "{more[4]}".v AS SELECT "{more[6]}" AS n FROM "{more[4]}"."{more[5]}"'
        )
        place.sql(f'CREATE DOMAIN "{more[7]}" AS int CONSTRAINT "{more[8]}" CHECK (VALUE > 0)')
        place.sql(f'CREATE ROLE "{more[9]}"')
        place.sql("CREATE FOREIGN DATA WRAPPER w")
        place.sql(f"CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host '{more[10]}')")
        place.sql("VACUUM ANALYZE")
        directory = place.server.data_directory
        assert 0 < spelled(directory, more[2])
        assert 110 == leftovers.counted(directory, "m")["E"]
        holdings, _ = leftovers.looked(store, dataset)
        made = [
            Order(f"order-{at}", each, each.whole, whole=True)
            for at, each in enumerate(holdings)
            if each.whole is not None
        ]
        made.sort(key=lambda each: (each.technique.stage, int(each.holding.details["phase"])))
        outcomes, answers = leftovers.carried_out(store, made, dataset)
        assert {Result.DESTROYED} == {outcome.result for outcome in outcomes}
        assert {Finding.ABSENT} == {answer.finding for answer in answers}
        assert leftovers.NONE == leftovers.counted(directory, "m")
        assert 0 == spelled(directory, more[2])
