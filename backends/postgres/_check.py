"""What doctor tells of a cluster: what is reachable, which rights are there, what is provable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from backends import content
from backends.contract import Check, CheckStatus, Scope
from backends.errors import BackendError
from backends.fsops import swap
from backends.postgres._catalog import FIRST_USER_OID, one, scopes
from backends.postgres._session import Cluster
from backends.postgres.residue import check as residues
from backends.postgres.residue.places import Residue

_SERVER = """
SELECT current_setting('server_version'), current_setting('is_superuser') = 'on',
       pg_is_in_recovery(), current_setting('fsync') = 'on', current_setting('wal_level'),
       current_setting('archive_mode'), (SELECT count(*) FROM pg_replication_slots),
       (SELECT count(*) FROM pg_stat_replication), (SELECT count(*) FROM pg_prepared_xacts)
"""
_DATABASE = """
SELECT count(*),
       count(*) FILTER (WHERE NOT (has_schema_privilege(c.relnamespace, 'USAGE')
                                   AND has_table_privilege(c.oid, 'SELECT'))),
       count(*) FILTER (WHERE row_security_active(c.oid)),
       count(*) FILTER (WHERE NOT pg_has_role(c.relowner, 'USAGE')),
       (SELECT count(*) FROM pg_publication)
  FROM pg_class c WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND c.oid >= %s
"""


def check(cluster: Cluster, patterns: Sequence[str], residue: Residue) -> Iterator[Check]:
    """Yield what is found, the server first; see the contract."""
    try:
        with cluster.reading() as connection:
            server = one(connection, _SERVER)
        found = scopes(cluster, patterns)
    except BackendError as error:
        yield Check("server", CheckStatus.FAILED, error.message, error.hint)
        return
    yield from _server(server)
    if residue.wanted:
        try:
            yield from residues.check(cluster, residue)
        except BackendError as error:
            yield Check("residue", CheckStatus.FAILED, error.message, error.hint)
    if not found:
        yield Check("databases", CheckStatus.FAILED, "no database has a matching name")
    for scope in found:
        yield from _database(cluster, scope)
    yield swap.check()
    yield from content.check()


def _server(facts: tuple[Any, ...]) -> Iterator[Check]:
    version, superuser, standby, syncs, wal_level, archive, slots, standbys, prepared = facts
    yield Check("server", CheckStatus.OK, f"Postgres {version}")
    if standby:
        yield Check(
            "writing",
            CheckStatus.MISSING,
            "the server is a standby: it can be swept, and nothing can be destroyed in it",
            "name the primary in conninfo",
        )
    else:
        yield Check("writing", CheckStatus.OK, "the server takes writes")
    yield Check(
        "durability",
        CheckStatus.OK if syncs else CheckStatus.MISSING,
        "" if syncs else "fsync is off: what is committed may be lost in a crash",
    )
    yield Check(
        "statistics",
        CheckStatus.OK if superuser else CheckStatus.MISSING,
        "" if superuser else "not a superuser: some statistics can only be overwritten",
        "" if superuser else "a superuser, or from 18 on MAINTAIN, can remove them",
    )
    kept = [
        f"wal_level {wal_level}",
        f"archive_mode {archive}",
        f"{slots} replication slots",
        f"{standbys} standbys",
        f"{prepared} prepared transactions",
    ]
    yield Check("further holders, not looked into", CheckStatus.OK, ", ".join(kept))


def _database(cluster: Cluster, scope: Scope) -> Iterator[Check]:
    what = f"database {scope.name}"
    if scope.problem:
        yield Check(what, CheckStatus.MISSING, scope.problem, "grant CONNECT, or leave it out")
        return
    try:
        with cluster.reading(scope.name) as connection:
            total, unreadable, filtered, others, published = one(
                connection, _DATABASE, [FIRST_USER_OID]
            )
    except BackendError as error:
        yield Check(what, CheckStatus.FAILED, error.message, error.hint)
        return
    lacking = [
        f"{count} {words}"
        for count, words in (
            (unreadable, "cannot be read"),
            (filtered, "are filtered by row policies"),
            (others, "belong to others"),
        )
        if count
    ]
    yield Check(
        what,
        CheckStatus.MISSING if lacking else CheckStatus.OK,
        "; ".join([f"{total} relations", *lacking, f"{published} publications"]),
        "grant pg_read_all_data and BYPASSRLS to read, DELETE and TRUNCATE to destroy"
        if lacking
        else "",
    )
