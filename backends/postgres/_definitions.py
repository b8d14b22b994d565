"""What a database holds beside rows: comments, definitions, and the texts of statements.

A comment can quote a record, a function or a default hold one as a literal, a partition bound or
an enumeration be made of them, and a statement that was run with values is kept by
pg_stat_statements. Each kind is one unit. A comment that holds a record is removed. Definitions are
not altered: what is found is named, and the operator drops the object. Statistics of statements are
reset where residue goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from psycopg import sql

from backends.contract import (
    CoverageStatus,
    Examination,
    Gap,
    Holding,
    Matcher,
    Technique,
    Unit,
    Verdict,
)
from backends.errors import BY_VALUES, Vanished
from backends.postgres import _comments
from backends.postgres._comments import COMMENTS
from backends.postgres._rows import RowScan, copy_query
from backends.postgres._session import Cluster, Connection
from backends.postgres.residue import statements
from backends.postgres.residue.places import PHASES

CURSOR = "3"
DEFINITIONS, STATEMENTS = "definitions", "statements"
_HIDDEN = "<insufficient privilege>"  # pg_stat_statements, of other roles' statements

# Below 16384 (FirstNormalObjectId) lies what initdb made.
_DEFINITIONS = """
SELECT prosrc FROM pg_proc WHERE oid >= 16384
UNION ALL SELECT pg_get_viewdef(oid) FROM pg_class
  WHERE relkind IN ('v', 'm') AND oid >= 16384
UNION ALL SELECT pg_get_ruledef(oid) FROM pg_rewrite
  WHERE rulename <> '_RETURN' AND oid >= 16384
UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint
  WHERE contype IN ('c', 'x') AND oid >= 16384
UNION ALL SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE oid >= 16384
UNION ALL SELECT attmissingval::text FROM pg_attribute WHERE atthasmissing
UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index
  WHERE indexrelid >= 16384 AND (indexprs IS NOT NULL OR indpred IS NOT NULL)
UNION ALL SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relpartbound IS NOT NULL
UNION ALL SELECT concat_ws(' ', pg_get_expr(polqual, polrelid),
                           pg_get_expr(polwithcheck, polrelid)) FROM pg_policy
UNION ALL SELECT enumlabel::text FROM pg_enum WHERE oid >= 16384
UNION ALL SELECT array_to_string(ftoptions, ' ') FROM pg_foreign_table
UNION ALL SELECT array_to_string(setconfig, ' ') FROM pg_db_role_setting
  WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
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
    """The query for one kind, and whether it shows this role all there is."""

    query: sql.Composable
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
        evidence = copy_query(
            connection,
            sql.SQL("COPY (SELECT * FROM ({}) t(v)) TO STDOUT").format(texts.query),
            scan,
        )
        there = statements.of(connection) if residue and unit.kind == STATEMENTS else None
    gap = None
    if not texts.all_of_it:
        gap = Gap(unit.scope, CoverageStatus.FAILED, "access-denied", unit.locator)
    holdings: tuple[Holding, ...] = ()
    if evidence.verdict is Verdict.COPY:  # a person can be named in a comment with good reason
        found = Holding(
            store=cluster.store,
            scope=unit.scope,
            locator=unit.locator,
            version=f"{unit.kind}:{scan.digest()}",
            kind=unit.kind,
            verdict=evidence.verdict,
            records=evidence.records,
            foreign_records=None,
            size=scan.bytes_read,
            whole=Technique.RESET_STATISTICS if there and there.may_reset else None,
            obstacle="" if there and there.may_reset else _OBSTACLES[unit.kind],
            details={"phase": PHASES[STATEMENTS], "promoted": int(evidence.promoted)},
            signs=evidence.signs,
        )
        holdings = (found,)
    return Examination(unit, holdings, gap, scan.bytes_read, evidence.windows)


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
        return _Texts(sql.SQL(_DEFINITIONS))
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
        sql.SQL("SELECT query FROM {} WHERE {}").format(view, here),
        all_of_it=hidden is not None and not hidden[0],
    )
