"""Overwriting a large file past the kernel's cache, and reading it back while more is written.

Written, flushed to the medium, read: a stretch is read back only when it has been flushed, and the
next one is written meanwhile. So the disk has both to do at once, and so have the processors.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice

from backends.contract import Step, Tell, untold
from backends.fsops.keystream import AES_BLOCK, BLOCK, CutShort, ReadBackDiffers, Stream

ALIGNED = 4096  # bytes; no device asks for coarser places and sizes
_STRETCH = 32  # pieces that are flushed at once
_AHEAD = 2  # stretches that are written before one is read back to its end
_WRITERS = _READERS = 4  # requests in flight, of each; more gave no more

Piece = tuple[int, int]
"""A place and a size, bytes."""


class Unsuitable(Exception):
    """The file system does not write past the cache, or not so; what was written may stand."""


def pieces_of(ranges: Iterable[tuple[int, int]]) -> Iterator[Piece]:
    """Cut ranges into pieces that can be written past the cache."""
    for start, end in map(_inner, ranges):
        for at in range(start, end, BLOCK):
            yield at, min(BLOCK, end - at)


def rest_of(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return what is left at the ends of ranges."""
    ends = []
    for whole in ranges:
        inner = _inner(whole)
        ends += [(whole[0], inner[0]), (inner[1], whole[1])]
    return [(start, end) for start, end in ends if start < end]


def _inner(whole: tuple[int, int]) -> tuple[int, int]:
    start = min(whole[1], -(-whole[0] // ALIGNED) * ALIGNED)
    return start, max(start, whole[1] // ALIGNED * ALIGNED)


def overwrite_directly(
    fd: int, ranges: Iterable[tuple[int, int]], stream: Stream, tell: Tell = untold
) -> int:
    """Overwrite what of ranges can be, flush it, read it back and compare; return how many bytes.

    Raises Unsuitable, CutShort and ReadBackDiffers.
    """
    with _direct(fd):
        work = _Work(fd, stream)
        total = sum(end - start for start, end in ranges)

        def so_far(read_back: int) -> None:
            tell(Step("overwriting", read_back, total, size=True))

        try:
            return work.through(pieces_of(ranges), so_far)
        except OSError as error:
            if error.errno == errno.EINVAL:
                raise Unsuitable from None
            raise CutShort(error, work.written) from None


@contextmanager
def _direct(fd: int) -> Iterator[None]:
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    try:
        fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_DIRECT)
    except OSError:
        raise Unsuitable from None
    try:
        yield
    finally:
        fcntl.fcntl(fd, fcntl.F_SETFL, flags)


class _Work:
    """One file's overwriting. What its threads share is `written`, and that behind a lock."""

    def __init__(self, fd: int, stream: Stream) -> None:
        self.written = 0
        self._fd = fd
        self._stream = stream
        self._lock = threading.Lock()
        self._own = threading.local()

    def through(self, pieces: Iterator[Piece], so_far: Callable[[int], None]) -> int:
        """Do all of it; raises whatever stops one of the threads."""
        waiting: deque[Future[list[Future[int]]]] = deque()
        read_back = 0
        with (
            ThreadPoolExecutor(_READERS) as readers,
            ThreadPoolExecutor(1) as flusher,
            ThreadPoolExecutor(_WRITERS) as writers,
        ):
            while stretch := list(islice(pieces, _STRETCH)):
                writes = [writers.submit(self._write, *piece) for piece in stretch]
                waiting.append(flusher.submit(self._flush, writes, stretch, readers))
                if len(waiting) > _AHEAD:
                    so_far(read_back)
                    read_back += sum(read.result() for read in waiting.popleft().result())
            while waiting:
                so_far(read_back)
                read_back += sum(read.result() for read in waiting.popleft().result())
        return read_back

    def _flush(
        self, writes: Sequence[Future[None]], stretch: Sequence[Piece], readers: ThreadPoolExecutor
    ) -> list[Future[int]]:
        for write in writes:
            write.result()
        os.fdatasync(self._fd)
        return [readers.submit(self._read, *piece) for piece in stretch]

    def _write(self, at: int, size: int) -> None:
        medium, _ = self._buffers()
        self._stream.fill(medium, at, size)
        done = 0
        while done < size:
            done += (count := os.pwrite(self._fd, medium[done:size], at + done))
            with self._lock:
                self.written += count

    def _read(self, at: int, size: int) -> int:
        medium, spare = self._buffers()
        done = 0
        while done < size:
            count = os.preadv(self._fd, [medium[done:size]], at + done)
            if not count:
                raise ReadBackDiffers
            done += count
        if not self._stream.is_in(medium[:size], at, spare):
            raise ReadBackDiffers
        return size

    def _buffers(self) -> tuple[memoryview, bytearray]:
        """A thread's own: one that begins with a page, as O_DIRECT asks, and any other."""
        if not hasattr(self._own, "medium"):
            self._own.medium = memoryview(mmap.mmap(-1, BLOCK + ALIGNED))
            self._own.spare = bytearray(BLOCK + AES_BLOCK)
        return self._own.medium, self._own.spare
