"""Single compressed streams: gzip (RFC 1952), bzip2, xz."""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from backends.content import CHUNK, Bounds, Member, Opener, Part, Source, Stop


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def needs_input(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class Inflate:
    """zlib's decompressor with the face that those of bz2 and lzma have."""

    def __init__(self, window_bits: int) -> None:
        self._inner = zlib.decompressobj(window_bits)

    @property
    def eof(self) -> bool:
        """Whether the end was in what was decompressed."""
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        """What came after the end."""
        return self._inner.unused_data

    @property
    def needs_input(self) -> bool:
        """Whether more can come out only if more goes in."""
        return not self._inner.unconsumed_tail

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Return at most so many bytes of what was compressed."""
        return self._inner.decompress(self._inner.unconsumed_tail + data, max(max_length, 0))


@dataclass(frozen=True, slots=True)
class Compressed(Opener):
    """Opens a stream of one method: all its concatenated members are one document."""

    name: str  # type: ignore[misc]
    magic: re.Pattern[bytes]
    start: Callable[[Bounds], _Decompressor]

    def recognises(self, head: bytes) -> bool:
        """Tell by the magic number."""
        return self.magic.match(head) is not None

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield one member, whatever number the stream is made of."""
        yield Member(Source(self._members(source, bounds)))

    def _members(self, source: Source, bounds: Bounds) -> Iterator[bytes]:
        while True:
            yield from pump(self.start(bounds), source)
            _skip_padding(source)
            if not self.recognises(source.peek(_MAGIC)):
                return


_MAGIC = 10  # bytes that any of the patterns looks at

GZIP = Compressed("gzip", re.compile(rb"\x1f\x8b\x08"), lambda _: Inflate(31))
BZIP2 = Compressed(
    "bz2", re.compile(rb"BZh[1-9]1AY&SY", re.DOTALL), lambda _: bz2.BZ2Decompressor()
)
XZ = Compressed(
    "xz",
    re.compile(rb"\xfd7zXZ\x00"),
    lambda bounds: lzma.LZMADecompressor(lzma.FORMAT_XZ, bounds.limits.memory),
)


def pump(decompressor: _Decompressor, source: Source) -> Iterator[bytes]:
    """Yield the output of one decompressor; give back to `source` what it did not take."""
    while not decompressor.eof:
        data = b""
        if decompressor.needs_input:
            data = source.read()
            if not data:
                raise Stop("damaged-container")
        try:
            out = decompressor.decompress(data, CHUNK)
        except lzma.LZMAError as error:
            # liblzma's words for LZMA_MEMLIMIT_ERROR; the module has no class of its own for it.
            raise Stop("bomb-limit" if "emory" in str(error) else "damaged-container") from None
        except (zlib.error, OSError, EOFError):
            raise Stop("damaged-container") from None
        if out:
            yield out
    source.give_back(decompressor.unused_data)


def _skip_padding(source: Source) -> None:
    """Skip the NULs that tapes, and RFC-abiding xz streams, have between members."""
    while data := source.peek(CHUNK):
        rest = data.lstrip(b"\x00")
        source.exactly(len(data) - len(rest))
        if rest:
            return
