"""What the tests of text reading share: a dataset, its text, and wrappers round it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable

import lz4.frame
import py7zr
import zstandard

from backends.content import Dialect, Limits, Reading, examine_stream
from backends.reference import ReferenceMatcher

IDS = [f"resp{n:08}" for n in range(200)]
MATCHER = ReferenceMatcher(IDS, [f"person{n}@example.org" for n in range(200)])
HEADER = b"respondent_id,email,answer\n"
FOREIGN = b"elsewhere77,other@example.com,nothing of yours\n"


def record(number: int) -> bytes:
    return f'{IDS[number]},person{number}@example.org,"said ""{number}"", twice"\n'.encode()


RECORDS = b"".join(record(n) for n in range(200))
TEXT = HEADER + RECORDS


class Dribble(io.RawIOBase):
    """A stream that gives a few bytes at a time, and can do nothing but read."""

    def __init__(self, data: bytes, step: int) -> None:
        super().__init__()
        self._data, self._step, self._at = data, step, 0

    def read(self, size: int = -1, /) -> bytes:
        end = self._at + min(self._step, size if size >= 0 else self._step)
        piece, self._at = self._data[self._at : end], min(end, len(self._data))
        return piece


class Forward(io.RawIOBase):
    """A file that cannot seek: zipfile then writes sizes after the members."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        self.written += data
        return len(data)


def zipped(method: int = zipfile.ZIP_DEFLATED, /, **members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def zipped_forward(**members: bytes) -> bytes:
    file = Forward()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return bytes(file.written)


def stored_forward(**members: bytes) -> bytes:
    """An archive whose stored members have their sizes after them."""
    file = Forward()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return bytes(file.written)


def tarred(format_: int = tarfile.PAX_FORMAT, /, **members: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=format_) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def seven_zipped(
    *members: bytes, filters: list[dict[str, int]] | None = None, password: str | None = None
) -> bytes:
    file = io.BytesIO()
    with py7zr.SevenZipFile(file, "w", filters=filters, password=password) as archive:
        for number, content in enumerate(members):
            archive.writestr(content, f"m{number}")
    return file.getvalue()


WRAPPERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "lz4": lz4.frame.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
    "7z": seven_zipped,
    "zip": lambda data: zipped(a=data),
    "zip-stored": lambda data: zipped(zipfile.ZIP_STORED, a=data),
    "zip-bz2": lambda data: zipped(zipfile.ZIP_BZIP2, a=data),
    "zip-lzma": lambda data: zipped(zipfile.ZIP_LZMA, a=data),
    "zip-forward": lambda data: zipped_forward(a=data),
    "tar": lambda data: tarred(a=data),
    "tar-gnu": lambda data: tarred(tarfile.GNU_FORMAT, **{"long" * 60: data}),
    "tar-pax": lambda data: tarred(tarfile.PAX_FORMAT, **{"länger" * 60: data}),
}


def read(
    data: bytes,
    *,
    limits: Limits | None = None,
    dialect: Dialect | None = None,
    step: int = 1 << 20,
) -> Reading:
    return examine_stream(Dribble(data, step), MATCHER, limits=limits, dialect=dialect)
