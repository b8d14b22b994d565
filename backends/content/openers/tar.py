"""Tar archives (POSIX ustar and pax, GNU): only sizes matter here, names do not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backends.content import CHUNK, Bounds, Member, Opaque, Opener, Part, Source, Stop

_BLOCK = 512
_PAX_SIZE = re.compile(rb"(?:^|\n)\d+ size=(\d+)\n")
_FILE, _PAX, _GNU_SPARSE = b"0\x007", b"x", b"S"
_PAX_SPARSE = b"GNU.sparse."
_NO_CONTENT = b"123456"  # links, devices, folders, FIFOs


class Tar(Opener):
    """Opens an archive header by header."""

    name = "tar"

    def recognises(self, head: bytes) -> bool:
        """Tell by the magic number, which POSIX and GNU have in common."""
        return head[257:262] == b"ustar"

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield the files in it; links, folders and devices have no content."""
        size_ahead: int | None = None  # from a pax header: it holds for the next member
        while is_header(header := source.peek(_BLOCK)):
            source.exactly(_BLOCK)
            bounds.member()
            kind = header[156:157]
            size = _number(header[124:136])
            if kind not in {b"x", b"g", b"L", b"K"} and size_ahead is not None:
                size, size_ahead = size_ahead, None
            if kind in {b"x", b"g"}:
                if size > CHUNK:
                    raise Stop("container-not-opened")
                words = source.exactly(size)
                found = _PAX_SIZE.search(words)
                size_ahead = int(found[1]) if found and kind == _PAX else size_ahead
                if _PAX_SPARSE in words:
                    yield Opaque("container-not-opened")  # its pieces are read, in one run
                _take(source, -size % _BLOCK)
                continue
            if kind == _GNU_SPARSE:
                raise Stop("container-not-opened")
            if kind in _NO_CONTENT:
                size = 0
            left = Left(size)
            if kind in _FILE:
                yield Member(Source(_body(source, left)))
            for _ in _body(source, left):
                pass
            _take(source, -size % _BLOCK)
            _skip_zeros(source)


TAR = Tar()


def is_header(block: bytes) -> bool:
    """Whether a block is a tar header: the magic, and the checksum of its other bytes."""
    if len(block) < _BLOCK or block[257:262] != b"ustar":
        return False
    try:
        stated = _number(block[148:156])
    except Stop:
        return False
    return stated == sum(block) - sum(block[148:156]) + 8 * 0x20


class Left:
    """How many bytes of a member are still to be read."""

    def __init__(self, size: int) -> None:
        self.size = size


def _body(source: Source, left: Left) -> Iterator[bytes]:
    while left.size:
        data = source.read(min(left.size, CHUNK))
        if not data:
            raise Stop("damaged-container")
        left.size -= len(data)
        yield data


def _number(field: bytes) -> int:
    """Return an octal number, or GNU's binary one for what octal digits cannot hold."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    digits = field.rstrip(b" \x00").lstrip(b" ")
    try:
        return int(digits, 8) if digits else 0
    except ValueError:
        raise Stop("damaged-container") from None


def _take(source: Source, size: int) -> None:
    """Skip padding; an archive's last padding may be missing."""
    source.exactly(len(source.peek(size)))


def _skip_zeros(source: Source) -> None:
    while (block := source.peek(_BLOCK)) and not block.strip(b"\x00"):
        source.exactly(len(block))
