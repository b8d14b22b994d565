"""What keeps a server from letting go of bytes: found before anything is destroyed, and named.

A blocker is an *obstacle* where nothing that a destruction does will end it, and a *limitation*
where it may end by itself, or where it stands for a copy elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from backends.postgres._catalog import one
from backends.postgres._session import Connection

# A slot that has lost its place ("lost") holds nothing any more.
_FACTS = """
SELECT pg_is_in_recovery(),
       EXISTS (SELECT FROM pg_replication_slots
                WHERE NOT active AND restart_lsn IS NOT NULL AND wal_status <> 'lost'),
       EXISTS (SELECT FROM pg_replication_slots
                WHERE active AND restart_lsn IS NOT NULL AND wal_status <> 'lost'),
       (SELECT count(*) FROM pg_prepared_xacts) > 0,
       EXISTS (SELECT FROM pg_stat_replication WHERE application_name <> 'pg_basebackup'),
       EXISTS (SELECT FROM pg_stat_progress_basebackup),
       current_setting('archive_mode') <> 'off',
       current_setting('archive_mode') <> 'off' AND (
         (current_setting('archive_command') = ''
          AND coalesce(current_setting('archive_library', true), '') = '')
         OR (SELECT last_failed_time > coalesce(last_archived_time, '-infinity')
               FROM pg_stat_archiver)),
       EXISTS (SELECT FROM pg_publication)
"""
_RIGHTS = """
SELECT current_setting('is_superuser') = 'on',
       coalesce((SELECT pg_has_role(oid, 'USAGE') FROM pg_roles WHERE rolname = 'pg_checkpoint'),
                false),
       has_function_privilege('pg_catalog.pg_switch_wal()', 'EXECUTE'),
       has_function_privilege('pg_catalog.pg_ls_waldir()', 'EXECUTE')
"""
# Rows stay in a rewritten table while somebody may still want to see them: a transaction, a
# prepared one, a slot, a standby that gives feedback. Older than %(since)s is who began before it.
_HOLDERS = """
WITH since AS (SELECT age(%(since)s::xid8::xid) AS age)
SELECT EXISTS (SELECT FROM pg_stat_activity a, since
                WHERE a.pid <> pg_backend_pid()
                  AND coalesce(a.backend_type, '') <> 'walsender' -- hidden from some, ids are not
                  AND (age(a.backend_xid) > since.age
                       OR age(a.backend_xmin) > since.age AND a.datname = current_database())),
       EXISTS (SELECT FROM pg_prepared_xacts p, since WHERE age(p.transaction) > since.age),
       EXISTS (SELECT FROM pg_replication_slots s, since
                WHERE age(s.xmin) > since.age
                   OR age(s.catalog_xmin) > since.age AND %(catalogue)s),
       EXISTS (SELECT FROM pg_stat_replication r, since WHERE age(r.backend_xmin) > since.age)
"""
_OLD = """
SELECT EXISTS (SELECT FROM pg_prepared_xacts),
       EXISTS (SELECT FROM pg_stat_activity
                WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
                  AND (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL)
                  AND xact_start < clock_timestamp() - make_interval(secs => %s))
"""
_HOLDER_CODES = (
    "old-transaction",
    "prepared-transaction",
    "replication-slot-holds-rows",
    "standby-holds-rows",
)


class _Facts(NamedTuple):
    """One row of _FACTS."""

    standby: bool
    idle_slot: bool
    active_slot: bool
    prepared: bool
    standbys: bool
    backup: bool
    archived: bool
    archiver_fails: bool
    published: bool


@dataclass(frozen=True, slots=True)
class Blockers:
    """What stands in the way of the write-ahead log's going, or goes its own way; codes."""

    obstacle: str = ""
    limitations: tuple[str, ...] = ()


def of_wal(connection: Connection) -> Blockers:
    """Find out what keeps the write-ahead log's bytes, here or elsewhere."""
    facts = _Facts(*one(connection, _FACTS))
    limits = {
        "wal-archived": facts.archived,
        "wal-sent-to-standbys": facts.standbys,
        "wal-held-by-active-slot": facts.active_slot,
        "backup-under-way": facts.backup,
        "published-to-subscribers": facts.published,
        "prepared-transaction": facts.prepared,
    }
    limitations = tuple(code for code, there in limits.items() if there)
    obstacles = {
        "read-only-server": facts.standby,
        "wal-held-by-idle-slot": facts.idle_slot,
        "wal-waits-for-archiver": facts.archiver_fails,
    }
    missing = missing_right(connection)
    obstacle = next((code for code, there in obstacles.items() if there), missing)
    return Blockers(obstacle, limitations)


def of_rewriting(connection: Connection, patience_s: int) -> Blockers:
    """Find out who may want to see deleted rows for longer than is waited for."""
    prepared, old = one(connection, _OLD, [patience_s])
    return Blockers("prepared-transaction" if prepared else "", ("old-transaction",) if old else ())


def missing_right(connection: Connection) -> str:
    """Return a code for the first right that this role lacks to move the log on; or nothing."""
    superuser, checkpoint, switch, listing = one(connection, _RIGHTS)
    if superuser:
        return ""
    lacking = {
        "needs-pg-checkpoint": not checkpoint,
        "needs-pg-switch-wal": not switch,
        "needs-pg-monitor": not listing,
    }
    return next((code for code, there in lacking.items() if there), "")


def new_transaction(connection: Connection) -> int:
    """Take a transaction's id: whoever began before it may still see what was deleted before."""
    return int(one(connection, "SELECT pg_current_xact_id()::text")[0])


def of_rows(connection: Connection, since: int, *, catalogue: bool) -> Iterator[str]:
    """Yield codes of who may still see rows that were deleted before a transaction.

    A slot for logical decoding holds rows of a `catalogue` only.
    """
    found = one(connection, _HOLDERS, {"since": str(since), "catalogue": catalogue})
    return (code for code, there in zip(_HOLDER_CODES, found, strict=True) if there)
