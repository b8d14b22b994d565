"""Lists and sets on the disk, for as long as a command works with them.

What a sweep finds may be more than memory holds, so it is spooled: SQLite in a file of the state
directory, mode 0600, for it holds locators. Nothing in it outlives the command, so it is neither
journalled nor synced; at the end it is overwritten and unlinked. A process that was killed leaves
its file behind, unlocked, and the next spool, or `shredder forget-manifest`, destroys that.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from shredder import durable, values
from shredder.errors import Inconclusive

T = TypeVar("T")
_PAGE = 256  # rows in memory at a time
_SETTINGS = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = MEMORY;
BEGIN;
"""  # one transaction that never ends: nobody else reads it, and nothing of it is to be kept


class Spool:
    """One file of lists and sets. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._tables = 0
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise _cannot(error) from error
        try:
            self._db.executescript(_SETTINGS)
        except BaseException as error:
            self._db.close()
            if isinstance(error, sqlite3.Error):
                raise _cannot(error) from error
            raise

    def new_list(self, kind: type[T]) -> SpooledList[T]:
        """A new list of frozen dataclasses."""
        table = self._table("key BLOB, n INTEGER, line BLOB, PRIMARY KEY (key, n)")
        return SpooledList(self, table, kind)

    def new_set(self) -> SpooledSet:
        """A new set of tuples of texts."""
        return SpooledSet(self, self._table("key BLOB PRIMARY KEY"))

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def rows(self, sql: str, given: Sequence[object]) -> list[Any]:
        """Run one statement; its rows."""
        try:
            with self._lock:
                return self._db.execute(sql, given).fetchall()
        except sqlite3.Error as error:
            raise _cannot(error) from error

    def _table(self, columns: str) -> str:
        with self._lock:
            self._tables += 1
            name = f"t{self._tables}"
        self.rows(f"CREATE TABLE {name} ({columns}) WITHOUT ROWID", ())
        return name


class SpooledList(Sequence[T], Generic[T]):
    """Values in the order of their keys, and of their coming where those are the same."""

    def __init__(self, spool: Spool, table: str, kind: type[T]) -> None:
        self._spool, self._table, self._kind = spool, table, kind
        self._size = 0

    def append(self, value: T, key: bytes = b"") -> None:
        """One more. Not by two threads at once."""
        self._size += 1
        line = values.dumps(value)
        self._spool.rows(f"INSERT INTO {self._table} VALUES (?, ?, ?)", (key, self._size, line))  # noqa: S608 - a name of ours

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[T]:
        return self.under(b"")

    def under(self, prefix: bytes) -> Iterator[T]:
        """Those whose key begins with the first parts of a sort_key()."""
        sql = (
            f"SELECT key, n, line FROM {self._table} "  # noqa: S608 - a name of ours
            f"WHERE (key, n) > (?, ?) AND key < ? ORDER BY key, n LIMIT {_PAGE}"
        )
        last, end = (prefix, 0), prefix + b"\xff"  # in UTF-8 no byte is as high
        while rows := self._spool.rows(sql, (*last, end)):
            for key, number, line in rows:
                last = key, number
                yield values.loads(self._kind, line)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...

    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        if isinstance(index, slice):
            return tuple(self[n] for n in range(*index.indices(self._size)))
        place = range(self._size)[index]
        sql = f"SELECT line FROM {self._table} ORDER BY key, n LIMIT 1 OFFSET ?"  # noqa: S608 - a name of ours
        ((line,),) = self._spool.rows(sql, (place,))
        return values.loads(self._kind, line)


class SpooledSet:
    """A set of tuples of texts."""

    def __init__(self, spool: Spool, table: str) -> None:
        self._spool, self._table = spool, table
        self._empty = True

    def add(self, *parts: str) -> None:
        """Have it in the set."""
        self._empty = False
        self._spool.rows(f"INSERT OR IGNORE INTO {self._table} VALUES (?)", (sort_key(*parts),))  # noqa: S608 - a name of ours

    def has(self, *parts: str) -> bool:
        """Whether it was added."""
        if self._empty:
            return False
        sql = f"SELECT 1 FROM {self._table} WHERE key = ?"  # noqa: S608 - a name of ours
        return bool(self._spool.rows(sql, (sort_key(*parts),)))


def sort_key(*parts: str) -> bytes:
    """Texts as bytes that sort as the tuple of the texts does, and are no other tuple's.

    UTF-8 sorts by code point. Each part ends with two zero bytes, and one inside is followed
    by 0xFF, so that a part sorts before all that it begins. Bytes that are not UTF-8 stand in
    a text as surrogate escapes (PEP 383).
    """
    encoded = (part.encode("utf-8", "surrogatepass") for part in parts)
    return b"".join(part.replace(b"\0", b"\0\xff") + b"\0\0" for part in encoded)


@contextmanager
def spooled(folder: Path) -> Iterator[Spool]:
    """A spool in a folder of the state's; it is destroyed at the end."""
    destroy_abandoned(folder)
    path, descriptor = _made(folder)
    try:
        spool = Spool(path)
        try:
            yield spool
        finally:
            spool.close()
    finally:
        durable.destroy(path)
        os.close(descriptor)


def _made(folder: Path) -> tuple[Path, int]:
    """A new file, locked, and its descriptor. The lock is of another kind than SQLite's own."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        path = folder / f"spool-{secrets.token_hex(8)}.sqlite"
        descriptor = os.open(path, flags, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.exists():
            return path, descriptor
        os.close(descriptor)  # taken for an abandoned one before it was locked


def destroy_abandoned(folder: Path) -> int:
    """Destroy the spools of processes that were killed; returns how many there were."""
    gone = 0
    for path in folder.glob("spool-*.sqlite"):
        with suppress(FileNotFoundError):  # its own process was quicker
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # another command works with it
            else:
                gone += durable.destroy(path)
            finally:
                os.close(descriptor)
    return gone


def _cannot(error: sqlite3.Error) -> Inconclusive:
    return Inconclusive(
        f"what was found cannot be written down: {error}",
        hint="is the disk of the state directory full or read-only?",
    )
