"""What all readers of one stream share: bounds on what it may unpack to, and keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds against containers made to exhaust the reader. Hit: reason ``bomb-limit``."""

    depth: int = 8  # containers within containers
    output: int = 64 << 30  # bytes that all containers of one stream may give
    ratio: int = 500  # bytes out for each byte of the stream, once `free` bytes came out
    free: int = 64 << 20
    members: int = 100_000  # of archives
    memory: int = 256 << 20  # bytes that a decompressor may ask for, or a document be held in


class Stop(Exception):
    """A container cannot be read on, for this reason code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Bounds:
    """Counts what came out of a stream's containers. Each method raises Stop beyond the limits.

    What is in the parts that an opener yields is counted where they are read; an opener counts
    by itself what it unpacks and does not yield.
    """

    def __init__(self, limits: Limits, identities: Callable[[], Sequence[bytes]] = tuple) -> None:
        """`identities`: the keys that open what is sealed to the dataset; see the matcher's."""
        self.limits = limits
        self.identities = identities
        self.bytes_read = 0
        self.bytes_out = 0
        self.members = 0
        self.held = 0
        self.shared = False  # something sealed to the dataset is sealed to others as well

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

    def hold(self, size: int) -> None:
        """Count bytes that are to be held in memory; less than none: not any more."""
        if self.held + size > self.limits.memory:
            raise Stop("too-large-to-open")
        self.held += size


def counted(chunks: Iterator[bytes], bounds: Bounds) -> Iterator[bytes]:
    """Yield what came out of a container, counted."""
    for chunk in chunks:
        bounds.unpacked(len(chunk))
        yield chunk


def counted_rows(
    blocks: Iterator[tuple[bytes, list[int]]], bounds: Bounds
) -> Iterator[tuple[bytes, list[int]]]:
    """Yield blocks of rows with where each ends, counted."""
    for data, ends in blocks:
        bounds.unpacked(len(data))
        yield data, ends
