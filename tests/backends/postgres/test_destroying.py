"""Destroying what was found and nothing else, by the eyes of pg_dump, on two versions."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import pytest
from psycopg import sql

from backends.conformance import Row, acquaintances, records, strangers
from backends.contract import Cost, Finding, Order, Result, Technique
from tests.backends.postgres.place import (
    DATASET,
    OPERATOR,
    Place,
    destroyed,
    holding,
    order,
    result,
    unit,
    verified,
)
from tests.backends.postgres.test_finding import EVIL

DONE = (Result.DESTROYED, "")
GONE = (Result.ALREADY_ABSENT, "")


def bystanders(place: Place) -> None:
    """Lay down what must survive: tables, a view, a large object of others."""
    place.plant("others", [*strangers(20), *acquaintances(5)])
    place.sql("CREATE INDEX ON others (email)")
    place.sql("CREATE MATERIALIZED VIEW others_seen AS SELECT * FROM others")
    place.sql("SELECT lo_from_bytea(0, 'of others')")
    place.sql("CREATE TABLE with_sequence (n serial, t text)")
    place.sql("INSERT INTO with_sequence (t) VALUES ('x')")


def test_a_table_of_nothing_else_is_truncated(any_place: Place) -> None:
    bystanders(any_place)
    at = any_place.plant("t", records(9))
    before = any_place.dump("t")
    with any_place.store() as store:
        wanted = order(holding(store, at))
        assert Technique.TRUNCATE is wanted.technique
        outcome = destroyed(store, wanted)
        assert (Result.DESTROYED, 9) == (outcome.result, outcome.numbers["rows-destroyed"])
        assert Finding.ABSENT is verified(store, wanted).finding
    assert [] == any_place.rows("t")
    assert before == any_place.dump("t")


def test_rows_of_others_stay_as_they_are(any_place: Place) -> None:
    bystanders(any_place)
    at = any_place.plant("t", [*strangers(30), *records(20), *acquaintances(5)])
    any_place.sql("ALTER TABLE t ADD PRIMARY KEY (respondent_id)")
    keep = any_place.sql(
        "SELECT ctid, xmin, * FROM t WHERE email NOT LIKE 'member%' OR answer LIKE 'A news%'"
    )
    before = any_place.dump("t")
    with any_place.store() as store:
        wanted = order(holding(store, at))
        assert Technique.DELETE_ROWS is wanted.technique
        outcome = destroyed(store, wanted)
        assert (Result.DESTROYED, 20) == (outcome.result, outcome.numbers["rows-destroyed"])
        assert Finding.ABSENT is verified(store, wanted).finding
    assert keep == any_place.sql("SELECT ctid, xmin, * FROM t")
    assert 35 == len(keep)
    assert before == any_place.dump("t")


def test_who_is_locked_out_meanwhile_stands_in_the_plan(any_place: Place) -> None:
    pure = any_place.plant("pure", records(3))
    mixed = any_place.plant("mixed", [*records(3), *strangers(3)])
    any_place.sql("CREATE MATERIALIZED VIEW v AS SELECT * FROM mixed")
    with any_place.store() as store:
        told = {at: holding(store, at).cost for at in (pure, mixed, any_place.locator("v"))}
    ours, others = Cost(exclusive=True, writes=0, seconds=1), Cost(writes=0, seconds=1)
    assert {pure: ours, mixed: others, any_place.locator("v"): ours} == told


def test_equal_rows_go_by_address_however_many(any_place: Place) -> None:
    at = any_place.plant("t", [*records(3), *strangers(1)] * 700)
    with any_place.store() as store:
        assert DONE == result(store, order(holding(store, at)))
    assert [(700, 1)] == any_place.sql("SELECT count(*), count(DISTINCT email) FROM t")


@pytest.mark.parametrize("rows", [records(3), [*records(3), *strangers(2)]], ids=["pure", "mixed"])
def test_names_that_are_attacks_destroy_nothing_else(any_place: Place, rows: list[Row]) -> None:
    any_place.plant("x", strangers(2))
    any_place.connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(EVIL)))
    any_place.connection.execute(
        sql.SQL("GRANT USAGE ON SCHEMA {} TO public").format(sql.Identifier(EVIL))
    )
    at = any_place.plant(EVIL, rows, schema=EVIL)
    with any_place.store(OPERATOR) as store:
        wanted = order(holding(store, at))
        assert DONE == result(store, wanted)
        assert () == store.examine(unit(store, at), DATASET).holdings
    assert 2 == len(any_place.rows("x"))


def test_the_operator_may_decide_for_the_whole(any_place: Place) -> None:
    at = any_place.plant("t", [*records(2), *strangers(2)])
    with any_place.store() as store:
        found = holding(store, at)
        assert found.whole is not None
        refused = Order("order-0", found, found.whole, whole=False)
        assert (Result.FAILED, "foreign-records-inside") == result(store, refused)
        assert 4 == len(any_place.rows("t"))
        assert DONE == result(store, order(found, whole=True))
    assert [] == any_place.rows("t")


def test_a_leaf_partition_goes_and_its_sisters_stay(any_place: Place) -> None:
    any_place.sql("CREATE TABLE p (k int, id uuid, email text) PARTITION BY LIST (k)")
    for k in (1, 2):
        any_place.sql(f"CREATE TABLE p{k} PARTITION OF p FOR VALUES IN ({k})")
    for row in records(5):
        any_place.sql("INSERT INTO p VALUES (1, %s, %s)", row.respondent_id, row.email)
    for row in strangers(5):
        any_place.sql("INSERT INTO p VALUES (2, %s, %s)", row.respondent_id, row.email)
    before = any_place.dump("p1")
    with any_place.store() as store:
        wanted = order(holding(store, any_place.locator("p1")))
        assert DONE == result(store, wanted)
        assert Finding.ABSENT is verified(store, wanted).finding
    assert before == any_place.dump("p1")
    assert [(5,)] == any_place.sql("SELECT count(*) FROM p")


def test_a_child_s_rows_outlive_its_parent_s(any_place: Place) -> None:
    at = any_place.plant("parent", records(3))
    any_place.sql("CREATE TABLE child () INHERITS (parent)")
    any_place.fill("child", strangers(3))
    with any_place.store() as store:
        assert DONE == result(store, order(holding(store, at)))
    assert (0, 3) == (len(any_place.rows("ONLY parent")), len(any_place.rows("parent")))


def test_a_large_object_is_unlinked(any_place: Place) -> None:
    bystanders(any_place)
    lines = "".join(f"{','.join(row)}\n" for row in records(3))
    ((oid,),) = any_place.sql("SELECT lo_from_bytea(0, %s)", lines.encode())
    ((other,),) = any_place.sql("SELECT lo_from_bytea(0, %s)", b"unlike")
    with any_place.store() as store:
        wanted = order(holding(store, f"{any_place.name}/pg_largeobject:{oid}"))
        assert DONE == result(store, wanted)
        assert Finding.ABSENT is verified(store, wanted).finding
        assert GONE == result(store, wanted)
    assert [(b"unlike",)] == any_place.sql("SELECT lo_get(%s)", other)


def test_an_altered_large_object_is_left_alone(any_place: Place) -> None:
    lines = "".join(f"{','.join(row)}\n" for row in records(3))
    ((oid,),) = any_place.sql("SELECT lo_from_bytea(0, %s)", lines.encode())
    any_place.sql(f"ALTER LARGE OBJECT {oid} OWNER TO {OPERATOR}")
    with any_place.store(OPERATOR) as store:
        wanted = order(holding(store, f"{any_place.name}/pg_largeobject:{oid}"))
        any_place.sql("SELECT lo_put(%s, 0, 'x')", oid)
        assert (Result.CHANGED, "") == result(store, wanted)
        assert Finding.RESIDUE is verified(store, wanted).finding
        again = order(holding(store, f"{any_place.name}/pg_largeobject:{oid}"), whole=True)
        outcome = destroyed(store, again)
    assert Result.DESTROYED is outcome.result
    assert "large-object-not-locked" in outcome.limitations


# --- Materialised views ---------------------------------------------------------------------


def test_views_are_computed_anew_after_the_tables_they_read(any_place: Place) -> None:
    table = any_place.plant("t", [*records(5), *strangers(5)])
    any_place.sql("CREATE MATERIALIZED VIEW v AS SELECT * FROM t")
    any_place.sql("CREATE VIEW plain AS SELECT * FROM v")
    any_place.sql(
        "CREATE MATERIALIZED VIEW w AS SELECT upper(email) AS email, respondent_id FROM plain"
    )
    with any_place.store() as store:
        found = [holding(store, any_place.locator(name)) for name in ("w", "v")]
        found.append(holding(store, table))
        phases = [int(held.details["phase"]) for held in found]
        assert phases == sorted(phases, reverse=True)
        assert 3 == len(set(phases))
        orders = [
            Order(f"order-{n}", held, held.partial, whole=False)
            for n, held in enumerate(found)
            if held.partial
        ]
        outcomes = store.destroy(orders, DATASET)
        assert [("order-0", *DONE), ("order-1", *DONE), ("order-2", *DONE)] == [
            (outcome.order, outcome.result, outcome.reason) for outcome in outcomes
        ]
        assert [Finding.ABSENT] * 3 == [answer.finding for answer in store.verify(orders, DATASET)]
        assert [Result.ALREADY_ABSENT] * 3 == [
            outcome.result for outcome in store.destroy(orders, DATASET)
        ]
    assert [5, 5, 5] == [len(any_place.rows(name)) for name in "tvw"]


def test_a_view_that_would_still_hold_records_is_left_alone(any_place: Place) -> None:
    any_place.plant("t", records(5))
    any_place.sql("CREATE MATERIALIZED VIEW v AS SELECT * FROM t")
    with any_place.store() as store:
        wanted = order(holding(store, any_place.locator("v")))
        assert (Result.FAILED, "view-still-holds") == result(store, wanted)
        assert Finding.RESIDUE is verified(store, wanted).finding
    assert 5 == len(any_place.rows("v"))


def test_a_stale_view_s_rows_of_others_are_not_refreshed_away(any_place: Place) -> None:
    any_place.plant("t", [*records(2), *strangers(3)])
    any_place.sql("CREATE MATERIALIZED VIEW v AS SELECT * FROM t")
    any_place.sql("DELETE FROM t")
    with any_place.store() as store:
        found = holding(store, any_place.locator("v"))
        assert (Result.FAILED, "view-computes-differently") == result(store, order(found))
        assert 5 == len(any_place.rows("v"))
        assert DONE == result(store, order(found, whole=True))
    assert [] == any_place.rows("v")


def test_a_view_of_nothing_else_may_gain_rows(any_place: Place) -> None:
    any_place.plant("t", records(2))
    any_place.sql("CREATE MATERIALIZED VIEW v AS SELECT * FROM t")
    any_place.sql("TRUNCATE t")
    any_place.fill("t", strangers(3))
    with any_place.store() as store:
        assert DONE == result(store, order(holding(store, any_place.locator("v"))))
    assert 3 == len(any_place.rows("v"))
