"""Foreign tables: named and left out, or read where the operator says so, and never destroyed."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import pytest
from psycopg import conninfo, sql

from backends.conformance import records, strangers
from backends.contract import Gap, Order, Result, Technique
from backends.errors import CouldNotTell, Unreachable
from tests.backends.postgres.place import DATASET, Place, examined, listing, order, result, unit

ALL = ["*.far*"]


def far(place: Place, *, port: str = "") -> str:
    """Make a table that shows what is in the table `near`, by a server that is this one."""
    words = conninfo.conninfo_to_dict(place.server.conninfo)
    options = {"host": words["host"], "port": port or words["port"], "dbname": place.name}
    place.sql("CREATE EXTENSION postgres_fdw")
    place.connection.execute(
        sql.SQL("CREATE SERVER away FOREIGN DATA WRAPPER postgres_fdw OPTIONS ({})").format(
            sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(name), sql.Literal(str(value)))
                for name, value in options.items()
            )
        )
    )
    place.connection.execute(
        sql.SQL(
            "CREATE USER MAPPING FOR postgres SERVER away OPTIONS (user 'postgres', password {})"
        ).format(sql.Literal(place.server.password))
    )
    place.sql(
        "CREATE FOREIGN TABLE far (respondent_id uuid, email text, answer text)"
        " SERVER away OPTIONS (table_name 'near')"
    )
    return place.locator("far")


def test_a_foreign_table_that_is_named_is_read(any_place: Place) -> None:
    near = any_place.plant("near", [*records(3), *strangers(2)])
    at = far(any_place)
    with any_place.store(foreign_tables=ALL) as store:
        seen = examined(store, at)
        (holding,) = seen.holdings
        (its_own,) = examined(store, near).holdings
        assert (5, None) == (seen.records_read, seen.gap)
        assert ("foreign-table", 3, 2) == (holding.kind, holding.records, holding.foreign_records)
        assert (None, None, "foreign-table") == (holding.whole, holding.partial, holding.obstacle)
        # What is there can change without this server's knowing, so nothing proves it unchanged.
        assert ("", True) == (unit(store, at).state, unit(store, near).state != "")
        # Once it is gone where it is, it is gone here.
        (done,) = store.destroy([order(its_own)], DATASET)
        assert Result.DESTROYED is done.result
        assert () == examined(store, at).holdings


@pytest.mark.parametrize("named", [[], ["public.near"], ["far"]])
def test_a_foreign_table_that_is_not_named_is_left_out(any_place: Place, named: list[str]) -> None:
    any_place.plant("near", records(3))
    at = far(any_place)
    with any_place.store(foreign_tables=named) as store:
        gaps = [entry for entry in listing(store, any_place) if isinstance(entry, Gap)]
    assert [(at, "excluded", "foreign-table")] == [
        (g.locator, g.status.value, g.reason) for g in gaps
    ]


def test_what_is_excluded_is_not_read_though_it_is_named(any_place: Place) -> None:
    any_place.plant("near", records(3))
    far(any_place)
    with any_place.store(foreign_tables=ALL, exclude=ALL) as store:
        gaps = [entry for entry in listing(store, any_place) if isinstance(entry, Gap)]
    assert ["excluded-by-setting"] == [gap.reason for gap in gaps]


@pytest.mark.parametrize("technique", [Technique.TRUNCATE, Technique.DELETE_ROWS])
def test_nothing_is_destroyed_through_a_foreign_table(
    any_place: Place, technique: Technique
) -> None:
    any_place.plant("near", records(3))
    at = far(any_place)
    with any_place.store(foreign_tables=ALL) as store:
        (holding,) = examined(store, at).holdings
        wanted = Order("order-0", holding, technique, whole=True)
        assert (Result.FAILED, "foreign-table") == result(store, wanted)
    assert 3 == len(any_place.rows("near"))


def test_a_server_that_does_not_answer_is_another_s_fault(any_place: Place) -> None:
    near = any_place.plant("near", records(3))
    at = far(any_place, port="1")
    with any_place.store(foreign_tables=ALL) as store:
        with pytest.raises(CouldNotTell) as raised:
            store.examine(unit(store, at), DATASET)
        assert "foreign-table-unread" == raised.value.code
        assert not isinstance(raised.value, Unreachable)
        assert examined(store, near).holdings


def test_rows_of_a_file_that_a_table_stands_for_are_read(any_place: Place) -> None:
    path = any_place.server.data_directory.parent / "far.csv"
    path.write_text("\n".join(",".join(row) for row in records(4)))
    path.chmod(0o644)
    any_place.sql("CREATE EXTENSION file_fdw")
    any_place.sql("CREATE SERVER disk FOREIGN DATA WRAPPER file_fdw")
    any_place.connection.execute(
        sql.SQL(
            "CREATE FOREIGN TABLE far_file (id text, email text, answer text)"
            " SERVER disk OPTIONS (filename {}, format 'csv')"
        ).format(sql.Literal(str(path)))
    )
    with any_place.store(foreign_tables=ALL) as store:
        (holding,) = examined(store, any_place.locator("far_file")).holdings
    assert (4, 0) == (holding.records, holding.foreign_records)
