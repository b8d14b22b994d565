"""The server's log: files that its collector writes.

Reading one takes the right to read the server's files. One is removed on the server's host, where
it is overwritten before, or by a function that an extension of older servers brings (adminpack,
until 16). The file that is written to is closed first, by having the collector begin another.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from backends.content import Reading, examine_stream
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
from backends.postgres._catalog import one
from backends.postgres._session import Cluster, Connection
from backends.postgres.raw import log_files
from backends.postgres.raw.log_files import log_folder
from backends.postgres.residue.places import LOG, PHASES, SERVER, log_file

_RIGHTS = """
SELECT current_setting('logging_collector') = 'on',
       has_function_privilege('pg_catalog.pg_ls_logdir()', 'EXECUTE'),
       has_function_privilege('pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)',
                              'EXECUTE')
         AND (current_setting('is_superuser') = 'on'
              OR pg_has_role('pg_read_server_files', 'USAGE')),
       has_function_privilege('pg_catalog.pg_rotate_logfile()', 'EXECUTE'),
       coalesce((SELECT bool_or(has_function_privilege(p.oid, 'EXECUTE')) FROM pg_proc p
                  WHERE p.pronamespace = 'pg_catalog'::regnamespace
                    AND p.proname = 'pg_file_unlink'), false)
"""
_FILES = "SELECT name, size FROM pg_ls_logdir() WHERE name > %s ORDER BY name"
_CURRENT = """
SELECT ARRAY(SELECT pg_catalog.regexp_replace(f, '^.*/', '') FROM (VALUES
  (pg_catalog.pg_current_logfile()), (pg_catalog.pg_current_logfile('csvlog')),
  (pg_catalog.pg_current_logfile('stderr'))) v(f)
 WHERE f IS NOT NULL)
"""
_READ = """
SELECT pg_catalog.pg_read_binary_file(
  pg_catalog.current_setting('log_directory') || '/' || %s, %s, %s, true)
"""
_UNLINK = """
SELECT pg_catalog.pg_file_unlink(pg_catalog.current_setting('log_directory') || '/' || %s)
"""
_CHUNK = 1 << 20
_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class Rights:
    """What this role may do with the server's log."""

    collected: bool
    may_list: bool
    may_read: bool
    may_rotate: bool
    may_remove: bool
    on_host: bool  # it can be removed from here, without the server

    @property
    def obstacle(self) -> str:
        """Why a file cannot be removed, or nothing."""
        if not self.may_remove and not self.on_host:
            return "log-removal-needs-host"
        return "" if self.may_rotate else "needs-pg-rotate-logfile"


class _Stream:
    """A file of the log as a stream; none is left where it was removed meanwhile."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection, self._name, self._offset = connection, name, 0

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes; nothing at the end."""
        wanted = _CHUNK if size < 0 else min(size, _CHUNK)
        data = bytes(one(self._connection, _READ, [self._name, self._offset, wanted])[0] or b"")
        self._offset += len(data)
        return data


def rights(connection: Connection, directory: str = "") -> Rights:
    """Find out what may be done."""
    with log_folder(connection, directory) as folder:
        found = (*one(connection, _RIGHTS), folder is not None)
    return Rights(*found)


def units(cluster: Cluster, after: str) -> Iterator[Unit | Gap]:
    """Yield the files of the log. Without a collector there are none that SQL could reach."""
    with cluster.reading() as connection:
        may = rights(connection)
        if not may.collected:
            return
        if not may.may_list or not may.may_read:
            missing = "needs-pg-read-server-files" if may.may_list else "needs-pg-monitor"
            yield Gap(SERVER, CoverageStatus.FAILED, missing, log_file("*"))
            return
        files = connection.execute(_FILES, [after.removeprefix("log:")]).fetchall()
    for name, size in files:
        yield Unit(SERVER, log_file(name), name, LOG, size, f"log:{name}")


def examine(cluster: Cluster, unit: Unit, matcher: Matcher, directory: str = "") -> Examination:
    """Look for the dataset in a file of the log."""
    with cluster.reading() as connection:
        may = rights(connection, directory)
        reading = read(connection, unit.version, matcher)
    evidence = reading.evidence
    holdings: tuple[Holding, ...] = ()
    if evidence.verdict is Verdict.COPY:  # a person can be named in a log with good reason
        obstacle = may.obstacle
        held = Holding(
            store=cluster.store,
            scope=unit.scope,
            locator=unit.locator,
            version=unit.version,
            kind=LOG,
            verdict=evidence.verdict,
            records=evidence.records,
            foreign_records=None,
            size=reading.bytes_read,
            whole=None if obstacle else Technique.REMOVE_LOG,
            obstacle=obstacle,
            details={"phase": PHASES[LOG]},
            signs=evidence.signs,
        )
        holdings = (held,)
    gap = None
    if reading.reason:
        gap = Gap(unit.scope, CoverageStatus.FAILED, reading.reason, unit.locator)
    return Examination(unit, holdings, gap, reading.bytes_read, evidence.windows)


def read(connection: Connection, name: str, matcher: Matcher) -> Reading:
    """Read a file of the log by the matcher."""
    return examine_stream(_Stream(connection, name), matcher, digested=False)


def there(connection: Connection, name: str) -> bool:
    """Whether there is a file of that name in the log's folder."""
    query = "SELECT EXISTS (SELECT FROM pg_ls_logdir() WHERE name = %s)"
    return bool(one(connection, query, [name])[0])


def remove(connection: Connection, name: str, patience_s: float, directory: str = "") -> str:
    """Remove a file, closed first if it is written to; why that failed, or nothing."""
    deadline = time.monotonic() + max(patience_s, 2)  # a name has the second in it, as a rule
    while name in one(connection, _CURRENT)[0]:
        if time.monotonic() > deadline:
            return "log-file-not-rotated"
        connection.execute("SELECT pg_catalog.pg_rotate_logfile()")
        time.sleep(_PAUSE_S)
    with log_folder(connection, directory) as folder:
        if folder is not None:
            return log_files.remove(folder, name)
    removed = bool(one(connection, _UNLINK, [name])[0])
    return "" if removed else "log-not-removed"
