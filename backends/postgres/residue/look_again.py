"""Looking for what survives in the places of residue: by their bytes, where these may be read.

What the server lists tells whether a place is still the one that was planned. Whether bytes are
left in it only the bytes tell; where they are not to be read, nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from backends.contract import Finding, Matcher, Order, Technique, Verdict, Verification
from backends.errors import CouldNotTell
from backends.postgres import _statistics
from backends.postgres._catalog import relation_by_oid
from backends.postgres._examine import read_relation
from backends.postgres._rows import RowScan
from backends.postgres._session import Cluster
from backends.postgres.raw import log, places, relations
from backends.postgres.raw.look import Seen
from backends.postgres.residue import logs, missing
from backends.postgres.residue.places import MISSING, Residue

_LISTING, _PAGES, _CONTENT = ("listing",), ("pages",), ("content",)
_CATALOGUE = ("catalogue",)


def look_again(cluster: Cluster, residue: Residue, order: Order, matcher: Matcher) -> Verification:
    """Verify one order; raises BackendError where nothing is known."""
    return _LOOKS[order.technique](cluster, residue, order, matcher)


def _pages(cluster: Cluster, residue: Residue, order: Order, matcher: Matcher) -> Verification:
    holding = order.holding
    with cluster.reading(holding.scope, fresh=True) as connection:
        relation = relation_by_oid(connection, int(holding.details["oid"]))
        if relation is None:
            return Verification(order.id, Finding.ABSENT, _LISTING)
        if holding.kind == MISSING:
            given = missing.scan(connection, relation.oid, matcher)
            if given.matched:
                return _left(order, _CATALOGUE, given.records)
        elif relation.storage == holding.version:
            return Verification(order.id, Finding.INCONCLUSIVE, _LISTING, "not-rewritten")
        kept = _statistics.scan(connection, relation.oid, matcher)
    seen = _relation(cluster, residue, order, matcher)
    if holding.kind == MISSING:
        seen = replace(seen, looked=(*_CATALOGUE, *seen.looked))
    if kept.verdict is Verdict.COPY and seen.finding is Finding.ABSENT:
        with cluster.reading(holding.scope, fresh=True) as connection:
            # Rows that stay may be in them, too; whether any may is the table's own question.
            rows = read_relation(connection, relation, RowScan(matcher, digested=False))
        if not rows.whole.matched:
            return _left(order, (*_PAGES, "statistics"), kept.records, "statistics-left")
    return seen


def below_rows(
    cluster: Cluster, residue: Residue, order: Order, matcher: Matcher, found: Verification
) -> Verification:
    """Look at the files of a table as well of which no row tells of the dataset any more.

    Where they are not to be read at all, what was found by the rows stands, and no more.
    """
    try:
        seen = _relation(cluster, residue, order, matcher)
    except CouldNotTell:
        return found
    if seen.finding is Finding.ABSENT:
        return replace(found, looked=(*found.looked, *_PAGES))
    return seen


def _relation(cluster: Cluster, residue: Residue, order: Order, matcher: Matcher) -> Verification:
    """Look at what the files of a relation hold beside rows that are seen."""
    oid = int(order.holding.details["oid"])
    _write_out(cluster)
    with places.opened(cluster, order.holding.scope, residue) as (connection, files):
        both = relations.look_at(connection, files, oid, matcher)
    # Of whom rows speak that stay, indexes speak as well.
    return _judged(order, _PAGES, both.rest, persons=both.rows.verdict is not None)


def _log(cluster: Cluster, residue: Residue, order: Order, matcher: Matcher) -> Verification:
    del residue
    with cluster.reading(fresh=True) as connection:
        if not logs.there(connection, order.holding.version):
            return Verification(order.id, Finding.ABSENT, _LISTING)
        reading = logs.read(connection, order.holding.version, matcher)
    if reading.evidence.verdict is Verdict.COPY:
        return _left(order, _CONTENT, reading.evidence.records)
    if reading.reason:
        return Verification(order.id, Finding.INCONCLUSIVE, _CONTENT, reading.reason)
    return Verification(order.id, Finding.ABSENT, _CONTENT)


def _wal(cluster: Cluster, residue: Residue, order: Order, matcher: Matcher) -> Verification:
    with places.opened(cluster, "", residue) as (connection, files):
        seen = log.look_at_log(connection, files, matcher)
    return _judged(order, _CONTENT, seen)


def _statements(cluster: Cluster, residue: Residue, order: Order, matcher: Matcher) -> Verification:
    with places.opened(cluster, "", residue) as (_, files):
        seen = log.look_at_statements(files, matcher)
    return _judged(order, _CONTENT, seen)


def _write_out(cluster: Cluster) -> None:
    with cluster.use() as connection:
        places.write_out(connection)


def _judged(
    order: Order, looked: tuple[str, ...], seen: Seen, *, persons: bool = False
) -> Verification:
    """Judge by what was seen; `persons`: rows speak of persons of the dataset that stay."""
    if seen.verdict is Verdict.COPY:
        return _left(order, looked, seen.records)
    if seen.reason or (seen.verdict and not persons):
        reason = seen.reason or "persons-left"
        return Verification(order.id, Finding.INCONCLUSIVE, looked, reason)
    return Verification(order.id, Finding.ABSENT, looked)


def _left(
    order: Order, looked: tuple[str, ...], records: int, reason: str = "records-left"
) -> Verification:
    numbers = {"records": records}
    return Verification(order.id, Finding.RESIDUE, looked, reason, numbers)


_Look = Callable[[Cluster, Residue, Order, Matcher], Verification]
_LOOKS: Mapping[Technique, _Look] = {
    Technique.COMPACT: _pages,
    Technique.REWRITE_CATALOGUE: _relation,
    Technique.RESET_STATISTICS: _statements,
    Technique.REMOVE_LOG: _log,
    Technique.RECYCLE_WAL: _wal,
}
