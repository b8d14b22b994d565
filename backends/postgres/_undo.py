"""The inside of one order's transaction: lock, read again, compare, destroy.

Nothing here commits. What must be left alone raises LeftAloneError, and is rolled back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from psycopg import sql

from backends.contract import Evidence, Matcher, Order, Result, Technique
from backends.postgres import _comments, _dropping, _large, _statistics
from backends.postgres._catalog import (
    FOREIGN_TABLE,
    VIEW,
    Relation,
    large_object_exists,
    relation_at,
    relation_by_oid,
    still_named,
)
from backends.postgres._examine import Reading, read_relation
from backends.postgres._rights import Rights, rights
from backends.postgres._rows import RowAddresses, RowScan
from backends.postgres._session import Connection
from backends.postgres.raw.overwriting import Beneath, Held, Note, added_since

_LOCKS = {
    # Readers are kept out at once: strengthening a weaker lock later could deadlock with them.
    Technique.TRUNCATE: sql.SQL("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE"),
    # Keeps out writers, VACUUM, and whoever would add a trigger, a rule or a foreign key.
    Technique.DELETE_ROWS: sql.SQL("LOCK TABLE ONLY {} IN SHARE ROW EXCLUSIVE MODE"),
}
_LOCK_CATALOGUE = sql.SQL("LOCK TABLE pg_catalog.{} IN SHARE ROW EXCLUSIVE MODE")
_TRUNCATE = sql.SQL("TRUNCATE ONLY {}")
_DELETE_ALL = sql.SQL("DELETE FROM ONLY {}")
# No parameter beside a name: the driver would take a % in the name for a placeholder.
_DELETE = sql.SQL("DELETE FROM ONLY {} WHERE ctid = ANY ({}::tid[])")
_REFRESH = sql.SQL("REFRESH MATERIALIZED VIEW {}")
_ROWS_AT_ONCE = 1000


class LeftAloneError(Exception):
    """The holding is left as it is; `oid`: the relation that is there, if there is one."""

    def __init__(self, result: Result, code: str = "", oid: int | None = None) -> None:
        super().__init__(code)
        self.result = result
        self.code = code
        self.oid = oid


@dataclass(frozen=True, slots=True)
class Done:
    """What the transaction will have done once it is committed."""

    oid: int | None = None  # of a relation: it needs aftercare
    cleared: bool = False  # statistics that could hold values are removed
    dead_rows: bool = False
    limitations: tuple[str, ...] = ()
    numbers: Mapping[str, int] = field(default_factory=dict)
    relation: Relation | None = None  # that was ordered
    emptied: bool = False  # it was truncated: its files are given up with COMMIT
    files: Held | None = None  # those, to be overwritten before, and closed; None: out of reach


def take_relation(
    connection: Connection, order: Order, matcher: Matcher, beneath: Beneath | None = None
) -> Done:
    """Truncate a table, delete rows of it, or compute a view anew.

    `beneath`: the files of a table that is truncated are to be overwritten, where that can be.
    """
    technique = order.technique
    if technique is not Technique.REFRESH_VIEW and technique not in _LOCKS:
        raise LeftAloneError(Result.FAILED, "technique-not-offered")
    relation = _locked(connection, order, matcher)
    if beneath and (note := beneath.begun(order, relation)):
        return _go_on(connection, order, relation, beneath, note)
    if technique is Technique.TRUNCATE and beneath:
        done = _take_unread(connection, order, relation, beneath)
        if done:
            return done
    files: Held | None = None
    addresses = RowAddresses()
    try:
        scan = RowScan(
            matcher,
            addresses=addresses if technique is Technique.DELETE_ROWS else None,
            # The relation must be what the plan saw: then what counted there counts here.
            promoted=bool(order.holding.details.get("promoted")),
            count_foreign=technique is Technique.REFRESH_VIEW and not order.whole,
        )
        reading = read_relation(connection, relation, scan)
        _compare(order, relation, reading)
        allowed = _allowed(connection, order, relation, reading)
        if technique is Technique.TRUNCATE:
            if beneath and allowed.by_truncate:
                files = beneath.hold(connection, relation)
            count = _take_all(connection, relation, reading.evidence, allowed)
        elif technique is Technique.DELETE_ROWS:
            at_once = addresses.count if allowed.refers_to_itself else _ROWS_AT_ONCE
            count = _take_rows(connection, relation, addresses, at_once)
            if count != reading.evidence.matched:
                raise LeftAloneError(Result.FAILED, "rows-not-deleted")
        else:
            count = _refresh(connection, order, relation, reading, matcher)
    finally:
        addresses.close()
    cleared = _statistics.clear(connection, relation.oid)
    return Done(
        relation.oid,
        cleared.complete,
        dead_rows=technique is Technique.DELETE_ROWS or not allowed.by_truncate,
        limitations=("published-to-subscribers",) if allowed.published else (),
        numbers={"rows-destroyed": count, "statistics-removed": cleared.removed},
        relation=relation,
        emptied=technique is Technique.TRUNCATE and allowed.by_truncate,
        files=files,
    )


def _go_on(
    connection: Connection, order: Order, relation: Relation, beneath: Beneath, note: Note
) -> Done:
    """Truncate a table whose files were being overwritten when it was cut short.

    What it held was compared with the plan before the note was written, and cannot be read now.
    """
    if order.technique is not Technique.TRUNCATE or added_since(connection, relation, note):
        # Others' rows came to it since. It is left as it is, and that is not untouched.
        raise LeftAloneError(Result.FAILED, "half-destroyed")
    allowed = rights(connection, relation)
    if not allowed.by_truncate:
        raise LeftAloneError(Result.FAILED, allowed.obstacle or "technique-not-offered")
    return _emptied(connection, order, relation, allowed, beneath.hold(connection, relation))


def _take_unread(
    connection: Connection, order: Order, relation: Relation, beneath: Beneath
) -> Done | None:
    """Truncate a table whose pages tell that its rows are what the plan saw; None: they do not."""
    holding = order.holding
    allowed = rights(connection, relation)
    if (
        not (allowed.whole is Technique.TRUNCATE and allowed.by_truncate)
        or not (order.whole or holding.foreign_records == 0)
        or relation.locator != holding.locator
        or not holding.version.startswith(f"{relation.storage}:")
    ):
        return None
    files = beneath.hold(connection, relation)
    if files is None:
        return None
    if not beneath.unaltered(connection, order, relation, files):
        files.close()
        return None
    return _emptied(connection, order, relation, allowed, files)


def _emptied(
    connection: Connection, order: Order, relation: Relation, allowed: Rights, files: Held | None
) -> Done:
    """Truncate a table that holds what was ordered, as far as it is still there."""
    connection.execute(_TRUNCATE.format(sql.Identifier(*relation.qualified)))
    cleared = _statistics.clear(connection, relation.oid)
    return Done(
        relation.oid,
        cleared.complete,
        limitations=("published-to-subscribers",) if allowed.published else (),
        numbers={
            "rows-destroyed": int(order.holding.details["rows"]),
            "statistics-removed": cleared.removed,
        },
        relation=relation,
        emptied=True,
        files=files,
    )


def unlink_large_object(connection: Connection, order: Order, matcher: Matcher) -> Done:
    """Unlink a large object."""
    if order.technique is not Technique.UNLINK_LARGE_OBJECT:
        raise LeftAloneError(Result.FAILED, "technique-not-offered")
    oid = int(order.holding.details["oid"])
    locked = _large.lock(connection)
    if not large_object_exists(connection, oid):
        raise LeftAloneError(Result.ALREADY_ABSENT)
    reading = _large.read(connection, oid, matcher)
    if _large.version(oid, reading) != order.holding.version:
        raise LeftAloneError(Result.CHANGED if reading.bytes_read else Result.ALREADY_ABSENT)
    if not order.whole and reading.foreign_records != 0:
        raise LeftAloneError(Result.FAILED, "foreign-records-inside")
    _large.unlink(connection, oid)
    # Pieces of less than a kilobyte get into the statistics of their common table.
    cleared = _statistics.clear(connection, _large.TABLE)
    return Done(
        limitations=() if locked else ("large-object-not-locked",),
        numbers={"bytes-destroyed": reading.bytes_read, "statistics-removed": cleared.removed},
    )


def remove_comments(connection: Connection, order: Order, matcher: Matcher) -> Done:
    """Remove the comments of a database that hold a record."""
    if order.technique is not Technique.REMOVE_COMMENTS or not _comments.may_remove(connection):
        raise LeftAloneError(Result.FAILED, "technique-not-offered")
    _lock_catalogues(connection, _comments.CATALOGUES)
    promoted = bool(order.holding.details.get("promoted"))
    with _comments.read(connection, matcher, promoted=promoted) as reading:
        if reading.version != order.holding.version:
            if not reading.evidence.matched:
                raise LeftAloneError(Result.ALREADY_ABSENT)
            if not reading.is_rest_of(order.holding.version):
                raise LeftAloneError(Result.CHANGED)
        if reading.obstacle:
            raise LeftAloneError(Result.FAILED, reading.obstacle)
        count = _comments.remove(connection, reading)
        if count != reading.evidence.matched:
            raise LeftAloneError(Result.FAILED, "rows-not-deleted")
    cleared = [_statistics.clear(connection, oid) for oid in _comments.CATALOGUES.values()]
    removed = sum(each.removed for each in cleared)
    return Done(numbers={"comments-removed": count, "statistics-removed": removed})


def drop_definitions(connection: Connection, order: Order, matcher: Matcher) -> Done:
    """Drop the definitions of a database that hold a record."""
    offered = order.technique is Technique.DROP_DEFINITIONS and _dropping.may_drop(connection)
    if not (offered and order.whole):
        raise LeftAloneError(Result.FAILED, "technique-not-offered")
    _lock_catalogues(connection, _dropping.catalogues_of(order.holding))
    promoted = bool(order.holding.details.get("promoted"))
    evidence, version = _dropping.read(connection, matcher, promoted=promoted)
    wanted = _dropping.found(connection, matcher, promoted=promoted)
    if (planned := order.holding.version) != version:
        if not evidence.matched:
            raise LeftAloneError(Result.ALREADY_ABSENT)
        if not wanted or not _dropping.is_rest_of(planned, version, wanted):
            raise LeftAloneError(Result.CHANGED)
    if wanted is None or len(wanted) != evidence.matched:
        raise LeftAloneError(Result.FAILED, "technique-not-offered")
    if reason := _dropping.take_out(connection, wanted, matcher, promoted=promoted):
        raise LeftAloneError(Result.FAILED, reason)
    cleared = [
        _statistics.clear(connection, oid) for oid in _dropping.oids(connection, order.holding)
    ]
    removed = sum(each.removed for each in cleared)
    return Done(numbers={"definitions-dropped": len(wanted), "statistics-removed": removed})


def _lock_catalogues(connection: Connection, names: Iterable[str]) -> None:
    """Keep whoever sets, defines or alters what lies there out until the transaction ends."""
    for name in names:
        connection.execute(_LOCK_CATALOGUE.format(sql.Identifier(name)))


def _locked(connection: Connection, order: Order, matcher: Matcher) -> Relation:
    """Find the ordered relation and lock it; a view cannot be locked, reading it must do."""
    oid = int(order.holding.details["oid"])
    relation = relation_by_oid(connection, oid)
    if relation is None:
        _replaced(connection, order, matcher)
    if relation.kind == FOREIGN_TABLE:
        raise LeftAloneError(Result.FAILED, FOREIGN_TABLE)
    lock = _LOCKS.get(order.technique)
    if relation.kind == VIEW or lock is None:
        return relation
    connection.execute(lock.format(sql.Identifier(*relation.qualified)))
    locked = relation_by_oid(connection, oid)
    if locked is None:  # dropped while we waited
        raise LeftAloneError(Result.ALREADY_ABSENT)
    if locked.qualified != relation.qualified or not still_named(connection, locked):
        raise LeftAloneError(Result.CHANGED)
    return locked


def _replaced(connection: Connection, order: Order, matcher: Matcher) -> NoReturn:
    """Judge what is under the name of a relation that was dropped: a restore, for example."""
    other = relation_at(connection, order.holding.locator)
    if other is None:
        raise LeftAloneError(Result.ALREADY_ABSENT)
    gone = read_relation(connection, other, RowScan(matcher)).whole.verdict is None
    raise LeftAloneError(Result.ALREADY_ABSENT if gone else Result.CHANGED)


def _compare(order: Order, relation: Relation, reading: Reading) -> None:
    """Raise unless the relation is what the plan saw."""
    holding, evidence = order.holding, reading.evidence
    if relation.locator == holding.locator and reading.version(relation) == holding.version:
        return
    matched = int(holding.details["matched"])
    # Rows that were altered, not removed, count as foreign now: then the number differs.
    left = {0, int(holding.details["rows"]) - matched} if matched else {0}
    gone = not reading.whole.matched and (relation.kind == VIEW or evidence.windows in left)
    if gone:
        raise LeftAloneError(Result.ALREADY_ABSENT, oid=relation.oid)
    raise LeftAloneError(Result.CHANGED)


def _allowed(connection: Connection, order: Order, relation: Relation, reading: Reading) -> Rights:
    """Ask again what may be done, now that no one can change it, and raise if not this."""
    found = rights(connection, relation)
    if order.technique not in {found.whole, found.partial}:
        raise LeftAloneError(Result.FAILED, found.obstacle or "technique-not-offered")
    foreign = reading.foreign_records
    # What is taken row by row leaves the others, but not those within the same value.
    within = order.technique is Technique.DELETE_ROWS and foreign is None
    if (within or (order.technique is Technique.TRUNCATE and foreign != 0)) and not order.whole:
        raise LeftAloneError(Result.FAILED, "foreign-records-inside")
    return found


def _take_all(
    connection: Connection, relation: Relation, evidence: Evidence, allowed: Rights
) -> int:
    name = sql.Identifier(*relation.qualified)
    if allowed.by_truncate:
        connection.execute(_TRUNCATE.format(name))
    elif connection.execute(_DELETE_ALL.format(name)).rowcount != evidence.windows:
        raise LeftAloneError(Result.FAILED, "rows-not-deleted")
    return evidence.windows


def _take_rows(
    connection: Connection, relation: Relation, addresses: RowAddresses, at_once: int
) -> int:
    """Delete the rows that this transaction found, by their addresses."""
    name = sql.Identifier(*relation.qualified)
    return sum(
        connection.execute(_DELETE.format(name, sql.Literal(batch))).rowcount
        for batch in addresses.batches(at_once)
    )


def _refresh(
    connection: Connection, order: Order, relation: Relation, before: Reading, matcher: Matcher
) -> int:
    """Compute a view anew. Without `whole` only if no row of others differs afterwards."""
    connection.execute("SET LOCAL row_security = on")  # its query runs as its owner is used to
    connection.execute(_REFRESH.format(sql.Identifier(*relation.qualified)))
    connection.execute("SET LOCAL row_security = off")
    refreshed = relation_by_oid(connection, relation.oid)
    if refreshed is None:
        raise LeftAloneError(Result.CHANGED)
    after = read_relation(
        connection,
        refreshed,
        RowScan(
            matcher,
            promoted=bool(order.holding.details.get("promoted")),
            count_foreign=not order.whole,
        ),
    )
    if after.whole.matched:
        raise LeftAloneError(Result.FAILED, "view-still-holds")
    others = before.evidence.windows - before.evidence.matched
    if others and not order.whole and after.foreign_sum != before.foreign_sum:
        raise LeftAloneError(Result.FAILED, "view-computes-differently")
    return before.evidence.windows - after.evidence.windows
