"""A table that is truncated without its rows being read: only if its pages tell what they are.

Each way in which a table can have other rows than the plan saw is taken here, and must end as it does
where the rows are read.
"""

from __future__ import annotations

import contextlib
import itertools
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from backends.contract import Destruction, Order, Result, Store, Unit
from backends.postgres._examine import read_relation
from backends.postgres._rows import RowScan
from backends.postgres.raw.unaltered import Mark, Start, none_later
from tests.backends.postgres import leftovers
from tests.backends.postgres.place import Place, order

ROWS = 2000
DATASET = leftovers.matcher()
_numbers = itertools.count()


@pytest.fixture
def table(any_place: Place) -> str:
    """A table of nothing but the dataset's rows, that nobody has touched for a while."""
    name = f"quiet_{next(_numbers)}"
    any_place.plant(name, leftovers.rows("m", ROWS))
    any_place.sql(f"VACUUM {name}")
    return name


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which relations were read under their lock."""
    seen: list[str] = []

    def watched(connection: Any, relation: Any, scan: RowScan) -> Any:
        seen.append(relation.name)
        return read_relation(connection, relation, scan)

    monkeypatch.setattr("backends.postgres._undo.read_relation", watched)
    return seen


@contextlib.contextmanager
def planned(any_place: Place, table: str) -> Iterator[tuple[Store, Order]]:
    with any_place.store(residue=True) as store:
        unit = next(
            entry
            for entry in store.units(any_place.name)
            if isinstance(entry, Unit) and entry.locator == any_place.locator(table)
        )
        (held,) = store.examine(unit, DATASET).holdings
        yield store, order(held)


def marked(wanted: Order, mark: str) -> Order:
    """An order of a plan with another mark in it."""
    details = {**wanted.holding.details, "mark": mark}
    return replace(wanted, holding=replace(wanted.holding, details=details))


def destroyed(store: Store, wanted: Order) -> Destruction:
    (outcome,) = store.destroy([wanted], DATASET)
    return outcome


def test_a_table_at_rest_is_not_read_again(any_place: Place, table: str, reads: list[str]) -> None:
    with planned(any_place, table) as (store, wanted):
        outcome = destroyed(store, wanted)
    assert (outcome.result, outcome.numbers["rows-destroyed"]) == (Result.DESTROYED, ROWS)
    mark = Mark.parse(str(wanted.holding.details["mark"]))
    # An empty TOAST table has an index of one page.
    assert outcome.numbers["bytes-overwritten"] == mark.size + 8192 > ROWS * 80
    assert reads == []
    assert any_place.rows(table) == []


def test_one_of_several_segments_is_enough(any_place: Place, table: str, reads: list[str]) -> None:
    """Pages beyond the first million bytes count like the first ones."""
    any_place.fill(table, [each for _ in range(8) for each in leftovers.rows("m", ROWS)])
    any_place.sql(f"VACUUM {table}")
    with planned(any_place, table) as (store, wanted):
        assert int(wanted.holding.details["rows"]) == 9 * ROWS
        any_place.sql(f"DELETE FROM {table} WHERE ctid = (SELECT max(ctid) FROM {table})")
        assert destroyed(store, wanted).result is Result.CHANGED
    assert reads == [table]


SINCE = {
    "a row comes": "INSERT INTO {} VALUES (gen_random_uuid(), 'other@elsewhere.example', 'mine')",
    "a row goes": "DELETE FROM {0} WHERE ctid = (SELECT min(ctid) FROM {0})",
    "a row is altered": "UPDATE {0} SET answer = 'mine' WHERE ctid = (SELECT min(ctid) FROM {0})",
    "a column comes": "ALTER TABLE {} ADD others text DEFAULT 'mine'",
    "a column goes": "ALTER TABLE {} DROP answer",
    "it is filled anew": "TRUNCATE {0}; INSERT INTO {0} SELECT gen_random_uuid(), 'o', 'mine'",
}


@pytest.mark.parametrize("statement", SINCE.values(), ids=SINCE.keys())
def test_what_was_done_since_is_seen(
    any_place: Place, table: str, reads: list[str], statement: str
) -> None:
    with planned(any_place, table) as (store, wanted):
        any_place.sql(statement.format(table))
        kept = any_place.rows(table)
        outcome = destroyed(store, wanted)
    assert outcome.result is Result.CHANGED
    assert reads == [table]
    assert any_place.rows(table) == kept


def test_pages_that_are_cut_off_are_missed(any_place: Place, table: str, reads: list[str]) -> None:
    """Their rows went, and no page is left that tells of it."""
    with planned(any_place, table) as (store, wanted):
        mark = Mark.parse(str(wanted.holding.details["mark"]))
        any_place.sql(f"DELETE FROM {table} WHERE ctid >= '(5,0)'")
        any_place.sql(f"VACUUM {table}")
        ((size,),) = any_place.sql(f"SELECT pg_relation_size('{table}')")
        assert size == 5 * 8192 < mark.size
        # The pages that stay are those of before, but for what VACUUM has done to them.
        ((now,),) = any_place.sql("SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint")
        later = replace(mark, start=replace(mark.start, written=int(now)))
        assert destroyed(store, marked(wanted, str(later))).result is Result.CHANGED
    assert reads == [table]


@pytest.mark.parametrize("prepared", [False, True])
def test_who_was_writing_when_it_was_examined_is_waited_for_in_vain(
    any_place: Place, table: str, reads: list[str], *, prepared: bool
) -> None:
    """Rows that were written before, in a transaction that ended after."""
    with any_place.connect() as other, contextlib.ExitStack() as ending:
        other.execute("BEGIN")
        other.execute(f"INSERT INTO {table} VALUES (gen_random_uuid(), 'o', 'mine')".encode())
        end = "COMMIT"
        if prepared:
            other.execute("PREPARE TRANSACTION 'under way'")
            end = "COMMIT PREPARED 'under way'"
        ending.callback(other.execute, end.encode())
        with planned(any_place, table) as (store, wanted):
            assert int(wanted.holding.details["rows"]) == ROWS
            assert "mark" not in wanted.holding.details
            ending.close()
            assert destroyed(store, wanted).result is Result.CHANGED
    assert reads == [table]
    assert len(any_place.rows(table)) == ROWS + 1


def test_what_only_alters_pages_has_the_rows_read(
    any_place: Place, table: str, reads: list[str]
) -> None:
    with planned(any_place, table) as (store, wanted):
        with any_place.connection.transaction():
            any_place.sql(f"SELECT FROM {table} LIMIT 1 FOR UPDATE")
        outcome = destroyed(store, wanted)
    assert (outcome.result, outcome.numbers["rows-destroyed"]) == (Result.DESTROYED, ROWS)
    assert reads == [table]


SPOILT: dict[str, Callable[[Mark], str]] = {
    "another start of the server": lambda mark: str(
        replace(mark, start=replace(mark.start, started=mark.start.started - 1))
    ),
    "a place before the table was filled": lambda mark: str(
        replace(mark, start=replace(mark.start, written=1))
    ),
    "no mark": lambda _: "nothing",
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
def test_a_mark_of_something_else_has_the_rows_read(
    any_place: Place, table: str, reads: list[str], spoil: Callable[[Mark], str]
) -> None:
    with planned(any_place, table) as (store, wanted):
        mark = Mark.parse(str(wanted.holding.details["mark"]))
        assert destroyed(store, marked(wanted, spoil(mark))).result is Result.DESTROYED
    assert reads == [table]


def test_a_plan_for_less_than_all_is_held_to_it(
    any_place: Place, table: str, reads: list[str]
) -> None:
    with planned(any_place, table) as (store, wanted):
        held = replace(wanted.holding, foreign_records=None)
        outcome = destroyed(store, replace(wanted, holding=held, whole=False))
    assert outcome.result is Result.DESTROYED  # by what was read, there are no others
    assert reads == [table]


@pytest.mark.parametrize("kind", ["UNLOGGED TABLE", "MATERIALIZED VIEW"])
def test_pages_that_tell_nothing_are_no_proof(any_place: Place, table: str, kind: str) -> None:
    any_place.sql(f"CREATE {kind} other_{table} AS SELECT * FROM {table}")
    with planned(any_place, f"other_{table}") as (_, wanted):
        assert "mark" not in wanted.holding.details


def test_a_mark_is_read_as_it_was_written() -> None:
    mark = Mark(Start(1_764_143_051_000_000, 1 << 40), 4_294_967_295, 1 << 43)
    assert Mark.parse(str(mark)) == mark
    with pytest.raises(ValueError, match="unpack"):
        Mark.parse("1:2:3")


def page(high: int, low: int, layout: int = 8192 | 4) -> bytes:
    """A page by its header ("Database Page Layout" in the manual)."""
    return struct.pack("<IIHHHHHHI", high, low, 0, 0, 24, 8192, 8192, layout, 0).ljust(8192, b"x")


@pytest.mark.parametrize(
    ("later", "told"),
    [
        (page(0, 1), True),
        (page(1, 0), True),
        (page(1, 1), False),
        (page(2, 0), False),
        (page(0xFFFFFFFF, 0xFFFFFFFF), False),
        (bytes(8192), True),  # a new one
        (page(0, 1, layout=0), False),  # an encrypted one, for example
        (b"x" * 8192, False),
    ],
)
def test_how_far_the_log_was_is_read_from_each_page(later: bytes, told: bool) -> None:
    for pages in ([later], [page(0, 7), later], [later, page(1, 0)]):
        assert none_later(memoryview(b"".join(pages)), 1 << 32) is told
