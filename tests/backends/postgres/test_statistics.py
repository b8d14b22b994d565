"""The planner's statistics hold values of rows that are gone: what becomes of them."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.conformance import Row, records, strangers
from backends.contract import Finding, Result
from tests.backends.postgres.place import (
    DATASET,
    OPERATOR,
    Place,
    destroyed,
    holding,
    order,
    verified,
)

# All that statistics say, by another way than the backend's views: the catalogues themselves.
KEPT = """
SELECT coalesce(string_agg(t, ' '), '') FROM (
  SELECT concat_ws(' ', stavalues1::text, stavalues2::text, stavalues3::text, stavalues4::text,
                   stavalues5::text) FROM pg_statistic WHERE starelid >= 16384
  UNION ALL SELECT array_to_string(most_common_vals, ' ') FROM pg_stats_ext
  UNION ALL SELECT concat_ws(' ', most_common_vals::text, histogram_bounds::text)
              FROM pg_stats_ext_exprs) s(t)
"""


def kept(place: Place) -> str:
    ((text,),) = place.sql(KEPT)
    return str(text)


def analysed(place: Place, table: str = "t") -> None:
    """Take every kind of statistics there is, and see that they hold values."""
    place.sql(f"CREATE INDEX ON {table} (reverse(email))")
    place.sql(f"CREATE STATISTICS {table}_pairs (mcv) ON email, answer FROM {table}")
    place.sql(f"CREATE STATISTICS {table}_upper ON upper(email) FROM {table}")
    for name in (f"{table}_pairs", f"{table}_upper"):
        place.sql(f"ALTER STATISTICS {name} OWNER TO {OPERATOR}")
    place.sql("ANALYZE")


# Eight of each, so that values are common enough to be kept as most common ones.
PURE = records(9) * 8
MIXED = [*PURE, *strangers(9) * 8]


def test_truncating_alone_would_leave_them(any_place: Place) -> None:
    """The fault that the backend repairs is there: this is not a test of nothing."""
    any_place.plant("t", PURE)
    analysed(any_place)
    any_place.sql("TRUNCATE t")
    any_place.sql("VACUUM ANALYZE t")
    text = kept(any_place)
    for value in (*records(9)[3], records(9)[3].email[::-1], records(9)[3].email.upper()):
        assert value in text


@pytest.mark.parametrize("rows", [PURE, MIXED], ids=["pure", "mixed"])
def test_none_is_left_of_the_records(any_place: Place, rows: list[Row]) -> None:
    at = any_place.plant("t", rows)
    analysed(any_place)
    with any_place.store() as store:
        wanted = order(holding(store, at))
        outcome = destroyed(store, wanted)
        answer = verified(store, wanted)
    assert () == tuple(set(outcome.limitations) - {"server-does-not-sync"})
    assert outcome.numbers["statistics-removed"] >= 5
    assert (Finding.ABSENT, ("rows", "statistics")) == (answer.finding, answer.looked)
    text = kept(any_place)
    for row in records(9):
        for value in (*row, row.email[::-1], row.email.upper()):
            assert value not in text
    assert (strangers(1)[0].email in text) == (rows is MIXED)


def test_a_partition_s_values_go_from_its_parents_too(any_place: Place) -> None:
    any_place.sql("CREATE TABLE p (k int, id uuid, email text) PARTITION BY LIST (k)")
    any_place.sql("CREATE TABLE q PARTITION OF p FOR VALUES IN (1) PARTITION BY LIST (k)")
    any_place.sql("CREATE TABLE leaf PARTITION OF q DEFAULT")
    any_place.sql("CREATE TABLE other PARTITION OF p FOR VALUES IN (2)")
    for k, rows in ((1, PURE), (2, strangers(9) * 8)):
        for row in rows:
            any_place.sql("INSERT INTO p VALUES (%s, %s, %s)", k, row.respondent_id, row.email)
    any_place.sql("ANALYZE p")
    any_place.sql("ANALYZE q")
    assert 3 == len(
        any_place.sql(
            "SELECT 1 FROM pg_stats WHERE attname = 'email' AND most_common_vals::text LIKE '%member%'"
        )
    )
    with any_place.store() as store:
        wanted = order(holding(store, any_place.locator("leaf")))
        destroyed(store, wanted)
        assert Finding.ABSENT is verified(store, wanted).finding
    text = kept(any_place)
    assert "member" not in text
    assert strangers(1)[0].email in text


def test_a_refreshed_view_s_values_go(any_place: Place) -> None:
    table = any_place.plant("t", MIXED)
    any_place.sql("CREATE MATERIALIZED VIEW v AS SELECT * FROM t")
    any_place.sql("ANALYZE")
    with any_place.store() as store:
        for at in (table, any_place.locator("v")):
            wanted = order(holding(store, at))
            assert Result.DESTROYED is destroyed(store, wanted).result
            assert Finding.ABSENT is verified(store, wanted).finding
    assert "member" not in kept(any_place)


def test_an_owner_can_have_them_removed_from_18_on(new_place: Place) -> None:
    at = new_place.plant("t", PURE)
    new_place.sql("CREATE INDEX ON t (reverse(email))")
    new_place.sql("ANALYZE")
    with new_place.store(OPERATOR) as store:
        wanted = order(holding(store, at))
        assert "statistics-kept" not in destroyed(store, wanted).limitations
        assert Finding.ABSENT is verified(store, wanted).finding
    text = kept(new_place)
    for row in records(9):
        assert row.email not in text
        assert row.email[::-1] not in text


def what_is_left_is_said(place: Place) -> None:
    with place.store(OPERATOR) as store:
        wanted = order(holding(store, place.locator("t")))
        outcome = destroyed(store, wanted)
        assert Result.DESTROYED is outcome.result
        assert "statistics-kept" in outcome.limitations
        answer = verified(store, wanted)
    assert (Finding.RESIDUE, "statistics-left") == (answer.finding, answer.reason)


def test_extended_ones_that_an_owner_cannot_remove_are_found(any_place: Place) -> None:
    any_place.plant("t", PURE)
    analysed(any_place)
    what_is_left_is_said(any_place)


@pytest.mark.needs("postgres-15")
@pytest.mark.parametrize("any_place", [15], indirect=True)
def test_plain_ones_that_an_owner_cannot_remove_are_found(any_place: Place) -> None:
    any_place.plant("t", PURE)
    any_place.sql("ANALYZE")
    what_is_left_is_said(any_place)


def test_an_owner_s_mixed_table_gets_new_ones(any_place: Place) -> None:
    at = any_place.plant("t", MIXED)
    any_place.sql("ANALYZE")
    with any_place.store(OPERATOR) as store:
        wanted = order(holding(store, at))
        assert "statistics-kept" not in destroyed(store, wanted).limitations
        assert Finding.ABSENT is verified(store, wanted).finding
    assert records(1)[0].email not in kept(any_place)


def test_statistics_that_may_not_be_read_leave_a_doubt(any_place: Place) -> None:
    """Extended statistics are shown to the owner of the table only."""
    at = any_place.plant("t", PURE)
    any_place.sql("CREATE STATISTICS pairs (mcv) ON email, answer FROM t")
    any_place.sql("ANALYZE")
    any_place.sql("ALTER TABLE t OWNER TO postgres")
    any_place.sql(f"GRANT SELECT, DELETE, TRUNCATE ON t TO {OPERATOR}")
    with any_place.store(OPERATOR) as store:
        wanted = order(holding(store, at))
        any_place.sql("TRUNCATE t")
        any_place.sql("DELETE FROM pg_statistic WHERE starelid = 't'::regclass")
        answer = verified(store, wanted)
    assert (Finding.INCONCLUSIVE, "statistics-not-readable") == (answer.finding, answer.reason)


def test_a_person_in_the_statistics_who_is_in_no_row_is_residue(any_place: Place) -> None:
    at = any_place.plant("t", PURE)
    any_place.sql("ALTER TABLE t ALTER respondent_id SET STATISTICS 0")  # no record id is kept
    any_place.sql("ANALYZE")
    with any_place.store() as store:
        wanted = order(holding(store, at))
        any_place.sql("TRUNCATE t")
        answer = verified(store, wanted)
    assert (Finding.RESIDUE, "statistics-left") == (answer.finding, answer.reason)
    assert answer.numbers["windows"] > 0


def test_a_large_object_s_values_go_too(any_place: Place) -> None:
    """Their common table is analysed like any other, and short pieces are kept as values."""
    oids = [
        any_place.sql("SELECT lo_from_bytea(0, %s)", ",".join(row).encode())[0][0]
        for row in [*records(3), *strangers(3)]
    ]
    any_place.sql("ANALYZE pg_largeobject")
    in_statistics = "SELECT histogram_bounds::text FROM pg_stats WHERE tablename = 'pg_largeobject' AND attname = 'data'"
    any_place.sql("SET bytea_output = 'escape'")
    assert "member0001" in str(any_place.sql(in_statistics))
    with any_place.store() as store:
        orders = [
            replace(
                order(holding(store, f"{any_place.name}/pg_largeobject:{oid}")), id=f"order-{oid}"
            )
            for oid in oids[:3]
        ]
        assert [Result.DESTROYED] * 3 == [o.result for o in store.destroy(orders, DATASET)]
        answers = list(store.verify(orders, DATASET))
        with any_place.store(OPERATOR) as owner:
            doubts = list(owner.verify(orders, DATASET))
    assert [(Finding.ABSENT, ("content", "statistics"))] * 3 == [
        (a.finding, a.looked) for a in answers
    ]
    assert ["statistics-not-readable"] * 3 == [doubt.reason for doubt in doubts]
    left = str(any_place.sql(in_statistics))
    assert "member" not in left
    assert "other0001" in left
