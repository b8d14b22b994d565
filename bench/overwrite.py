"""How fast files are overwritten, read back and unlinked, beside ``shred`` in the same run.

    python bench/overwrite.py --size 1GB --files 10000

One large file: overwritten in place and read back past the cache, beside ``shred -n1``, which reads
nothing back, and beside what the disk gives to a program that writes one file past the cache, reads
another of that size so, and does nothing else: faster than that nobody can overwrite and read back.

Many files of 4 KiB: found, overwritten, read back and unlinked one order at a time, each step
durable before the next, beside ``shred -u -n1``. By the clock; all on the same file system, in the
folder that ``--in`` names.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from backends.contract import Context, Order, Result, Unit
from backends.files import BACKEND
from backends.fsops.overwrite import overwrite
from backends.reference import ReferenceMatcher
from bench import disk
from bench.matcher import MEGA, judged, size_of

SMALL = 4096


_T = TypeVar("_T")


def batched(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    """Yield them so many at a time."""
    return (items[at : at + size] for at in range(0, len(items), size))


def timed(work: Callable[[], None]) -> float:
    """Return the seconds by the clock."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def large(folder: Path, size: int, rounds: int) -> None:
    """Overwrite one file by turns, so that all meet the same disk; the medians count."""
    place, other = folder / "large", folder / "other"
    for path in (place, other):
        with path.open("wb") as file:
            for _ in range(size // MEGA):
                file.write(b"answer, " * (MEGA // 8))
            os.fsync(file.fileno())
    ways: dict[str, Callable[[], float]] = {
        "shred -n1": lambda: size / timed(lambda: _run("shred", "-n1", place)),
        "overwritten and read back": lambda: size / timed(lambda: _overwritten(place)),
        "the disk, writing alone": lambda: disk.writing(place),
        "the disk, reading alone": lambda: disk.reading(place),
        "the disk, both at once": lambda: disk.both(place, other),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            rates[name].append(way())
    median = {name: statistics.median(found) for name, found in rates.items()}
    print(f"{size / MEGA:.0f} MB, medians of {rounds} rounds, MB/s:")
    for name, found in rates.items():
        print(f"  {name} {median[name] / MEGA:.0f} ({min(found) / MEGA:.0f} to "
              f"{max(found) / MEGA:.0f})")  # fmt: skip
    own, shred = median["overwritten and read back"], median["shred -n1"]
    judged("one large file, of shred -n1", own / shred, 1.5)
    both = median["the disk, both at once"]
    print(f"  of what the disk gives to both at once: {own / both:.2f}")
    print(f"  what the disk gives to both at once, of shred -n1: {both / shred:.2f}")
    for path in (place, other):
        path.unlink()


def _overwritten(place: Path) -> None:
    fd = os.open(place, os.O_RDWR)
    done = overwrite(fd, place.stat().st_size)
    os.close(fd)
    if done.read_back != place.stat().st_size or not done.direct:
        raise SystemExit("not all was read back from the medium")


def small(folder: Path, count: int) -> None:
    share = folder / "share"
    share.mkdir()
    names = [f"record{n:07}" for n in range(count)]

    def fill() -> None:
        for name in names:
            (share / f"{name}.txt").write_text(f"{name}\n".ljust(SMALL))
        subprocess.run(["sync", "-f", share], check=True)

    fill()
    paths = [share / f"{name}.txt" for name in names]

    def theirs() -> None:
        for some in batched(paths, 500):
            _run("shred", "-u", "-n1", *some)

    shred = timed(theirs)
    fill()
    store = BACKEND.open("share", {"roots": ["share"]}, Context(folder, folder / "none"))
    matcher = ReferenceMatcher(names, [])
    units = [u for u in store.units(store.scopes()[0].name) if isinstance(u, Unit)]
    found = [h for unit in units for h in store.examine(unit, matcher).holdings]
    orders = [Order(f"order-{n}", h, h.whole, whole=True) for n, h in enumerate(found) if h.whole]
    if len(orders) != count:
        raise SystemExit("not all were found")

    def ours() -> None:
        for some in batched(orders, store.traits.batch):
            for answer in store.destroy(some, matcher):
                if answer.result is not Result.DESTROYED:
                    raise SystemExit(f"not destroyed: {answer.reason}")

    own = timed(ours)
    print(f"{count:,} files: shred -u -n1 {shred / count * 1e6:.0f} µs each, "
          f"ours {own / count * 1e6:.0f} µs each")  # fmt: skip
    judged("many small files, of shred -u -n1", shred / own, 1)


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=size_of, default=size_of("1GB"))
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--in", dest="folder", type=Path, default=None)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        large(Path(name), given.size, given.rounds)
        small(Path(name), given.files)


if __name__ == "__main__":
    main()
