"""Overwriting a file in place with a keystream nobody can make again, and reading it back."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import threading
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Self, TypeAlias

from backends.contract import Tell, untold
from backends.fsops.directly import ALIGNED, Unsuitable, overwrite_directly, rest_of
from backends.fsops.extents import NotMapped, each_extent
from backends.fsops.keystream import BLOCK as _BLOCK
from backends.fsops.keystream import CutShort as CutShort  # noqa: PLC0414 - told on from here
from backends.fsops.keystream import Keystream, Stream, Zeros
from backends.fsops.keystream import ReadBackDiffers as ReadBackDiffers  # noqa: PLC0414 - likewise

_LARGE = 8 << 20  # bytes
_AHEAD = 4  # pieces
_Ranges: TypeAlias = Callable[[], Iterable[tuple[int, int]]]  # asked anew for the reading back


@dataclass(frozen=True, slots=True)
class Overwritten:
    """Bytes that an overwriting wrote, and those of them that were read back and compared."""

    written: int
    read_back: int
    direct: bool  # none of them out of the kernel's cache


class Stretches:
    """Stretches of a file, from where to where, in order: 16 bytes for each."""

    def __init__(self) -> None:
        self._starts, self._ends = array("Q"), array("Q")

    def add(self, start: int, end: int) -> None:
        """Take one in; what goes on is joined."""
        if self._ends and self._ends[-1] == start:
            self._ends[-1] = end
        elif start < end:
            self._starts.append(start)
            self._ends.append(end)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Go through them."""
        return zip(self._starts, self._ends, strict=True)


def data_ranges(fd: int, size: int) -> Iterable[tuple[int, int]]:
    """Return where a file has blocks: holes have none, and writing to them would need space.

    What reads as zeros and has blocks (fallocate(2), FALLOC_FL_ZERO_RANGE) counts: they may hold
    what was there before.
    """
    found = Stretches()
    try:
        for each in each_extent(fd):
            if each.logical < size:
                found.add(each.logical, min(each.logical + each.length, size))
    except NotMapped:
        found = Stretches()
        for start, end in _by_seeking(fd, size):
            found.add(start, end)
    return found


def _by_seeking(fd: int, size: int) -> Iterator[tuple[int, int]]:
    at = 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
            end = os.lseek(fd, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole up to the end
                return
            start, end = at, size  # this file system cannot tell: all of it
        if start >= size:
            return
        yield start, min(end, size)
        at = end


def overwrite(fd: int, size: int, tell: Tell = untold) -> Overwritten:
    """Overwrite a file's data, make that durable, read it back and compare.

    It is read past the kernel's cache (open(2), O_DIRECT) where the file system can do that; what
    is large is written so, too. Raises CutShort and ReadBackDiffers.
    """
    return _overwrite(fd, size, Keystream(), tell)


def overwrite_with_zeros(fd: int, size: int, tell: Tell = untold) -> Overwritten:
    """Overwrite a file's data with zeros; else the same."""
    return _overwrite(fd, size, Zeros(), tell)


def overwrite_range(fd: int, start: int, end: int) -> Overwritten:
    """Overwrite the bytes from `start` to `end` of a file alone, all of them; else the same."""
    return _overwritten(fd, lambda: [(start, end)], Keystream(), ahead=end - start > _BLOCK)


def _overwrite(fd: int, size: int, stream: Stream, tell: Tell) -> Overwritten:
    if size > _LARGE:
        ranges = data_ranges(fd, size)
        rest = rest_of(ranges)
        try:
            count = overwrite_directly(fd, ranges, stream, tell)
        except Unsuitable:
            pass
        else:
            end = _overwritten(fd, lambda: rest, stream, ahead=False)
            return Overwritten(count + end.written, count + end.read_back, not rest or end.direct)
    return _overwritten(fd, lambda: data_ranges(fd, size), stream, ahead=size > _BLOCK)


def read_from_medium(fd: int, size: int, at: int) -> tuple[bytes, bool]:
    """Return up to 1 MiB of a file, and whether none of it came out of the kernel's cache.

    What was written before must be durable already: it is dropped from the cache first.
    """
    os.posix_fadvise(fd, at, size, os.POSIX_FADV_DONTNEED)
    with _Medium(fd) as medium:
        return medium.read(size, at), medium.direct


def _overwritten(fd: int, ranges: _Ranges, stream: Stream, *, ahead: bool) -> Overwritten:
    written = 0
    try:
        for start, end in ranges():
            for at, piece in stream.blocks(start, end):
                done = 0
                while done < len(piece):
                    done += (count := os.pwrite(fd, piece[done:], at + done))
                    written += count
        os.fdatasync(fd)
    except OSError as error:
        raise CutShort(error, written) from None
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    try:
        with _Medium(fd) as medium:
            read_back = _compare(ranges(), stream, medium, ahead=ahead)
    except OSError as error:
        raise CutShort(error, written) from None
    if read_back < written:
        raise ReadBackDiffers
    return Overwritten(written, read_back, medium.direct)


class _Medium:
    """Reads a file past the cache for as long as that goes. A context manager.

    Large files are read ahead by threads: a device answers several questions sooner than one.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._local = threading.local()
        self.direct = False

    def __enter__(self) -> Self:
        self._flags = fcntl.fcntl(self._fd, fcntl.F_GETFL)
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._fd, fcntl.F_SETFL, self._flags | os.O_DIRECT)
            self.direct = True
        return self

    def __exit__(self, *_: object) -> None:
        fcntl.fcntl(self._fd, fcntl.F_SETFL, self._flags)

    def read(self, size: int, at: int) -> bytes:
        """Return up to `size` bytes (1 MiB at the most) from a place on; none at the end only."""
        if not hasattr(self._local, "buffer"):
            self._local.buffer = mmap.mmap(-1, _BLOCK)  # begins with a page, as O_DIRECT asks
        room = min(_BLOCK, -(-size // ALIGNED) * ALIGNED)
        with memoryview(self._local.buffer) as whole, whole[:room] as view:
            try:
                count = os.preadv(self._fd, [view], at)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                # Not at such a place, or not with such a size: as any other program reads.
                self.direct = False
                fcntl.fcntl(self._fd, fcntl.F_SETFL, self._flags)
                count = os.preadv(self._fd, [view], at)
            return bytes(view[: min(count, size)])

    def ahead(self, pieces: Iterator[tuple[int, int]]) -> Iterator[bytes]:
        """Read pieces, each a size and a place, in order."""
        with ThreadPoolExecutor(_AHEAD) as pool:
            waiting = deque(pool.submit(self.read, *piece) for piece in islice(pieces, _AHEAD))
            while waiting:
                data = waiting.popleft().result()
                waiting.extend(pool.submit(self.read, *piece) for piece in islice(pieces, 1))
                yield data


def _compare(
    ranges: Iterable[tuple[int, int]], stream: Stream, medium: _Medium, *, ahead: bool
) -> int:
    """Return how many bytes were read and found to be the stream. Raises ReadBackDiffers."""
    pieces = (
        (min(_BLOCK, end - at), at) for start, end in ranges for at in range(start, end, _BLOCK)
    )
    found = medium.ahead(pieces) if ahead else (medium.read(*piece) for piece in pieces)
    count = 0
    for start, end in ranges:
        for at, piece in stream.blocks(start, end):
            data = next(found)
            while len(data) < len(piece):  # cut short by a signal, or by the end of a fragment
                more = medium.read(len(piece) - len(data), at + len(data))
                if not more:
                    raise ReadBackDiffers
                data += more
            if data != bytes(piece):
                raise ReadBackDiffers
            count += len(piece)
    return count
