"""Tiles: a Merkle tree as files of 256 hashes, entries as files of 256 entries (C2SP tlog-tiles).

::

    checkpoint                  the head
    tile/0/x001/234             level 0: leaf hashes; tile 1234, full
    tile/1/004.p/210            level 1: roots of full tiles below; partial, 210 hashes wide
    tile/entries/x001/234       the entries, each after its length in two bytes, big-endian

A partial tile bears its width in its name, so that growing writes new files and changes none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from attestations.commitment import MerkleBuilder, node_hash, split
from attestations.errors import Code, LogRefused, Malformed, Unreadable
from attestations.storage import read_limited

WIDTH = 256
HEIGHT = 8  # levels of the tree in one tile: 2**8 is WIDTH
HASH = 32
ENTRIES = "entries"

_MAX_ENTRY = 2 + 65535  # bytes, with the length before it
_TILE = re.compile(r"(?P<level>entries|0|[1-9][0-9]?)/(?P<number>(x[0-9]{3}/)*[0-9]{3})(\.p/(?P<width>[1-9][0-9]{0,2}))?")  # noqa: E501 - one form, one line # fmt: skip


def tile_name(level: int | str, number: int, width: int) -> str:
    """Return the path of a tile or of a bundle of entries, relative to the log's folder."""
    digits = str(number)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[n : n + 3] for n in range(0, len(digits), 3)]
    path = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"tile/{level}/{path}" + ("" if width == WIDTH else f".p/{width}")


def parse_name(name: str) -> tuple[str, int, int] | None:
    """Return level, number and width of a path below ``tile/``; None if it is none of a tile."""
    match = _TILE.fullmatch(name)
    if match is None:
        return None
    number = int(match["number"].replace("x", "").replace("/", ""))
    width = int(match["width"] or WIDTH)
    level = match["level"]
    return (level, number, width) if f"tile/{name}" == tile_name(level, number, width) else None


def bundle(entries: list[bytes]) -> bytes:
    """Write entries one after another, each after its length."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def tile_root(hashes: list[bytes]) -> bytes:
    """Return the root over the hashes of a tile."""
    builder = MerkleBuilder()
    for each in hashes:
        builder.add(each)
    return builder.root()


class Tiles:
    """Reads a tree of `size` entries in a folder, of which nothing is believed.

    A file that is missing or of another form raises LogRefused, E_LOG_INCLUSION; one that is
    there and cannot be read raises Unreadable.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self.size = size
        self._kept: dict[tuple[int, int], list[bytes]] = {}

    def hashes(self, level: int, number: int) -> list[bytes]:
        """Return the hashes of one tile, as many as the tree's size gives it."""
        kept = self._kept.get((level, number))
        if kept is None:
            width = min(WIDTH, (self.size >> HEIGHT * level) - number * WIDTH)
            data = self._read(level, number, width, WIDTH * HASH)
            if len(data) not in {width * HASH, WIDTH * HASH}:
                raise LogRefused(Code.E_LOG_INCLUSION, "a tile of the log has another length")
            kept = [data[n * HASH : (n + 1) * HASH] for n in range(width)]
            self._kept[level, number] = kept
        return kept

    def span(self, low: int, high: int) -> bytes:
        """Return the root over the leaves from `low` to below `high`, a span of a proof."""
        count = high - low
        if count & (count - 1):
            middle = low + split(count)
            return node_hash(self.span(low, middle), self.span(middle, high))
        # A whole subtree: its leaves are 2**(height % 8) neighbours in one tile.
        level, rest = divmod(count.bit_length() - 1, HEIGHT)
        number, first = divmod(low >> HEIGHT * level, WIDTH)
        return tile_root(self.hashes(level, number)[first : first + (1 << rest)])

    def root(self) -> bytes:
        """Return the root over all."""
        return self.span(0, self.size) if self.size else tile_root([])

    def bundle(self, number: int) -> list[bytes]:
        """Return the entries of one bundle, as many as the tree's size gives it."""
        width = min(WIDTH, self.size - number * WIDTH)
        data = self._read(ENTRIES, number, width, WIDTH * _MAX_ENTRY)
        entries: list[bytes] = []
        at = 0
        while at < len(data) and len(entries) < width:
            end = at + 2 + int.from_bytes(data[at : at + 2], "big")
            entries.append(data[at + 2 : end])
            at = end
        if len(entries) < width or at > len(data):
            raise LogRefused(Code.E_LOG_INCLUSION, "a bundle of the log's entries breaks off")
        return entries

    def entries(self) -> Iterator[bytes]:
        """Return all entries in order."""
        for number in range(-(-self.size // WIDTH)):
            yield from self.bundle(number)

    def _read(self, level: int | str, number: int, width: int, limit: int) -> bytes:
        # A partial tile may go when the full one is there (tlog-tiles, "Partial Tiles").
        for each in (width, WIDTH):
            path = self._folder / tile_name(level, number, each)
            try:
                path.lstat()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise Unreadable(f"a tile of the log: {error.strerror}") from None
            try:
                return read_limited(path, limit, "a tile of the log")
            except Malformed:
                break
        raise LogRefused(Code.E_LOG_INCLUSION, "a tile of the log is missing, or no tile")
