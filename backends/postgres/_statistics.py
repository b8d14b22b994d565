"""The planner's statistics: they keep values of rows long after the rows are gone.

Values of a relation lie with the relation, with its expression indexes, with its extended
statistics, and, as `inherited` ones, with every table that it is a partition or child of.
TRUNCATE leaves all of them, and ANALYZE of an empty relation does too.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

from backends.contract import Evidence, Matcher
from backends.postgres._catalog import one
from backends.postgres._rows import RowScan, copy_query
from backends.postgres._session import Connection

# `own`: statistics of its own rows count too, else only inherited ones.
_HOLDERS = sql.SQL("""
WITH RECURSIVE line(oid, own) AS (
  SELECT {}::oid, true
  UNION SELECT i.inhparent, false FROM pg_inherits i JOIN line l ON i.inhrelid = l.oid),
holders(oid, own, indexed) AS (
  SELECT oid, own, false FROM line
  UNION ALL SELECT x.indexrelid, l.own, true FROM line l JOIN pg_index x ON x.indrelid = l.oid
             WHERE x.indexprs IS NOT NULL)
""")
_DELETE_PLAIN = sql.SQL("""
DELETE FROM pg_statistic s USING holders h
 WHERE s.starelid = h.oid AND (h.own OR s.stainherit)
""")
# Before 15 each statistics object has a row there from its making on, and no table that has one can
# be read without it: its values go, and the row stays.
_EMPTY_EXTENDED = sql.SQL("""
UPDATE pg_statistic_ext_data d SET {} FROM pg_statistic_ext e, line l
 WHERE d.stxoid = e.oid AND e.stxrelid = l.oid AND num_nonnulls({}) > 0
""")
_EXTENDED_13 = ("stxdndistinct", "stxddependencies", "stxdmcv")
_EXTENDED_14 = (*_EXTENDED_13, "stxdexpr")
_DELETE_EXTENDED_15 = sql.SQL("""
DELETE FROM pg_statistic_ext_data d USING pg_statistic_ext e, line l
 WHERE d.stxoid = e.oid AND e.stxrelid = l.oid AND (l.own OR d.stxdinherit)
""")
_CLEAR_18 = sql.SQL("""
SELECT count(pg_clear_attribute_stats(n.nspname::text, c.relname::text, a.attname::text, i))
  FROM holders h JOIN pg_class c ON c.oid = h.oid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 CROSS JOIN (VALUES (true), (false)) inherited(i)
 WHERE h.own OR i
""")
_HAS_EXTENDED = sql.SQL("""
SELECT EXISTS (SELECT FROM pg_statistic_ext e JOIN line l ON e.stxrelid = l.oid)
""")
_ANCESTORS = sql.SQL("""
SELECT n.nspname, c.relname
  FROM line l JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT l.own
""")
# The views hide what the role may not read: whether they hide anything is told from the rights.
_READABLE = sql.SQL("""
SELECT current_setting('is_superuser') = 'on' OR (
  (SELECT bool_and(has_column_privilege(h.oid, a.attnum, 'SELECT')
                   AND NOT (c.relrowsecurity AND row_security_active(c.oid)))
     FROM holders h JOIN pg_class c ON c.oid = h.oid
     JOIN pg_attribute a ON a.attrelid = h.oid AND a.attnum > 0 AND NOT a.attisdropped)
  AND NOT EXISTS (SELECT FROM pg_statistic_ext e JOIN line l ON e.stxrelid = l.oid
                    JOIN pg_class c ON c.oid = l.oid
                   WHERE NOT pg_has_role(c.relowner, 'USAGE')))
""")
_FIELDS = ("most_common_vals", "histogram_bounds", "most_common_elems")
_FIELDS_17 = (*_FIELDS, "range_bounds_histogram")


@dataclass(frozen=True, slots=True)
class Cleared:
    """What removing statistics came to."""

    complete: bool  # all that could hold values of the relation is removed
    removed: int = 0


def clear(connection: Connection, oid: int) -> Cleared:
    """Remove the statistics that hold values of a relation; inside a transaction.

    Superusers delete them from the catalogue. From 18 on whoever may maintain the tables can
    have plain ones removed. Nobody else can: then they stay until an ANALYZE writes new ones.
    """
    superuser = one(connection, "SELECT current_setting('is_superuser') = 'on'")[0]
    version = connection.info.server_version
    if not superuser and version < 180000:
        return Cleared(complete=False)
    holders = _HOLDERS.format(oid)
    connection.execute("SAVEPOINT statistics")
    try:
        if superuser:
            removed = connection.execute(holders + _DELETE_PLAIN).rowcount
            removed += connection.execute(holders + _without_extended(version)).rowcount
            complete = True
        else:
            removed = 0  # the function does not tell
            connection.execute(holders + _CLEAR_18)
            row = connection.execute(holders + _HAS_EXTENDED).fetchone()
            complete = row is not None and not row[0]
    except psycopg.Error:  # an ANALYZE of a parent at the same time, or a right that is missing
        connection.execute("ROLLBACK TO SAVEPOINT statistics")
        return Cleared(complete=False)
    connection.execute("RELEASE SAVEPOINT statistics")
    return Cleared(complete, removed)


def _without_extended(version: int) -> sql.Composable:
    if version >= 150000:
        return _DELETE_EXTENDED_15
    fields = [
        sql.Identifier(each) for each in (_EXTENDED_14 if version >= 140000 else _EXTENDED_13)
    ]
    return _EMPTY_EXTENDED.format(
        sql.SQL(", ").join(sql.SQL("{} = NULL").format(each) for each in fields),
        sql.SQL(", ").join(sql.SQL("d.{}").format(each) for each in fields),
    )


def ancestors(connection: Connection, oid: int) -> list[tuple[str, str]]:
    """Return schema and name of the tables that a relation is a partition or child of."""
    return [(row[0], row[1]) for row in connection.execute(_HOLDERS.format(oid) + _ANCESTORS)]


def readable(connection: Connection, oid: int) -> bool:
    """Whether this role sees all statistics that hold values of a relation."""
    row = connection.execute(_HOLDERS.format(oid) + _READABLE).fetchone()
    return row is not None and bool(row[0])


def scan(connection: Connection, oid: int, matcher: Matcher, *, alone: bool = False) -> Evidence:
    """Look for the dataset in the statistics of a relation: one window a value.

    `alone`: in those of its own rows only, not in those that it shares with partitions or children.
    """
    rows = RowScan(matcher)
    return copy_query(connection, _values(connection.info.server_version, oid, alone), rows)


def _values(version: int, oid: int, alone: bool) -> sql.Composed:
    shared = sql.SQL("NOT s.inherited" if alone else "(h.own OR s.inherited)")
    # Older servers have extended statistics of a table's own rows only.
    extended = sql.SQL("NOT s.inherited" if alone and version >= 150000 else "true")
    plain = [
        sql.SQL("SELECT unnest(s.{}::text::text[])").format(sql.Identifier(field))
        for field in (_FIELDS_17 if version >= 170000 else _FIELDS)
    ]
    parts = [
        sql.SQL(
            "SELECT x.v FROM named h JOIN pg_stats s ON (s.schemaname, s.tablename) = (h.n, h.c)"
            " AND {} CROSS JOIN LATERAL ({}) x(v)"
        ).format(shared, sql.SQL(" UNION ALL ").join(plain)),
        # One window a combination of values: that much of a row was kept together.
        sql.SQL(
            "SELECT (SELECT string_agg(v, E'\\t') FROM unnest(s.most_common_vals[i:i]) v)"
            " FROM named h JOIN pg_stats_ext s ON (s.schemaname, s.tablename) = (h.n, h.c) AND {}"
            " CROSS JOIN LATERAL generate_subscripts(s.most_common_vals, 1) i"
        ).format(extended),
    ]
    if version >= 140000:
        expressions = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT unnest(s.{}::text::text[])").format(sql.Identifier(field))
            for field in _FIELDS
        )
        parts.append(
            sql.SQL(
                "SELECT x.v FROM named h JOIN pg_stats_ext_exprs s"
                " ON (s.schemaname, s.tablename) = (h.n, h.c) AND {} CROSS JOIN LATERAL ({}) x(v)"
            ).format(extended, expressions)
        )
    return sql.SQL(
        "COPY ({}, named AS (SELECT n.nspname AS n, c.relname AS c, h.own FROM holders h"
        " JOIN pg_class c ON c.oid = h.oid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE h.own OR {}) {}) TO STDOUT"
    ).format(_HOLDERS.format(oid), sql.Literal(not alone), sql.SQL(" UNION ALL ").join(parts))
