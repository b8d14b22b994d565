"""What doctor tells of residue: what would keep it, and which rights are missing to end that."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from backends.contract import Check, CheckStatus
from backends.postgres._session import Cluster
from backends.postgres.residue import blockers, log_anew, logs, online
from backends.postgres.residue.places import Residue, Rewrite

_WHAT_ENDS = {
    "read-only-server": "name the primary in conninfo",
    "wal-held-by-idle-slot": "drop the replication slots that nobody reads from",
    "wal-waits-for-archiver": "set archive_command right, or archive_mode off",
    "needs-pg-checkpoint": "GRANT pg_checkpoint (from 15 on), or a superuser",
    "needs-pg-switch-wal": "GRANT EXECUTE ON FUNCTION pg_catalog.pg_switch_wal()",
    "needs-pg-monitor": "GRANT pg_monitor",
    "needs-lo-export": "GRANT EXECUTE ON FUNCTION pg_catalog.lo_export(oid, text), or its host",
    "large-objects-open-to-all": "set lo_compat_privileges off, or run on its host",
    "needs-pg-rotate-logfile": "GRANT EXECUTE ON FUNCTION pg_catalog.pg_rotate_logfile()",
}


def check(cluster: Cluster, residue: Residue) -> Iterator[Check]:
    """Yield what is found; raises BackendError."""
    with cluster.reading() as connection:
        wal = blockers.of_wal(connection)
        stands = blockers.of_rewriting(connection, cluster.lock_timeout_s)
        log = logs.rights(connection, residue.data_directory)
        copies = len(log_anew.left(connection))
    yield _of("write-ahead log", wal.obstacle, wal.limitations)
    obstacle = stands.obstacle
    if residue.rewrite is Rewrite.ONLINE and shutil.which(online.PROGRAM) is None:
        obstacle = "pg-repack-missing"
    yield _of(f"rewriting of tables: {residue.rewrite}", obstacle, stands.limitations)
    if copies:
        yield Check(
            "copies of the server log",
            CheckStatus.MISSING,
            f"{copies} large objects hold lines of files that a run was writing anew",
            "resume that run; else the next one that goes after residue finishes it",
        )
    if log.collected:
        yield _of("server log", log.obstacle, ())
    else:
        yield Check("server log", CheckStatus.OK, "goes to where SQL does not reach it")


def _of(what: str, obstacle: str, limitations: tuple[str, ...]) -> Check:
    said = "; ".join([*([obstacle] if obstacle else []), *limitations])
    status = CheckStatus.MISSING if obstacle else CheckStatus.OK
    return Check(what, status, said, _WHAT_ENDS.get(obstacle, ""))
