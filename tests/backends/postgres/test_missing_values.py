"""What a new column gave to older rows lies in the catalogue, and goes by rewriting the table."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backends.conformance import records, strangers
from backends.contract import Finding, Holding, Result, Store, Technique, Unit
from tests.backends.postgres import leftovers
from tests.backends.postgres.place import DATASET, Place, destroyed, order, result, verified

ID = records(1)[0].respondent_id
KEPT = "SELECT count(*) FROM pg_attribute WHERE atthasmissing"


def held(store: Store, place: Place) -> list[Holding]:
    units = (
        entry
        for entry in store.units(place.name)
        if isinstance(entry, Unit) and entry.kind == "missing-values"
    )
    return [each for unit in units for each in store.examine(unit, DATASET).holdings]


def given(place: Place, table: str = "t", kind: str = "text") -> str:
    """Give a record to the rows that a table has; return the holding's locator."""
    locator = place.plant(table, strangers(20))
    place.sql(f"ALTER TABLE {table} ADD w {kind} DEFAULT '{ID}', ADD o text DEFAULT 'others'''")
    place.sql(f"ALTER TABLE {table} ALTER w DROP DEFAULT")
    return f"{locator}:missing-values"


@pytest.mark.parametrize("kind", ["text", "uuid"])
def test_they_are_found_and_a_rewriting_takes_them_out(any_place: Place, kind: str) -> None:
    locator = given(any_place, kind=kind)
    with any_place.store(residue=True) as store:
        (found,) = held(store, any_place)
        assert (locator, 1, Technique.COMPACT) == (found.locator, found.records, found.whole)
        wanted = order(found)
        assert (Result.FAILED, "records-left") == result(store, wanted), "rows show it"
        any_place.sql("UPDATE t SET w = NULL")
        assert [found] == held(store, any_place), "no row does now"
        assert Finding.RESIDUE is verified(store, wanted).finding
        before = any_place.dump()
        assert (Result.DESTROYED, "") == result(store, wanted)
        assert before == any_place.dump()
        answer = verified(store, wanted)
        assert (Finding.ABSENT, ("catalogue", "pages")) == (answer.finding, answer.looked)
        assert [] == held(store, any_place)
        assert Result.ALREADY_ABSENT is destroyed(store, wanted).result
    assert [(0,)] == any_place.sql(KEPT)


def test_they_outlive_the_table_s_rows_and_its_file(any_place: Place) -> None:
    given(any_place)
    with any_place.store(residue=True) as store:
        (found,) = held(store, any_place)
        any_place.sql("TRUNCATE t")
        assert [(2,)] == any_place.sql(KEPT)
        assert (Result.DESTROYED, "") == result(store, order(found))
        assert Finding.ABSENT is verified(store, order(found)).finding
    assert [(0,)] == any_place.sql(KEPT)


def test_without_a_column_there_is_nothing_to_do(any_place: Place) -> None:
    given(any_place)
    with any_place.store(residue=True) as store:
        (found,) = held(store, any_place)
        any_place.sql("ALTER TABLE t DROP w")
        assert Result.ALREADY_ABSENT is destroyed(store, order(found)).result
        any_place.sql("DROP TABLE t")
        assert Result.ALREADY_ABSENT is destroyed(store, order(found)).result
        assert Finding.ABSENT is verified(store, order(found)).finding


@pytest.mark.parametrize(
    ("settings", "obstacle"),
    [
        ({}, "missing-values-kept"),
        ({"residue": True, "rewrite": "none"}, "rewriting-not-wanted"),
        ({"residue": True, "rewrite": "online"}, "pg-repack-keeps-missing-values"),
    ],
)
def test_they_are_named_where_nothing_is_rewritten(
    new_place: Place, settings: dict[str, Any], obstacle: str
) -> None:
    given(new_place)
    with new_place.store(**settings) as store:
        (found,) = held(store, new_place)
        assert (None, obstacle) == (found.whole, found.obstacle)


def test_an_order_is_not_carried_out_online(new_place: Place) -> None:
    """Where the setting has become another since the plan."""
    given(new_place)
    new_place.sql("TRUNCATE t")
    with new_place.store(residue=True) as store:
        wanted = order(*held(store, new_place))
    with new_place.store(residue=True, rewrite="online") as store:
        assert (Result.FAILED, "pg-repack-keeps-missing-values") == result(store, wanted)


def test_those_of_others_and_of_tables_left_out_are_none(new_place: Place) -> None:
    new_place.plant("theirs", strangers(3))
    new_place.sql("ALTER TABLE theirs ADD w text DEFAULT 'theirs'")
    given(new_place)
    with new_place.store(residue=True, exclude=["public.t"]) as store:
        assert [] == held(store, new_place)


def test_each_table_is_listed_once(new_place: Place) -> None:
    for table in ("t", "u"):
        given(new_place, table)
    new_place.sql("SELECT lo_create(0)")
    with new_place.store(residue=True) as store:
        cursors = [u.cursor for u in store.units(new_place.name) if isinstance(u, Unit)]
        assert sorted(set(cursors)) == cursors
        of_tables = [each for each in cursors if each.startswith("3m:")]
        assert 2 == len(of_tables)
        for cursor in (of_tables[0], next(each for each in cursors if each.startswith("4:"))):
            after = [u.cursor for u in store.units(new_place.name, cursor) if isinstance(u, Unit)]
            assert [each for each in cursors if each > cursor] == after


def test_nothing_of_them_is_left_in_the_data_directory(tmp_path: Path) -> None:
    """Rows go, tables are truncated; the values' own rows are in a catalogue's pages, deleted."""
    dataset = leftovers.enrolled_matcher(tmp_path)
    with (
        leftovers.server(tmp_path, 18, shared_preload_libraries="") as place,
        place.store(residue=True) as store,
    ):
        place.plant("mixed", leftovers.rows("s", 50))
        place.plant("pure", leftovers.rows("m", 50))
        for number in range(60):
            row = leftovers.row("m", number)
            said = f"{row.respondent_id} {row.email}"
            table = "mixed" if number < 40 else "pure"
            place.sql(f"ALTER TABLE {table} ADD c{number} text DEFAULT '{said}'")
            place.sql(f"ALTER TABLE {table} ALTER c{number} DROP DEFAULT")
        place.sql(f"UPDATE mixed SET ({','.join(f'c{n}' for n in range(40))}) = "
                  f"({','.join(['NULL'] * 40)})")  # fmt: skip
        place.sql("VACUUM ANALYZE")
        directory = place.server.data_directory
        assert 60 == leftovers.counted(directory, "m")["E"]
        holdings, _ = leftovers.looked(store, dataset)
        assert {"pure": "table"}.items() <= {
            each.locator.rpartition(".")[2]: each.kind for each in holdings
        }.items()
        planned = leftovers.orders(holdings)
        outcomes, answers = leftovers.carried_out(store, planned, dataset)
        assert {Result.DESTROYED} == {each.result for each in outcomes}
        assert {Finding.ABSENT} == {each.finding for each in answers}
        assert leftovers.NONE == leftovers.counted(directory, "m")
        assert 50 == leftovers.counted(directory, "s")["E"]
