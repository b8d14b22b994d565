"""What files are packed into."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile
from collections.abc import Callable, Mapping

import py7zr
import zstandard

Wrapper = Callable[[random.Random, bytes], bytes]

_NOTES = b"Nothing to see in this one.\n"


def _zip(rng: random.Random, data: bytes) -> bytes:
    file = io.BytesIO()
    method = rng.choice(
        (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    )
    with zipfile.ZipFile(file, "w", method) as archive:
        if rng.random() < 0.5:
            archive.writestr("a/readme.txt", _NOTES)
        archive.writestr("a/data", data)
    return file.getvalue()


def _tar(rng: random.Random, data: bytes, mode: str = "w") -> bytes:
    file = io.BytesIO()
    form = rng.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT))
    with tarfile.open(fileobj=file, mode=mode, format=form) as archive:  # type: ignore[call-overload]
        for name, content in (("a/readme.txt", _NOTES), ("a/data", data)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def _seven_zip(rng: random.Random, data: bytes) -> bytes:
    file = io.BytesIO()
    with py7zr.SevenZipFile(file, "w") as archive:
        archive.writestr(_NOTES, "readme.txt")
        archive.writestr(data, "data")
    return file.getvalue()


def _base64(rng: random.Random, data: bytes) -> bytes:
    return base64.encodebytes(data) if rng.random() < 0.7 else base64.b64encode(data)


WRAPPERS: Mapping[str, Wrapper] = {
    "none": lambda rng, data: data,
    "gzip": lambda rng, data: gzip.compress(data, rng.choice((1, 6, 9)), mtime=0),
    "bz2": lambda rng, data: bz2.compress(data),
    "xz": lambda rng, data: lzma.compress(data, preset=0),
    "zstd": lambda rng, data: zstandard.ZstdCompressor(level=rng.choice((1, 9))).compress(data),
    "zip": _zip,
    "tar": _tar,
    "tar.gz": lambda rng, data: _tar(rng, data, "w:gz"),
    "zip-in-tar.xz": lambda rng, data: lzma.compress(_tar(rng, _zip(rng, data)), preset=0),
    "7z": _seven_zip,
    "base64": _base64,
}
_WEIGHTS = [8 if name == "none" else 1 for name in WRAPPERS]


def draw(rng: random.Random) -> str:
    """Draw a wrapper; nearly half of all files have none."""
    return rng.choices(list(WRAPPERS), _WEIGHTS)[0]
