"""What a disk gives past the cache, with nothing else done: bytes a second, by the clock."""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

_PIECE = 1 << 20  # more at once, or larger ones, gave no more
_IN_FLIGHT = 4


def writing(path: Path) -> float:
    """Return the rate of writing over a file, and flushing it once."""
    return _rate(path.stat().st_size, lambda pool: _writes(pool, path))


def reading(path: Path) -> float:
    """Return the rate of reading a file."""
    return _rate(path.stat().st_size, lambda pool: _reads(pool, path))


def both(written: Path, read: Path) -> float:
    """Return the rate of each, of writing over a file while another one of its size is read."""

    def at_once(pool: ThreadPoolExecutor) -> None:
        with ThreadPoolExecutor(2) as pair, ThreadPoolExecutor(_IN_FLIGHT) as other:
            wait([pair.submit(_writes, pool, written), pair.submit(_reads, other, read)])

    return _rate(written.stat().st_size, at_once)


def _rate(size: int, work: Callable[[ThreadPoolExecutor], None]) -> float:
    with ThreadPoolExecutor(_IN_FLIGHT) as pool:
        start = time.perf_counter()
        work(pool)
        return size / (time.perf_counter() - start)


def _writes(pool: ThreadPoolExecutor, path: Path) -> None:
    piece = mmap.mmap(-1, _PIECE)
    piece.write(os.urandom(_PIECE))
    fd = os.open(path, os.O_WRONLY | os.O_DIRECT)
    try:
        for _ in pool.map(lambda at: os.pwrite(fd, piece, at), _places(path)):
            pass
        os.fdatasync(fd)
    finally:
        os.close(fd)


def _reads(pool: ThreadPoolExecutor, path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
    room = mmap.mmap(-1, _PIECE)  # what is read is looked at by nobody
    try:
        for _ in pool.map(lambda at: os.preadv(fd, [room], at), _places(path)):
            pass
    finally:
        os.close(fd)


def _places(path: Path) -> Iterator[int]:
    return iter(range(0, path.stat().st_size // _PIECE * _PIECE, _PIECE))
