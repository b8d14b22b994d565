"""Comments that hold records are removed, and what they are on, and all others, stay."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.conformance import records
from backends.contract import Finding, Holding, Order, Result, Store, Technique
from tests.backends.postgres import leftovers
from tests.backends.postgres.place import DATASET, OPERATOR, Place, destroyed, order, unit, verified

OURS = records(3)
_ALL = """
SELECT pg_describe_object(classoid, objoid, objsubid), description FROM pg_description
 WHERE objoid >= 16384 ORDER BY 1
"""


@pytest.fixture
def commented(any_place: Place) -> Iterator[Place]:
    """Comments of every sort, four of which hold one of three records."""
    place = any_place
    place.sql("CREATE TABLE t (v text)")
    place.sql("CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'")
    place.sql(f"COMMENT ON TABLE t IS 'as {OURS[0].respondent_id} said'")
    place.sql("COMMENT ON COLUMN t.v IS 'what they said'")
    place.sql(f"COMMENT ON FUNCTION f(int) IS 'a fix\nfor {OURS[1].respondent_id}'")
    place.sql(f"COMMENT ON DATABASE {place.name} IS 'of {OURS[2].respondent_id}'")
    place.sql(f"COMMENT ON ROLE {OPERATOR} IS 'of {OURS[0].respondent_id}'")
    place.sql("COMMENT ON TABLESPACE pg_default IS 'where all is'")
    try:
        yield place
    finally:
        place.sql(f"COMMENT ON DATABASE {place.name} IS NULL")
        place.sql(f"COMMENT ON ROLE {OPERATOR} IS NULL")
        place.sql("COMMENT ON TABLESPACE pg_default IS NULL")


@contextlib.contextmanager
def planned(place: Place, user: str = "postgres") -> Iterator[tuple[Store, Holding]]:
    with place.store(user) as store:
        (held,) = store.examine(unit(store, f"{place.name}/comments"), DATASET).holdings
        yield store, held


def test_those_with_records_go_and_no_others(commented: Place) -> None:
    with planned(commented) as (store, held):
        assert (3, None, Technique.REMOVE_COMMENTS) == (held.records, held.whole, held.partial)
        wanted = order(held)
        outcome = destroyed(store, wanted)
        assert (Result.DESTROYED, 4) == (outcome.result, outcome.numbers["comments-removed"])
        assert Finding.ABSENT is verified(store, wanted).finding
        assert Result.ALREADY_ABSENT is destroyed(store, wanted).result
    assert [("column v of table t", "what they said")] == commented.sql(_ALL)
    assert [(None,)] == commented.sql(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database"
        " WHERE datname = current_database()"
    )
    assert [(None, "where all is")] == commented.sql(
        "SELECT shobj_description(r.oid, 'pg_authid'), shobj_description(t.oid, 'pg_tablespace')"
        f" FROM pg_roles r, pg_tablespace t WHERE rolname = '{OPERATOR}' AND spcname = 'pg_default'"
    )
    assert [(1,)] == commented.sql("SELECT f(1)")


def test_what_was_set_since_is_left_alone(commented: Place) -> None:
    with planned(commented) as (store, held):
        commented.sql("COMMENT ON COLUMN t.v IS 'what others said'")
        before = commented.sql(_ALL)
        assert Result.CHANGED is destroyed(store, order(held)).result
        assert Finding.RESIDUE is verified(store, order(held)).finding
    assert before == commented.sql(_ALL)


def test_what_another_database_has_removed_is_no_change(commented: Place) -> None:
    """A role's comment is every database's: the order of one takes it out for all."""
    with planned(commented) as (store, held):
        commented.sql(f"COMMENT ON ROLE {OPERATOR} IS NULL")
        outcome = destroyed(store, order(held))
        assert (Result.DESTROYED, 3) == (outcome.result, outcome.numbers["comments-removed"])
        commented.sql(f"COMMENT ON ROLE {OPERATOR} IS 'of {OURS[0].respondent_id}'")
        commented.sql(f"COMMENT ON TABLE t IS 'as {OURS[0].respondent_id} said'")
        assert Result.CHANGED is destroyed(store, order(held)).result
        commented.sql(f"COMMENT ON ROLE {OPERATOR} IS NULL")
        assert Result.CHANGED is destroyed(store, order(held)).result, "the table's is another one"


def test_one_that_may_hold_several_stays(any_place: Place) -> None:
    lines = "\n".join(",".join(each) for each in OURS)
    any_place.sql("CREATE TABLE t (v text)")
    any_place.sql(f"COMMENT ON TABLE t IS '{lines}'")
    with planned(any_place) as (_, held):
        assert (None, "several-records-in-a-value") == (held.partial, held.obstacle)


def test_statistics_of_the_catalogue_go_with_them(commented: Place) -> None:
    commented.sql("VACUUM ANALYZE pg_description")
    kept = "SELECT count(*) FROM pg_stats WHERE tablename = 'pg_description'"
    assert [(4,)] == commented.sql(kept)
    with planned(commented) as (store, held):
        outcome = destroyed(store, order(held))
    assert outcome.numbers["statistics-removed"] >= 4
    assert [(0,)] == commented.sql(kept)


def test_only_a_superuser_may(commented: Place) -> None:
    with planned(commented, OPERATOR) as (store, held):
        assert (None, "no-rewrite-of-comments") == (held.partial, held.obstacle)
        wanted = Order("order-0", held, Technique.REMOVE_COMMENTS, whole=False)
        outcome = destroyed(store, wanted)
    assert (Result.FAILED, "technique-not-offered") == (outcome.result, outcome.reason)


def test_nothing_of_them_is_left_in_the_data_directory(tmp_path: Path) -> None:
    dataset = leftovers.enrolled_matcher(tmp_path)
    without = {
        "shared_preload_libraries": ""
    }  # else statements are remembered, which are no comments
    with (
        leftovers.server(tmp_path, 18, **without) as place,
        place.store(residue=True) as store,
    ):
        place.sql("CREATE TABLE t (v text)")
        for number in range(100):
            row = leftovers.row("m", number)
            place.sql(f"CREATE TABLE t{number} ()")
            place.sql(f"COMMENT ON TABLE t{number} IS '{row.respondent_id} {row.email}'")
        row = leftovers.row("m", 100)
        place.sql(f"COMMENT ON DATABASE {place.name} IS '{row.respondent_id} {row.email}'")
        place.sql("VACUUM ANALYZE")
        directory = place.server.data_directory
        assert 101 == leftovers.counted(directory, "m")["E"]
        planned = leftovers.orders(leftovers.looked(store, dataset)[0])
        outcomes, answers = leftovers.carried_out(store, planned, dataset)
        assert {Result.DESTROYED} == {outcome.result for outcome in outcomes}
        assert {Finding.ABSENT} == {answer.finding for answer in answers}
        assert leftovers.NONE == leftovers.counted(directory, "m")
