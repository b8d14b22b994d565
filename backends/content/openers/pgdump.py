"""pg_dump's own archives: the custom format, and the tables of contents of the other two.

An archive is a header, a table of contents, and in the custom format the data of each table and
large object: chunks with their lengths before them, which make up one stream, compressed or not.
Integers are a byte for the sign and some for the number, least byte first; strings have their
length before them. In the directory and tar formats the data are files of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

from backends.content import CHUNK, Bounds, Member, Opener, Part, Source, Stop
from backends.content.openers.compressed import Inflate, pump
from backends.content.openers.pgscript import CopyRows

_MAGIC = b"PGDMP"
_CUSTOM, _TAR, _DIRECTORY = 1, 3, 5
_TIME = 7  # integers that say when
# Versions of the format; a server's release that brought the change is named.
_OLDEST, _NEWEST = 10, 16  # 8.0 to 18
_SECTION, _ACCESS_METHOD, _ALGORITHM, _KIND = 11, 14, 15, 16  # 8.4, 12, 16, 17
_NONE, _GZIP, _LZ4, _ZSTD = range(4)
_DATA, _LARGE_OBJECTS = 1, 3  # kinds of data blocks
_LONGEST = 16 << 20  # bytes of a string in the table of contents


class PgDump(Opener):
    """Opens an archive front to back, which needs no table of where things are."""

    name = "pg_dump"

    def recognises(self, head: bytes) -> bool:
        """Tell by the magic number, and by the format."""
        return head.startswith(_MAGIC) and head[10:11] in b"\x01\x03\x05" and len(head) > 10

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield the definitions as one text, then each table and each large object."""
        source.exactly(len(_MAGIC))
        major, minor, _, int_size, offset_size, form = source.exactly(6)
        if major != 1 or not _OLDEST <= minor <= _NEWEST:
            raise Stop("container-not-opened")
        if int_size not in {4, 8} or offset_size not in {4, 8}:
            raise Stop("damaged-container")
        reader = _Reader(source, int_size)
        packed = source.exactly(1)[0] if minor >= _ALGORITHM else bool(reader.integer()) * _GZIP
        for _ in range(_TIME):
            reader.integer()
        begin = [reader.string() for _ in range(3)]  # the database, and two versions
        yield Member(Source(_definitions(reader, bounds, minor, form, offset_size, begin)))
        if form == _CUSTOM:
            yield from _data(reader, bounds, packed)


PG_DUMP = PgDump()


class _Reader:
    """Reads what archives are made of."""

    def __init__(self, source: Source, int_size: int) -> None:
        self.source = source
        self._size = int_size

    def integer(self) -> int:
        sign, *_ = found = self.source.exactly(1 + self._size)
        number = int.from_bytes(found[1:], "little")
        return -number if sign else number

    def string(self) -> bytes:
        """Return a string; one that is not there is empty."""
        return self._bytes(self.integer())

    def strings(self) -> Iterator[bytes]:
        """Yield strings up to one that is not there."""
        while (size := self.integer()) >= 0:
            yield self._bytes(size)

    def chunks(self) -> Iterator[bytes]:
        """Yield the chunks of one stream, up to the empty one that ends it."""
        while left := self.integer():
            if left < 0:
                raise Stop("damaged-container")
            while left:
                data = self.source.read(min(left, CHUNK))
                if not data:
                    raise Stop("damaged-container")
                left -= len(data)
                yield data

    def _bytes(self, size: int) -> bytes:
        if size > _LONGEST:
            raise Stop("bomb-limit")
        return self.source.exactly(max(size, 0))


def _definitions(
    reader: _Reader, bounds: Bounds, minor: int, form: int, offset_size: int, begin: list[bytes]
) -> Iterator[bytes]:
    """Yield the table of contents as text: names, comments, defaults may hold values."""
    yield b"\n".join(begin) + b"\n"
    for _ in range(reader.integer()):
        bounds.member()
        reader.integer()  # the entry's number
        reader.integer()  # whether it has data
        words = [reader.string() for _ in range(4)]  # two oids, its name, its kind
        if minor >= _SECTION:
            reader.integer()
        words += [reader.string() for _ in range(5)]  # three statements, schema, tablespace
        if minor >= _ACCESS_METHOD:
            words.append(reader.string())
        if minor >= _KIND:
            reader.integer()
        words += [reader.string() for _ in range(2)]  # the owner, and whether rows have oids
        yield b"\n".join(filter(None, words)) + b"\n"
        for _ in reader.strings():  # the numbers of what it depends on
            pass
        if form == _CUSTOM:
            reader.source.exactly(1 + offset_size)  # where its data are
        else:
            reader.string()  # in which file


def _data(reader: _Reader, bounds: Bounds, packed: int) -> Iterator[Part]:
    while block := reader.source.read(1):
        reader.integer()  # the entry's number
        if block[0] == _DATA:
            bounds.member()
            for part in _stream(reader, packed):
                # What LZ4 and zstd have packed is not seen here, but where it is opened.
                plain = packed in {_NONE, _GZIP}
                yield from CopyRows(part.source.chunks(), bounds).parts() if plain else (part,)
        elif block[0] == _LARGE_OBJECTS:
            while reader.integer():  # its oid
                bounds.member()
                yield from _stream(reader, packed)
        else:
            raise Stop("damaged-container")


def _stream(reader: _Reader, packed: int) -> Iterator[Member]:
    chunks = reader.chunks()
    if packed == _GZIP:
        yield Member(Source(pump(Inflate(15), Source(chunks))))
    elif packed in {_NONE, _LZ4, _ZSTD}:  # the latter two are known by their own first bytes
        yield Member(Source(chunks))
    else:
        raise Stop("container-not-opened")
    for _ in chunks:  # what was not asked for, as after a limit
        pass
