"""The server's log: files that its collector writes.

Reading one takes the right to read the server's files. One is removed on the server's host, where
it is overwritten before; from elsewhere it is written anew without the records (`log_anew`). The
file that is written to is closed first, by having the collector begin another.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import LiteralString

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
from backends.postgres.residue import cost
from backends.postgres.residue.places import LOG, PHASES, SERVER, log_file

_RIGHTS = """
SELECT current_setting('logging_collector') = 'on',
       has_function_privilege('pg_catalog.pg_ls_logdir()', 'EXECUTE'),
       has_function_privilege('pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)',
                              'EXECUTE')
         AND (current_setting('is_superuser') = 'on'
              OR pg_has_role('pg_read_server_files', 'USAGE')),
       has_function_privilege('pg_catalog.pg_rotate_logfile()', 'EXECUTE'),
       has_function_privilege('pg_catalog.lo_export(oid, text)', 'EXECUTE'),
       current_setting('lo_compat_privileges') = 'on', pg_is_in_recovery()
"""
_FILES = "SELECT name, size FROM pg_ls_logdir() WHERE name > %s ORDER BY name"
# One that has another name, by a link, tells itself by its size and time.
_CURRENT = """
WITH listed AS (SELECT name, size, modification FROM pg_ls_logdir()),
     current AS (SELECT pg_catalog.regexp_replace(f, '^.*/', '') AS name
                   FROM unnest(%(formats)s::text[]) format, pg_catalog.pg_current_logfile(format) f)
SELECT %(name)s IN (SELECT name FROM current), EXISTS (
  SELECT FROM listed a, listed b JOIN current USING (name)
   WHERE a.name = %(name)s AND a.size = b.size AND a.modification = b.modification)
"""
_FORMATS = ["stderr", "csvlog", "jsonlog"]  # the last from 15 on
_READ = """
SELECT pg_catalog.pg_read_binary_file(
  pg_catalog.current_setting('log_directory') || '/' || %s, %s, %s, true)
"""
NOT_OVERWRITTEN = "log-file-not-overwritten"
_CHUNK = 1 << 20
_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class Rights:
    """What this role may do with the server's log."""

    collected: bool
    may_list: bool
    may_read: bool
    may_rotate: bool
    may_export: bool
    open_objects: bool  # everybody may read large objects
    standby: bool
    on_host: bool  # it can be removed from here, without the server

    @property
    def obstacle(self) -> str:
        """Why a file can neither be removed nor written anew, or nothing."""
        lacking = {
            "read-only-server": self.standby,
            "needs-lo-export": not self.may_export,
            "large-objects-open-to-all": self.open_objects,
        }
        reason = next((code for code, there in lacking.items() if there), "")
        if reason and not self.on_host:
            return reason
        return "" if self.may_rotate else "needs-pg-rotate-logfile"


class _Stream:
    """A file of the log as a stream; none is left where it was removed meanwhile."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection, self._name, self._offset = connection, name, 0

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes; nothing at the end."""
        wanted = _CHUNK if size < 0 else min(size, _CHUNK)
        data = at(self._connection, self._name, self._offset, wanted)
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
            limitations=() if obstacle or may.on_host else (NOT_OVERWRITTEN,),
            details={"phase": PHASES[LOG]},
            cost=None if obstacle or may.on_host else cost.of_log(reading.bytes_read),
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


def at(connection: Connection, name: str, offset: int, size: int) -> bytes:
    """Return bytes of a file of the log from an offset on: fewer at its end."""
    return bytes_of(connection, _READ, [name, offset, size])


def bytes_of(connection: Connection, query: LiteralString, params: Sequence[object]) -> bytes:
    """Return the bytes that a query gives; none for NULL."""
    with connection.cursor(binary=True) as cursor:  # text would be twice as long
        row = cursor.execute(query, params).fetchone()
    return bytes(row[0] or b"") if row else b""


def there(connection: Connection, name: str) -> bool:
    """Whether there is a file of that name in the log's folder."""
    query = "SELECT EXISTS (SELECT FROM pg_ls_logdir() WHERE name = %s)"
    return bool(one(connection, query, [name])[0])


def close(connection: Connection, name: str, patience_s: float) -> bool:
    """Have the collector begin another file if it writes to this one; whether it is closed now."""
    formats = _FORMATS if connection.info.server_version >= 150000 else _FORMATS[:2]
    asked = {"name": name, "formats": formats}
    deadline = time.monotonic() + max(patience_s, 2)  # a name has the second in it, as a rule
    while any(itself := one(connection, _CURRENT, asked)):
        if time.monotonic() > deadline:
            return False
        if itself[0]:
            connection.execute("SELECT pg_catalog.pg_rotate_logfile()")
        time.sleep(_PAUSE_S)
    return True


def remove(connection: Connection, name: str, directory: str) -> str:
    """Remove a closed file on the server's host; why that failed, or nothing."""
    with log_folder(connection, directory) as folder:
        return log_files.remove(folder, name) if folder else "log-not-removed"
