"""Large objects: byte strings in `pg_largeobject`, each with an oid."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from backends.contract import Digest, Evidence, Matcher, Scan
from backends.postgres._catalog import one
from backends.postgres._session import Connection
from backends.postgres._text import is_container

TABLE = 2613  # the oid of pg_largeobject, the same in every version
_CHUNK = 1 << 20  # bytes that one query reads
_LONGEST = 1 << 20  # bytes of a line that are one window
_NAMES = re.compile(r"[,;\t|]")

# Superusers can keep every writer of large objects out; there is no lock on a single one.
_LOCK = "LOCK TABLE pg_largeobject IN SHARE ROW EXCLUSIVE MODE"


@dataclass
class ByteScan:
    """A pass of `matcher` over bytes that come in pieces: a window is a line.

    A first line of nothing but the dataset's column names is a header, and not shown.
    """

    matcher: Matcher
    size: int = 0
    container: bool = False
    _scan: Scan = field(init=False)
    _digest: Digest = field(init=False)
    _carry: bytes = b""
    _begun: bool = False

    def __post_init__(self) -> None:
        self._scan = self.matcher.scan()
        self._digest = self.matcher.digest()

    def add(self, data: bytes) -> None:
        """Take in the next bytes."""
        if not self.size:
            self.container = is_container(data)
        self.size += len(data)
        self._digest.update(data)
        lines = (self._carry + data).splitlines(keepends=True)
        self._carry = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        if len(self._carry) > _LONGEST:
            cut = max(self._carry.rfind(b" "), self._carry.rfind(b"\x00")) + 1
            lines.append(self._carry[: cut or _LONGEST])
            self._carry = self._carry[cut or _LONGEST :]
        self._feed(lines)

    def finish(self) -> Evidence:
        """Sum up what was taken in."""
        if self._carry:
            self._feed([self._carry])
            self._carry = b""
        return self._scan.evidence()

    def digest(self) -> str:
        """Return the keyed digest of the bytes, lower-case hex."""
        return self._digest.hexdigest()

    def _feed(self, lines: list[bytes]) -> None:
        if lines and not self._begun:
            self._begun = True
            if self._is_header(lines[0]):
                lines = lines[1:]
        if not lines:
            return
        ends = []
        end = 0
        for line in lines:
            end += len(line)
            ends.append(end)
        self._scan.feed(b"".join(lines), ends)

    def _is_header(self, line: bytes) -> bool:
        names = _NAMES.split(line.decode("utf-8", "replace").strip("\ufeff\r\n").lower())
        return all(name.strip('" ') in self.matcher.columns for name in names)


def read(connection: Connection, oid: int, scan: ByteScan) -> Evidence:
    """Read a large object; raises psycopg's UndefinedObject if there is none."""
    offset = 0
    while True:
        data = bytes(one(connection, "SELECT lo_get(%s, %s, %s)", [oid, offset, _CHUNK])[0])
        if data:
            scan.add(data)
        if len(data) < _CHUNK:
            return scan.finish()
        offset += len(data)


def version(oid: int, scan: ByteScan) -> str:
    """Return the version of a large object that was read."""
    return f"{oid}:{scan.size}:{scan.digest()}"


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
