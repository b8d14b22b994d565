"""Single compressed streams: gzip (RFC 1952), bzip2, xz, lzma alone, lz4 frames."""

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


def lzma_filter(properties: bytes, bounds: Bounds) -> dict[str, int]:
    """Return the filter that five bytes of properties stand for, in zip and 7z."""
    if len(properties) != 5 or properties[0] >= 9 * 5 * 5:
        raise Stop("damaged-container")
    rest, lc = divmod(properties[0], 9)
    pb, lp = divmod(rest, 5)
    size = int.from_bytes(properties[1:], "little")
    return {"id": lzma.FILTER_LZMA1, "dict_size": held(size, bounds), "lc": lc, "lp": lp, "pb": pb}


def held(size: int, bounds: Bounds) -> int:
    """Return the size of a dictionary, which liblzma takes at once. Raises Stop if too large."""
    if size > bounds.limits.memory:
        raise Stop("bomb-limit")
    return max(size, 4096)


@dataclass(frozen=True, slots=True)
class Compressed(Opener):
    """Opens a stream of one method: all its concatenated members are one document."""

    name: str  # type: ignore[misc]
    magic: re.Pattern[bytes]
    start: Callable[[Bounds], _Decompressor]
    needs: tuple[str, ...] = ()  # type: ignore[misc]

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


def _gzip(_: Bounds) -> _Decompressor:
    """Start Intel's inflate where it is installed, which does the same in less time."""
    try:
        from isal import igzip_lib  # noqa: PLC0415 - an extra
    except ImportError:
        return Inflate(31)
    decompressor: _Decompressor = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    return decompressor


def _lz4(_: Bounds) -> _Decompressor:
    from lz4.frame import LZ4FrameDecompressor  # noqa: PLC0415 - an extra

    decompressor: _Decompressor = LZ4FrameDecompressor()
    return decompressor


_LITTLE = 64  # bytes
_MAGIC = 13  # bytes that any of the patterns looks at

GZIP = Compressed("gzip", re.compile(rb"\x1f\x8b\x08"), _gzip)
BZIP2 = Compressed("bz2", re.compile(rb"BZh[1-9]1AY&SY"), lambda _: bz2.BZ2Decompressor())
XZ = Compressed(
    "xz",
    re.compile(rb"\xfd7zXZ\x00"),
    lambda bounds: lzma.LZMADecompressor(lzma.FORMAT_XZ, bounds.limits.memory),
)
# The properties byte that everybody writes, a dictionary of a round size, a size or none.
LZMA = Compressed(
    "lzma",
    re.compile(rb"\x5d\x00[\x00-\xff][\x00-\xff][\x00-\x0c](?:\xff{8}|[\x00-\xff]{5}\x00{3})"),
    lambda bounds: lzma.LZMADecompressor(lzma.FORMAT_ALONE, bounds.limits.memory),
)
LZ4 = Compressed("lz4", re.compile(rb"\x04\x22\x4d\x18"), _lz4, ("lz4",))


def pump(decompressor: _Decompressor, source: Source, size: int | None = None) -> Iterator[bytes]:
    """Yield the output of one decompressor; give back to `source` what it did not take.

    A stream without a mark at its end stops after `size` bytes of output.
    """
    left = size
    out = b""
    while not decompressor.eof and left != 0:
        data = b""
        if decompressor.needs_input or not out:
            data = source.read()
            if not data and decompressor.needs_input:
                raise Stop("damaged-container")
        try:
            out = decompressor.decompress(data, CHUNK if left is None else min(left, CHUNK))
        except lzma.LZMAError as error:
            # liblzma's words for LZMA_MEMLIMIT_ERROR; the module has no class of its own for it.
            raise Stop("bomb-limit" if "emory" in str(error) else "damaged-container") from None
        except Exception:  # noqa: BLE001 - each library has its own
            raise Stop("damaged-container") from None
        if out:
            left = left and left - len(out)
            yield out
    if left and size:
        raise Stop("damaged-container")
    source.give_back(decompressor.unused_data or b"")


def inflate64(source: Source) -> Iterator[bytes]:
    """Yield what Deflate64 packed, which Windows writes where a file has more than 2 GiB.

    Of 64 bytes come no more than 2 MiB, and how much is to come out nobody can ask for.
    """
    try:
        from inflate64 import Inflater  # noqa: PLC0415 - an extra
    except ImportError:
        raise Stop("opener-not-installed") from None
    inflater, out = Inflater(), bytearray()
    while not inflater.eof:
        data = source.read()
        if not data:
            raise Stop("damaged-container")
        for at in range(0, len(data), _LITTLE):
            try:
                out += inflater.inflate(data[at : at + _LITTLE])
            except Exception:  # noqa: BLE001 - it has its own
                raise Stop("damaged-container") from None
            if len(out) >= CHUNK or inflater.eof:
                yield bytes(out)
                out.clear()
            if inflater.eof:
                break


def _skip_padding(source: Source) -> None:
    """Skip the NULs that tapes, and RFC-abiding xz streams, have between members."""
    while data := source.peek(CHUNK):
        rest = data.lstrip(b"\x00")
        source.exactly(len(data) - len(rest))
        if rest:
            return
