"""What a destruction will cost others, from sizes and from rates that were measured."""

from __future__ import annotations

from backends.contract import Cost, Technique
from backends.postgres.residue.wal import Log

# Bytes a second on two cores that others use, too, and a virtual disk; halved. Segments of the log
# and rows that are read once more: bench/destroy_postgres.py. A table that is written anew with two
# indexes: VACUUM FULL of 414 MB. A file of the log: 197 MiB that holds 2,000 records.
REWRITTEN_PER_S = 40 << 20
LOGGED_PER_S = 400 << 20
READ_PER_S = 100 << 20
COPIED_PER_S = 4 << 20


def of_rows(technique: Technique | None, size: int | None) -> Cost | None:
    """Cost of destroying the rows of a relation, which are read once more under its lock."""
    if technique is None or size is None:
        return None
    # Who deletes some rows keeps out writers only.
    exclusive = technique is not Technique.DELETE_ROWS
    return Cost(exclusive, writes=0, seconds=_seconds(size, READ_PER_S))


def of_rewrite(size: int, *, online: bool) -> Cost:
    """Cost of writing a relation anew, of `size` bytes with TOAST and indexes."""
    # The new file, and as much again in the log; online, changes go through a table beside it.
    return Cost(exclusive=not online, writes=2 * size, seconds=_seconds(size, REWRITTEN_PER_S))


def of_wal(log: Log) -> Cost:
    """Cost of moving the log on."""
    writes = log.rounds * log.segment_bytes
    return Cost(exclusive=False, writes=writes, seconds=_seconds(writes, LOGGED_PER_S))


def of_log(size: int) -> Cost:
    """Cost of writing a file of the server's log anew, of `size` bytes."""
    # A large object, as much again in the write-ahead log, and the file.
    return Cost(exclusive=False, writes=3 * size, seconds=_seconds(size, COPIED_PER_S))


def _seconds(size: int, rate: int) -> int:
    return -(-size // rate)
