"""Which files a table has, with its TOAST table and its indexes, and looking at all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backends.contract import Matcher
from backends.errors import CouldNotTell
from backends.postgres._catalog import one
from backends.postgres._session import Connection
from backends.postgres.raw.access import Files
from backends.postgres.raw.look import Both, RelationLook
from backends.postgres.raw.pages import PAGE, Reader
from backends.postgres.raw.transactions import Transactions

STEP = 1 << 20  # bytes that are read at once
_FORKS = ("", "_fsm", "_vm", "_init")
_PATHS = """
SELECT pg_relation_filepath(c.oid), c.relkind = 't'
  FROM pg_class t JOIN pg_class c
    ON c.oid IN (t.oid, t.reltoastrelid)
    OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid IN (t.oid, t.reltoastrelid))
 WHERE t.oid = %s AND pg_relation_filepath(c.oid) IS NOT NULL
 ORDER BY c.oid <> t.oid, c.oid
"""
_SERVER = """
SELECT current_setting('block_size')::int, current_setting('wal_block_size')::int,
       pg_snapshot_xmin(pg_current_snapshot())::text::numeric % 4294967296
"""


@dataclass(frozen=True, slots=True)
class Path:
    """The path of a relation's first file, below the data directory."""

    path: str
    toast: bool


def paths(connection: Connection, oid: int) -> list[Path]:
    """Return where a table's files are, then those of its TOAST table and indexes."""
    return [Path(*row) for row in connection.execute(_PATHS, [oid])]


def segments(files: Files, path: str) -> Iterator[str]:
    """Yield the files of a relation: each fork, in its segments of a gigabyte as a rule."""
    for fork in _FORKS:
        number = 0
        while True:
            name = f"{path}{fork}" + (f".{number}" if number else "")
            if files.size(name) is None:
                break
            yield name
            number += 1


def pieces(files: Files, path: str) -> Iterator[bytes]:
    """Yield a file in pieces of whole pages."""
    at = 0
    while data := files.read(path, at, STEP):
        yield data
        at += len(data)


def look_at(connection: Connection, files: Files, oid: int, matcher: Matcher) -> Both:
    """Look at all files of a table, as they lie there. Raises CouldNotTell."""
    pages, _, running_from = one(connection, _SERVER)
    require_pages(pages)
    states = Transactions(lambda path: b"".join(pieces(files, path)), int(running_from))
    look = RelationLook(matcher, states, Reader())
    listed = paths(connection, oid)
    for each in listed:
        if files.size(each.path) is None:
            look.note("changed-while-read")  # nothing was read of it, which is no absence
        for name in segments(files, each.path):
            for data in pieces(files, name):
                look.pages(data, chunks=each.toast)
            look.end_of_file()
    if paths(connection, oid) != listed:  # written anew meanwhile: what is given up reads short
        look.note("changed-while-read")
    return look.seen()


def require_pages(size: int) -> None:
    """Raise CouldNotTell where pages have a size that is not read."""
    if size != PAGE:
        raise CouldNotTell("the server's pages are not of 8 KiB", reason="page-size-not-read")


def unknown(matcher: Matcher) -> RelationLook:
    """Begin a look at pages of which no relation is known: nothing in them is in use."""
    return RelationLook(matcher, None, Reader())
