"""Byte sources: streams that can be looked ahead in, and read at any place where need be."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol, cast

from backends.content._bounds import Bounds, Limits, Stop
from backends.content._placed import Placed
from backends.contract import Digest

CHUNK = 256 << 10


class Readable(Protocol):
    """What examine_stream() needs of a stream.

    A stream that also has ``seekable()``, which says yes, and ``seek()`` is read at any place
    where a container asks for it; its whole is read from beginning to end all the same.
    """

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end."""


class Source:
    """A stream of chunks with look-ahead."""

    def __init__(
        self,
        chunks: Iterator[bytes],
        bounds: Bounds | None = None,
        at: Callable[[int], BinaryIO | None] | None = None,
    ) -> None:
        """`bounds` and `at`, which opens the stream from an offset on, are for seekable()."""
        self._chunks = chunks
        self._ahead = b""
        self._bounds = bounds
        self._at = at
        self._held = 0
        self.taken = 0  # bytes that were read and not given back
        self.sought = False  # seekable() was asked for, and had an answer

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes without taking them; fewer at the end."""
        while len(self._ahead) < size:
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            self._ahead += chunk
        return self._ahead[:size]

    def read(self, size: int = CHUNK) -> bytes:
        """Return up to `size` bytes; none at the end only."""
        if not self._ahead:
            self._ahead = next(self._chunks, b"")
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        self.taken += len(data)
        return data

    def exactly(self, size: int) -> bytes:
        """Return `size` bytes. Raises Stop where the stream ends before."""
        data = self.peek(size)
        if len(data) < size:
            raise Stop("damaged-container")
        self._ahead = self._ahead[size:]
        self.taken += size
        return data

    def give_back(self, data: bytes) -> None:
        """Put bytes before what is read next."""
        self._ahead = data + self._ahead
        self.taken -= len(data)

    def chunks(self) -> Iterator[bytes]:
        """Yield what is left."""
        while data := self.read():
            yield data

    def seekable(self, *, hold: bool = True) -> BinaryIO:
        """Return all that is left as a file that can seek; nothing is taken from the source.

        A stream that cannot seek is held in memory, up to the limit for that; beyond, Stop is
        raised, reason ``too-large-to-open``. Who reads the file to its meaning leaves the
        source alone: nothing of it is then read a second time. Who reads the source as well, and
        only looks things up in the file, asks for it without holding anything.
        """
        bounds = self._bounds or Bounds(Limits())
        file = self._at(self.taken) if self._at else None
        if not hold:
            if file is None:
                raise Stop("too-large-to-open")
            return file
        if file is None:
            pieces = [self._ahead]
            try:
                self._hold(bounds, len(self._ahead))
                for piece in self._chunks:
                    pieces.append(piece)
                    self._hold(bounds, len(piece))
            finally:
                self._ahead = b"".join(pieces)
            file = io.BytesIO(self._ahead)
        self.sought = True
        return file

    def _hold(self, bounds: Bounds, size: int) -> None:
        bounds.hold(size)
        self._held += size

    def drop(self) -> None:
        """Take all that is left, which has been read by seeking."""
        if self._bounds:
            self._bounds.hold(-self._held)
        self.taken += len(self._ahead) + 1
        self._ahead, self._chunks, self._held = b"", iter(()), 0


class Meter:
    """Takes bytes from a stream and digests them, if it is to, each once, in order."""

    def __init__(self, stream: Readable, digest: Digest | None, bounds: Bounds) -> None:
        self._stream = stream
        self._digest = digest
        self._bounds = bounds
        self._start = _tell(stream)
        self._away = False  # the stream stands where somebody else has read
        self.bytes_read = 0
        self.failed = False  # what was raised came from the stream

    def read(self, size: int) -> bytes:
        """Read on."""
        if self._away and self._start is not None:
            self._seek(self._start + self.bytes_read)
            self._away = False
        data = self._read(size)
        if self._digest:
            self._digest.update(data)
        self.bytes_read += len(data)
        self._bounds.bytes_read = max(self._bounds.bytes_read, self.bytes_read)
        return data

    def source(self) -> Source:
        """Return the stream, from here on, as a source."""

        def chunks() -> Iterator[bytes]:
            while data := self.read(CHUNK):
                yield data

        return Source(chunks(), self._bounds, self._open_at)

    def hexdigest(self) -> str:
        """Return the digest of what was read; empty without one."""
        return self._digest.hexdigest() if self._digest else ""

    def drain(self) -> None:
        """Read the stream to its end: the digest is over all of it."""
        while self.read(CHUNK):
            pass

    def read_at(self, offset: int, size: int) -> bytes:
        """Read at any place of a stream that can seek."""
        assert self._start is not None
        self._away = True
        self._seek(self._start + offset)
        return self._read(size)

    def _open_at(self, offset: int) -> BinaryIO | None:
        """Open the stream from an offset on; None if it cannot be, or does not know its size."""
        if self._start is None:
            return None
        self._away = True
        size = self._seek(0, os.SEEK_END) - self._start
        if size < max(self.bytes_read, offset + 1):  # /proc has files that say 0
            return None
        # What can be read is as good as read: it counts for the ratio of what comes out.
        self._bounds.bytes_read = max(self._bounds.bytes_read, size)
        return cast("BinaryIO", io.BufferedReader(_Window(self, offset, size - offset), CHUNK))

    def _read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except BaseException:
            self.failed = True
            raise

    def _seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return cast("BinaryIO", self._stream).seek(offset, whence)
        except BaseException:
            self.failed = True
            raise


class _Window(Placed):
    """A stretch of a stream that can seek."""

    def __init__(self, meter: Meter, start: int, size: int) -> None:
        super().__init__(size)
        self._meter, self._start = meter, start

    def bytes_at(self, place: int, size: int) -> bytes:
        return self._meter.read_at(self._start + place, size)


def _tell(stream: Readable) -> int | None:
    """Return where a stream stands; None if it cannot seek."""
    seekable = getattr(stream, "seekable", None)
    return cast("BinaryIO", stream).tell() if seekable and seekable() else None
