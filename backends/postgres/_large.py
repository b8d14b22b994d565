"""Large objects: byte strings in `pg_largeobject`, each with an oid."""

from __future__ import annotations

from backends.content import Reading, examine_stream
from backends.contract import Matcher
from backends.postgres._catalog import one
from backends.postgres._session import Connection

TABLE = 2613  # the oid of pg_largeobject, the same in every version
_CHUNK = 1 << 20  # bytes that one query reads

# Superusers can keep every writer of large objects out; there is no lock on a single one.
_LOCK = "LOCK TABLE pg_largeobject IN SHARE ROW EXCLUSIVE MODE"


class _Stream:
    """The bytes of a large object, as a stream; reading raises psycopg's UndefinedObject."""

    def __init__(self, connection: Connection, oid: int) -> None:
        self._connection, self._oid, self._offset = connection, oid, 0

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, one query's at the most; nothing at the end."""
        wanted = _CHUNK if size < 0 else min(size, _CHUNK)
        query = "SELECT lo_get(%s, %s, %s)"
        data = bytes(one(self._connection, query, [self._oid, self._offset, wanted])[0])
        self._offset += len(data)
        return data


def read(connection: Connection, oid: int, matcher: Matcher) -> Reading:
    """Read a large object, containers opened; raises psycopg's UndefinedObject."""
    return examine_stream(_Stream(connection, oid), matcher)


def version(oid: int, reading: Reading) -> str:
    """Return the version of a large object that was read."""
    return f"{oid}:{reading.bytes_read}:{reading.digest}"


def may_unlink(connection: Connection, oid: int) -> bool:
    """Whether this role may unlink it."""
    query = (
        "SELECT pg_has_role(lomowner, 'USAGE') OR current_setting('lo_compat_privileges') = 'on'"
        " FROM pg_largeobject_metadata WHERE oid = %s"
    )
    return bool(one(connection, query, [oid])[0])


def lock(connection: Connection) -> bool:
    """Keep writers of large objects out until the transaction ends; False: not allowed to."""
    if one(connection, "SELECT current_setting('is_superuser') <> 'on'")[0]:
        return False
    connection.execute(_LOCK)
    return True


def unlink(connection: Connection, oid: int) -> None:
    """Unlink it."""
    connection.execute("SELECT lo_unlink(%s)", [oid])
