"""Which places will keep bytes of holdings that are destroyed, and what that takes to end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from backends.contract import Holding, Technique, Unit, Verdict, strongest
from backends.postgres._catalog import (
    LARGE_OBJECT,
    PARTITION,
    TABLE,
    VIEW,
    Relation,
    one,
    relation_by_oid,
)
from backends.postgres._comments import COMMENTS
from backends.postgres._dropping import DEFINITIONS, catalogues_of
from backends.postgres._session import Cluster, Connection
from backends.postgres.residue import blockers, cost, online, rewrite, wal
from backends.postgres.residue.places import (
    CATALOGUE,
    MISSING,
    PAGES,
    PHASES,
    SERVER,
    WAL,
    WAL_LOCATOR,
    Residue,
    Rewrite,
    missing_of,
    pages_of,
    pages_of_catalogue,
)

_DESTROYED = frozenset({TABLE, PARTITION, VIEW, LARGE_OBJECT, COMMENTS, DEFINITIONS})
_MAY_REWRITE = """
SELECT pg_has_role(c.relowner, 'USAGE') OR NOT c.relisshared AND pg_has_role(d.datdba, 'USAGE')
  FROM pg_class c, pg_database d WHERE c.oid = %s AND d.datname = current_database()
"""
_MAY_MAINTAIN = "SELECT has_table_privilege(%s::oid, 'MAINTAIN')"  # from 17 on
_CATALOGUE = """
SELECT c.oid, quote_ident(current_database()) FROM pg_class c
 WHERE c.relname = %s AND c.relnamespace = 'pg_catalog'::regnamespace
"""


@dataclass
class _Touched:
    """What destroying holdings will put bytes into, beside their own pages."""

    verdict: Verdict = Verdict.MAYBE
    catalogues: dict[str, dict[str, None]] = field(default_factory=dict)  # by database

    def add(self, holding: Holding) -> None:
        """Count one in."""
        self.verdict = strongest((self.verdict, holding.verdict)) or self.verdict
        names: tuple[str, ...] = rewrite.OF_RELATIONS
        if holding.kind == MISSING:
            names = (*rewrite.OF_MISSING_VALUES, *names)
        elif holding.kind == LARGE_OBJECT:
            names = rewrite.OF_LARGE_OBJECTS
        elif holding.kind == COMMENTS:
            shared = bool(holding.details.get("shared"))
            names = rewrite.OF_SHARED_COMMENTS if shared else rewrite.OF_COMMENTS
        elif holding.kind == DEFINITIONS:
            names = (*catalogues_of(holding), *rewrite.OF_RELATIONS)
        self.catalogues.setdefault(holding.scope, {}).update(dict.fromkeys(names))


def companions(
    cluster: Cluster, residue: Residue, holdings: Sequence[Holding]
) -> Iterator[Holding]:
    """Yield the pages of relations whose rows are deleted, catalogues, and the log.

    Those among them that hold the dataset already were found, and are among the `holdings`.
    """
    found = {each.locator for each in holdings if each.store == cluster.store and _is_place(each)}
    yield from (each for each in _to_come(cluster, residue, holdings) if each.locator not in found)


def _is_place(holding: Holding) -> bool:
    return holding.kind in {PAGES, CATALOGUE, WAL}


def _to_come(cluster: Cluster, residue: Residue, holdings: Iterable[Holding]) -> Iterator[Holding]:
    touched = _Touched()
    for holding in holdings:
        if holding.store != cluster.store:
            continue
        if holding.kind in {PAGES, MISSING} and holding.residue:
            touched.add(holding)  # its statistics go, and those of others are taken anew
            continue
        if holding.residue or holding.kind not in _DESTROYED:
            continue
        if holding.whole is None and holding.partial is None:
            continue  # nothing will be done to it
        touched.add(holding)
        if _leaves_dead_rows(holding):
            oid = int(holding.details["oid"])
            pages = _pages(cluster, residue, holding.scope, oid, holding.verdict)
            if pages is not None:
                yield pages
    for database, names in touched.catalogues.items():
        yield from _catalogues(cluster, database, names, touched.verdict)
    if touched.catalogues:
        yield _log(cluster, touched.verdict)


def place(cluster: Cluster, residue: Residue, unit: Unit) -> Holding | None:
    """Return the holding that a place would be; None: nothing cleans it."""
    if unit.kind == WAL:
        return _log(cluster, Verdict.COPY)
    oid = int(unit.version.partition(":")[0])
    if unit.kind in {PAGES, MISSING}:
        return _pages(cluster, residue, unit.scope, oid, Verdict.COPY, unit.kind)
    if unit.kind == CATALOGUE:
        name = unit.locator.rpartition("pg_catalog.")[2].removesuffix(":pages")
        if name in rewrite.CATALOGUES:
            return next(_catalogues(cluster, unit.scope, [name], Verdict.COPY), None)
    return None


def _leaves_dead_rows(holding: Holding) -> bool:
    if holding.kind not in {TABLE, PARTITION}:
        return False  # a view is computed into a new file
    mixed_only = holding.mixed and holding.partial is Technique.DELETE_ROWS
    return mixed_only or not holding.details.get("truncates", 1)


def _pages(
    cluster: Cluster,
    residue: Residue,
    scope: str,
    oid: int,
    verdict: Verdict,
    kind: str = PAGES,
) -> Holding | None:
    with cluster.reading(scope) as connection:
        relation = relation_by_oid(connection, oid)
        file = rewrite.file_of(connection, oid) if relation else None
        if relation is None or file is None:
            return None
        stands = blockers.of_rewriting(connection, cluster.lock_timeout_s)
        obstacle = _rewriting(connection, residue, relation) or stands.obstacle
        if kind == MISSING and residue.rewrite is Rewrite.ONLINE:
            obstacle = online.KEEPS_MISSING_VALUES
    return Holding(
        store=cluster.store,
        scope=scope,
        locator=(missing_of if kind == MISSING else pages_of)(relation.locator),
        version=relation.storage,
        kind=kind,
        verdict=verdict,
        records=None,
        foreign_records=None,
        size=file.size,
        whole=None if obstacle else Technique.COMPACT,
        obstacle=obstacle,
        limitations=stands.limitations,
        details={"oid": oid, "phase": PHASES[kind]},
        cost=cost.of_rewrite(file.size, online=residue.rewrite is Rewrite.ONLINE),
    )


def _rewriting(connection: Connection, residue: Residue, relation: Relation) -> str:
    if residue.rewrite is Rewrite.NONE:
        return "rewriting-not-wanted"
    if residue.rewrite is Rewrite.ONLINE:
        return online.obstacle(connection, relation)
    if one(connection, _MAY_REWRITE, [relation.oid])[0]:
        return ""
    if (
        connection.info.server_version >= 170000
        and one(connection, _MAY_MAINTAIN, [relation.oid])[0]
    ):
        return ""
    return "access-denied"


def _catalogues(
    cluster: Cluster, database: str, names: Iterable[str], verdict: Verdict
) -> Iterator[Holding]:
    with cluster.reading(database) as connection:
        for name in names:
            oid, quoted = one(connection, _CATALOGUE, [name])
            file = rewrite.file_of(connection, oid)
            if file is None:
                continue
            stands = blockers.of_rewriting(connection, cluster.lock_timeout_s)
            may = one(connection, _MAY_REWRITE, [oid])[0]
            obstacle = stands.obstacle if may else "access-denied"
            yield Holding(
                store=cluster.store,
                scope=database,
                locator=pages_of_catalogue(quoted, name),
                version=f"{oid}:{file.node}",
                kind=CATALOGUE,
                verdict=verdict,
                records=None,
                foreign_records=None,
                size=file.size,
                whole=None if obstacle else Technique.REWRITE_CATALOGUE,
                obstacle=obstacle,
                limitations=stands.limitations,
                details={"oid": oid, "name": name, "phase": PHASES[CATALOGUE]},
                cost=cost.of_rewrite(file.size, online=False),
            )


def _log(cluster: Cluster, verdict: Verdict) -> Holding:
    with cluster.reading() as connection:
        found = blockers.of_wal(connection)
        log = None if found.obstacle else wal.state(connection)
    return Holding(
        store=cluster.store,
        scope=SERVER,
        locator=WAL_LOCATOR,
        version=WAL_LOCATOR,
        kind=WAL,
        verdict=verdict,
        records=None,
        foreign_records=None,
        size=log.files * log.segment_bytes if log else None,
        whole=None if found.obstacle else Technique.RECYCLE_WAL,
        obstacle=found.obstacle,
        limitations=found.limitations,
        details={"phase": PHASES[WAL]},
        cost=cost.of_wal(log) if log else None,
    )
