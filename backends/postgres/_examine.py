"""Examining one unit: reads only, in a snapshot of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import psycopg

from backends import content
from backends.content import added
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
from backends.errors import BY_VALUES, ChangedWhileRead, Vanished
from backends.postgres import _definitions, _large
from backends.postgres._catalog import (
    FOREIGN_TABLE,
    LARGE_OBJECT,
    PARTITION,
    TABLE,
    Relation,
    lock_shared,
    relation_by_oid,
    still_named,
)
from backends.postgres._errors import translate_foreign
from backends.postgres._rights import Rights, rights
from backends.postgres._rows import RowScan, copy_rows
from backends.postgres._session import Cluster, Connection
from backends.postgres._stripes import connections, copy_striped
from backends.postgres.raw.unaltered import Mark, Start
from backends.postgres.residue import cost


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading a relation's rows gave."""

    evidence: Evidence
    digest: str
    bytes_read: int = 0
    containers: bool = False
    foreign_sum: int = 0
    several: bool = False  # a row that holds a record may hold others as well
    inside: content.Reading | None = None  # of files in values, and base64

    @property
    def whole(self) -> Evidence:
        """What was found in the rows, in the files that are values of theirs, and in base64."""
        return added(self.evidence, self.inside.evidence)[0] if self.inside else self.evidence

    @property
    def within(self) -> bool:
        """Whether something was found in the files that are values, or in base64."""
        inside = self.inside
        return inside is not None and inside.evidence.verdict is not None and not inside.beside

    @property
    def foreign_records(self) -> int | None:
        """Records that are not certainly the dataset's. None: there might be any number."""
        return None if self.several or self.within or self.reason else self.evidence.others

    @property
    def reason(self) -> str:
        """Why it was not examined in full; a code."""
        if self.inside and self.inside.reason:
            return self.inside.reason
        return "container-not-opened" if self.containers else ""

    def version(self, relation: Relation) -> str:
        """The version of the relation that was read: oid, file, rows, keyed digest."""
        return f"{relation.storage}:{self.evidence.windows}:{self.digest}"


def read_relation(
    connection: Connection, relation: Relation, scan: RowScan, helpers: Cluster | None = None
) -> Reading:
    """Read all rows; raises ChangedWhileRead if the name led to another relation.

    Of a large one, further connections of `helpers` read their share.
    """
    scan.binary = relation.binary
    if relation.populated:
        _hold(connection, relation)
        if helpers and copy_striped(helpers, connection, relation, scan, connections()):
            evidence = scan.finish()
        else:
            evidence = copy_rows(connection, relation.qualified, scan, relation.size)
        # Reading has taken a lock that holds name and relation together from here on.
        _require_name(connection, relation)
    else:
        evidence = scan.finish()
    return Reading(
        evidence,
        scan.digest(),
        scan.bytes_read,
        scan.containers,
        scan.foreign_sum,
        scan.several,
        scan.inside(),
    )


def _hold(connection: Connection, relation: Relation) -> None:
    """Hold name and relation together before anything is read by the name.

    Else somebody who may rename could have a view take the name, whose functions would run as our
    role. Materialised views and foreign tables cannot be locked; whose they are can do that.
    """
    if relation.relkind == "r":
        lock_shared(connection, relation)
        _require_name(connection, relation)


def _require_name(connection: Connection, relation: Relation) -> None:
    if not still_named(connection, relation):
        raise ChangedWhileRead(
            f"database {connection.info.dbname}: a relation was renamed while it was read"
        )


def examine(
    cluster: Cluster, unit: Unit, matcher: Matcher, *, residue: bool = False
) -> Examination:
    """Look for the dataset in a unit; see the contract. `residue`: what is left is to go, too."""
    if unit.kind in _definitions.KINDS:
        return _definitions.examine(cluster, unit, matcher, residue=residue)
    if unit.kind == LARGE_OBJECT:
        with cluster.reading(unit.scope) as connection:
            return _examine_large_object(cluster, connection, unit, matcher)
    return _examine_relation(cluster, unit, matcher, residue=residue)


def _examine_relation(
    cluster: Cluster, unit: Unit, matcher: Matcher, *, residue: bool
) -> Examination:
    """Read all rows; of a holding once more, for the digest of its version.

    Few relations are holdings, and the digest costs a sixth of what reading does.
    """
    with cluster.reading(unit.scope) as connection:
        _, reading = _read(cluster, connection, unit, RowScan(matcher, digested=False))
    if reading.whole.verdict is None:
        return _examined(unit, reading)
    # Having been read, pages whose hint bits count as a change have them.
    start = _start(cluster, unit) if residue else None
    with cluster.reading(unit.scope) as connection:
        relation, reading = _read(cluster, connection, unit, RowScan(matcher))
        if reading.whole.verdict is None:
            return _examined(unit, reading)
        found = rights(connection, relation)
        held = _holding(cluster.store, unit, relation, reading, found)
        if start and (mark := Mark.of(connection, relation, start)):
            held = replace(held, details={**held.details, "mark": str(mark)})
    return _examined(unit, reading, held)


def _read(
    cluster: Cluster, connection: Connection, unit: Unit, scan: RowScan
) -> tuple[Relation, Reading]:
    relation = relation_by_oid(connection, _oid(unit))
    if relation is None:
        raise Vanished(f"{cluster.where(unit.scope)}: a relation is not there any more")
    try:
        return relation, read_relation(connection, relation, scan, cluster)
    except psycopg.Error as error:
        if relation.kind != FOREIGN_TABLE or connection.closed:
            raise
        raise translate_foreign(error, cluster.where(unit.scope)) from None


def _start(cluster: Cluster, unit: Unit) -> Start | None:
    """Take where the server is before the snapshot in which a table is read."""
    if unit.kind not in {TABLE, PARTITION}:
        return None
    with cluster.reading(unit.scope) as connection:
        return Start.of(connection, _oid(unit))


def _oid(unit: Unit) -> int:
    return int(unit.version.partition(":")[0])


def _examined(unit: Unit, reading: Reading, *holdings: Holding) -> Examination:
    return Examination(
        unit,
        holdings,
        _unopened(unit, reading.reason) if reading.reason else None,
        reading.bytes_read,
        reading.evidence.windows,
    )


def _holding(
    store: str, unit: Unit, relation: Relation, reading: Reading, found: Rights
) -> Holding:
    evidence, whole = reading.evidence, reading.whole
    partial = found.partial
    obstacle = found.obstacle
    if partial is Technique.DELETE_ROWS and (reading.several or reading.within):
        partial, obstacle = None, "several-records-in-a-value"
    if partial is Technique.DELETE_ROWS and not evidence.matched:
        # Rows that only name a person are never taken out one by one.
        partial, obstacle = None, "no-certain-records"
    limitations = []
    if evidence.promoted:
        limitations.append(BY_VALUES)
    if found.published:
        limitations.append("published-to-subscribers")
    if reading.inside:
        limitations += reading.inside.limitations
    # What a plan makes of it: some rows where it is mixed and they can be taken out, or all.
    technique = partial if partial and reading.foreign_records != 0 else found.whole
    return Holding(
        store=store,
        scope=unit.scope,
        locator=relation.locator,
        version=reading.version(relation),
        kind=relation.kind,
        verdict=whole.verdict or Verdict.MAYBE,
        records=whole.records,
        foreign_records=reading.foreign_records,
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
            "truncates": int(found.by_truncate),
        },
        signs=whole.signs,
        cost=cost.of_rows(technique, relation.size),
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
            limitations=reading.limitations,
            details={"oid": oid, "rows": evidence.windows, "matched": evidence.matched},
            signs=evidence.signs,
        )
        holdings = (holding,)
    gap = None
    if reading.reason:
        gap = Gap(unit.scope, CoverageStatus.FAILED, reading.reason, unit.locator)
    return Examination(unit, holdings, gap, reading.bytes_read, evidence.windows)


def _unopened(unit: Unit, reason: str) -> Gap:
    """Content was found and not looked into, or not in full."""
    return Gap(unit.scope, CoverageStatus.FAILED, reason, unit.locator)
