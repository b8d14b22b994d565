"""How long odd trees take: a file of holes, and a folder of very many entries.

    python bench/odd.py [--sparse 100GB] [--entries 1000000] [--folder FOLDER]

The peers read the same: `cat` the file, `find` the folder. Memory is the most that this process
has had, after each.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from backends.contract import Context, Matcher, Store, Unit
from backends.files import BACKEND
from bench.matcher import size_of
from shredder.fingerprint import FingerprintMatcher, Role, enrol

KEY = bytes(range(32))


class Table:
    """A source that lies in memory."""

    columns, locator = ("respondent_id", "email"), ""

    def __iter__(self) -> Iterator[tuple[str | None, ...]]:
        return iter([(f"r-{n:08}-abcd", f"p{n}@example.org") for n in range(10_000)])


def matcher(folder: Path) -> Matcher:
    roles = {"respondent_id": Role.PRIVATE, "email": Role.PERSON}
    enrol([Table()], roles=roles, key=KEY, path=folder / "catalogue")
    return FingerprintMatcher(folder / "catalogue", KEY)


def store_of(folder: Path, name: str) -> Store:
    (folder / name).mkdir()
    return BACKEND.open("bench", {"roots": [name]}, Context(folder, folder / "state"))


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def run(*command: object) -> None:
    subprocess.run([str(each) for each in command], stdout=subprocess.DEVNULL, check=True)


def shown(what: str, ours: float, peer: str, theirs: float) -> None:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{what:34}{ours:8.1f} s{peer:>8}{theirs:8.1f} s{theirs / ours:7.2f}{most:8,} MB")


def units(store: Store) -> list[Unit]:
    return [unit for unit in store.units(store.scopes()[0].name) if isinstance(unit, Unit)]


def sparse(folder: Path, size: int) -> None:
    store = store_of(folder, "sparse")
    file = folder / "sparse" / "holes"
    file.touch()
    os.truncate(file, size)
    (unit,) = units(store)
    known = matcher(folder)
    ours = timed(lambda: store.examine(unit, known))
    shown(f"a file of {size >> 30:,} GiB of holes", ours, "cat", timed(lambda: run("cat", file)))


def entries(folder: Path, number: int) -> None:
    store = store_of(folder, "many")
    at = os.open(folder / "many", os.O_RDONLY)
    for n in range(number):
        os.close(os.open(f"{n:08}.txt", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)
    scope = store.scopes()[0].name
    find = timed(lambda: run("find", folder / "many", "-type", "f", "-size", "-1"))
    listed = timed(lambda: sum(1 for _ in store.units(scope)))
    shown(f"{number:,} entries listed", listed, "find", find)
    known = matcher(folder)

    def examined() -> None:
        for unit in store.units(scope):
            assert isinstance(unit, Unit)
            store.examine(unit, known)

    shown(f"{number:,} entries examined", timed(examined), "find", find)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sparse", type=size_of, default=size_of("100GB"))
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        (folder / "state").mkdir()
        print(f"{'':34}{'ours':>10}{'peer':>8}{'':>10}{'ratio':>7}{'most':>11}")
        sparse(folder, given.sparse)
        entries(folder, given.entries)


if __name__ == "__main__":
    main()
