"""Looking for what survives in the places of residue.

What the server lists tells whether a place is still the one that was planned. Whether bytes are
left in it only the bytes tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from backends.contract import Evidence, Finding, Matcher, Order, Technique, Verification
from backends.postgres._catalog import relation_by_oid
from backends.postgres._session import Cluster
from backends.postgres.residue import logs

_LISTING = ("listing",)


def look_again(cluster: Cluster, order: Order, matcher: Matcher) -> Verification:
    """Verify one order; raises BackendError where nothing is known."""
    return _LOOKS[order.technique](cluster, order, matcher)


def _pages(cluster: Cluster, order: Order, matcher: Matcher) -> Verification:
    del matcher
    holding = order.holding
    with cluster.reading(holding.scope, fresh=True) as connection:
        relation = relation_by_oid(connection, int(holding.details["oid"]))
    if relation is None:
        return Verification(order.id, Finding.ABSENT, _LISTING)
    if relation.storage == holding.version:
        return Verification(order.id, Finding.INCONCLUSIVE, _LISTING, "not-rewritten")
    return _unlooked(order)


def _log(cluster: Cluster, order: Order, matcher: Matcher) -> Verification:
    with cluster.reading(fresh=True) as connection:
        if not logs.there(connection, order.holding.version):
            return Verification(order.id, Finding.ABSENT, _LISTING)
        evidence = logs.read(connection, order.holding.version, matcher).evidence
    return _left(order, ("content",), evidence)


def _not_yet(cluster: Cluster, order: Order, matcher: Matcher) -> Verification:
    del cluster, matcher
    return _unlooked(order)


def _unlooked(order: Order) -> Verification:
    return Verification(order.id, Finding.INCONCLUSIVE, _LISTING, "server-files-not-readable")


def _left(order: Order, looked: tuple[str, ...], evidence: Evidence) -> Verification:
    numbers = {"records": evidence.records}
    return Verification(order.id, Finding.RESIDUE, looked, "records-left", numbers)


_LOOKS: Mapping[Technique, Callable[[Cluster, Order, Matcher], Verification]] = {
    Technique.COMPACT: _pages,
    Technique.REWRITE_CATALOG: _not_yet,
    Technique.RESET_STATISTICS: _not_yet,
    Technique.REMOVE_LOG: _log,
    Technique.RECYCLE_WAL: _not_yet,
}
