"""How fast files are overwritten, read back and unlinked, beside ``shred`` in the same run.

    python bench/overwrite.py --size 1GB --files 10000

One large file: overwritten in place and read back past the cache, beside ``shred -n1``, which reads
nothing back. Many files of 4 KiB: found, overwritten, read back and unlinked one order at a time,
each step durable before the next, beside ``shred -u -n1``. By the clock; both on the same file
system, in the folder that ``--in`` names.
"""

from __future__ import annotations

import argparse
import os
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


def large(folder: Path, size: int) -> None:
    place = folder / "large"

    def fill() -> None:
        with place.open("wb") as file:
            for _ in range(size // MEGA):
                file.write(b"answer, " * (MEGA // 8))
            os.fsync(file.fileno())

    def ours() -> None:
        fd = os.open(place, os.O_RDWR)
        done = overwrite(fd, place.stat().st_size)
        os.close(fd)
        if done.read_back != place.stat().st_size:
            raise SystemExit("not all was read back")

    fill()
    shred = timed(lambda: _run("shred", "-n1", place))
    fill()
    own = timed(ours)
    print(f"{size / MEGA:.0f} MB: shred -n1 {size / shred / MEGA:.0f} MB/s, "
          f"overwritten and read back {size / own / MEGA:.0f} MB/s")  # fmt: skip
    judged("one large file, of shred -n1", shred / own, 1.5)
    place.unlink()


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
    parser.add_argument("--in", dest="folder", type=Path, default=None)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        large(Path(name), given.size)
        small(Path(name), given.files)


if __name__ == "__main__":
    main()
