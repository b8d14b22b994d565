"""Examining one unit: reads only, in a snapshot of its own."""

from __future__ import annotations

from dataclasses import dataclass

from backends.contract import (
    CoverageStatus,
    Evidence,
    Examination,
    Gap,
    Holding,
    Matcher,
    Technique,
    Unit,
    Verdict,
)
from backends.errors import ChangedWhileRead, Vanished
from backends.postgres import _large
from backends.postgres._catalog import (
    LARGE_OBJECT,
    Relation,
    relation_by_oid,
    still_named,
)
from backends.postgres._rights import Rights, rights
from backends.postgres._rows import RowScan, copy_rows
from backends.postgres._session import Cluster, Connection


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading a relation's rows gave."""

    evidence: Evidence
    digest: str
    bytes_read: int = 0
    containers: bool = False
    foreign_sum: int = 0

    def version(self, relation: Relation) -> str:
        """The version of the relation that was read: oid, file, rows, keyed digest."""
        return f"{relation.storage}:{self.evidence.windows}:{self.digest}"


def read_relation(connection: Connection, relation: Relation, scan: RowScan) -> Reading:
    """Read all rows; raises ChangedWhileRead if the name led to another relation."""
    if relation.populated:
        evidence = copy_rows(connection, relation.qualified, scan)
        # Reading has taken a lock that holds name and relation together from here on.
        if not still_named(connection, relation):
            raise ChangedWhileRead(
                f"database {connection.info.dbname}: a relation was renamed while it was read"
            )
    else:
        evidence = scan.finish()
    return Reading(evidence, scan.digest(), scan.bytes_read, scan.containers, scan.foreign_sum)


def examine(cluster: Cluster, unit: Unit, matcher: Matcher) -> Examination:
    """Look for the dataset in a unit; see the contract."""
    with cluster.reading(unit.scope) as connection:
        if unit.kind == LARGE_OBJECT:
            return _examine_large_object(cluster, connection, unit, matcher)
        relation = relation_by_oid(connection, int(unit.version.partition(":")[0]))
        if relation is None:
            raise Vanished(f"{cluster.where(unit.scope)}: a relation is not there any more")
        scan = RowScan(matcher, look_for_containers=relation.binary)
        reading = read_relation(connection, relation, scan)
        holdings: tuple[Holding, ...] = ()
        if reading.evidence.verdict is not None:
            found = rights(connection, relation)
            holdings = (_holding(cluster.store, unit, relation, reading, found),)
    return Examination(
        unit,
        holdings,
        _unopened(unit) if reading.containers else None,
        reading.bytes_read,
        reading.evidence.windows,
    )


def _holding(
    store: str, unit: Unit, relation: Relation, reading: Reading, found: Rights
) -> Holding:
    evidence = reading.evidence
    partial = found.partial
    obstacle = found.obstacle
    if partial is Technique.DELETE_ROWS and not evidence.matched:
        # Rows that only name a person are never taken out one by one.
        partial, obstacle = None, "no-certain-records"
    limitations = []
    if relation.binary:
        limitations.append("binary-columns-not-opened")
    if found.published:
        limitations.append("published-to-subscribers")
    return Holding(
        store=store,
        scope=unit.scope,
        locator=relation.locator,
        version=reading.version(relation),
        kind=relation.kind,
        verdict=evidence.verdict or Verdict.MAYBE,
        records=evidence.records,
        foreign_records=evidence.others,
        size=relation.size,
        whole=found.whole,
        partial=partial,
        obstacle=obstacle,
        limitations=tuple(limitations),
        details={
            "oid": relation.oid,
            "rows": evidence.windows,
            "matched": evidence.matched,
            "promoted": int(evidence.promoted),
            "phase": found.phase,
        },
        signs=evidence.signs,
    )


def _examine_large_object(
    cluster: Cluster, connection: Connection, unit: Unit, matcher: Matcher
) -> Examination:
    oid = int(unit.version)
    reading = _large.read(connection, oid, matcher)
    evidence, foreign = reading.evidence, reading.foreign_records
    holdings: tuple[Holding, ...] = ()
    if evidence.verdict is not None:
        may = _large.may_unlink(connection, oid)
        holding = Holding(
            store=cluster.store,
            scope=unit.scope,
            locator=unit.locator,
            version=_large.version(oid, reading),
            kind=unit.kind,
            verdict=evidence.verdict,
            records=evidence.records,
            foreign_records=foreign,
            size=reading.bytes_read,
            whole=Technique.UNLINK_LARGE_OBJECT if may else None,
            obstacle="large-object-not-parted" if may else "access-denied",
            details={"oid": oid, "rows": evidence.windows, "matched": evidence.matched},
            signs=evidence.signs,
        )
        holdings = (holding,)
    gap = None
    if reading.reason:
        gap = Gap(unit.scope, CoverageStatus.FAILED, reading.reason, unit.locator)
    return Examination(unit, holdings, gap, reading.bytes_read, evidence.windows)


def _unopened(unit: Unit) -> Gap:
    """Compressed or encrypted content was found and not looked into."""
    return Gap(unit.scope, CoverageStatus.FAILED, "container-not-opened", unit.locator)
