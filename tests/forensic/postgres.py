"""What is left of records on a Postgres server, in its files and in the raw image below, by method.

    python -m tests.forensic.postgres --runs 8

As root. A server's data directory lies on a file system in a file. In it are 2,000 records, in tables
of their own and in mixed ones, a partition, a materialised view, indexes, TOAST, large objects and
statistics, one of them in the server's log, and 200 texts of each sort that it has compressed. They
go by one method; the server's files are searched while it runs, then the raw image, and once more
when it has been scrubbed: for the canaries as they are, and within whatever pglz or LZ4 decompresses.
Prints the tables of ``docs/residue.md``: the most that were left in any run.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.backends.postgres import versions as packages
from tests.forensic.runs import destroyed
from tests.forensic.warehouse import (
    NONE,
    SYSTEMS,
    World,
    kept_from_files,
    operator,
    scrubbed,
    world,
)

_TABLES = ("pure", "packed", "ids", "parent", "mixed", "jumbled")
_HEAD = ("in its files", "in the image", "and scrubbed")


def _sql(*statements: str) -> Callable[[World], None]:
    def run(here: World) -> None:
        here.place.sql("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
        for table in _TABLES:
            for each in statements:
                here.place.sql(each.format(table))

    return run


def _shredder(here: World, *, host: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        who = operator(Path(folder) / "desk", here)
        destroyed(who, prefix=() if host else kept_from_files(here))


METHODS: dict[str, Callable[[World], None]] = {
    "`DELETE`": _sql("DELETE FROM {}"),
    "`DELETE`, `VACUUM FULL`": _sql("DELETE FROM {}", "VACUUM FULL {}"),
    "`DROP`, `CHECKPOINT`": _sql("DROP TABLE {} CASCADE", "CHECKPOINT"),
    "`shredder destroy` by SQL alone": functools.partial(_shredder, host=False),
    "`shredder destroy` on its host": functools.partial(_shredder, host=True),
}


def left(system: str, version: int | Path, method: Callable[[World], None]) -> list[dict[str, int]]:
    """Count what a method leaves: in the server's files, in the image, in it when scrubbed."""
    with world(system, version) as here:
        method(here)
        counts = [here.in_directory(), here.in_image()]
        scrubbed(here)
        set_aside = here.set_aside()
        here.end()
        return [*counts, here.in_image(set_aside)]


def most(system: str, version: int | Path, method: Callable[[World], None], runs: int) -> list[str]:
    """Return the cells of one row and one server: the most of each sort that was left."""
    found = [left(system, version, method) for _ in range(runs)]
    cells = []
    for place in zip(*found, strict=True):
        counts = {sort: max(each[sort] for each in place) for sort in NONE}
        cells.append("0" if counts == NONE else " / ".join(map(str, counts.values())))
    return cells


def table(system: str, versions: Mapping[int, int | Path], runs: int) -> None:
    """Print one file system's table, row by row."""
    heads = [f"Postgres {version}: {_HEAD[0]}" for version in versions]
    heads = [head for first in heads for head in (first, *_HEAD[1:])]
    print(f"| {system} | {' | '.join(heads)} |")
    print(f"| --- |{' --- |' * len(heads)}")
    for name, method in METHODS.items():
        times = runs if "shredder" in name else 1
        cells = [cell for each in versions.values() for cell in most(system, each, method, times)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--versions", type=int, nargs="+", default=[15, 18])
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=list(SYSTEMS))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # the server runs as nobody
        between = not set(given.versions).isdisjoint(packages.VERSIONS)
        programs = packages.installed(Path(folder) / "packages") if between else {}
        for system in given.systems:
            versions = {each: programs.get(each, each) for each in given.versions}
            table(system, versions, given.runs)


if __name__ == "__main__":
    main()
