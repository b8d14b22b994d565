"""Rows that SQLite deleted one by one: what is left of them is read as rows again."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from backends.content import Beside, Bounds, Limits, Source
from backends.content.openers._sqlite_deleted import column_count
from backends.content.openers.sqlite import SQLITE

Row = tuple[object, ...]
DEFINITION = "CREATE TABLE r (name TEXT, income INTEGER, comment TEXT)"


def rows(count: int, words: int) -> list[Row]:
    chance = random.Random(count * words)
    return [
        (
            f"Person {n}",
            chance.randrange(10**5),
            " ".join(chance.choices(("ünder", "a", "ox"), k=words)),
        )
        for n in range(count)
    ]


def left(path: Path) -> list[bytes]:
    """Return what is read of a database beside its rows."""
    bounds, found = Bounds(Limits()), []
    for part in SQLITE.open(Source(iter([path.read_bytes()]), bounds), bounds):
        if isinstance(part, Beside):
            for data, ends in part.blocks:
                found += [data[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    return found


def shown(row: Row) -> bytes:
    return "\x1f".join(map(str, row)).encode() + b"\n"


def emptied(path: Path, made: list[Row], order: list[int], first: int, encoding: str) -> None:
    """Make a database of which all rows but a further one were deleted, in this order."""
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA encoding='{encoding}'")
    connection.execute("PRAGMA secure_delete=OFF")
    connection.execute(DEFINITION)
    marks = ", ".join("?" * (1 + len(made[0])))
    insert = f"INSERT INTO r (rowid, name, income, comment) VALUES ({marks})"
    connection.executemany(insert, [(first + n, *row) for n, row in enumerate(made)])
    connection.execute("INSERT INTO r VALUES ('stays', 1, '')")
    connection.commit()
    for n in order:
        connection.execute("DELETE FROM r WHERE rowid = ?", (first + n,))
        connection.commit()
    connection.close()


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
@pytest.mark.parametrize("words", [1, 12, 60])
@pytest.mark.parametrize("first", [1, 200, 70_000])
@pytest.mark.parametrize("order", ["as inserted", "backwards", "by chance"])
def test_every_row_of_a_page_is_read_again(
    tmp_path: Path, order: str, first: int, words: int, encoding: str
) -> None:
    made = rows(7, words) if words > 12 else rows(25, words)
    places = list(range(len(made)))
    if order == "backwards":
        places.reverse()
    elif order == "by chance":
        random.Random(words).shuffle(places)
    emptied(tmp_path / "a.db", made, places, first, encoding)
    missed = {shown(row) for row in made} - set(left(tmp_path / "a.db"))
    # Characters of UTF-16 can be taken for where a block ends.
    assert len(missed) <= (2 if encoding == "UTF-16le" else 0)


def test_live_rows_are_not_read_twice(tmp_path: Path) -> None:
    made = rows(30, 5)
    emptied(tmp_path / "a.db", made, [3, 4, 20], 1, "UTF-8")
    assert {row for row in left(tmp_path / "a.db") if b"Person" in row} == {
        shown(made[n]) for n in (3, 4, 20)
    }


def test_what_was_wiped_is_not_read(tmp_path: Path) -> None:
    made = rows(20, 5)
    path = tmp_path / "a.db"
    emptied(path, made, [], 1, "UTF-8")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA secure_delete=ON")
    connection.execute("DELETE FROM r WHERE name <> 'stays'")
    connection.commit()
    connection.close()
    assert not [row for row in left(path) if b"Person" in row]


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        (DEFINITION, 3),
        ("CREATE TABLE t (a)", 1),
        ('CREATE TABLE "a, (b" ("x, y" TEXT DEFAULT \'a, b(\', [z, 1] INT, `w` -- one, two\n)', 3),
        ("CREATE TABLE t (a DECIMAL(10, 2) CHECK (a IN (1, 2)), b, PRIMARY KEY (a, b))", 2),
        ("CREATE TABLE t (a, CONSTRAINT k UNIQUE (a), FOREIGN KEY (a) REFERENCES u (b))", 1),
        ("CREATE TABLE t (primary_one, 'check' TEXT)", 2),
        ("", 0),
    ],
)
def test_columns_are_counted(sql: str, count: int) -> None:
    assert column_count(sql) == count
