"""Carrying out orders: one transaction each, then what must follow outside of it.

Crash points of one order:

* before COMMIT: the server rolls back; repeating the order begins anew, or goes on with files
  that were being overwritten (`raw.overwriting`);
* in COMMIT, the connection lost: FAILED with `commit-unknown`; repeating it tells;
* after COMMIT: repeating it reads no record any more and the row count that the plan would
  have left, so it is ALREADY_ABSENT; what follows a COMMIT is done again then, as it may
  have been missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace

import psycopg

from backends.contract import Destruction, Matcher, Order, Result, Step
from backends.errors import BackendError, Unreachable
from backends.postgres import _aftercare
from backends.postgres._catalog import LARGE_OBJECT, database_exists, one
from backends.postgres._comments import COMMENTS
from backends.postgres._dropping import DEFINITIONS
from backends.postgres._errors import translate
from backends.postgres._session import SNAPSHOT, WRITING, Cluster, Connection
from backends.postgres._undo import (
    Done,
    LeftAloneError,
    drop_definitions,
    remove_comments,
    take_relation,
    unlink_large_object,
)
from backends.postgres.raw.overwriting import NOT_OVERWRITTEN, Beneath, Notes
from backends.postgres.residue.carry_out import carry_out
from backends.postgres.residue.places import Residue

_NONE = Residue()
_SERVER = "SELECT pg_is_in_recovery(), current_setting('fsync') = 'on'"


def destroy(
    cluster: Cluster, orders: Sequence[Order], matcher: Matcher, residue: Residue = _NONE
) -> Sequence[Destruction]:
    """Carry out orders by phase, and return an outcome each in the order given."""
    outcomes: dict[int, Destruction] = {}
    lost: set[str] = set()
    for at in sorted(range(len(orders)), key=lambda at: _phase(orders[at])):
        order = orders[at]
        database = order.holding.scope
        if database in lost:  # not another time-out for each
            outcomes[at] = _failed(order, Unreachable.reason)
            continue
        try:
            if order.technique.stage:
                outcomes[at] = carry_out(cluster, residue, order, matcher)
            else:
                outcomes[at] = _destroy(cluster, order, matcher, residue)
        except BackendError as error:
            outcomes[at] = _failed(order, error.code)
            if isinstance(error, Unreachable):
                lost.add(database)
    _follow_up_large_objects(cluster, orders, outcomes)
    return [outcomes[at] for at in range(len(orders))]


def _destroy(cluster: Cluster, order: Order, matcher: Matcher, residue: Residue) -> Destruction:
    if not database_exists(cluster, order.holding.scope):
        return Destruction(order.id, Result.ALREADY_ABSENT)
    beneath = _beneath(cluster, residue)
    with cluster.use(order.holding.scope) as connection:
        with cluster.transaction(connection, SNAPSHOT):
            standby, syncs = one(connection, _SERVER)
        if standby:
            return _failed(order, "read-only-server")
        cluster.begin(connection, WRITING)
        cluster.tell(Step("taking-rows"))
        try:
            if order.holding.kind == LARGE_OBJECT:
                done = unlink_large_object(connection, order, matcher)
            elif order.holding.kind == COMMENTS:
                done = remove_comments(connection, order, matcher)
            elif order.holding.kind == DEFINITIONS:
                done = drop_definitions(connection, order, matcher)
            else:
                done = take_relation(connection, order, matcher, beneath)
            # A deferred foreign key speaks now, not in COMMIT.
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            done = _overwritten(connection, order, done, beneath)
        except LeftAloneError as reason:
            connection.execute("ROLLBACK")
            outcome = Destruction(order.id, reason.result, reason=reason.code)
            if reason.result is not Result.ALREADY_ABSENT or reason.oid is None:
                return outcome
            return _limited(outcome, _repeat(cluster, connection, reason.oid))
        failure = _commit(connection)
        if failure:
            return _failed(order, failure)
        if beneath and done.files and done.relation:
            beneath.done(done.relation)
        outcome = Destruction(order.id, Result.DESTROYED, numbers=done.numbers)
        limitations = [*done.limitations, *([] if syncs else ["server-does-not-sync"])]
        return _limited(outcome, [*limitations, *_follow_up(cluster, connection, done)])


def _beneath(cluster: Cluster, residue: Residue) -> Beneath | None:
    if not residue.wanted or residue.notes is None:
        return None
    return Beneath(cluster.identity, residue.data_directory, Notes(residue.notes), cluster.tell)


def _overwritten(connection: Connection, order: Order, done: Done, beneath: Beneath | None) -> Done:
    """Overwrite the files of a table that is given up with the COMMIT that follows."""
    if beneath is None or done.relation is None or not done.emptied:
        return done
    if done.files is None:
        return replace(done, limitations=(*done.limitations, NOT_OVERWRITTEN))
    with closing(done.files):
        written, limitations = beneath.overwrite(connection, order, done.relation, done.files)
    return replace(
        done,
        limitations=(*done.limitations, *limitations),
        numbers={**done.numbers, "bytes-overwritten": written},
    )


def _commit(connection: Connection) -> str:
    """Commit, and return why that failed or is unknown, or nothing."""
    try:
        status = connection.execute("COMMIT").statusmessage
    except psycopg.Error as error:
        code = translate(error, "commit").code
        return "commit-unknown" if code == Unreachable.reason else code
    return "" if status == "COMMIT" else "rolled-back"


def _follow_up(cluster: Cluster, connection: Connection, done: Done) -> list[str]:
    if done.oid is None:
        return []
    return _tried(
        lambda oid: _aftercare.after_rows(
            cluster, connection, oid, cleared=done.cleared, dead_rows=done.dead_rows
        ),
        done.oid,
    )


def _repeat(cluster: Cluster, connection: Connection, oid: int) -> list[str]:
    """Do again what a crash after COMMIT may have kept from being done."""

    def again(oid: int) -> list[str]:
        cleared = _aftercare.clear_again(cluster, connection, oid)
        return _aftercare.after_rows(cluster, connection, oid, cleared=cleared, dead_rows=True)

    return _tried(again, oid)


def _tried(action: Callable[[int], list[str]], oid: int) -> list[str]:
    """What follows a COMMIT never makes the outcome a failure: the rows are gone."""
    try:
        return action(oid)
    except (psycopg.Error, BackendError):
        return ["not-followed-up"]


def _follow_up_large_objects(
    cluster: Cluster, orders: Sequence[Order], outcomes: dict[int, Destruction]
) -> None:
    """Vacuum their common table once for each database, not once for each of them."""
    places: dict[str, list[int]] = {}
    for at, order in enumerate(orders):
        if order.holding.kind == LARGE_OBJECT and outcomes[at].result is Result.DESTROYED:
            places.setdefault(order.holding.scope, []).append(at)
    for database, those in places.items():
        try:
            with cluster.use(database) as connection:
                limitations = _aftercare.after_large_objects(connection)
        except BackendError:
            limitations = ["not-followed-up"]
        for at in those:
            outcomes[at] = _limited(outcomes[at], limitations)


def _phase(order: Order) -> int:
    return int(order.holding.details.get("phase", 0))


def _failed(order: Order, reason: str) -> Destruction:
    return Destruction(order.id, Result.FAILED, reason=reason)


def _limited(outcome: Destruction, limitations: Iterable[str]) -> Destruction:
    every = dict.fromkeys([*outcome.limitations, *limitations])
    return replace(outcome, limitations=tuple(every))
