"""Writing a table anew while others use it, by pg_repack.

Its program must be on this machine, and the extension of the same version in the database. It
copies what is visible into a new table, follows changes by a trigger, and swaps the files: only
for the first and the last of these it keeps others out, for moments. What an interrupted one left
(a trigger, a log of changes) is taken away before the next.
"""

from __future__ import annotations

import os
import shutil
import subprocess

from psycopg import conninfo, pq, sql

from backends.contract import Step
from backends.postgres._catalog import Relation, one
from backends.postgres._session import WRITING, Cluster, Connection
from backends.postgres.residue.rewrite import NotRewrittenError, await_readers

PROGRAM = "pg_repack"
KEEPS_MISSING_VALUES = "pg-repack-keeps-missing-values"
_STATE = """
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_repack'),
       EXISTS (SELECT FROM pg_index i
                WHERE i.indrelid = %(oid)s AND i.indisunique AND i.indisvalid AND i.indimmediate
                  AND i.indpred IS NULL AND i.indexprs IS NULL
                  AND NOT EXISTS (SELECT FROM pg_attribute a
                                   WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
                                     AND NOT a.attnotnull)),
       current_setting('is_superuser') = 'on'
"""
_LEFT = """
SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = %(oid)s AND tgname = 'repack_trigger')
    OR to_regclass(format('repack.log_%%s', %(oid)s)) IS NOT NULL
"""
# Whoever works on a table holds this lock: by it the program tells that another one does.
_ALONE = """
SELECT pg_try_advisory_xact_lock(16185446, (-2147483648 + %s::oid::bigint)::integer)
"""
_CLEAN = "SELECT repack.repack_drop(%s::oid, 4)"  # all four kinds of things that it makes


def obstacle(connection: Connection, relation: Relation) -> str:
    """Return why a table cannot be written anew online, or nothing."""
    installed, keyed, superuser = one(connection, _STATE, {"oid": relation.oid})
    reasons = {
        "pg-repack-missing": not installed or shutil.which(PROGRAM) is None,
        "pg-repack-needs-key": not keyed,
        "access-denied": not superuser,
    }
    return next((code for code, there in reasons.items() if there), "")


def repack(cluster: Cluster, database: str, relation: Relation) -> bool:
    """Write a table anew; whether the program says that it did. Raises NotRewrittenError.

    The program waits without an end for transactions that are older than its trigger.
    """
    with cluster.use(database) as connection:
        _clean(cluster, connection, relation.oid)
        await_readers(cluster, connection, catalogue=False)
        name = sql.Identifier(*relation.qualified).as_string(connection)
    cluster.tell(Step("rewriting"))
    done = subprocess.run(
        [
            PROGRAM,
            f"--table={name}",
            "--no-order",
            "--no-analyze",
            "--no-kill-backend",
            f"--wait-timeout={cluster.lock_timeout_s}",
            "--no-password",
        ],
        env=_environment(cluster, database),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # it quotes names, and perhaps values
        check=False,
    )
    return done.returncode == 0


def _clean(cluster: Cluster, connection: Connection, oid: int) -> None:
    with cluster.transaction(connection, WRITING):
        if not one(connection, _ALONE, [oid])[0]:
            raise NotRewrittenError("lock-timeout")
        if one(connection, _LEFT, {"oid": oid})[0]:
            connection.execute(_CLEAN, [oid])


def _environment(cluster: Cluster, database: str) -> dict[str, str]:
    """Return the surroundings that have libpq connect as the store does."""
    words = {**conninfo.conninfo_to_dict(cluster.conninfo), "dbname": database}
    names = {
        option.keyword.decode(): option.envvar.decode()
        for option in pq.Conninfo.get_defaults()
        if option.envvar
    }
    ours = {names[word]: str(value) for word, value in words.items() if word in names}
    return {**os.environ, **ours}
