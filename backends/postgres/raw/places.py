"""The places of residue as units: each is looked at by its bytes, where these may be read.

A holding is what is there and no row shows: of a table that holds records itself nothing is said
here, for that is a holding, and its files are written anew or emptied with it. Of a catalogue that
nothing else looks into, rows are told here as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg

from backends.contract import CoverageStatus, Examination, Gap, Holding, Matcher, Unit, Verdict
from backends.errors import CouldNotTell, Vanished
from backends.postgres import _statistics
from backends.postgres._catalog import Choice, one, relation_by_oid
from backends.postgres._session import Cluster, Connection
from backends.postgres.raw import log, relations
from backends.postgres.raw.access import Files, files_of
from backends.postgres.raw.look import Seen
from backends.postgres.residue import companions
from backends.postgres.residue.places import (
    CATALOGUE,
    LOST,
    OTHERS,
    PAGES,
    SERVER,
    WAL,
    WAL_LOCATOR,
    Residue,
    pages_of,
    pages_of_catalogue,
)
from backends.postgres.residue.rewrite import CATALOGUES

KINDS = frozenset({PAGES, CATALOGUE, LOST, OTHERS, WAL})
# Cursors: what SQL shows of a database, and the files of the server's log, come before.
_PAGES, _CATALOGUES, _LOST = "4", "5", "6"
_WAL, _OTHERS = "wal", "zzz"
_RELATIONS = """
SELECT c.oid FROM pg_class c
 WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND c.oid >= 16384 AND c.oid > %s
 ORDER BY c.oid
"""
# Those that all databases share are looked at with each: none of them is the server's first.
_ALL_CATALOGUES = """
SELECT c.oid, c.relname, quote_ident(current_database()), pg_relation_filenode(c.oid),
       pg_total_relation_size(c.oid)
  FROM pg_class c
 WHERE c.relkind = 'r' AND c.oid < 16384 AND c.relnamespace = 'pg_catalog'::regnamespace
   AND c.oid > %s
 ORDER BY c.oid
"""
_DATABASE = """
SELECT d.oid, quote_ident(d.datname) FROM pg_database d WHERE d.datname = current_database()
"""
# Of these, rows that are seen are looked into as texts, large objects, or statistics of tables.
_LOOKED_INTO = frozenset({*CATALOGUES, "pg_seclabel"})
_NAME = "SELECT relname FROM pg_class WHERE oid = %s"
_KNOWN = """
SELECT pg_relation_filepath(c.oid) FROM pg_class c WHERE pg_relation_filepath(c.oid) IS NOT NULL
"""


def units(
    cluster: Cluster, scope: str, after: str, residue: Residue, choice: Choice
) -> Iterator[Unit | Gap]:
    """Yield the places of a database, or of the server, that lie after a cursor.

    What the server has in memory is written to its files before: else they show less.
    """
    database = "" if scope == SERVER else scope
    try:
        with opened(cluster, database, residue):
            pass
        with cluster.use(database) as connection:
            write_out(connection)
    except CouldNotTell as error:
        yield Gap(scope, CoverageStatus.FAILED, error.code, f"{scope}:files")
        return
    listed = _of_server() if scope == SERVER else _of_database(cluster, scope, choice)
    yield from (unit for unit in listed if unit.cursor > after)


def _of_server() -> Iterator[Unit]:
    yield Unit(SERVER, WAL_LOCATOR, WAL_LOCATOR, WAL, None, _WAL)
    yield Unit(SERVER, OTHERS, OTHERS, OTHERS, None, _OTHERS)


def _of_database(cluster: Cluster, scope: str, choice: Choice) -> Iterator[Unit]:
    with cluster.reading(scope) as connection:
        oids = [row[0] for row in connection.execute(_RELATIONS, [0])]
        catalogues = connection.execute(_ALL_CATALOGUES, [0]).fetchall()
        (oid, quoted) = one(connection, _DATABASE)
    for each in oids:
        with cluster.reading(scope) as connection:
            found = relation_by_oid(connection, each)
        if found is None or choice.excludes(found):
            continue
        locator, cursor = pages_of(found.locator), f"{_PAGES}:{each:010}"
        yield Unit(scope, locator, found.storage, PAGES, found.size, cursor)
    for each, name, database, node, size in catalogues:
        locator, cursor = pages_of_catalogue(database, name), f"{_CATALOGUES}:{each:010}"
        yield Unit(scope, locator, f"{each}:{node}", CATALOGUE, size, cursor)
    yield Unit(scope, f"{quoted}:{LOST}", str(oid), LOST, None, _LOST)


@contextmanager
def opened(cluster: Cluster, database: str, residue: Residue) -> Iterator[tuple[Connection, Files]]:
    """Lend the server's files, and a connection to it. Raises CouldNotTell."""
    with cluster.reading(database, fresh=True) as connection:
        files = files_of(connection, residue.data_directory)
        try:
            yield connection, files
        finally:
            files.close()


def write_out(connection: Connection) -> None:
    """Have the server write what it has in memory. Raises CouldNotTell."""
    try:
        connection.execute("CHECKPOINT")
    except psycopg.errors.InsufficientPrivilege:
        raise CouldNotTell("no right to a checkpoint", reason="needs-pg-checkpoint") from None


def examine(cluster: Cluster, unit: Unit, residue: Residue, matcher: Matcher) -> Examination:
    """Look for the dataset in a place; see the contract."""
    database = "" if unit.scope == SERVER else unit.scope
    with opened(cluster, database, residue) as (connection, files):
        seen = _seen(connection, files, unit, matcher)
        reason = seen.reason or _in_memory(connection, unit) if seen else ""
    if seen is None:
        return Examination(unit)
    gap = Gap(unit.scope, CoverageStatus.FAILED, reason, unit.locator) if reason else None
    # Of persons others' rows speak as well: they are no sign of what is gone.
    found = _holding(cluster, residue, unit, seen) if seen.verdict is Verdict.COPY else None
    return Examination(unit, (found,) if found else (), gap, seen.bytes_read)


def _seen(connection: Connection, files: Files, unit: Unit, matcher: Matcher) -> Seen | None:
    """Return what is there beside rows that are seen; None: these hold records themselves."""
    if unit.kind == WAL:
        return log.look_at_log(connection, files, matcher)
    if unit.kind == OTHERS:
        return log.look_at_others(connection, files, matcher)
    if unit.kind == LOST:
        return _look_at_lost(connection, files, matcher)
    oid = int(unit.version.partition(":")[0])
    if unit.kind == PAGES and relation_by_oid(connection, oid) is None:
        raise Vanished("a relation is not there any more")
    both = relations.look_at(connection, files, oid, matcher)
    if both.rows.verdict is Verdict.COPY:
        looked_into = unit.kind == PAGES or one(connection, _NAME, [oid])[0] in _LOOKED_INTO
        return None if looked_into else both.rows
    return (
        _with_statistics(connection, oid, matcher, both.rest) if unit.kind == PAGES else both.rest
    )


def _with_statistics(connection: Connection, oid: int, matcher: Matcher, seen: Seen) -> Seen:
    """Return what was seen, and what the statistics still have of rows that are gone."""
    kept = _statistics.scan(connection, oid, matcher, alone=True)
    if kept.verdict is not Verdict.COPY:
        return seen
    return replace(seen, verdict=Verdict.COPY, records=max(seen.records, kept.records))


def _in_memory(connection: Connection, unit: Unit) -> str:
    """Return why files may not show all there is, or nothing: no checkpoint writes it."""
    if unit.kind != PAGES:
        return ""
    found = relation_by_oid(connection, int(unit.version.partition(":")[0]))
    return "unlogged-table-in-memory" if found and found.persistence == "u" else ""


def _holding(cluster: Cluster, residue: Residue, unit: Unit, seen: Seen) -> Holding:
    held = companions.place(cluster, residue, unit)
    if held is None:
        held = Holding(
            store=cluster.store,
            scope=unit.scope,
            locator=unit.locator,
            version=unit.version,
            kind=unit.kind,
            verdict=Verdict.COPY,
            records=None,
            foreign_records=None,
            size=seen.bytes_read,
            whole=None,
            obstacle="server-files-not-cleaned",
        )
    return replace(held, verdict=Verdict.COPY, records=seen.records, signs=seen.signs)


def _look_at_lost(connection: Connection, files: Files, matcher: Matcher) -> Seen:
    """Look at files in a database's folders that belong to no relation, as a crash leaves them."""
    oid, _ = one(connection, _DATABASE)
    known = {row[0] for row in connection.execute(_KNOWN)}
    look = relations.unknown(matcher)
    for folder in _folders(files, oid):
        for entry in files.walk(folder):
            if _relation_of(entry.path) not in known:
                for data in relations.pieces(files, entry.path):
                    look.pages(data, chunks=True)
                look.end_of_file()
    return look.seen().rest


def _folders(files: Files, database: int) -> Iterator[str]:
    """Yield where a database has files: the default tablespace, and others by their symlinks."""
    yield f"base/{database}"
    found = {
        "/".join(parts[:4])
        for entry in files.walk("pg_tblspc")
        if len(parts := entry.path.split("/")) > 4 and parts[3] == str(database)
    }
    yield from sorted(found)


def _relation_of(path: str) -> str:
    """Return the path of a relation's first file, by that of any of its files."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/{name.partition('.')[0].partition('_')[0]}"
