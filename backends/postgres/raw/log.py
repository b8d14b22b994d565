"""Looking at the whole write-ahead log, and at other files of the server's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backends.contract import Matcher
from backends.errors import CouldNotTell
from backends.postgres._catalog import one
from backends.postgres._session import Connection
from backends.postgres.raw.access import Files
from backends.postgres.raw.look import Look, Seen, look_at_stretch
from backends.postgres.raw.pages import Reader
from backends.postgres.raw.relations import pieces
from backends.postgres.raw.wal import WAL_PAGE, Stream

_SEGMENT = re.compile(r"pg_wal/([0-9A-F]{8})([0-9A-F]{16})")
# The size of these, and what looks at them: relations' files, the log's, the server's own log.
_ELSEWHERE = re.compile(r"(base|global|pg_tblspc|pg_wal|pg_xact|pg_multixact|pg_commit_ts)/")
_STATEMENTS = "pg_stat_tmp/pgss_query_texts.stat"
_LOG_FOLDER = "SELECT current_setting('log_directory')"


def look_at_log(connection: Connection, files: Files, matcher: Matcher) -> Seen:
    """Look at every segment, in order, what was recycled in them too. Raises CouldNotTell."""
    (size,) = one(connection, "SELECT current_setting('wal_block_size')::int")
    if size != WAL_PAGE:
        raise CouldNotTell("the log's pages are not of 8 KiB", reason="page-size-not-read")
    look, reader, stream = Look(matcher), Reader(), Stream()
    for path in _segments(files):
        for data in pieces(files, path):
            for stretch in stream.take(data):
                look_at_stretch(look, stretch, reader)
    for stretch in stream.rest():
        look_at_stretch(look, stretch, reader)
    return look.seen()


def look_at_statements(files: Files, matcher: Matcher) -> Seen:
    """Look at the file in which pg_stat_statements keeps its texts."""
    return _look_at(files, [_STATEMENTS], matcher)


def look_at_others(connection: Connection, files: Files, matcher: Matcher) -> Seen:
    """Look at the files that belong to no relation, to no log, and hold no transactions' states."""
    log = str(one(connection, _LOG_FOLDER)[0]).strip("/") + "/"
    paths = [
        entry.path
        for entry in files.walk("")
        if not _ELSEWHERE.match(entry.path)
        and not entry.path.startswith(log)
        and entry.path != _STATEMENTS
    ]
    return _look_at(files, paths, matcher)


def _look_at(files: Files, paths: list[str], matcher: Matcher) -> Seen:
    look = Look(matcher)
    for path in paths:
        for data in pieces(files, path):
            look.bytes(data)
        look.raw(b"")
    return look.seen()


def _segments(files: Files) -> Iterator[str]:
    """Yield all files of the log's folder: segments by timeline and number, then others."""
    entries = [entry.path for entry in files.walk("pg_wal")]
    if not any(map(_SEGMENT.fullmatch, entries)):  # a server has one: nothing was looked at
        raise CouldNotTell("no segment of the log was found", reason="server-file-unreadable")
    yield from sorted(path for path in entries if _SEGMENT.fullmatch(path))
    yield from sorted(path for path in entries if not _SEGMENT.fullmatch(path))
