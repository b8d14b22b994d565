"""Comments of a database: what they hold, and where those lie that hold a record.

A comment goes as a whole, as a row does, and what it is on stays. Only a superuser can take it out
of the catalogue by its place, whatever it is on. A security label can quote like a comment, and is
none: it rules who may do what, so it is looked into and left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Final

from psycopg import sql

from backends.contract import Evidence, Matcher
from backends.postgres._copy import blocks_of
from backends.postgres._rows import RowAddresses, RowScan
from backends.postgres._session import Connection

COMMENTS: Final = "comments"
SHARED: Final = "pg_shdescription"  # of databases, roles and tablespaces, for the whole server
CATALOGUES: Final = {"pg_description": 2609, SHARED: 2396}
"""Where comments lie, and the oids of these tables, the same in every version."""
_LABELS: Final = "pg_seclabel"
_OF_ALL: Final = "of all databases"
_COPIES = {
    "pg_description": "COPY (SELECT ctid, description FROM pg_catalog.pg_description) TO STDOUT",
    SHARED: """
COPY (SELECT ctid, description FROM pg_catalog.pg_shdescription
       WHERE classoid = 'pg_catalog.pg_database'::pg_catalog.regclass
         AND objoid = (SELECT oid FROM pg_catalog.pg_database
                        WHERE datname = pg_catalog.current_database())) TO STDOUT
""",
    _LABELS: "COPY (SELECT ctid, label FROM pg_catalog.pg_seclabel) TO STDOUT",
    # The last: what was read before is this database's own.
    _OF_ALL: """
COPY (SELECT ctid, description FROM pg_catalog.pg_shdescription
       WHERE classoid <> 'pg_catalog.pg_database'::pg_catalog.regclass) TO STDOUT
""",
}
_REMOVED = {"pg_description": "pg_description", SHARED: SHARED, _OF_ALL: SHARED}
_MAY_REMOVE = "SELECT current_setting('is_superuser') = 'on' AND NOT pg_is_in_recovery()"
_DELETE = sql.SQL("DELETE FROM pg_catalog.{} WHERE ctid = ANY ({}::tid[])")
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Reading:
    """What comments and labels hold; each is one window."""

    evidence: Evidence
    bytes_read: int
    own: str  # digest of those that other databases do not show
    digest: str
    several: bool  # one that holds a record may hold others as well
    places: Mapping[str, RowAddresses]  # by catalogue, of those with records

    @property
    def version(self) -> str:
        """The version of all of them together."""
        return f"{COMMENTS}:{self.own}:{self.digest}"

    def is_rest_of(self, version: str) -> bool:
        """Whether these are those of a version, but for what another database's order removed."""
        own = version.rpartition(":")[0]
        return own == f"{COMMENTS}:{self.own}" and not self.places[_OF_ALL].count

    @property
    def obstacle(self) -> str:
        """Why those with records cannot be taken out one by one; a code, or nothing."""
        if self.several:
            return "several-records-in-a-value"
        told = sum(each.count for each in self.places.values())
        return "no-rewrite-of-comments" if self.places[_LABELS].count or not told else ""

    @property
    def shared(self) -> bool:
        """Whether the comment on the database itself, a role or a tablespace holds a record."""
        return self.places[SHARED].count + self.places[_OF_ALL].count > 0


@contextmanager
def read(connection: Connection, matcher: Matcher, *, promoted: bool = False) -> Iterator[Reading]:
    """Read all of them; what was found is valid in the context."""
    scan = RowScan(matcher, promoted=promoted)
    with ExitStack() as opened:
        places = {name: opened.enter_context(closing(RowAddresses())) for name in _COPIES}
        own = ""
        for name, statement in _COPIES.items():
            own = scan.digest()
            scan.addresses = places[name]
            with closing(blocks_of(connection, sql.SQL(statement).format())) as blocks:
                for rows in blocks:
                    scan.take(rows)
        evidence = scan.finish()
        yield Reading(evidence, scan.bytes_read, own, scan.digest(), scan.several, places)


def may_remove(connection: Connection) -> bool:
    """Whether this role may take comments out of the catalogues."""
    row = connection.execute(_MAY_REMOVE).fetchone()
    return row is not None and bool(row[0])


def remove(connection: Connection, reading: Reading) -> int:
    """Remove the comments that hold a record, in the transaction that found them."""
    return sum(
        connection.execute(_DELETE.format(sql.Identifier(catalogue), sql.Literal(batch))).rowcount
        for name, catalogue in _REMOVED.items()
        for batch in reading.places[name].batches(_AT_ONCE)
    )
