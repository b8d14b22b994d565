"""SQLite's files, written by SQLite: rows that are there, rows that were, and enemies."""

from __future__ import annotations

import io
import random
import sqlite3
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backends.content import Limits, Reading, examine_stream
from backends.contract import Verdict
from tests.backends.content.wrapping import IDS, MATCHER, read, seven_zipped

Fill = Callable[[sqlite3.Connection], object]
ROWS = [(i, f"person{n}@example.org", n * 1000, None, 0.5) for n, i in enumerate(IDS)]
FOREIGN = ("else00000001", "other@example.com", 5, b"\x00\x01", None)


def filled(connection: sqlite3.Connection, text: str = "TEXT") -> None:
    connection.execute(f"CREATE TABLE r (id {text}, email TEXT, income INTEGER, b BLOB, f REAL)")
    connection.executemany("INSERT INTO r VALUES (?, ?, ?, ?, ?)", [*ROWS, FOREIGN])


def made(folder: Path, *steps: Fill, page: int = 4096, encoding: str = "UTF-8") -> bytes:
    """Return a database after these steps, each committed."""
    path = folder / f"{random.getrandbits(64):x}.db"
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in (f"page_size={page}", f"encoding='{encoding}'", "secure_delete=OFF"):
        connection.execute(f"PRAGMA {pragma}")
    for step in steps:
        connection.execute("BEGIN")
        step(connection)
        connection.execute("COMMIT")
    connection.close()
    return path.read_bytes()


def sql(*statements: str) -> Fill:
    return lambda connection: [connection.execute(s) for s in statements]


def summed(reading: Reading) -> tuple[int, int | None, str]:
    return reading.evidence.records, reading.foreign_records, reading.reason


@pytest.mark.parametrize("page", [512, 4096, 65536])
@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
@pytest.mark.parametrize("step", [1000, 1 << 20])
def test_rows_are_counted_exactly(tmp_path: Path, page: int, encoding: str, step: int) -> None:
    reading = read(made(tmp_path, filled, page=page, encoding=encoding), step=step)
    assert summed(reading) == (200, 1, "")
    assert reading.layers == ("sqlite",)


def test_entries_of_indexes_are_no_further_records(tmp_path: Path) -> None:
    index = sql("CREATE INDEX i ON r (email)", "CREATE UNIQUE INDEX j ON r (id)", "ANALYZE")
    assert summed(read(made(tmp_path, filled, index))) == (200, 1, "")


def test_tables_without_rowid_and_numbers_that_stand_for_it(tmp_path: Path) -> None:
    matcher = type(MATCHER)([*IDS, "1234567890"], [])
    data = made(
        tmp_path,
        sql("CREATE TABLE a (id TEXT PRIMARY KEY, v) WITHOUT ROWID", f"INSERT INTO a VALUES ('{IDS[0]}', 1)"),
        sql("CREATE TABLE b (id INTEGER PRIMARY KEY, v)", "INSERT INTO b VALUES (1234567890, 'x')"),
        sql("CREATE TABLE c (v)", "INSERT INTO c VALUES ('y')"),
    )  # fmt: skip
    assert summed(examine_stream(io.BytesIO(data), matcher)) == (2, 1, "")


def test_long_values_go_over_pages(tmp_path: Path) -> None:
    values = [(IDS[n], "x" * n * 977 + " " + IDS[n + 1]) for n in range(0, 20, 2)]
    data = made(
        tmp_path,
        sql("CREATE TABLE r (id, v)"),
        lambda c: c.executemany("INSERT INTO r VALUES (?, ?)", [*values, ("else", "y" * 9999)]),
        page=1024,
    )
    assert summed(read(data)) == (20, None, "")  # so long a value may be several records


def test_a_document_in_a_column_is_opened(tmp_path: Path) -> None:
    inner = made(tmp_path, filled)
    data = made(
        tmp_path,
        sql("CREATE TABLE d (v BLOB)"),
        lambda c: c.execute("INSERT INTO d VALUES (?)", (inner,)),
    )
    reading = read(data)
    assert (reading.evidence.records, reading.reason, reading.layers) == (200, "", ("sqlite",))


def test_a_dropped_table_is_found_and_others_may_be_there(tmp_path: Path) -> None:
    for dropped in ("DROP TABLE r", "DELETE FROM r"):
        data = made(tmp_path, filled, sql("CREATE TABLE s (v)"), sql(dropped))
        assert IDS[0].encode() in data
        reading = read(data)
        assert summed(reading) == (200, None, "")
        assert reading.evidence.matched > 150  # most as rows, not only by looking at every place


def test_a_vacuumed_database_holds_nothing_any_more(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(made(tmp_path, filled, sql("CREATE TABLE s (v)"), sql("DROP TABLE r")))
    connection = sqlite3.connect(path)
    connection.execute("VACUUM")
    connection.close()
    reading = read(path.read_bytes())
    assert (reading.evidence.verdict, reading.reason) == (None, "")


@pytest.mark.parametrize(("which", "foreign"), [("> 3000", None), ("% 2000 = 0", 1)])
def test_rows_that_were_deleted_one_by_one(tmp_path: Path, which: str, foreign: int | None) -> None:
    """Where whole pages were given up, others' rows may be in them; else there are the live ones."""
    reading = read(made(tmp_path, filled, sql(f"DELETE FROM r WHERE income {which}")))
    assert reading.evidence.records > 150
    assert (reading.foreign_records, reading.reason) == (foreign, "")


def test_auto_vacuum_has_pages_of_pointers(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA page_size=512")
    connection.execute("PRAGMA auto_vacuum=FULL")
    filled(connection)
    connection.commit()
    connection.close()
    assert summed(read(path.read_bytes())) == (200, 1, "")


def logged(folder: Path, *steps: Fill) -> tuple[bytes, bytes]:
    """Return a database and its write-ahead log, which was not put into it."""
    path = folder / "w.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    for step in steps:
        connection.execute("BEGIN")
        step(connection)
        connection.execute("COMMIT")
    found = path.read_bytes(), path.with_name("w.db-wal").read_bytes()
    connection.close()
    return found


def test_a_log_is_a_document_of_its_own(tmp_path: Path) -> None:
    data, log = logged(tmp_path, filled)
    assert IDS[0].encode() not in data
    reading = read(log)
    assert summed(reading) == (200, 1, "")
    assert reading.layers == ("sqlite-wal",)


@pytest.mark.parametrize("size", [512, 4096, 65536])
def test_a_log_without_the_schema_in_an_archive_has_its_rows(tmp_path: Path, size: int) -> None:
    """The pages that say what is a table were put into the database before, which is not there."""
    path = tmp_path / "w.db"
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in (f"page_size={size}", "journal_mode=WAL", "wal_autocheckpoint=0"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE r (id, v)")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO r VALUES (?, ?)", [(i, "x" * 20) for i in IDS])
    connection.execute("COMMIT")
    log = path.with_name("w.db-wal").read_bytes()
    connection.close()
    for packed in (log, seven_zipped(log)):
        reading = read(packed)
        assert (reading.evidence.records, reading.reason) == (200, "")
        assert reading.layers[-1] == "sqlite-wal"
    cut = read(seven_zipped(log[: len(log) * 2 // 3]))
    assert cut.reason or cut.foreign_records is None


def test_what_a_log_has_of_before_is_found(tmp_path: Path) -> None:
    _, log = logged(tmp_path, filled, sql("DELETE FROM r"), sql("CREATE TABLE s (v)"))
    assert summed(read(log)) == (200, None, "")


def test_a_rollback_journal_is_a_document_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    path.write_bytes(made(tmp_path, filled))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN")
    connection.execute("UPDATE r SET id = 'gone', email = 'gone'")
    connection.execute("PRAGMA cache_spill=1")
    connection.execute("PRAGMA cache_size=1")
    connection.execute("CREATE TABLE s AS SELECT * FROM r a, r b LIMIT 2000")
    journal = path.with_name("j.db-journal").read_bytes()
    connection.execute("ROLLBACK")
    connection.close()
    reading = read(journal)
    assert reading.layers == ("sqlite-journal",)
    assert summed(reading) == (200, None, "")


# --- Enemies -------------------------------------------------------------------------------


def test_triggers_and_views_do_nothing(tmp_path: Path) -> None:
    data = made(
        tmp_path,
        filled,
        sql("CREATE VIEW v AS WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t"),
        sql("CREATE TRIGGER g BEFORE INSERT ON r BEGIN DELETE FROM r; END"),
    )  # fmt: skip
    assert summed(read(data)) == (200, 1, "")


def roots(data: bytes) -> int:
    """The page of the first interior page of a table."""
    return next(n for n in range(len(data) // 512) if data[n * 512] == 5)


def test_a_loop_of_pages_ends(tmp_path: Path) -> None:
    data = bytearray(made(tmp_path, filled, page=512))
    at = roots(bytes(data))
    struct.pack_into(">I", data, at * 512 + 8, at + 1)  # the last page below is itself
    reading = read(bytes(data))
    assert reading.reason == "damaged-container"
    assert reading.evidence.verdict is Verdict.COPY


def test_a_loop_of_overflow_pages_ends(tmp_path: Path) -> None:
    data = bytearray(
        made(
            tmp_path,
            sql("CREATE TABLE r (v)"),
            lambda c: c.execute("INSERT INTO r VALUES (?)", (IDS[0] + " " * 5000,)),
            page=512,
        )
    )
    for number in range(3, len(data) // 512):
        struct.pack_into(">I", data, number * 512, 3)
    reading = read(bytes(data))
    assert (reading.reason, reading.evidence.records) == ("damaged-container", 1)


def test_a_large_value_is_a_reason_and_its_bytes_are_probed(tmp_path: Path) -> None:
    data = made(
        tmp_path,
        sql("CREATE TABLE r (v)"),
        lambda c: c.execute("INSERT INTO r VALUES (?)", (" " * 300_000 + IDS[0],)),
    )
    reading = examine_stream(io.BytesIO(data), MATCHER, limits=Limits(memory=100_000))
    assert (reading.reason, reading.evidence.records) == ("too-large-to-open", 1)


@pytest.mark.parametrize("size", [0, 7, 256, 1000])
def test_a_page_size_that_is_none(tmp_path: Path, size: int) -> None:
    data = bytearray(made(tmp_path, filled))
    struct.pack_into(">H", data, 16, size)
    assert read(bytes(data)).reason == "damaged-container"


def mutants(data: bytes, count: int) -> Iterator[bytes]:
    rng = random.Random(1)
    for _ in range(count):
        made_ = bytearray(data)
        for _ in range(rng.choice((1, 2, 8, 64))):
            page = rng.randrange(len(made_) // 512) * 512
            at = page + rng.randrange(40) if rng.random() < 0.7 else rng.randrange(len(made_))
            if at >= 16:
                made_[at] = rng.choice((0, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        yield bytes(made_[: rng.choice((len(made_), rng.randrange(len(made_))))])


@pytest.mark.parametrize("kind", ["database", "log"])
def test_mutants_end_as_rows_or_as_a_reason(tmp_path: Path, kind: str) -> None:
    data = made(tmp_path, filled, sql("CREATE INDEX i ON r (email)"), page=512)
    data = logged(tmp_path, filled)[1] if kind == "log" else data
    for mutant in mutants(data, 60):
        assert read(mutant).reason in {"", "damaged-container", "bomb-limit", "too-large-to-open"}
