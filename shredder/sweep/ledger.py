"""What earlier sweeps have examined in full and found nothing in, so as not to read it again.

One file a dataset, and in it nothing but keyed digests: of a unit's store, locator, version and
state, of the fingerprint that was looked for, and of the software that looked. A unit whose
digest is there is in the very state in which it was examined, by the same code, for the same
records. What held anything, or could not be examined, is never in it and is read every time.

It serves a sweep that was broken off, too: the next one goes on from there. What a crash loses
of it is read again; a file that is damaged is made anew.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

from backends.contract import Matcher, Unit
from shredder import durable

_SCHEMA = """
CREATE TABLE IF NOT EXISTS examined (digest BLOB PRIMARY KEY, sweep INTEGER NOT NULL)
WITHOUT ROWID
"""
_ADD = "INSERT INTO examined VALUES (?, ?) ON CONFLICT DO UPDATE SET sweep = excluded.sweep"
_SETTINGS = """
PRAGMA journal_mode = DELETE;
PRAGMA synchronous = NORMAL;
PRAGMA secure_delete = ON;
"""
_EVERY, _SECONDS = 1000, 1.0  # digests a transaction, and how long they wait for one


class Ledger:
    """An open ledger. Thread-safe. Where its file fails it forgets, and says nothing else."""

    def __init__(self, path: Path | None, matcher: Matcher, context: Iterable[str] = ()) -> None:
        """`context`: what else an answer depends on, such as the version of the code.

        Without a path it knows nothing, and keeps nothing.
        """
        self._matcher = matcher
        self._context = _parts(matcher.commitment, *context)
        self._lock = threading.Lock()
        self._pending: list[tuple[bytes, int]] = []
        self._written = time.monotonic()
        self._db: sqlite3.Connection | None = None
        self._sweep = 0
        if path is not None:
            self._open(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._db is not None:
                self._flush()
                self._db.close()
                self._db = None

    def _open(self, path: Path) -> None:
        durable.make_private_directory(path.parent)
        try:
            self._db, self._sweep = _opened(path)
        except sqlite3.OperationalError:  # another sweep has it, or the disk is full
            return
        except sqlite3.DatabaseError:  # damaged
            durable.destroy(path)
            with suppress(sqlite3.Error):
                self._db, self._sweep = _opened(path)

    def digest(self, store: str, identity: str, settings: str, unit: Unit) -> bytes:
        """The unit in its present state, as the ledger knows it; empty if it has no state."""
        if not unit.state or self._db is None:
            return b""
        keyed = self._matcher.digest()
        keyed.update(self._context)
        keyed.update(_parts(store, identity, settings, unit.scope, unit.locator))
        keyed.update(_parts(unit.kind, unit.version, unit.state))
        return bytes.fromhex(keyed.hexdigest())

    def knows(self, digest: bytes) -> bool:
        """Whether it was examined in full in this state, and nothing was found."""
        if not digest:
            return False
        with self._lock, suppress(sqlite3.Error):
            if self._db is not None:
                sql = "SELECT 1 FROM examined WHERE digest = ?"
                return self._db.execute(sql, (digest,)).fetchone() is not None
        return False

    def add(self, digest: bytes) -> None:
        """It was examined in full, and nothing was found; or it still is as it was then."""
        if not digest:
            return
        with self._lock:
            self._pending.append((digest, self._sweep))
            late = time.monotonic() - self._written >= _SECONDS
            if late or len(self._pending) >= _EVERY:
                self._flush()

    def forget_others(self) -> None:
        """After a sweep of everything: forget the units and states that are not there now."""
        with self._lock:
            if self._db is None:
                return
            self._flush()
            with suppress(sqlite3.Error), self._db:
                self._db.execute("DELETE FROM examined WHERE sweep <> ?", (self._sweep,))

    def _flush(self) -> None:
        assert self._db is not None
        # What cannot be written is read again the next time.
        with suppress(sqlite3.Error), self._db:
            self._db.executemany(_ADD, self._pending)
        self._pending.clear()
        self._written = time.monotonic()


def _opened(path: Path) -> tuple[sqlite3.Connection, int]:
    db = sqlite3.connect(path, timeout=2, check_same_thread=False)
    try:
        path.chmod(0o600)
        db.executescript(_SETTINGS)
        db.execute(_SCHEMA)
        ((last,),) = db.execute("SELECT coalesce(max(sweep), 0) FROM examined").fetchall()
    except BaseException:
        db.close()
        raise
    return db, last + 1


def _parts(*texts: str) -> bytes:
    """Texts side by side so that no others read the same."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    return b"".join(len(each).to_bytes(8, "big") + each for each in encoded)
