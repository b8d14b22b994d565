"""Overwriting the files of a table beneath the server, before TRUNCATE gives them back.

At COMMIT the server cuts the old files to nothing, so what is to be overwritten must be while the
transaction is open, under the lock that keeps everybody else out. What is written are zeros: a page
of zeros is a new one to the server, and holds no row. Nothing of it is in the write-ahead log, and
the checkpoint before it leaves no page of the old files in memory that could be written over it.

Crash points, ours or the server's:

* before the note is on disk: nothing was altered;
* with the note, before COMMIT: the transaction is rolled back, and the table has lost some or all
  of its rows, which are all to go by the order; its indexes may not be usable. Repeating the order
  finds the note, sees that nobody has added a row since, and goes on, without reading the rest;
* after COMMIT: the table has another file, so that the note says nothing of it any more.

The table's own file goes first: no row may be left whose values in the TOAST table are not.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path

from psycopg import sql

from backends.contract import Order, Step, Tell, untold
from backends.fsops.ground import survey, unreached
from backends.fsops.overwrite import CutShort, ReadBackDiffers, overwrite_with_zeros
from backends.postgres._catalog import Relation, one
from backends.postgres._session import Connection
from backends.postgres.raw.access import HostFiles, writable_files
from backends.postgres.raw.relations import paths
from backends.postgres.raw.unaltered import Mark

_MAY_CHECKPOINT = """
SELECT current_setting('is_superuser') = 'on' OR coalesce(
  (SELECT pg_has_role(oid, 'USAGE') FROM pg_roles WHERE rolname = 'pg_checkpoint'), false)
"""
_OLDEST = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"
# A row of a transaction that was running when the note was written, or has begun since. Frozen ones
# are of the greatest age.
_ADDED = sql.SQL("SELECT EXISTS (SELECT FROM ONLY {} WHERE age(xmin) <= age({}::xid))")
NOT_OVERWRITTEN = "relation-files-not-overwritten"


@dataclass(frozen=True, slots=True)
class Note:
    """What is written down before the first byte is overwritten."""

    relation: str  # its oid and file, as in a version
    version: str  # of the holding, as ordered
    oldest: int  # transaction, of 32 bits, that may have been running then

    def dump(self) -> bytes:
        """Return it as it lies in its file."""
        return json.dumps([self.relation, self.version, self.oldest]).encode()


@dataclass(frozen=True, slots=True)
class Notes:
    """The folder of the notes, in the state directory."""

    folder: Path

    def _path(self, cluster: str, relation: Relation) -> Path:
        return self.folder / f"{cluster.replace(':', '-')}-{relation.oid}"

    def of(self, cluster: str, relation: Relation, version: str) -> Note | None:
        """Return the note on this file of a table, for an order of this version."""
        try:
            said = json.loads(self._path(cluster, relation).read_bytes())
            note = Note(str(said[0]), str(said[1]), int(said[2]))
        except (OSError, ValueError, IndexError, TypeError, KeyError):
            return None
        return note if (note.relation, note.version) == (relation.storage, version) else None

    def write(self, cluster: str, relation: Relation, note: Note) -> None:
        """Write a note, durably. Raises OSError."""
        if not self.folder.is_dir():
            self.folder.mkdir(mode=0o700)
            _sync(self.folder.parent)
        path = self._path(cluster, relation)
        new = path.with_suffix(".new")
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(fd, note.dump())
            os.fsync(fd)
        finally:
            os.close(fd)
        new.replace(path)
        _sync(self.folder)

    def forget(self, cluster: str, relation: Relation) -> None:
        """Remove the note on a table."""
        with contextlib.suppress(OSError):
            self._path(cluster, relation).unlink()


def _sync(folder: Path) -> None:
    """Make durable which names a folder has."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@dataclass
class Held:
    """The open files of one table that is locked."""

    descriptors: list[int]
    tell: Tell = untold
    own: int = 0  # how many of them, the first ones, are the table's; then TOAST and indexes

    def close(self) -> None:
        """Close them."""
        for fd in self.descriptors:
            os.close(fd)
        self.descriptors = []

    def __del__(self) -> None:
        self.close()

    def overwrite(self) -> tuple[int, tuple[str, ...]]:
        """Overwrite all, and read it back; return bytes, and limitations: what was not reached."""
        written, limitations = 0, dict[str, None]()
        sizes = [os.fstat(fd).st_size for fd in self.descriptors]
        for number, (fd, size) in enumerate(zip(self.descriptors, sizes, strict=True)):
            codes: tuple[str, ...] = ()
            try:
                before = survey(fd)
                tell = partial(self._told, sum(sizes[:number]), sum(sizes))
                tell(Step("overwriting", size=True))
                done = overwrite_with_zeros(fd, size, tell)
                written += done.written
                codes = (*before.limitations, *unreached(before, fd))
                codes += () if done.direct else ("read-back-cached",)
            except CutShort as cut:
                written += cut.written
                codes = (NOT_OVERWRITTEN,)
            except (OSError, ReadBackDiffers):
                codes = (NOT_OVERWRITTEN,)
            limitations.update(dict.fromkeys(codes))
        return written, tuple(limitations)

    def _told(self, before: int, total: int, step: Step) -> None:
        """Tell of all files what is told of one."""
        self.tell(replace(step, done=before + step.done, total=total))


@dataclass(frozen=True, slots=True)
class Beneath:
    """How tables are overwritten beneath one server: where its files, and our notes, lie."""

    cluster: str  # its identity
    directory: str
    notes: Notes
    tell: Tell = untold

    def begun(self, order: Order, relation: Relation) -> Note | None:
        """Return the note of an overwriting of this table, by this order, that was cut short."""
        return self.notes.of(self.cluster, relation, order.holding.version)

    def hold(self, connection: Connection, relation: Relation) -> Held | None:
        """Open the files of a table that is locked; None: they are not overwritten from here."""
        if not one(connection, _MAY_CHECKPOINT)[0]:
            return None
        return hold(connection, self.directory, relation, self.tell)

    def unaltered(
        self, connection: Connection, order: Order, relation: Relation, held: Held
    ) -> bool:
        """Whether a locked table has the rows that were examined, told by the pages that are held.

        Those need not be read by SQL then.
        """
        try:
            mark = Mark.parse(str(order.holding.details.get("mark", "")))
        except ValueError:
            return False
        try:
            return mark.holds(connection, relation, held.descriptors[: held.own])
        except OSError:
            return False

    def overwrite(
        self, connection: Connection, order: Order, relation: Relation, held: Held
    ) -> tuple[int, tuple[str, ...]]:
        """Overwrite what is held, in the open transaction, as the last thing before its COMMIT."""
        connection.execute("CHECKPOINT")  # no page is left in memory that is not on disk
        oldest = int(one(connection, _OLDEST)[0]) & 0xFFFFFFFF
        note = Note(relation.storage, order.holding.version, oldest)
        try:
            self.notes.write(self.cluster, relation, note)
        except OSError:
            return 0, (NOT_OVERWRITTEN,)
        return held.overwrite()

    def done(self, relation: Relation) -> None:
        """Say that the transaction was committed."""
        self.notes.forget(self.cluster, relation)


def added_since(connection: Connection, relation: Relation, note: Note) -> bool:
    """Whether anybody may have put a row into a table since a note on it was written."""
    query = _ADDED.format(sql.Identifier(*relation.qualified), sql.Literal(str(note.oldest)))
    row = connection.execute(query).fetchone()
    return row is None or bool(row[0])


def hold(
    connection: Connection, directory: str, relation: Relation, tell: Tell = untold
) -> Held | None:
    """Open the files of a table that is locked; None: they cannot be written to from here."""
    held = Held([], tell)
    with writable_files(connection, directory) as files:
        if files is None:
            return None
        try:
            for number, each in enumerate(paths(connection, relation.oid)):
                held.descriptors.extend(_segments(files, each.path))
                if number == 0:
                    held.own = len(held.descriptors)
        except OSError:
            held.close()
            return None
    return held


def _segments(files: HostFiles, path: str) -> Iterator[int]:
    """Open the segments of a file; its maps of free space and of visibility hold no values.

    Raises OSError, of the first one too where it is not there.
    """
    yield files.open_own(path)
    for number in count(1):
        try:
            yield files.open_own(f"{path}.{number}")
        except FileNotFoundError:
            return
