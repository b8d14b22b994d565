"""Looking for what survives: a connection and a snapshot of its own for every order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backends.contract import Evidence, Finding, Matcher, Order, Verification
from backends.errors import BackendError
from backends.postgres import _large, _statistics
from backends.postgres._catalog import (
    LARGE_OBJECT,
    database_exists,
    large_object_exists,
    relation_at,
    relation_by_oid,
)
from backends.postgres._examine import read_relation
from backends.postgres._rows import RowScan
from backends.postgres._session import SNAPSHOT, Cluster, Connection

_ABSENT = ("listing",)
_RELATION = ("rows", "statistics")


def verify(cluster: Cluster, orders: Sequence[Order], matcher: Matcher) -> Iterator[Verification]:
    """Look at what each holding's oid and locator lead to now."""
    for order in orders:
        try:
            if database_exists(cluster, order.holding.scope):
                yield _verify(cluster, order, matcher)
            else:
                yield Verification(order.id, Finding.ABSENT, _ABSENT)
        except BackendError as error:
            yield Verification(order.id, Finding.INCONCLUSIVE, reason=error.code)


def _verify(cluster: Cluster, order: Order, matcher: Matcher) -> Verification:
    with (
        cluster.use(order.holding.scope, fresh=True) as connection,
        cluster.transaction(connection, SNAPSHOT),
    ):
        if order.holding.kind == LARGE_OBJECT:
            return _verify_large_object(connection, order, matcher)
        return _verify_relation(connection, order, matcher)


def _verify_relation(connection: Connection, order: Order, matcher: Matcher) -> Verification:
    holding = order.holding
    relation = relation_by_oid(connection, int(holding.details["oid"]))
    # Dropped: another one may have been made under its name, by a restore for example.
    relation = relation or relation_at(connection, holding.locator)
    if relation is None:
        return Verification(order.id, Finding.ABSENT, _ABSENT)
    reading = read_relation(connection, relation, RowScan(matcher))
    evidence = reading.evidence
    if evidence.matched or reading.version(relation) == holding.version:
        return _left(order, _RELATION[:1], "records-left", evidence)
    kept = _statistics.scan(connection, relation.oid, matcher)
    # A person in the statistics who is in no row any more comes from a row that is gone.
    if kept.matched or (kept.person and not evidence.person):
        return _left(order, _RELATION, "statistics-left", kept)
    if not _statistics.readable(connection, relation.oid):
        return Verification(
            order.id, Finding.INCONCLUSIVE, _RELATION[:1], "statistics-not-readable"
        )
    return Verification(order.id, Finding.ABSENT, _RELATION)


def _verify_large_object(connection: Connection, order: Order, matcher: Matcher) -> Verification:
    oid = int(order.holding.details["oid"])
    if not large_object_exists(connection, oid):
        return Verification(order.id, Finding.ABSENT, _ABSENT)
    scan = _large.ByteScan(matcher)
    evidence = _large.read(connection, oid, scan)
    if evidence.matched or _large.version(oid, scan) == order.holding.version:
        return _left(order, ("content",), "records-left", evidence)
    return Verification(order.id, Finding.ABSENT, ("content",))


def _left(order: Order, looked: tuple[str, ...], reason: str, evidence: Evidence) -> Verification:
    numbers = {"records": evidence.records, "windows": evidence.matched + evidence.person}
    return Verification(order.id, Finding.RESIDUE, looked, reason, numbers)
