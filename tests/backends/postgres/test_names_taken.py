"""Names that come to lead elsewhere while a unit is examined."""

from __future__ import annotations

import pytest

from backends.conformance import records, strangers
from backends.errors import ChangedWhileRead, Vanished
from backends.postgres import _catalog, _examine
from tests.backends.postgres.place import DATASET, Place, unit


def test_a_table_that_took_the_name_is_not_read_for_it(any_place: Place) -> None:
    at = any_place.plant("t", records(3))
    with any_place.store() as store:
        listed = unit(store, at)
        any_place.sql("DROP TABLE t")
        any_place.plant("t", strangers(3))
        with pytest.raises(Vanished):
            store.examine(listed, DATASET)


def _examine_across(place: Place, at: str, swap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Examine a table; names are swapped between looking it up and using its name."""
    real = _catalog.relation_by_oid

    def late(*arguments: object) -> object:
        found = real(*arguments)  # type: ignore[arg-type]
        place.sql(swap)
        return found

    with place.store() as store:
        listed = unit(store, at)
        monkeypatch.setattr(_examine, "relation_by_oid", late)
        store.examine(listed, DATASET)


def test_a_table_that_takes_the_name_in_mid_work_is_noticed(
    any_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Statements name a relation, and the name can move between looking it up and using it."""
    at = any_place.plant("t", strangers(3))
    any_place.plant("u", records(3))
    swap = "ALTER TABLE t RENAME TO v; ALTER TABLE u RENAME TO t"
    with pytest.raises(ChangedWhileRead):
        _examine_across(any_place, at, swap, monkeypatch)


def test_a_view_that_takes_the_name_of_a_table_is_never_run(
    any_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its functions would run as the role that shredder has."""
    at = any_place.plant("t", strangers(3))
    any_place.sql(
        "CREATE FUNCTION run() RETURNS text LANGUAGE plpgsql"
        " AS $$ BEGIN RAISE EXCEPTION 'it was run'; END $$"
    )
    any_place.sql("CREATE VIEW u AS SELECT run()")
    swap = "ALTER TABLE t RENAME TO v; ALTER VIEW u RENAME TO t"
    with pytest.raises(ChangedWhileRead):
        _examine_across(any_place, at, swap, monkeypatch)
