"""Zstandard (RFC 8878): frames are walked block by block, so that no output is ever large."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from backends.content import Bounds, Member, Opener, Part, Source, Stop

_FRAME = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x2a\x4d\x18"  # after a byte of 0x50 to 0x5f
_RUN = 1
_CONTENT_SIZE = (0, 2, 4, 8)
_DICTIONARY = (0, 1, 2, 4)
_LONGEST = 128 << 10  # bytes of a block: section 3.1.1.2.4


class Zstandard(Opener):
    """Opens a run of frames, skippable ones among them, as one document."""

    name = "zstd"
    needs = ("zstandard",)

    def recognises(self, head: bytes) -> bool:
        """Tell by the first frame that is no skippable one, as far as it is in sight."""
        while _is_skippable(head):
            (size,) = struct.unpack_from("<I", head.ljust(8, b"\0"), 4)
            if len(head) <= 8 + size:
                return False  # lz4's are the same
            head = head[8 + size :]
        return head.startswith(_FRAME)

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield one member."""
        yield Member(Source(_frames(source, bounds)))


ZSTD = Zstandard()


def _is_skippable(head: bytes) -> bool:
    return head[1:4] == _SKIPPABLE and 0x50 <= head[0] <= 0x5F


def _frames(source: Source, bounds: Bounds) -> Iterator[bytes]:
    while head := source.peek(4):
        if _is_skippable(head):
            (left,) = struct.unpack("<4xI", source.exactly(8))
            while left:
                left -= len(data := source.read(min(left, _LONGEST)))
                if not data:
                    raise Stop("damaged-container")
        elif head == _FRAME:
            yield from _frame(source, bounds)
        else:
            return


def _frame(source: Source, bounds: Bounds) -> Iterator[bytes]:
    import zstandard  # noqa: PLC0415 - an extra

    header, window, checked = _header(source)
    if window > bounds.limits.memory:
        raise Stop("bomb-limit")
    most = max(window, 1 << 10)
    decompress = zstandard.ZstdDecompressor(max_window_size=most).decompressobj().decompress
    try:
        decompress(header)
        last = False
        while not last:
            block, last = _block(source)
            if out := decompress(block + (source.exactly(4) if last and checked else b"")):
                yield out
    except zstandard.ZstdError:
        raise Stop("damaged-container") from None


def _header(source: Source) -> tuple[bytes, int, bool]:
    """Take a frame's header: its bytes, the size of its window, whether a checksum follows."""
    descriptor = source.peek(5)[-1]
    single = descriptor >> 5 & 1
    content = _CONTENT_SIZE[descriptor >> 6] or single
    dictionary = _DICTIONARY[descriptor & 3]
    header = source.exactly(5 + (1 - single) + dictionary + content)
    if any(header[6 - single : 6 - single + dictionary]):
        raise Stop("container-not-opened")  # nobody here has the dictionary
    if single:
        size = int.from_bytes(header[-content:], "little")
        return header, size + (256 if content == 2 else 0), bool(descriptor & 4)
    exponent, mantissa = header[5] >> 3, header[5] & 7
    base = 1 << (10 + exponent)
    return header, base + (base >> 3) * mantissa, bool(descriptor & 4)


def _block(source: Source) -> tuple[bytes, bool]:
    """Take one block with its header; whether it is the frame's last."""
    head = int.from_bytes(source.peek(3), "little")
    kind, size = head >> 1 & 3, head >> 3
    if kind != _RUN and size > _LONGEST:
        raise Stop("damaged-container")
    return source.exactly(3 + (1 if kind == _RUN else size)), bool(head & 1)
