"""Reading a block device from its beginning to its end, past the kernel's cache of it."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

_BLOCK = 4 << 20
_GETSIZE64 = 0x80081272  # BLKGETSIZE64: bytes
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_DIRECT


def open_device(node: Path, number: int) -> int:
    """Open a device for reading past the cache (open(2), O_DIRECT). Raises OSError.

    Whatever else has its name in ``/dev`` is as if it were not there.
    """
    _require(node.lstat(), number)
    fd = os.open(node, _OPEN)
    try:
        _require(os.fstat(fd), number)
    except OSError:
        os.close(fd)
        raise
    return fd


def _require(status: os.stat_result, number: int) -> None:
    if not stat.S_ISBLK(status.st_mode) or status.st_rdev != number:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def size_of(fd: int) -> int:
    """Return the bytes of an open device."""
    buffer = bytearray(8)
    fcntl.ioctl(fd, _GETSIZE64, buffer)
    return int(struct.unpack("=Q", buffer)[0])


def blocks_of(fd: int) -> Iterator[tuple[int, memoryview]]:
    """Yield places and what is there, one block read ahead. A block is valid until the next one.

    Raises OSError for what the device reports.
    """
    size = size_of(fd)
    places = range(0, size, _BLOCK)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(1))
        buffers = [memoryview(stack.enter_context(mmap.mmap(-1, _BLOCK))) for _ in range(2)]
        for buffer in buffers:
            stack.callback(buffer.release)

        def read(number: int) -> memoryview:
            view = buffers[number % 2][: min(_BLOCK, size - places[number])]
            done = 0
            while done < len(view):
                count = os.preadv(fd, [view[done:]], places[number] + done)
                if not count:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                done += count
            return view

        ahead = pool.submit(read, 0) if places else None
        for number, place in enumerate(places):
            assert ahead is not None
            view = ahead.result()
            ahead = pool.submit(read, number + 1) if number + 1 < len(places) else None
            with view:
                yield place, view
