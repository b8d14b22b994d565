"""What is left of a table in the raw image of the file system below a Postgres server, by method.

    python -m tests.forensic.postgres

As root. A server's data directory lies on an ext4 in a file. In it lie 2,000 records, with long values
in TOAST and three indexes, and 200 texts that the server has compressed. They are destroyed by one
method, the server is stopped, the file system unmounted, and its raw image searched: for the canaries
as they are, and within whatever pglz decompresses. Prints the table of ``docs/residue.md``.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from backends.contract import Destruction, Order, Verification
from backends.scrub import Limits, scrub
from tests.backends.postgres import leftovers
from tests.backends.postgres.place import Place
from tests.backends.postgres.raw.compressing import decompressed
from tests.forensic.images import Image, Kind, mounted

EXT4 = Kind(("mkfs.ext4", "-q"), size=768 << 20)
PACKED = 200
_SORTS = "ENTIP"
_PACKED = re.compile(rb"P(\d{4})packed")
_STEP, _LAP = 16 << 20, 1 << 16
# On a disk as it is used: nothing is on it before the server says so.
_SETTINGS = {
    "fsync": "on",
    "logging_collector": "off",
    "max_wal_size": "64MB",
    "min_wal_size": "32MB",
}


def afterwards(version: int, method: Callable[[Image, Place], None]) -> dict[str, int]:
    """Run a method on a server that has a file system of its own, and search its raw image.

    Server and file system are stopped and unmounted before.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # the server runs as nobody
        with mounted(EXT4, Path(folder)) as image:
            with leftovers.server(image.place, version, **_SETTINGS) as place:
                assert place.server.data_directory.is_relative_to(image.mount)
                plant(place)
                method(image, place)
                place.close()
                place.server.stop()
            image.unmount()
        return counted(image.file)


def counted(file: Path) -> dict[str, int]:
    """How many canaries of each sort are anywhere in a raw image, P within what is compressed."""
    found: dict[str, set[bytes]] = {sort: set() for sort in _SORTS}
    with file.open("rb") as raw:
        at = 0
        while data := raw.read(_STEP + _LAP):
            if any(data):
                for sort, seen in leftovers.canaries(data, "m").items():
                    found[sort] |= seen
                for text in _opened(data):
                    found["P"].update(_PACKED.findall(text))
            at += _STEP
            raw.seek(at)
    return {sort: len(seen) for sort, seen in found.items()}


def _opened(data: bytes) -> Iterator[bytes]:
    """Yield what comes out wherever a value that pglz has compressed may begin.

    Its length, four times and two more, and the size of its text; in the log at any place.
    """
    for offset in range(4):
        words = np.frombuffer(data[offset : offset + (len(data) - offset) // 4 * 4], "<u4")
        length, size = words[:-1].astype(np.int64) >> 2, words[1:].astype(np.int64)
        may = (words[:-1] & 3 == 2) & (length > 30) & (length < _LAP) & (size > length)
        for place in np.flatnonzero(may & (size < 100 * length)).tolist():
            begin = offset + 4 * place + 8
            yield decompressed(data[begin : begin + int(length[place]) - 8], int(size[place]))


def plant(place: Place) -> None:
    """Lay the records down, and the texts that get compressed."""
    leftovers.table(place, "pure", leftovers.rows("m"))
    place.sql("CREATE TABLE packed (respondent_id uuid, text text COMPRESSION pglz)")
    with place.connection.cursor() as cursor, cursor.copy("COPY packed FROM STDIN") as copy:
        for number, row in enumerate(leftovers.rows("m", PACKED)):
            said = f"again and again and P{number:04}packed, "
            copy.write_row((row.respondent_id, "and " * 40 + said * 90))
    place.sql("ANALYZE")
    place.sql("CHECKPOINT")


def destroy(
    place: Place, *, residue: bool
) -> tuple[list[Order], list[Destruction], list[Verification]]:
    """Destroy as a plan does, and look again."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = leftovers.enrolled_matcher(Path(folder))
        with place.store(residue=residue) as store:
            planned = leftovers.orders(leftovers.looked(store, dataset)[0])
            return planned, *leftovers.carried_out(store, planned, dataset)


def _sql(statement: str) -> Callable[[Image, Place], None]:
    def run(image: Image, place: Place) -> None:
        del image
        for table in ("pure", "packed"):
            for each in statement.split(";"):
                place.sql(each.format(table))

    return run


def _shredder(image: Image, place: Place) -> None:
    del image
    destroy(place, residue=False)


def _residue(image: Image, place: Place) -> None:
    del image
    destroy(place, residue=True)


def _scrubbed(image: Image, place: Place) -> None:
    destroy(place, residue=True)
    scrub(image.place, Limits(reserve=0, seconds=120), lambda *_: None)


METHODS: dict[str, Callable[[Image, Place], None]] = {
    "`DELETE`": _sql("DELETE FROM {}"),
    "`DELETE`, `VACUUM FULL`": _sql("DELETE FROM {};VACUUM FULL {}"),
    "`DROP TABLE`, `CHECKPOINT`": _sql("DROP TABLE {};CHECKPOINT"),
    "`shredder destroy`": _shredder,
    "the same, with `residue = true`": _residue,
    "the same, and `shredder scrub`": _scrubbed,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--versions", type=int, nargs="+", default=[15, 18])
    given = parser.parse_args()
    print("| | " + " | ".join(f"Postgres {version}" for version in given.versions) + " |")
    print("| --- " * (1 + len(given.versions)) + "|")
    for name, method in METHODS.items():
        cells = []
        for version in given.versions:
            runs = [afterwards(version, method) for _ in range(given.runs)]
            cells.append(" / ".join(str(max(each[sort] for each in runs)) for sort in _SORTS))
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
