"""Carrying out one order on residue. What is done again after a crash does no harm.

No step depends on another's having been done by this process: a table's file is told by its
number, and the log is moved on from wherever it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import psycopg

from backends.contract import Destruction, Matcher, Order, Result, Technique
from backends.postgres import _aftercare
from backends.postgres._catalog import Relation, database_exists, relation_by_oid
from backends.postgres._examine import read_relation
from backends.postgres._rows import RowScan
from backends.postgres._session import SNAPSHOT, Cluster, Connection
from backends.postgres.raw.segments import held_segments
from backends.postgres.residue import (
    blockers,
    log_anew,
    logs,
    missing,
    online,
    rewrite,
    statements,
    wal,
)
from backends.postgres.residue.places import (
    MISSING,
    SERVER,
    Residue,
    Rewrite,
)


def carry_out(cluster: Cluster, residue: Residue, order: Order, matcher: Matcher) -> Destruction:
    """Carry out one order; raises BackendError."""
    act = _ACTS.get(order.technique)
    if act is None or not residue.wanted:
        return _failed(order, "technique-not-offered")
    if order.holding.scope != SERVER and not database_exists(cluster, order.holding.scope):
        return Destruction(order.id, Result.ALREADY_ABSENT)
    return act(cluster, residue, order, matcher)


def _compact(cluster: Cluster, residue: Residue, order: Order, matcher: Matcher) -> Destruction:
    holding = order.holding
    with cluster.reading(holding.scope) as connection:
        relation = relation_by_oid(connection, int(holding.details["oid"]))
        if relation is None:
            return Destruction(order.id, Result.ALREADY_ABSENT)
        # A name may have been one of what was to go. Values outlive the file of a truncated table.
        if holding.kind == MISSING:
            gone = not missing.scan(connection, relation.oid, matcher).matched
        else:
            gone = relation.storage != holding.version
        if gone:
            return Destruction(order.id, Result.ALREADY_ABSENT)
        if holding.kind == MISSING and residue.rewrite is Rewrite.ONLINE:
            return _failed(order, online.KEEPS_MISSING_VALUES)
        # Nobody is kept out for a table that still has what was to go first.
        if read_relation(connection, relation, RowScan(matcher, digested=False)).whole.matched:
            return _failed(order, "records-left")
    with cluster.use(holding.scope) as connection:
        # Of rows that others have deleted, statistics may still have values.
        cleared = _aftercare.clear_again(cluster, connection, relation.oid)
        try:
            written = _rewritten(cluster, residue, holding.scope, relation)
        except rewrite.NotRewrittenError as reason:
            return _failed(order, reason.code)
        limitations = _aftercare.after_rows(
            cluster, connection, relation.oid, cleared=cleared, dead_rows=False
        )
    return Destruction(
        order.id,
        Result.DESTROYED,
        limitations=tuple(limitations),
        numbers={"bytes-rewritten": written},
    )


def _rewritten(cluster: Cluster, residue: Residue, database: str, relation: Relation) -> int:
    if residue.rewrite is Rewrite.NONE:
        raise rewrite.NotRewrittenError("rewriting-not-wanted")
    if residue.rewrite is Rewrite.EXCLUSIVE:
        return rewrite.rewrite(cluster, database, relation.qualified, relation.oid).size
    with cluster.reading(database) as connection:
        if reason := online.obstacle(connection, relation):
            raise rewrite.NotRewrittenError(reason)
    said = online.repack(cluster, database, relation)
    with cluster.reading(database) as connection:
        now = relation_by_oid(connection, relation.oid)
        file = rewrite.file_of(connection, relation.oid)
    if not said or now is None or file is None or now.storage == relation.storage:
        raise rewrite.NotRewrittenError("not-rewritten")
    return file.size


def _catalogue(cluster: Cluster, residue: Residue, order: Order, matcher: Matcher) -> Destruction:
    del residue, matcher
    details = order.holding.details
    name = str(details["name"])
    if name not in rewrite.CATALOGUES:
        return _failed(order, "technique-not-offered")
    try:
        file = rewrite.rewrite(
            cluster, order.holding.scope, ("pg_catalog", name), int(details["oid"])
        )
    except rewrite.NotRewrittenError as reason:
        return _failed(order, reason.code)
    return Destruction(order.id, Result.DESTROYED, numbers={"bytes-rewritten": file.size})


def _statements(cluster: Cluster, residue: Residue, order: Order, matcher: Matcher) -> Destruction:
    del residue
    with cluster.use(order.holding.scope) as connection:
        with cluster.transaction(connection, SNAPSHOT):
            there = statements.of(connection)
        if there is None:
            return Destruction(order.id, Result.ALREADY_ABSENT)
        if not there.may_reset:
            return _failed(order, "access-denied")
        promoted = bool(order.holding.details.get("promoted"))
        number = statements.reset(cluster, connection, there, matcher, promoted)
        anew = statements.have_texts_written_anew(cluster, connection, there)
    return Destruction(
        order.id,
        Result.DESTROYED,
        limitations=() if anew else ("statement-texts-in-file",),
        numbers={"statements-removed": number},
    )


def _log(cluster: Cluster, residue: Residue, order: Order, matcher: Matcher) -> Destruction:
    name, directory = order.holding.version, residue.data_directory
    with cluster.reading(fresh=True) as connection:
        may = logs.rights(connection, directory)
        if may.obstacle:
            return _failed(order, may.obstacle)
        if may.on_host and not logs.there(connection, name):
            return Destruction(order.id, Result.ALREADY_ABSENT)
        if not logs.close(connection, name, cluster.lock_timeout_s):
            return _failed(order, "log-file-not-rotated")
        if may.on_host:
            reason = logs.remove(connection, name, directory)
            return _failed(order, reason) if reason else Destruction(order.id, Result.DESTROYED)
    with cluster.use(fresh=True) as connection:
        outcome = log_anew.write_anew(cluster, connection, order, matcher)
        if outcome.result is not Result.DESTROYED:
            return outcome
        vacuumed = _aftercare.after_large_objects(connection)  # of others' lines it had a copy
    return replace(outcome, limitations=(*outcome.limitations, *vacuumed))


def _wal(cluster: Cluster, residue: Residue, order: Order, matcher: Matcher) -> Destruction:
    del matcher
    with cluster.use(fresh=True) as connection:
        unfinished = _finished(cluster, connection)
        with cluster.transaction(connection, SNAPSHOT):
            found = blockers.of_wal(connection)
        if found.obstacle:
            return _failed(order, found.obstacle)
        with held_segments(cluster, connection, residue.data_directory) as segments:
            cycle = wal.move_on(cluster, connection)
            segments.overwrite_removed()
        if not cycle.done:
            with cluster.transaction(connection, SNAPSHOT):
                found = blockers.of_wal(connection)
            held = next((code for code in found.limitations if code in _HOLD_BACK), "")
            return _failed(order, found.obstacle or held or "wal-segments-held-back")
    numbers = {"wal-segments-written": cycle.rounds}
    if segments.written:
        numbers["bytes-overwritten"] = segments.written
    kept = ["wal-segments-not-overwritten"] if segments.kept else []
    limitations = (*found.limitations, *kept, *unfinished)
    return Destruction(order.id, Result.DESTROYED, limitations=limitations, numbers=numbers)


def _finished(cluster: Cluster, connection: Connection) -> list[str]:
    """Finish files of the server's log that another run was writing anew; returns limitations."""
    with cluster.transaction(connection, SNAPSHOT):
        if not log_anew.left(connection):
            return []
    try:
        limitations = log_anew.finish(cluster, connection)
        return [*limitations, *_aftercare.after_large_objects(connection)]
    except psycopg.Error as error:
        if connection.closed or error.sqlstate is None:
            raise
        return [log_anew.LEFT]  # a right that is missing, or a lock


_HOLD_BACK = ("wal-held-by-active-slot", "wal-archived")
_Act = Callable[[Cluster, Residue, Order, Matcher], Destruction]
_ACTS: Mapping[Technique, _Act] = {
    Technique.COMPACT: _compact,
    Technique.REWRITE_CATALOGUE: _catalogue,
    Technique.RESET_STATISTICS: _statements,
    Technique.REMOVE_LOG: _log,
    Technique.RECYCLE_WAL: _wal,
}


def _failed(order: Order, reason: str) -> Destruction:
    return Destruction(order.id, Result.FAILED, reason=reason)
