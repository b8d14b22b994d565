"""A stretch of bytes as a file that can seek, whatever it takes to get them."""

from __future__ import annotations

import io
import os
from abc import abstractmethod
from typing import BinaryIO


class Placed(io.RawIOBase):
    """Keeps the place; a subclass gets the bytes."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size, self._place = size, 0

    @abstractmethod
    def bytes_at(self, place: int, size: int) -> bytes:
        """Return up to `size` bytes (1 or more) from a place on; none only where there are none."""

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place, also beyond the end. Raises ValueError for one before the beginning."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("a place before the beginning")
        self._place = base + offset
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Read on, up to the size of the buffer."""
        size = max(0, min(len(buffer), self._size - self._place))
        data = self.bytes_at(self._place, size) if size else b""
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)


class Stretch(Placed):
    """A part of a file, which others may read in between."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        super().__init__(size)
        self._file, self._start = file, start

    def bytes_at(self, place: int, size: int) -> bytes:
        """Read there."""
        self._file.seek(self._start + place)
        return self._file.read(size)
