"""What a database holds beside rows: comments, definitions, and the texts of statements.

A comment can quote a record, a function or a default hold one as a literal, a partition bound or
an enumeration be made of them, and a statement that was run with values is kept by
pg_stat_statements. Each kind is one unit. A comment that holds a record is removed. Definitions are
dropped by the operator's word alone. Statistics of statements are reset where residue goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

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
from backends.errors import BY_VALUES, Vanished
from backends.postgres import _comments, _dropping, _parts
from backends.postgres._comments import COMMENTS
from backends.postgres._dropping import DEFINITIONS
from backends.postgres._rows import RowScan, copy_query
from backends.postgres._session import Cluster, Connection
from backends.postgres.residue import statements
from backends.postgres.residue.places import PHASES

CURSOR = "3"
STATEMENTS = "statements"
_HIDDEN = "<insufficient privilege>"  # pg_stat_statements, of other roles' statements

_WHERE_STATEMENTS_ARE = """
SELECT format('%I.pg_stat_statements', n.nspname)
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = 'pg_stat_statements'
"""
_OBSTACLES: Mapping[str, str] = {
    COMMENTS: "no-rewrite-of-comments",
    DEFINITIONS: "no-rewrite-of-definitions",
    STATEMENTS: "statement-texts-not-reset",
}
KINDS = frozenset(_OBSTACLES)


@dataclass(frozen=True, slots=True)
class _Texts:
    """The queries for one kind, and whether they show this role all there is."""

    queries: Sequence[sql.Composable]
    all_of_it: bool = True


def units(scope: str, after: str, state: str) -> Iterator[Unit]:
    """Yield the kinds as units. `state`: of what transactions alter, which statements are not."""
    for kind in sorted(_OBSTACLES):
        cursor = f"{CURSOR}:{kind}"
        if cursor > after:
            known = "" if kind == STATEMENTS else state
            yield Unit(scope, f"{scope}/{kind}", kind, kind, None, cursor, known)


def examine(
    cluster: Cluster, unit: Unit, matcher: Matcher, *, residue: bool = False
) -> Examination:
    """Look for the dataset in all texts of one kind; each is one window.

    With `residue` the statistics of statements are reset.
    """
    if unit.kind == COMMENTS:
        return _examine_comments(cluster, unit, matcher)
    with cluster.reading(unit.scope) as connection:
        texts = _texts(connection, unit.kind)
        if texts is None:
            return Examination(unit)  # the extension is not there, and so it keeps nothing
        scan = RowScan(matcher)
        version = unit.kind
        for query in texts.queries:
            copy = sql.SQL("COPY (SELECT * FROM ({}) t(v)) TO STDOUT").format(query)
            copy_query(connection, copy, scan)
            version += f":{scan.digest()}"
        evidence = scan.finish()
        way = _Way()
        if evidence.verdict is Verdict.COPY:  # a person can be named in one with good reason
            way = _way(connection, unit.kind, matcher, evidence, residue=residue)
    gap = None
    if not texts.all_of_it:
        gap = Gap(unit.scope, CoverageStatus.FAILED, "access-denied", unit.locator)
    holdings: tuple[Holding, ...] = ()
    if evidence.verdict is Verdict.COPY:
        found = Holding(
            store=cluster.store,
            scope=unit.scope,
            locator=unit.locator,
            version=version,
            kind=unit.kind,
            verdict=evidence.verdict,
            records=evidence.records,
            foreign_records=None,
            size=scan.bytes_read,
            whole=way.whole,
            obstacle=_OBSTACLES[unit.kind] if way.waits else "",
            details={
                "phase": PHASES[STATEMENTS],
                "promoted": int(evidence.promoted),
                "catalogues": way.catalogues,
            },
            signs=evidence.signs,
        )
        holdings = (found,)
    return Examination(unit, holdings, gap, scan.bytes_read, evidence.windows)


@dataclass(frozen=True, slots=True)
class _Way:
    """How texts of one kind are destroyed."""

    whole: Technique | None = None
    waits: bool = True  # for the operator's word, or for the operator
    catalogues: str = ""  # that have definitions which are dropped


def _way(
    connection: Connection, kind: str, matcher: Matcher, evidence: Evidence, *, residue: bool
) -> _Way:
    if kind == STATEMENTS:
        there = statements.of(connection) if residue else None
        return (
            _Way(Technique.RESET_STATISTICS, waits=False) if there and there.may_reset else _Way()
        )
    if not _dropping.may_drop(connection):
        return _Way()
    seen = _dropping.found(connection, matcher, promoted=evidence.promoted)
    if not seen or len(seen) != evidence.matched:
        return _Way()
    names = " ".join(sorted({name for each in seen for name in each.catalogues.split()}))
    return _Way(Technique.DROP_DEFINITIONS, catalogues=names)


def _examine_comments(cluster: Cluster, unit: Unit, matcher: Matcher) -> Examination:
    with cluster.reading(unit.scope) as connection, _comments.read(connection, matcher) as seen:
        evidence = seen.evidence
        holdings: tuple[Holding, ...] = ()
        if evidence.verdict is Verdict.COPY:
            obstacle = seen.obstacle
            if not obstacle and not _comments.may_remove(connection):
                obstacle = "no-rewrite-of-comments"
            found = Holding(
                store=cluster.store,
                scope=unit.scope,
                locator=unit.locator,
                version=seen.version,
                kind=unit.kind,
                verdict=evidence.verdict,
                records=evidence.records,
                foreign_records=None,
                size=seen.bytes_read,
                whole=None,
                partial=None if obstacle else Technique.REMOVE_COMMENTS,
                obstacle=obstacle,
                limitations=(BY_VALUES,) if evidence.promoted else (),
                details={"promoted": int(evidence.promoted), "shared": int(seen.shared)},
                signs=evidence.signs,
            )
            holdings = (found,)
        return Examination(unit, holdings, None, seen.bytes_read, evidence.windows)


def _texts(connection: Connection, kind: str) -> _Texts | None:
    if kind == DEFINITIONS:
        shown = connection.execute(_parts.ALL_SHOWN).fetchone()
        return _Texts(_parts.TEXTS, all_of_it=shown is not None and bool(shown[0]))
    if kind != STATEMENTS:
        raise Vanished(f"database {connection.info.dbname}: no such texts")
    found = connection.execute(_WHERE_STATEMENTS_ARE).fetchone()
    if found is None:
        return None
    view = sql.SQL(found[0])
    here = sql.SQL("dbid = (SELECT oid FROM pg_database WHERE datname = current_database())")
    asked = sql.SQL("SELECT count(*) FROM {} WHERE query = {} AND {}")
    hidden = connection.execute(asked.format(view, _HIDDEN, here)).fetchone()
    return _Texts(
        [sql.SQL("SELECT query FROM {} WHERE {}").format(view, here)],
        all_of_it=hidden is not None and not hidden[0],
    )
