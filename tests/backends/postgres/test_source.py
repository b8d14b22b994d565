"""Reading a dataset's records from a table or a query."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import gc

import pytest

from backends.conformance import records
from backends.contract import SourceSpec
from backends.errors import AccessDenied, CouldNotTell, SourceError
from tests.backends.postgres.place import OPERATOR, Place
from tests.backends.postgres.test_finding import EVIL


def table(name: str) -> SourceSpec:
    return SourceSpec("warehouse", table=name)


def query(text: str) -> SourceSpec:
    return SourceSpec("warehouse", query=text)


def test_a_table_gives_all_its_rows_as_text(new_place: Place) -> None:
    new_place.sql(
        "CREATE TABLE t (n int, b bool, x numeric, d date, s timestamptz, j jsonb, a text[],"
        " u uuid, r bytea, t text)"
    )
    new_place.sql(
        "INSERT INTO t VALUES (1, true, 50000.00, '2018-05-17', '2018-05-17 12:00+02',"
        " '{\"a\": \"é\"}', '{x,NULL}', '6b2b3f6e-0000-4000-8000-000000000001', 'höh',"
        " E'line\\nline\\\\'), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"
    )
    with new_place.store() as store:
        rows = store.source(table("t"))
        assert tuple("nbxdsjaurt") == rows.columns
        assert new_place.locator("t") == rows.locator
        assert [
            (
                "1",
                "t",
                "50000.00",
                "2018-05-17",
                "2018-05-17 10:00:00+00",
                '{"a": "é"}',
                "{x,NULL}",
                "6b2b3f6e-0000-4000-8000-000000000001",
                "höh",
                "line\nline\\",
            ),
            (None,) * 10,
        ] == list(rows)
        with pytest.raises(SourceError, match="read already"):
            list(rows)


def test_rows_come_in_portions(new_place: Place) -> None:
    new_place.sql("CREATE TABLE t AS SELECT generate_series(1, 5001) AS n")
    with new_place.store() as store:
        assert [str(n) for n in range(1, 5002)] == [
            row[0] for row in store.source(table("public.t"))
        ]


def test_a_name_is_read_as_sql_reads_it(new_place: Place) -> None:
    new_place.plant(EVIL, records(2))
    name = 'public."' + EVIL.replace('"', '""') + '"'
    with new_place.store() as store:
        assert 2 == len(list(store.source(table(name))))


def test_a_partitioned_table_and_a_view_are_sources_without_a_unit(new_place: Place) -> None:
    new_place.sql("CREATE TABLE p (n int) PARTITION BY LIST (n)")
    new_place.sql("CREATE TABLE q PARTITION OF p DEFAULT")
    new_place.sql("INSERT INTO p VALUES (1)")
    new_place.sql("CREATE VIEW v AS SELECT * FROM p")
    with new_place.store() as store:
        for name in "pv":
            rows = store.source(table(name))
            assert ("", [("1",)]) == (rows.locator, list(rows))


def test_a_query_gives_its_rows(new_place: Place) -> None:
    new_place.plant("t", records(5))
    with new_place.store() as store:
        rows = store.source(query("SELECT email, 1 AS one FROM t WHERE email LIKE '%0003%';"))
        assert (("email", "one"), "") == (rows.columns, rows.locator)
        assert [(records(5)[3].email, "1")] == list(rows)


@pytest.mark.parametrize(
    "spec",
    [
        table("no_such_table"),
        table("a.b.c.d"),
        table("'; DROP TABLE t; --"),
        query("SELECT 1; DROP TABLE t"),
        query("SELECT 1; COMMIT; DROP TABLE t"),
        query("DROP TABLE t"),
        query("DELETE FROM t RETURNING *"),
        query("WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone"),
        query("nonsense"),
        SourceSpec("warehouse", path="t"),
        SourceSpec("warehouse", key="t"),
    ],
)
def test_what_is_no_source_is_refused_and_harms_nothing(new_place: Place, spec: SourceSpec) -> None:
    new_place.plant("t", records(2))
    with new_place.store() as store, pytest.raises(SourceError):
        list(store.source(spec))
    assert 2 == len(new_place.rows("t"))


def test_a_source_that_writes_through_a_function_is_stopped(new_place: Place) -> None:
    new_place.plant("t", records(2))
    new_place.sql(
        "CREATE FUNCTION wipe() RETURNS int LANGUAGE sql AS 'DELETE FROM public.t; SELECT 1'"
    )
    with new_place.store() as store, pytest.raises((SourceError, CouldNotTell)):
        list(store.source(query("SELECT wipe()")))
    assert 2 == len(new_place.rows("t"))


def test_a_source_that_may_not_be_read_is_no_empty_one(new_place: Place) -> None:
    new_place.sql("CREATE TABLE t (a text)")
    with new_place.store(OPERATOR) as store, pytest.raises(AccessDenied):
        store.source(table("t"))


def test_text_that_is_in_no_encoding_is_told(new_place: Place) -> None:
    other = f"{new_place.name}_ascii"
    new_place.sql(f"CREATE DATABASE {other} ENCODING 'SQL_ASCII' TEMPLATE template0")
    try:
        with new_place.connect(other) as connection:
            connection.execute("CREATE TABLE t AS SELECT E'\\xe9'::text AS a")
        conninfo = f"{new_place.settings()['conninfo']} dbname={other}"
        with new_place.store(conninfo=conninfo) as store, pytest.raises(CouldNotTell) as caught:
            list(store.source(table("t")))
        assert "undecodable-text" == caught.value.code
    finally:
        new_place.sql(f"DROP DATABASE {other}")


def test_a_source_that_is_not_read_leaves_no_session(new_place: Place) -> None:
    new_place.plant("t", records(2))
    with new_place.store() as store:
        rows = store.source(table("t"))
        assert rows.columns
        del rows
        gc.collect()
        for _ in range(50):
            open_now = new_place.sql(
                "SELECT 1 FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
            )
            if not open_now:
                break
            new_place.sql("SELECT pg_sleep(0.02)")
    assert [] == open_now
