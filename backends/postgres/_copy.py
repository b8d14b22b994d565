"""What a COPY … TO STDOUT gives, in blocks of whole rows.

The server sends each row by itself. The driver's own loop over them takes longer than the server
and the matcher do together, so libpq is asked here directly: by compiled code where numba is
installed (extra ``fast``), else row by row.
"""

from __future__ import annotations

from array import array as packed
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from psycopg import sql
from psycopg.errors import error_from_result
from psycopg.generators import fetch_many
from psycopg.pq import ExecStatus
from psycopg.waiting import Wait

from backends.postgres._session import Connection

if TYPE_CHECKING:
    from psycopg.abc import PQGen
    from psycopg.pq.abc import PGconn

# Bytes of rows that are handed on at once: fewer than a Unix socket of Linux holds, so that the
# server goes on while they are looked at, and finds room again before it has to wait.
BLOCK = 160 << 10


@dataclass(frozen=True, slots=True)
class Rows:
    """Whole rows in COPY's text form, each up to its newline, after which it `ends`."""

    data: bytes
    ends: Sequence[int]

    def __len__(self) -> int:
        """Return how many bytes they are."""
        return len(self.data)


class Taker(Protocol):
    """Takes rows from a connection that is in COPY OUT."""

    ended: bool
    """Whether all rows were taken: what comes next is the result of the COPY."""

    def take(self) -> Rows | None:
        """Return a block of rows; at the end, what is left of them.

        None: the server has sent no more yet. Raises OperationalError where it broke off.
        """


class RowByRow:
    """Takes the rows by the driver's own function."""

    def __init__(self, pgconn: PGconn) -> None:
        self._pgconn = pgconn
        self._rows: list[bytes] = []
        self._ends = packed("q")
        self._held = 0
        self.ended = False

    def take(self) -> Rows | None:
        """See the protocol."""
        get = self._pgconn.get_copy_data
        while self._held < BLOCK:
            size, row = get(1)
            if size == 0:
                self._pgconn.consume_input()
                size, row = get(1)
            if size == 0:
                return None
            if size < 0:
                self.ended = True
                break
            self._rows.append(bytes(row))  # kept as it is, it would hold more than itself
            self._held += size
            self._ends.append(self._held)
        found = Rows(b"".join(self._rows), self._ends)
        self._rows, self._ends, self._held = [], packed("q"), 0
        return found


def blocks_of(
    connection: Connection, statement: sql.Composed, *, many: bool = False
) -> Generator[Rows]:
    """Yield the rows of a COPY … TO STDOUT, some hundred kilobytes at a time.

    `many`: so many are expected that it is worth while to load compiled code. The COPY is
    cancelled where not all of them are taken.
    """
    pgconn = connection.pgconn
    with connection.cursor() as cursor, cursor.copy(statement):
        taker = (_compiled(pgconn) if many else None) or RowByRow(pgconn)
        while not taker.ended:
            if block := connection.wait(_taken(pgconn, taker)):
                yield block


def _compiled(pgconn: PGconn) -> Taker | None:
    try:
        from backends.postgres._gather import Gatherer  # noqa: PLC0415 - takes a second to load
    except ImportError:
        return None
    return Gatherer.of(pgconn, BLOCK)


def _taken(pgconn: PGconn, taker: Taker) -> PQGen[Rows]:
    while (block := taker.take()) is None:
        while not (yield Wait.R):
            continue
    if taker.ended:  # before the last rows are handed on: who stops there leaves nothing under way
        (result,) = yield from fetch_many(pgconn)
        if result.status != ExecStatus.COMMAND_OK:
            raise error_from_result(result, encoding="utf-8")
    return block
