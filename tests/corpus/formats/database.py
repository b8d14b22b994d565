"""What databases leave: statements, dumps, and SQLite's files with what was deleted in them."""

from __future__ import annotations

import random
import sqlite3
import tempfile
from pathlib import Path

from tests.corpus.tables import Kind, Native, Table


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: Native) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int | float):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def inserts(rng: random.Random, table: Table) -> str:
    names = ", ".join(map(_quoted, table.names))
    return "".join(
        f"INSERT INTO respondents ({names}) VALUES ({', '.join(map(_literal, row))});\n"
        for row in table.native()
    )


def one_insert(rng: random.Random, table: Table) -> str:
    """All rows in one statement and one line, as mysqldump writes them."""
    rows = ",".join("(" + ",".join(map(_literal, row)) + ")" for row in table.native())
    return f"LOCK TABLES `r` WRITE;\nINSERT INTO `r` VALUES {rows};\nUNLOCK TABLES;\n"


def pg_dump_plain(rng: random.Random, table: Table) -> str:
    """COPY's text format, as pg_dump writes it."""
    names = ", ".join(map(_quoted, table.names))
    lines = [
        "--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n",
        f"COPY public.respondents ({names}) FROM stdin;",
    ]
    for row in table.rows:
        values = (v.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n") for v in row)
        lines.append("\t".join(v or "\\N" for v in values))
    return "\n".join([*lines, "\\.", "", "", "--\n-- PostgreSQL database dump complete\n--", ""])


def sqlite(rng: random.Random, table: Table) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.db")
        _fill(path, table, index=rng.random() < 0.3)
        return path.read_bytes()


def sqlite_dropped(rng: random.Random, table: Table) -> bytes:
    """The table was dropped: its pages are on the freelist."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.db")
        connection = _fill(path, table)
        connection.execute("DROP TABLE respondents")
        connection.commit()
        connection.close()
        return path.read_bytes()


def sqlite_deleted(rng: random.Random, table: Table) -> bytes:
    """The rows were deleted one by one; another row stays in the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.db")
        connection = _fill(path, table)
        nothing = ["" for _ in table.names]
        connection.execute(f"INSERT INTO respondents VALUES ({_marks(table)})", nothing)
        for number in range(1, len(table.rows) + 1):
            connection.execute("DELETE FROM respondents WHERE rowid = ?", (number,))
        connection.commit()
        connection.close()
        return path.read_bytes()


def sqlite_wal(rng: random.Random, table: Table) -> bytes:
    """A write-ahead log by itself: the rows were written, and not yet put into the database."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.db")
        connection = _connect(path)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        _insert(connection, table)
        data = path.with_name("a.db-wal").read_bytes()
        connection.close()
        return data


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA secure_delete=OFF")
    connection.execute("PRAGMA synchronous=OFF")
    return connection


def _fill(path: Path, table: Table, *, index: bool = False) -> sqlite3.Connection:
    connection = _connect(path)
    connection.execute("CREATE TABLE settings (name TEXT, value TEXT)")
    connection.execute("INSERT INTO settings VALUES ('theme', 'dark')")
    _insert(connection, table)
    if index:
        connection.execute(f"CREATE INDEX i ON respondents ({_quoted(table.names[0])})")
    connection.commit()
    return connection


def _marks(table: Table) -> str:
    return ", ".join("?" for _ in table.names)


def _insert(connection: sqlite3.Connection, table: Table) -> None:
    numeric = {Kind.INCOME, Kind.NUMBER, Kind.RATING}
    columns = ", ".join(
        f"{_quoted(c.name)} {'INTEGER' if c.kind in numeric else 'TEXT'}" for c in table.columns
    )
    connection.execute(f"CREATE TABLE respondents ({columns})")
    rows = [
        [v if isinstance(v, int | float) or v is None else str(v) for v in row]
        for row in table.native()
    ]
    connection.executemany(f"INSERT INTO respondents VALUES ({_marks(table)})", rows)
    connection.commit()
