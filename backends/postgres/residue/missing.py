"""Values that a new column gave to the rows that were there before: the catalogue keeps them.

A column that is added with a constant default is in no older row. The server keeps one value for
all of these rows in `pg_attribute` (``attmissingval``), and shows it in each. It stays when the
default goes, when no row shows it any more, and when the table is truncated. Writing the table
anew puts it into the rows that show it, and takes it out of the catalogue.

So it is residue of rows, as the pages of their table are, and goes as these do, once no row shows
a record. A table's values are one window, as they are in its rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from psycopg import sql

from backends.contract import Evidence, Examination, Holding, Matcher, Unit, Verdict
from backends.errors import Vanished
from backends.postgres._catalog import FIRST_USER_OID, FOREIGN_TABLE, Choice, relation_by_oid
from backends.postgres._rows import RowScan, copy_query
from backends.postgres._session import Cluster, Connection
from backends.postgres.residue import companions
from backends.postgres.residue.places import MISSING, Residue, missing_of

_CURSOR = "3m"  # after texts, before what is read as bytes
_TABLES = """
SELECT DISTINCT c.oid, format('%%I/%%I.%%I', current_database(), n.nspname, c.relname),
       coalesce(pg_relation_filenode(c.oid), 0)
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE a.atthasmissing AND c.oid >= %s ORDER BY c.oid
"""
_VALUES = sql.SQL("""
COPY (SELECT string_agg(v, E'\\t' ORDER BY attnum)
        FROM pg_attribute, unnest(attmissingval::text::text[]) v
       WHERE attrelid = {} AND atthasmissing) TO STDOUT
""")


def units(cluster: Cluster, scope: str, after: str, choice: Choice) -> Iterator[Unit]:
    """Yield the tables that have such values, and are not left out."""
    with cluster.reading(scope) as connection:
        tables = connection.execute(_TABLES, [FIRST_USER_OID]).fetchall()
    for oid, locator, node in tables:
        cursor = f"{_CURSOR}:{oid:010}"
        if cursor <= after:
            continue
        with cluster.reading(scope) as connection:
            relation = relation_by_oid(connection, oid)
        # A foreign table's rows are another server's; such a value of it is this one's.
        if relation is None or choice.excludes(relation) in {"", FOREIGN_TABLE}:
            yield Unit(scope, missing_of(locator), f"{oid}:{node}", MISSING, None, cursor)


def examine(cluster: Cluster, unit: Unit, residue: Residue, matcher: Matcher) -> Examination:
    """Look for the dataset in the values of a table; see the contract."""
    oid = int(unit.version.partition(":")[0])
    with cluster.reading(unit.scope) as connection:
        if connection.execute("SELECT FROM pg_class WHERE oid = %s", [oid]).rowcount == 0:
            raise Vanished("a relation is not there any more")
        rows = RowScan(matcher)
        evidence = _scan(connection, oid, rows)
    if evidence.verdict is not Verdict.COPY:  # a person's rows speak for themselves
        return Examination(unit, (), None, rows.bytes_read, evidence.windows)
    held = companions.place(cluster, residue, unit) if residue.wanted else None
    held = held or Holding(
        store=cluster.store,
        scope=unit.scope,
        locator=unit.locator,
        version=unit.version,
        kind=MISSING,
        verdict=Verdict.COPY,
        records=None,
        foreign_records=None,
        size=rows.bytes_read,
        whole=None,
        obstacle="missing-values-kept",
    )
    found = replace(held, records=evidence.records, signs=evidence.signs)
    return Examination(unit, (found,), None, rows.bytes_read, evidence.windows)


def scan(connection: Connection, oid: int, matcher: Matcher) -> Evidence:
    """Look for the dataset in the values that the catalogue keeps for a table."""
    return _scan(connection, oid, RowScan(matcher, digested=False))


def _scan(connection: Connection, oid: int, rows: RowScan) -> Evidence:
    return copy_query(connection, _VALUES.format(oid), rows)
