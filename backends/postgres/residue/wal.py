"""Moving the write-ahead log on until nothing of what was written before is left in it.

A segment is done with at the first checkpoint after the one that follows it, if nothing holds it
back. It is then removed or, as a rule, given a later name: its bytes stay until the log comes
round to it. So two things are measured, in turn:

1. no segment has a number up to that in which the log stood at the beginning;
2. the log stands behind the last segment that had a name when that was reached. A switch fills the
   rest of a segment with zeros, so whatever lies before the log's place was written since.

Each round is a checkpoint, a record and a switch: it writes one segment in full. Without a
checkpoint nothing goes, and without a record a switch does nothing. A crash between any two leaves
a log that stands further on; to begin anew is right then.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from backends.contract import Step
from backends.postgres._catalog import one
from backends.postgres._session import SNAPSHOT, Cluster, Connection

_SEGMENT = re.compile(r"[0-9A-F]{24}")
_SETTINGS = """
SELECT pg_size_bytes(current_setting('wal_segment_size')),
       pg_size_bytes(current_setting('wal_keep_size'))
"""
_SPARE = 8  # rounds beside those that are expected: the log may get new segments meanwhile
_PATIENCE = 12  # rounds in which no old segment goes before something is told to hold them back
_PAUSE_S = 0.05
_SLOW_PAUSE_S = 1.0  # an archiver or a standby needs time, not rounds


@dataclass(frozen=True, slots=True)
class Log:
    """Where the log stands, by segments' numbers."""

    at: int  # the segment that is written to
    first: int  # of those that have a file
    last: int
    files: int
    segment_bytes: int
    kept: int  # segments that a setting keeps behind the log's place

    @property
    def rounds(self) -> int:
        """How many rounds are expected until nothing of what is now in it is left."""
        return self.kept + self.files + 2  # each file comes to lie ahead, at the most


@dataclass(frozen=True, slots=True)
class Cycle:
    """What moving the log on came to."""

    done: bool
    rounds: int
    segments: int  # that were held back at the end


def state(connection: Connection) -> Log:
    """Look where the log stands; raises psycopg's InsufficientPrivilege without pg_monitor."""
    size, kept = one(connection, _SETTINGS)
    names = [row[0] for row in connection.execute("SELECT name FROM pg_ls_waldir()")]
    at = number_of_lsn(one(connection, "SELECT pg_current_wal_insert_lsn()::text")[0], size)
    numbers = [number_of(name, size) for name in names if _SEGMENT.fullmatch(name)]
    return Log(
        at,
        min(numbers, default=at),
        max(numbers, default=at),
        len(numbers),
        size,
        -(-kept // size),
    )


def number_of(name: str, segment_bytes: int) -> int:
    """Return a segment's number by its file's name: timeline, high, low, eight digits each."""
    return int(name[8:16], 16) * ((1 << 32) // segment_bytes) + int(name[16:], 16)


def number_of_lsn(lsn: str, segment_bytes: int) -> int:
    """Return the number of the segment in which a byte of the log lies."""
    high, _, low = lsn.partition("/")
    return ((int(high, 16) << 32) | int(low, 16)) // segment_bytes


def move_on(cluster: Cluster, connection: Connection) -> Cycle:
    """Run rounds until all that was in the log at the beginning is written over or gone.

    Ends early where segments are held back. Raises psycopg's InsufficientPrivilege.
    """
    begun = _look(cluster, connection)
    most = begun.rounds + _SPARE
    rounds = waited = 0
    now, behind = begun, None
    while rounds < most:
        cluster.tell(Step("moving-log-on", rounds, max(rounds, begun.rounds)))
        if behind is None and now.first > begun.at:
            behind = now.last  # files up to here may be old ones by another name
        if behind is not None and now.at > behind:
            return Cycle(done=True, rounds=rounds, segments=0)
        _round(connection, checkpoint=behind is None)
        rounds += 1
        before, now = now, _look(cluster, connection)
        if behind is None and now.first == before.first and rounds > begun.kept:
            waited += 1
            if waited > _PATIENCE:
                break
            time.sleep(_SLOW_PAUSE_S if waited > _PATIENCE // 2 else _PAUSE_S)
        if behind is None:
            most = max(most, rounds + now.rounds - now.kept)
    return Cycle(done=False, rounds=rounds, segments=max(0, begun.at - now.first + 1))


def _look(cluster: Cluster, connection: Connection) -> Log:
    with cluster.transaction(connection, SNAPSHOT):
        return state(connection)


def _round(connection: Connection, *, checkpoint: bool) -> None:
    """Have the log come to its next segment."""
    if checkpoint:
        connection.execute("CHECKPOINT")
    # A transaction of its own that has an id leaves a record, and nothing else.
    connection.execute("SELECT pg_catalog.pg_current_xact_id()")
    connection.execute("SELECT pg_catalog.pg_switch_wal()")
