"""What is left of a table's rows in a server's data directory, by method: the table of the docs.

    python -m tests.backends.postgres.residue --runs 8

Each method meets a new server with 2,000 records in a table with TOAST and indexes, updated once and
analysed. Counted are the canaries that the bytes of the data directory still hold: the most that were
left in any of the runs.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from backends.contract import Result
from tests.backends.postgres import leftovers
from tests.backends.postgres.place import Place

_SORTS = "ENTI"


def _shredder(place: Place, *, residue: bool) -> None:
    dataset = leftovers.matcher()
    with place.store(residue=residue) as store:
        planned = leftovers.orders(leftovers.looked(store, dataset)[0])
        outcomes, _ = leftovers.carried_out(store, planned, dataset)
        if {Result.DESTROYED} != {outcome.result for outcome in outcomes}:
            raise SystemExit("not all was destroyed")


def _sql(*statements: str) -> Callable[[Place], None]:
    def run(place: Place) -> None:
        for statement in statements:
            place.sql(statement)

    return run


METHODS: dict[str, Callable[[Place], None]] = {
    "`DELETE`": _sql("DELETE FROM pure"),
    "`DELETE`, `VACUUM`": _sql("DELETE FROM pure", "VACUUM pure"),
    "`DELETE`, `VACUUM FULL`": _sql("DELETE FROM pure", "VACUUM FULL pure"),
    "`TRUNCATE`": _sql("TRUNCATE pure"),
    "`DROP TABLE`": _sql("DROP TABLE pure"),
    "`DROP TABLE`, `CHECKPOINT`": _sql("DROP TABLE pure", "CHECKPOINT"),
    "`shredder destroy`": lambda place: _shredder(place, residue=False),
    "the same, with `residue = true`": lambda place: _shredder(place, residue=True),
}


def left(version: int, method: Callable[[Place], None]) -> list[int]:
    """Count what a method leaves, by sort of canary."""
    with (
        tempfile.TemporaryDirectory() as folder,
        leftovers.server(Path(folder), version, logging_collector="off") as place,
    ):
        leftovers.table(place, "pure", leftovers.rows("m"))
        place.sql("ANALYZE")
        method(place)
        counts = leftovers.counted(place.server.data_directory, "m")
    return [counts[sort] for sort in _SORTS]


def main() -> None:
    parser = argparse.ArgumentParser(description="Count what methods leave.")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--versions", type=int, nargs="+", default=[15, 18])
    given = parser.parse_args()
    print("| | " + " | ".join(f"Postgres {version}" for version in given.versions) + " |")
    print("| --- " * (1 + len(given.versions)) + "|")
    for name, method in METHODS.items():
        cells = []
        for version in given.versions:
            runs = [left(version, method) for _ in range(given.runs)]
            cells.append(" / ".join(str(max(column)) for column in zip(*runs, strict=True)))
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
