"""The header of a 7z archive (7zFormat.txt of the LZMA SDK): where which streams lie."""

from __future__ import annotations

from dataclasses import dataclass, field

from backends.content import Stop

(_END, _HEADER, _ARCHIVE_PROPERTIES, _ADDITIONAL, _MAIN, _FILES, _PACK, _UNPACK, _SUBSTREAMS) = (
    range(9)
)
_SIZE, _CRC, _FOLDER, _UNPACK_SIZE, _NUMBER = 0x09, 0x0A, 0x0B, 0x0C, 0x0D
ENCODED, PLAIN = 0x17, _HEADER
START = 32  # bytes before the first packed stream
_STREAMS = 32  # that go into the methods of a folder, at most


@dataclass(slots=True)
class Coder:
    """One method of a folder."""

    method: bytes
    properties: bytes
    feeds: tuple[int, ...]  # what goes in: another coder, or ``~n`` for the nth packed stream
    size: int = 0  # of what comes out


@dataclass(slots=True)
class Folder:
    """Packed streams, the tree of methods that they go through, and the files that come out."""

    coders: list[Coder]
    root: int  # the coder that comes last
    packed: int  # streams
    crc: int | None = None
    streams: list[tuple[int, int]] = field(default_factory=list)  # offset, size
    files: list[tuple[int, int | None]] = field(default_factory=list)  # size, CRC-32

    @property
    def size(self) -> int:
        """Bytes that come out in the end."""
        return self.coders[self.root].size


class Header:
    """A cursor in a header's bytes. Raises Stop where they do not make sense."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def byte(self) -> int:
        """Take a byte."""
        return self.take(1)[0]

    def take(self, size: int) -> bytes:
        """Take bytes."""
        if size > len(self._data) - self._at:
            raise Stop("damaged-container")
        self._at += size
        return self._data[self._at - size : self._at]

    def number(self) -> int:
        """Take a number: as many leading ones in its first byte as bytes follow."""
        first, mask, value = self.byte(), 0x80, 0
        for place in range(8):
            if not first & mask:
                return value | (first & (mask - 1)) << (8 * place)
            value |= self.byte() << (8 * place)
            mask >>= 1
        return value

    def count(self) -> int:
        """Take a number of things that are yet to come, each a byte at the least."""
        number = self.number()
        if number > len(self._data) - self._at:
            raise Stop("damaged-container")
        return number

    def expect(self, kind: int) -> None:
        """Take a byte that must be this."""
        if self.byte() != kind:
            raise Stop("damaged-container")

    def main_streams(self) -> list[Folder]:
        """Take a plain header up to where the streams of files are told."""
        kind = self.byte()
        if kind == _ARCHIVE_PROPERTIES:
            while self.byte() != _END:
                self.take(self.count())
            kind = self.byte()
        if kind == _ADDITIONAL:
            self.streams()
            kind = self.byte()
        return self.streams() if kind == _MAIN else []

    def streams(self) -> list[Folder]:
        """Take what is told of a set of streams."""
        offset, sizes = 0, list[int]()
        folders: list[Folder] = []
        kind = self.byte()
        if kind == _PACK:
            offset, sizes = self._packed()
            kind = self.byte()
        if kind == _UNPACK:
            folders = self._folders()
            kind = self.byte()
        for folder in folders:
            mine, sizes = sizes[: folder.packed], sizes[folder.packed :]
            if len(mine) < folder.packed:
                raise Stop("damaged-container")
            for size in mine:
                folder.streams.append((offset, size))
                offset += size
            folder.files = [(folder.size, folder.crc)]
        if kind == _SUBSTREAMS:
            self._substreams(folders)
            kind = self.byte()
        if kind != _END:
            raise Stop("damaged-container")
        return folders

    def _packed(self) -> tuple[int, list[int]]:
        offset, number = self.number(), self.count()
        sizes: list[int] = []
        while (kind := self.byte()) != _END:
            if kind == _SIZE:
                sizes = [self.number() for _ in range(number)]
            elif kind == _CRC:
                self._digests(number)
            else:
                raise Stop("damaged-container")
        return offset, sizes

    def _folders(self) -> list[Folder]:
        self.expect(_FOLDER)
        number = self.count()
        self.expect(0)  # not in another stream
        folders = [self._folder() for _ in range(number)]
        self.expect(_UNPACK_SIZE)
        for folder in folders:
            for coder in folder.coders:
                coder.size = self.number()
        while (kind := self.byte()) != _END:
            if kind != _CRC:
                raise Stop("damaged-container")
            for folder, crc in zip(folders, self._digests(number), strict=True):
                folder.crc = crc
        return folders

    def _folder(self) -> Folder:
        coders: list[Coder] = []
        ins = 0
        for _ in range(self.count()):
            flags = self.byte()
            method = self.take(flags & 0x0F)
            taken, given = (self.count(), self.count()) if flags & 0x10 else (1, 1)
            if given != 1 or ins + taken > _STREAMS:
                raise Stop("container-not-opened")
            properties = self.take(self.count()) if flags & 0x20 else b""
            coders.append(Coder(method, properties, tuple(range(ins, ins + taken))))
            ins += taken
        bound = {self.number(): self.number() for _ in coders[1:]}
        packed = ins - len(bound)
        if packed < 1:
            raise Stop("damaged-container")
        places = [self.number() for _ in range(packed)] if packed > 1 else []
        places = places or [n for n in range(ins) if n not in bound]
        feeds = bound | {place: ~number for number, place in enumerate(places)}
        (root, *others) = set(range(len(coders))) - set(bound.values()) or {-1}
        # So that they are a tree: each goes into one other.
        if others or root < 0 or set(feeds) != set(range(ins)):
            raise Stop("damaged-container")
        for coder in coders:
            coder.feeds = tuple(feeds[place] for place in coder.feeds)
        return Folder(coders, root, packed)

    def _substreams(self, folders: list[Folder]) -> None:
        numbers = [1] * len(folders)
        kind = self.byte()
        if kind == _NUMBER:
            numbers = [self.number() for _ in folders]
            kind = self.byte()
        sized = kind == _SIZE
        for folder, number in zip(folders, numbers, strict=True):
            sizes = [self.number() for _ in range(number - 1)] if sized else []
            if number != 1 and (len(sizes) != max(0, number - 1) or sum(sizes) > folder.size):
                raise Stop("damaged-container")
            sizes += [folder.size - sum(sizes)] if number else []
            folder.files = [(size, folder.crc if number == 1 else None) for size in sizes]
        kind = self.byte() if sized else kind
        while kind != _END:
            if kind != _CRC:
                raise Stop("damaged-container")
            self._checks(folders)
            kind = self.byte()

    def _checks(self, folders: list[Folder]) -> None:
        """Take the checksums of all files that do not share their folder's."""
        open_ = [f for f in folders if not (len(f.files) == 1 and f.crc is not None)]
        digests = iter(self._digests(sum(len(f.files) for f in open_)))
        for folder in open_:
            folder.files = [(size, next(digests)) for size, _ in folder.files]

    def _digests(self, number: int) -> list[int | None]:
        known = [True] * number
        if not self.byte():
            bits = self.take(-(-number // 8))
            known = [bool(bits[n // 8] >> (7 - n % 8) & 1) for n in range(number)]
        return [int.from_bytes(self.take(4), "little") if k else None for k in known]
