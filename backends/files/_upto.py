"""A file that is read up to a place: some have no end, or another than their size says."""

from __future__ import annotations

import errno
import io
import os

_AT_LEAST = 64 << 20  # bytes, whatever the size says: it is 0 where a file is made as it is read


class UpTo(io.FileIO):
    """Reads a descriptor, which stays open, as far as the file went when this was begun.

    While somebody appends to it all the time, there would be no end.
    """

    def __init__(self, fd: int, size: int) -> None:
        super().__init__(fd, "rb", closefd=False)
        self._limit = max(size, _AT_LEAST)

    def read(self, size: int | None = -1, /) -> bytes:
        """Read on. Raises BlockingIOError where there may be something, but not yet."""
        left = max(0, self._limit - self.tell())
        data = super().read(left if size is None or size < 0 else min(size, left))
        if data is None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return data

    def is_longer(self) -> bool:
        """Whether there is more, which was not read."""
        return bool(os.pread(self.fileno(), 1, self._limit))
