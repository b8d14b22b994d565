"""Definitions and names in a database that hold a record, and what drops each of them.

The values of a stored generated column stay, and so do the rows of a partition, which becomes a
table of its own; a label of an enumeration is renamed. What a materialised view has computed goes.

Dropping one alters what programs find, so it is done by the operator's word alone: a holding of
definitions has no technique that takes out records and leaves the rest. Nothing goes that others
depend on, and nothing but what holds a record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql

from backends.contract import Evidence, Holding, Matcher, RecordClass
from backends.postgres._rows import RowScan, copy_query
from backends.postgres._session import Connection
from backends.postgres._text import readable
from backends.postgres.residue.statements import as_copied

DEFINITIONS: Final = "definitions"
CATALOGUES: Final = (
    "pg_proc",
    "pg_rewrite",
    "pg_trigger",
    "pg_constraint",
    "pg_attrdef",
    "pg_type",
    "pg_index",
    "pg_policy",
    "pg_class",
    "pg_enum",
    "pg_statistic_ext",
    "pg_db_role_setting",
)
"""Where what can be dropped lies."""
# What drops it, in SQL (nothing: it is more than a definition, or no command does), its text, and
# the catalogue that has it.
# Below 16384 (FirstNormalObjectId) lies what initdb made.
_PARTS = """
SELECT format('DROP ROUTINE IF EXISTS %s', oid::regprocedure),
       CASE prokind WHEN 'a' THEN format('%s(%s)', proname, pg_get_function_arguments(oid))
                    ELSE pg_get_functiondef(oid) END,
       'pg_proc'
  FROM pg_proc WHERE oid >= 16384
UNION ALL
SELECT format('DROP %s IF EXISTS %s',
              CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END, oid::regclass),
       pg_get_viewdef(oid),
       'pg_rewrite'
  FROM pg_class WHERE relkind IN ('v', 'm') AND oid >= 16384
UNION ALL
SELECT format('DROP RULE IF EXISTS %I ON %s', rulename, ev_class::regclass), pg_get_ruledef(oid),
       'pg_rewrite'
  FROM pg_rewrite WHERE rulename <> '_RETURN' AND oid >= 16384
UNION ALL
SELECT format('DROP TRIGGER IF EXISTS %I ON %s', tgname, tgrelid::regclass), pg_get_triggerdef(oid),
       'pg_trigger'
  FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT format('ALTER %s DROP CONSTRAINT IF EXISTS %I',
              CASE contypid WHEN 0 THEN format('TABLE %s', conrelid::regclass)
                            ELSE format('DOMAIN %s', contypid::regtype) END, conname),
       pg_get_constraintdef(oid),
       'pg_constraint'
  FROM pg_constraint WHERE contype IN ('c', 'x') AND oid >= 16384
UNION ALL
SELECT CASE
       WHEN attgenerated = ''
       THEN format('ALTER TABLE ONLY %s ALTER %I DROP DEFAULT', adrelid::regclass, attname)
       -- With the parent's go those that partitions have of it; others inherit from several.
       WHEN attinhcount = 0 OR c.relispartition
       THEN format(CASE attgenerated
                   WHEN 's' THEN 'ALTER TABLE %s ALTER %I DROP EXPRESSION IF EXISTS'
                   ELSE 'ALTER TABLE %s DROP COLUMN IF EXISTS %I' END,
                   coalesce(pg_partition_root(adrelid), adrelid)::regclass, attname) END,
       pg_get_expr(adbin, adrelid),
       'pg_attrdef'
  FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = adrelid AND a.attnum = adnum
  JOIN pg_class c ON c.oid = adrelid
 WHERE d.oid >= 16384
UNION ALL
SELECT format('ALTER DOMAIN %s DROP DEFAULT', oid::regtype), typdefault, 'pg_type'
  FROM pg_type WHERE typtype = 'd' AND typdefault IS NOT NULL AND oid >= 16384
UNION ALL
SELECT format('DROP STATISTICS IF EXISTS %I.%I', nspname, stxname), pg_get_statisticsobjdef(s.oid),
       'pg_statistic_ext'
  FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = stxnamespace WHERE s.oid >= 16384
UNION ALL
SELECT format('DROP INDEX IF EXISTS %s', indexrelid::regclass), pg_get_indexdef(indexrelid),
       'pg_index'
  FROM pg_index WHERE indexrelid >= 16384 AND (indexprs IS NOT NULL OR indpred IS NOT NULL)
UNION ALL
SELECT format('ALTER TABLE %s DETACH PARTITION %s', inhparent::regclass, oid::regclass),
       pg_get_expr(relpartbound, oid),
       'pg_class'
  FROM pg_class JOIN pg_inherits ON inhrelid = oid
 WHERE relpartbound IS NOT NULL
UNION ALL
SELECT format('DROP POLICY IF EXISTS %I ON %s', polname, polrelid::regclass),
       concat_ws(' ', pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)),
       'pg_policy'
  FROM pg_policy
UNION ALL
SELECT format('ALTER TYPE %s RENAME VALUE %L TO %L', enumtypid::regtype, enumlabel,
              'removed-' || oid),
       enumlabel::text,
       'pg_enum'
  FROM pg_enum WHERE oid >= 16384
UNION ALL
SELECT NULL, array_to_string(ftoptions, ' '), NULL FROM pg_foreign_table
UNION ALL
SELECT NULL, array_to_string(attfdwoptions, ' '), NULL FROM pg_attribute
 WHERE attfdwoptions IS NOT NULL
UNION ALL
-- Which rows a publication takes, from 15 on.
SELECT NULL, to_jsonb(p) ->> 'rowfilter', NULL FROM pg_publication_tables p
 WHERE to_jsonb(p) ->> 'rowfilter' IS NOT NULL
UNION ALL
SELECT NULL, relname::text, NULL FROM pg_class WHERE oid >= 16384 AND relkind <> 't'
UNION ALL
SELECT NULL, attname::text, NULL FROM pg_attribute
 WHERE attrelid >= 16384 AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT NULL, typname::text, NULL FROM pg_type
 WHERE oid >= 16384 AND typrelid = 0 AND typcategory <> 'A'
UNION ALL
SELECT NULL, conname::text, NULL FROM pg_constraint WHERE oid >= 16384
UNION ALL
SELECT NULL, polname::text, NULL FROM pg_policy
UNION ALL
"""
_SETTINGS = """
SELECT format('ALTER %s RESET %s',
              CASE WHEN setdatabase <> 0 AND setrole <> 0
                   THEN format('ROLE %I IN DATABASE %I', rolname, datname)
                   WHEN setdatabase <> 0 THEN format('DATABASE %I', datname)
                   WHEN setrole <> 0 THEN format('ROLE %I', rolname) ELSE 'ROLE ALL' END,
              (SELECT string_agg(quote_ident(part), '.' ORDER BY number)
                 FROM unnest(string_to_array(split_part(setting, '=', 1), '.'))
                      WITH ORDINALITY parts(part, number))),
       setting,
       'pg_db_role_setting'
  FROM pg_db_role_setting CROSS JOIN unnest(setconfig) setting
  LEFT JOIN pg_roles r ON r.oid = setrole LEFT JOIN pg_database d ON d.oid = setdatabase
 WHERE {}
"""
_OWN = _PARTS + _SETTINGS.format("datname = current_database()")
_OF_ALL = _SETTINGS.format("setdatabase = 0")  # every database shows these
TEXTS: Final = tuple(
    sql.SQL("SELECT v FROM ({}) parts(s, v, c)").format(sql.SQL(parts)) for parts in (_OWN, _OF_ALL)
)
_COPIES = [sql.SQL("COPY ({}) TO STDOUT").format(texts) for texts in TEXTS]
_MAY_DROP = """
SELECT current_setting('is_superuser') = 'on' AND NOT pg_is_in_recovery()
   AND NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtenabled <> 'D')
"""
# Others depend on it; it is inherited from what may be dropped, too, and takes it along.
_NOT_ALONE = frozenset({"2BP01", "42P16"})


def may_drop(connection: Connection) -> bool:
    """Whether this role may drop whatever it is, and nobody's program is run by that."""
    row = connection.execute(_MAY_DROP).fetchone()
    return row is not None and bool(row[0])


def read(
    connection: Connection, matcher: Matcher, *, promoted: bool = False
) -> tuple[Evidence, str]:
    """Return what all definitions hold, and their version."""
    scan = RowScan(matcher, promoted=promoted)
    version = DEFINITIONS
    for copy in _COPIES:
        copy_query(connection, copy, scan)
        version += f":{scan.digest()}"
    return scan.finish(), version


@dataclass(frozen=True, slots=True)
class Found:
    """A definition that holds a record."""

    statement: str  # drops it; empty: none does
    catalogue: str  # has it
    of_all: bool  # other databases show it, too


def found(connection: Connection, matcher: Matcher, *, promoted: bool) -> list[Found] | None:
    """Return the definitions that hold a record; None: nothing drops one of them."""
    scan = matcher.scan(promoted=promoted)
    seen: list[Found] = []
    for parts in (_OWN, _OF_ALL):
        with connection.cursor() as cursor:
            # Read to the end: to leave a stream cancels whatever the server is at by then.
            for statement, text, catalogue in cursor.stream(parts.encode()):
                window = as_copied(text or "")
                (kind,) = scan.feed(*readable(window, [len(window)]))
                if kind == RecordClass.RECORD:
                    seen.append(Found(statement or "", catalogue or "", parts is _OF_ALL))
    return seen if all(each.statement for each in seen) else None


def is_rest_of(planned: str, version: str, found: Sequence[Found]) -> bool:
    """Whether a version is what was planned, but for what another database's order dropped."""
    same = planned.rpartition(":")[0] == version.rpartition(":")[0]
    return same and not any(each.of_all for each in found)


def catalogues_of(holding: Holding) -> list[str]:
    """Return the catalogues that have definitions of a holding."""
    named = str(holding.details.get("catalogues", "")).split()
    return [name for name in CATALOGUES if name in named]


def oids(connection: Connection, holding: Holding) -> list[int]:
    """Return the oids of these catalogues."""
    query = "SELECT to_regclass('pg_catalog.' || unnest(%s::text[]))::oid"
    return [row[0] for row in connection.execute(query, [catalogues_of(holding)])]


def drop(connection: Connection, wanted: Sequence[Found]) -> bool:
    """Drop all, each after what depends on it; False: something else does, and none may go."""
    left = [each.statement for each in wanted]
    while left:
        kept = [each for each in left if not _dropped(connection, each)]
        if len(kept) == len(left):
            return False
        left = kept
    return True


def _dropped(connection: Connection, statement: str) -> bool:
    try:
        with connection.transaction():  # a savepoint, within the order's
            connection.execute(statement.encode())
    except psycopg.Error as error:
        if error.sqlstate not in _NOT_ALONE:
            raise
        return False
    return True
