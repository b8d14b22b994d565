"""How much room a file system has, and how much time a scrubbing."""

from __future__ import annotations

import errno
import math
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_SPARE_DESCRIPTORS = 64


@dataclass(slots=True)
class Room:
    """Watches a file system's free space, and the clock.

    `reserve`: bytes that stay free for others, whoever takes the rest. `seconds`: that all may
    take.
    """

    fd: int
    reserve: int
    seconds: float
    _begun: float = field(default_factory=time.monotonic)

    def free(self) -> int:
        """Return the free bytes, those for root included where this process may use them."""
        space = os.fstatvfs(self.fd)
        blocks = space.f_bfree if os.geteuid() == 0 else space.f_bavail
        return blocks * space.f_frsize

    def unused(self) -> int:
        """Return all free bytes, whoever may use them."""
        space = os.fstatvfs(self.fd)
        return space.f_bfree * space.f_frsize

    def inodes(self) -> int:
        """Return how many inodes may be taken: others keep as large a share as of the blocks.

        0 where they are made as they are needed.
        """
        space = os.fstatvfs(self.fd)
        share = self.reserve / max(1, space.f_blocks * space.f_frsize)
        return max(0, space.f_ffree - math.ceil(share * space.f_files))

    def spare(self) -> int:
        """Return the bytes that may be taken now."""
        return max(0, self.free() - self.reserve)

    def late(self) -> bool:
        """Whether the time is up."""
        return self.left() < 0

    def left(self) -> float:
        """Return the seconds that are left."""
        return self.seconds - (time.monotonic() - self._begun)


def unnamed(folder: int) -> int:
    """Open a new file without a name (open(2), O_TMPFILE): it ends with this process, even killed.

    Raises OSError where the file system cannot do that.
    """
    return os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600, dir_fd=folder)


FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def descriptors() -> Iterator[int]:
    """Raise the limit of open files as far as it goes, for a while; yield how many there can be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield hard - _SPARE_DESCRIPTORS - len(list(Path("/proc/self/fd").iterdir()))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
