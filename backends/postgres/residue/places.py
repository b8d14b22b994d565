"""Where a server keeps bytes of rows that are gone: the names of these places, and their order.

A place is a holding once the dataset is, or will be, in it. `RESIDUE` is the scope of those that
belong to no database: the write-ahead log, the server's log.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

# A scope is a database by its name; no database is called this, or the store says so.
SERVER: Final = "(server)"

PAGES: Final = "pages"  # the file of a relation that is not rewritten yet, with TOAST and indexes
MISSING: Final = "missing-values"  # what the catalogue has of columns that older rows lack
CATALOGUE: Final = "catalogue-pages"
WAL: Final = "wal"
LOG: Final = "server-log"
LOST: Final = "files-of-no-relation"
OTHERS: Final = "server-files"

WAL_LOCATOR: Final = "pg_wal"

# Orders of one stage go in this order. Each of the first writes into the write-ahead log, so that
# comes last.
PHASES: Final = {
    PAGES: 1000,
    MISSING: 1000,
    CATALOGUE: 1001,
    "statements": 1002,
    LOG: 1003,
    WAL: 1004,
}


def pages_of(relation: str) -> str:
    """Return the locator of a relation's pages, by the relation's."""
    return f"{relation}:pages"


def missing_of(relation: str) -> str:
    """Return the locator of the values that the catalogue keeps for a relation's older rows."""
    return f"{relation}:{MISSING}"


def pages_of_catalogue(database: str, name: str) -> str:
    """Return the locator of a catalogue's pages; `database` as SQL quotes it."""
    return f"{database}/pg_catalog.{name}:pages"


def log_file(name: str) -> str:
    """Return the locator of a file of the server's log."""
    return f"log/{name}"


class Rewrite(StrEnum):
    """How a table that has lost rows is written anew."""

    EXCLUSIVE = "exclusive"  # VACUUM FULL: nobody else can use the table meanwhile
    ONLINE = "online"  # pg_repack: others are kept out for moments only
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Residue:
    """Whether, and how, a store goes after what is left."""

    wanted: bool = False
    rewrite: Rewrite = Rewrite.EXCLUSIVE
    data_directory: str = ""  # where it lies on this host; empty: where the server says
    notes: Path | None = None  # where is written down what is being overwritten beneath the server
