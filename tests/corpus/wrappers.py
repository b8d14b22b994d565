"""What files are packed into."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import random
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

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


_METHODS = {  # as 7-Zip's program names them
    "PPMd": ["-m0=PPMd"],
    "PPMd, short of memory": ["-m0=PPMd:mem=64k:o=16"],
    "BCJ2": ["-m0=BCJ2", "-m1=LZMA", "-m2=LZMA", "-m3=LZMA", "-mb0:1", "-mb0s1:2", "-mb0s2:3"],
    "Deflate64": ["-m0=Deflate64"],
    "Delta": ["-m0=Delta:4", "-m1=BZip2"],
}


def _seven_zip_by_7zip(rng: random.Random, data: bytes) -> bytes:
    """By 7-Zip itself, in methods that py7zr does not write."""
    method = rng.choice(list(_METHODS.values()))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for member, content in (("readme.txt", _NOTES), ("data", data)):
            (folder / member).write_bytes(content)
        command = [
            "7zz",
            "a",
            "-bd",
            "-mf=off",
            "-mtm-",
            *method,
            "packed.7z",
            "readme.txt",
            "data",
        ]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        return (folder / "packed.7z").read_bytes()


def _json_field(rng: random.Random, data: bytes) -> bytes:
    """As services hand on a file: base64 in a field, in one line or in several."""
    packed = base64.encodebytes(data) if rng.random() < 0.3 else base64.b64encode(data)
    upload = {"id": rng.getrandbits(32), "name": "upload", "content": packed.decode("ascii")}
    return json.dumps(upload, indent=rng.choice((None, 2))).encode()


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
    "7z-by-7zip": _seven_zip_by_7zip,
    "base64": _base64,
    "base64-in-json": _json_field,
}
_WEIGHTS = [8 if name == "none" else 1 for name in WRAPPERS]


def draw(rng: random.Random) -> str:
    """Draw a wrapper; nearly half of all files have none."""
    return rng.choices(list(WRAPPERS), _WEIGHTS)[0]
