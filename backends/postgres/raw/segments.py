"""Segments of the write-ahead log that the server removes: overwritten while they are held open.

A file that is held open keeps its blocks when its last name goes. What has a name yet is the
server's, and left alone: it writes over such a segment itself, under a later name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from backends.errors import CouldNotTell
from backends.fsops.overwrite import CutShort, ReadBackDiffers, overwrite
from backends.postgres._session import SNAPSHOT, Cluster, Connection
from backends.postgres.raw.access import writable_files

_SEGMENT = re.compile(r"pg_wal/[0-9A-F]{24}")
_MOST = 512  # that are held at once: a process has a thousand descriptors, as a rule


@dataclass
class Segments:
    """Segments that are held open."""

    descriptors: list[int] = field(default_factory=list)
    written: int = 0
    kept: int = 0  # that could not be overwritten, or not be held: they may be removed as they are

    def overwrite_removed(self) -> None:
        """Overwrite those that the server has removed."""
        for fd in self.descriptors:
            status = os.fstat(fd)
            if status.st_nlink == 0:
                try:
                    self.written += overwrite(fd, status.st_size).written
                except (OSError, CutShort, ReadBackDiffers):
                    self.kept += 1


@contextmanager
def held_segments(cluster: Cluster, connection: Connection, directory: str) -> Iterator[Segments]:
    """Hold the segments that there are; none where they cannot be written to from here."""
    held = Segments()
    try:
        with cluster.transaction(connection, SNAPSHOT):
            _hold(connection, directory, held)
        yield held
    finally:
        for fd in held.descriptors:
            os.close(fd)


def _hold(connection: Connection, directory: str, held: Segments) -> None:
    with writable_files(connection, directory) as files:
        if files is None:
            return
        try:
            paths = sorted(
                entry.path for entry in files.walk("pg_wal") if _SEGMENT.fullmatch(entry.path)
            )
        except CouldNotTell:
            held.kept = 1  # at least: what cannot be listed is not held
            return
        held.kept = len(paths[_MOST:])
        for path in paths[:_MOST]:
            try:
                held.descriptors.append(files.open_own(path))
            except OSError:
                held.kept += 1
