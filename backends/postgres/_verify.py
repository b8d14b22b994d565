"""Looking for what survives: a connection and a snapshot of its own for every order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from backends.contract import Evidence, Finding, Matcher, Order, Step, Technique, Verification
from backends.errors import BackendError
from backends.postgres import _comments, _dropping, _large, _statistics
from backends.postgres._catalog import (
    LARGE_OBJECT,
    database_exists,
    large_object_exists,
    relation_at,
    relation_by_oid,
)
from backends.postgres._comments import COMMENTS
from backends.postgres._dropping import DEFINITIONS
from backends.postgres._examine import read_relation
from backends.postgres._rows import RowScan
from backends.postgres._session import Cluster, Connection
from backends.postgres.residue.look_again import below_rows, look_again
from backends.postgres.residue.places import Residue

_ABSENT = ("listing",)
_RELATION = ("rows", "statistics")
_LARGE_OBJECT = ("content", "statistics")
_TEXTS = ("texts", "statistics")


def verify(
    cluster: Cluster, residue: Residue, orders: Sequence[Order], matcher: Matcher
) -> Iterator[Verification]:
    """Look at what each holding's oid and locator lead to now."""
    for order in orders:
        cluster.tell(Step("looking-again"))
        try:
            if order.technique.stage:
                yield look_again(cluster, residue, order, matcher)
            elif database_exists(cluster, order.holding.scope):
                found = _verify(cluster, order, matcher)
                emptied = order.technique is Technique.TRUNCATE and "oid" in order.holding.details
                if residue.wanted and emptied and found.finding is Finding.ABSENT:
                    found = below_rows(cluster, residue, order, matcher, found)
                yield found
            else:
                yield Verification(order.id, Finding.ABSENT, _ABSENT)
        except BackendError as error:
            yield Verification(order.id, Finding.INCONCLUSIVE, reason=error.code)


def _verify(cluster: Cluster, order: Order, matcher: Matcher) -> Verification:
    with cluster.reading(order.holding.scope, fresh=True) as connection:
        if order.holding.kind == LARGE_OBJECT:
            return _verify_large_object(connection, order, matcher)
        if order.holding.kind == COMMENTS:
            with _comments.read(connection, matcher) as reading:
                read = reading.evidence, reading.version
            return _verify_texts(connection, order, matcher, read, _comments.CATALOGUES.values())
        if order.holding.kind == DEFINITIONS:
            read = _dropping.read(connection, matcher)
            oids = _dropping.oids(connection, order.holding)
            return _verify_texts(connection, order, matcher, read, oids)
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
    if reading.whole.matched or reading.version(relation) == holding.version:
        return _left(order, _RELATION[:1], "records-left", reading.whole)
    if reading.reason:
        return Verification(order.id, Finding.INCONCLUSIVE, _RELATION[:1], reading.reason)
    return _statistics_of(connection, order, matcher, relation.oid, evidence, _RELATION)


def _verify_large_object(connection: Connection, order: Order, matcher: Matcher) -> Verification:
    oid = int(order.holding.details["oid"])
    if large_object_exists(connection, oid):
        reading = _large.read(connection, oid, matcher)
        if reading.evidence.matched or _large.version(oid, reading) == order.holding.version:
            return _left(order, _LARGE_OBJECT[:1], "records-left", reading.evidence)
        if reading.reason:
            looked = _LARGE_OBJECT[:1]
            return Verification(order.id, Finding.INCONCLUSIVE, looked, reading.reason)
    # Other large objects may name the same persons: only records tell.
    return _statistics_of(connection, order, matcher, _large.TABLE, None, _LARGE_OBJECT)


def _verify_texts(
    connection: Connection,
    order: Order,
    matcher: Matcher,
    read: tuple[Evidence, str],
    catalogues: Iterable[int],
) -> Verification:
    evidence, version = read
    if evidence.matched or version == order.holding.version:
        return _left(order, _TEXTS[:1], "records-left", evidence)
    answers = [
        _statistics_of(connection, order, matcher, oid, evidence, _TEXTS) for oid in catalogues
    ]
    return next((each for each in answers if each.finding is not Finding.ABSENT), answers[0])


def _statistics_of(
    connection: Connection,
    order: Order,
    matcher: Matcher,
    oid: int,
    rows: Evidence | None,
    looked: tuple[str, ...],
) -> Verification:
    """Judge what the statistics of a relation hold, of whose rows `rows` is known."""
    kept = _statistics.scan(connection, oid, matcher)
    # A person in the statistics who is in no row any more comes from a row that is gone, and so
    # does a passage of an answer.
    orphan = rows is not None and (
        (kept.person and not rows.person) or (kept.trace and not rows.trace)
    )
    if kept.matched or orphan:
        return _left(order, looked, "statistics-left", kept)
    if not _statistics.readable(connection, oid):
        return Verification(order.id, Finding.INCONCLUSIVE, looked[:1], "statistics-not-readable")
    return Verification(order.id, Finding.ABSENT, looked)


def _left(order: Order, looked: tuple[str, ...], reason: str, evidence: Evidence) -> Verification:
    numbers = {
        "records": evidence.records,
        "windows": evidence.windows - evidence.foreign - evidence.blank,
    }
    return Verification(order.id, Finding.RESIDUE, looked, reason, numbers)
