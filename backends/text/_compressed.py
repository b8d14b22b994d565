"""Single compressed streams: gzip (RFC 1952), bzip2, xz."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from backends.text._source import CHUNK, Meter, Source, Stop


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
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max(max_length, 0))


GZIP_MAGIC = b"\x1f\x8b\x08"
XZ_MAGIC = b"\xfd7zXZ\x00"


def decompressed(kind: str, source: Source, meter: Meter) -> Iterator[bytes]:
    """Yield what a compressed stream holds, all its concatenated members.

    What follows the last member stays in `source`. Raises Stop.
    """
    start: Callable[[], _Decompressor]
    if kind == "gzip":
        magic, start = GZIP_MAGIC, lambda: Inflate(31)
    elif kind == "bz2":
        magic, start = b"BZh", bz2.BZ2Decompressor
    else:
        magic = XZ_MAGIC
        start = lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, meter.limits.memory)  # noqa: E731
    while True:
        yield from pump(start(), source, meter)
        _skip_padding(source)
        if source.peek(len(magic)) != magic:
            return


def pump(decompressor: _Decompressor, source: Source, meter: Meter) -> Iterator[bytes]:
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
            meter.unpacked(len(out))
            yield out
    source.give_back(decompressor.unused_data)


def _skip_padding(source: Source) -> None:
    """Skip the NULs that tapes, and RFC-abiding xz streams, have between members."""
    while data := source.peek(CHUNK):
        rest = data.lstrip(b"\x00")
        source.exactly(len(data) - len(rest))
        if rest:
            return
