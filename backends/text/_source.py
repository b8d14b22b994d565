"""Byte sources: a stream that can be looked ahead in, and the budget all its readers share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from backends.contract import Digest
from backends.text._reading import Limits

CHUNK = 256 << 10


class Readable(Protocol):
    """What examine_stream() needs of a stream."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end."""


class Stop(Exception):
    """A container cannot be read on, for this reason code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Meter:
    """Takes bytes from the stream, digests them, and holds what they unpack to in bounds."""

    def __init__(self, stream: Readable, digest: Digest, limits: Limits) -> None:
        self._stream = stream
        self._digest = digest
        self.limits = limits
        self.bytes_read = 0
        self.bytes_out = 0
        self.members = 0

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._digest.update(data)
        self.bytes_read += len(data)
        return data

    def hexdigest(self) -> str:
        return self._digest.hexdigest()

    def unpacked(self, size: int) -> None:
        """Count bytes that came out of a container."""
        self.bytes_out += size
        limits = self.limits
        if self.bytes_out > limits.output or (
            self.bytes_out > limits.free and self.bytes_out > limits.ratio * self.bytes_read
        ):
            raise Stop("bomb-limit")

    def member(self) -> None:
        """Count a member of an archive."""
        self.members += 1
        if self.members > self.limits.members:
            raise Stop("bomb-limit")

    def drain(self) -> None:
        """Read the stream to its end: the digest is over all of it."""
        while self.read(CHUNK):
            pass


class Source:
    """A stream of chunks with look-ahead."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._ahead = b""

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
        return data

    def exactly(self, size: int) -> bytes:
        """Return `size` bytes. Raises Stop where the stream ends before."""
        data = self.peek(size)
        if len(data) < size:
            raise Stop("damaged-container")
        self._ahead = self._ahead[size:]
        return data

    def give_back(self, data: bytes) -> None:
        """Put bytes before what is read next."""
        self._ahead = data + self._ahead

    def chunks(self) -> Iterator[bytes]:
        """Yield what is left."""
        while data := self.read():
            yield data


def raw(meter: Meter) -> Source:
    """Return the stream itself as a source."""

    def chunks() -> Iterator[bytes]:
        while data := meter.read(CHUNK):
            yield data

    return Source(chunks())
