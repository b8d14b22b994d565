"""Writing a closed file of the server's log anew by SQL: its lines, with records masked in them.

No function of a server removes a file. One writes a large object into a file, which it cuts to
nothing before; so the file's lines are copied into a large object, masked where they hold a record,
and from there into the file. What is copied is copied within the server.

Crash points, ours or the server's:

* before the large object is committed: nothing was altered;
* from then on until the file stands as the large object does: a comment tells which file the object
  belongs to, and the same order finds it, sees that the file is what was copied, or what is left of
  it, and writes it again;
* after that: the same order finds that nothing is to be written, and the large object goes.

Another dataset's order does the same, and then makes a copy of its own. A file that somebody has
removed is not made again: its copy goes. Where no order comes for the file any more, the order that
moves the write-ahead log on finishes it (`finish`): every run has one that goes after residue.

Where the file is neither, somebody else has written to it: both are left as they are, for the
large object may have the only copy of some lines.
"""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from functools import partial

import psycopg
from psycopg import sql

from backends.content import examine_stream
from backends.contract import Destruction, Matcher, Order, Result, Step, Verdict
from backends.postgres._catalog import one
from backends.postgres._session import WRITING, Cluster, Connection
from backends.postgres.residue import logs
from backends.postgres.residue.log_lines import Masking, Parts, comes_from, pieces

_CHUNK = 1 << 20
_LOCK = "SELECT pg_advisory_xact_lock(%s::bigint)"
_CREATE = "SELECT lo_create(0)"
_COMMENT = sql.SQL("COMMENT ON LARGE OBJECT {} IS {}")
_COPIES = """
SELECT m.oid, d.description FROM pg_description d JOIN pg_largeobject_metadata m ON m.oid = d.objoid
 WHERE d.classoid = 'pg_largeobject'::regclass AND starts_with(d.description, %s)
   AND m.lomowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)
"""
_FILES = "SELECT name FROM pg_ls_logdir()"
_MARK = "shredder: lines of the server's log, "
# Of a file that is cut meanwhile less comes, and what follows lies elsewhere: that shows later.
_PUT = """
SELECT lo_put(%s::oid, %s::bigint, (
  SELECT string_agg(coalesce(instead, pg_read_binary_file(
           current_setting('log_directory') || '/' || %s, at, length, true)), '' ORDER BY at)
    FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[]) parts(at, length, instead)))
"""
_GET = "SELECT lo_get(%s::oid, %s::bigint, %s)"
_EXPORT = "SELECT lo_export(%s::oid, current_setting('log_directory') || '/' || %s)"
_UNLINK = "SELECT lo_unlink(%s::oid)"
LEFT = "log-copy-left"


class _NotWrittenError(Exception):
    """The file was left as it is, for a reason with a code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _Stands(Enum):
    """How a file stands to its masked copy."""

    MASKED = "it is equal"
    BEFORE = "it is what was copied, or what is left of that"
    OTHERWISE = "it is neither"


@dataclass(frozen=True, slots=True)
class _Object:
    """A large object, as a stream."""

    connection: Connection
    oid: int

    def at(self, offset: int, size: int) -> bytes:
        """Return bytes from an offset on."""
        return logs.bytes_of(self.connection, _GET, [self.oid, offset, size])


def write_anew(
    cluster: Cluster, connection: Connection, order: Order, matcher: Matcher
) -> Destruction:
    """Write a closed file anew. Raises what the driver raises."""
    name = order.holding.version
    try:
        with cluster.transaction(connection, WRITING):
            mark = _locked(connection, name)
            if earlier := _copy_of(connection, mark):  # masked perhaps by another dataset
                _write(cluster, connection, name, earlier)
            lines = _copy(cluster, connection, name, mark, matcher)
        if lines is None and earlier is None:
            return Destruction(order.id, Result.ALREADY_ABSENT)
        with cluster.transaction(connection, WRITING):
            _locked(connection, name)
            if copy := _copy_of(connection, mark):  # else another run has done it
                _write(cluster, connection, name, copy)
    except _NotWrittenError as reason:
        return Destruction(order.id, Result.FAILED, reason=reason.code)
    return Destruction(
        order.id,
        Result.DESTROYED,
        limitations=(logs.NOT_OVERWRITTEN,),
        numbers={} if lines is None else {"lines-written-over": lines},
    )


def left(connection: Connection) -> list[str]:
    """Return the marks of this role's copies: a run writes their files, or died over it."""
    return [mark for _, mark in connection.execute(_COPIES, [_MARK])]


def finish(cluster: Cluster, connection: Connection) -> list[str]:
    """Put the copies that dead runs left in their files' place; returns limitations."""
    with cluster.transaction(connection, WRITING):
        marks = left(connection)
        names = [row[0] for row in connection.execute(_FILES)] if marks else []
    files = {_mark(name): name for name in names}
    limitations = []
    for mark in marks:
        name = files.get(mark, "")
        if name and not logs.close(connection, name, cluster.lock_timeout_s):
            limitations.append(LEFT)  # by now another file has the name
            continue
        try:
            with cluster.transaction(connection, WRITING):
                _lock(connection, mark)
                if copy := _copy_of(connection, mark):  # else another run has done it
                    _write(cluster, connection, name, copy)
        except _NotWrittenError:
            limitations.append(LEFT)
    return limitations


def _write(cluster: Cluster, connection: Connection, name: str, copy: _Object) -> None:
    if not name or not logs.there(connection, name):
        connection.execute(_UNLINK, [copy.oid])
        return
    stands = _stands(connection, name, copy)
    if stands is _Stands.BEFORE:
        cluster.tell(Step("rewriting"))
        _export(connection, name, copy)
        stands = _stands(connection, name, copy)
    if stands is not _Stands.MASKED:
        raise _NotWrittenError("log-altered-meanwhile")
    connection.execute(_UNLINK, [copy.oid])


def _copy_of(connection: Connection, mark: str) -> _Object | None:
    found = connection.execute(_COPIES, [mark]).fetchone()
    return _Object(connection, found[0]) if found else None


def _locked(connection: Connection, name: str) -> str:
    """Keep other runs from the file until the transaction ends; return the mark of its copy."""
    mark = _mark(name)
    _lock(connection, mark)
    return mark


def _mark(name: str) -> str:
    return _MARK + hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()


def _lock(connection: Connection, mark: str) -> None:
    digest = bytes.fromhex(mark.removeprefix(_MARK))
    connection.execute(_LOCK, [int.from_bytes(digest[:8], signed=True)])


def _copy(
    cluster: Cluster, connection: Connection, name: str, mark: str, matcher: Matcher
) -> int | None:
    """Make the masked copy; return how many lines were masked; None: there is nothing to mask."""
    evidence = logs.read(connection, name, matcher).evidence
    if evidence.verdict is not Verdict.COPY:
        return None
    promoted = evidence.promoted
    masking = Masking(name, matcher, promoted=promoted)
    with closing(Parts()) as parts:
        # Nothing gets into the large object that may still hold a record.
        trial = _Masked(connection, name, masking, parts)
        reading = examine_stream(trial, matcher, digested=False)
        if reading.evidence.verdict is Verdict.COPY or reading.reason:
            raise _NotWrittenError("log-not-masked")
        (oid,) = one(connection, _CREATE)
        connection.execute(_COMMENT.format(sql.Literal(oid), sql.Literal(mark)))
        for batch in parts.batches(_CHUNK):
            offsets, lengths, instead = (list(column) for column in zip(*batch, strict=True))
            connection.execute(_PUT, [oid, offsets[0], name, offsets, lengths, instead])
            cluster.tell(Step("copying", offsets[-1] + lengths[-1], size=True))
    if _stands(connection, name, _Object(connection, oid)) is _Stands.OTHERWISE:
        raise _NotWrittenError("log-altered-meanwhile")
    return masking.lines


class _Masked:
    """A file of the log as a stream, masked; what of it is masked is kept in `parts`."""

    def __init__(self, connection: Connection, name: str, masking: Masking, parts: Parts) -> None:
        self._pieces = pieces(partial(logs.at, connection, name))
        self._masking = masking
        self._parts = parts
        self._left = b""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes; nothing at the end."""
        if not self._left and (found := next(self._pieces, None)):
            at, piece = found
            self._left = b"".join(
                piece[offset - at : offset - at + length] if instead is None else instead
                for offset, length, instead in self._parts.noted(self._masking.parts(at, piece))
            )
        wanted = len(self._left) if size < 0 else size
        data, self._left = self._left[:wanted], self._left[wanted:]
        return data


def _stands(connection: Connection, name: str, copy: _Object) -> _Stands:
    at, equal = 0, True
    while True:
        masked = copy.at(at, _CHUNK)
        there = logs.at(connection, name, at, _CHUNK)
        if not masked and not there:
            return _Stands.MASKED if equal else _Stands.BEFORE
        if not comes_from(masked[: len(there)], there):
            return _Stands.OTHERWISE
        equal = equal and masked == there
        if len(there) < len(masked):  # cut off, and nothing may follow
            return _Stands.BEFORE
        at += len(masked)


def _export(connection: Connection, name: str, copy: _Object) -> None:
    try:
        connection.execute(_EXPORT, [copy.oid, name])
    except psycopg.Error as error:
        if connection.closed or error.sqlstate is None:
            raise
        raise _NotWrittenError("log-not-written-anew") from None
