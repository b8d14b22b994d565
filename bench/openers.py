"""How fast containers are opened, beside the program of each method reading the same file.

    python bench/openers.py [--size 200MB]

The text is a made-up log. What comes out is thrown away on both sides, one after the other.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
import lzma
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import zstandard

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from backends.content import Bounds, Limits, Member, Source, installed_openers

CHUNK = 256 << 10
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 6),
    "zstd": zstandard.ZstdCompressor(3).compress,
    "bz2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=1),
}
PROGRAMS = {"gzip": "gzip", "zstd": "zstd", "bz2": "bzip2", "xz": "xz"}


def log(size: int) -> bytes:
    rng, made = random.Random(1), io.BytesIO()
    while made.tell() < size:
        words = " ".join(rng.choices(("get", "put", "list", "user", "order", "late"), k=9))
        made.write(f"{rng.getrandbits(128):032x} {rng.randrange(10**6)} {words}\n".encode())
    return made.getvalue()


def chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            yield data


def opened(name: str, path: Path) -> float:
    """Return the seconds that an opener takes."""
    (opener,) = (each for each in installed_openers() if each.name == name)
    bounds = Bounds(Limits())
    begun = time.perf_counter()
    for part in opener.open(Source(chunks(path)), bounds):
        assert isinstance(part, Member)
        for _ in part.source.chunks():
            pass
    return time.perf_counter() - begun


def by_program(name: str, path: Path) -> float:
    begun = time.perf_counter()
    subprocess.run([PROGRAMS[name], "-dc", path], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="200MB", help="of the text, as in 200MB")
    size = int(parser.parse_args().size.removesuffix("MB")) * 10**6
    data = log(size)
    print(f"{'':8} {'opener':>12} {'program':>12}   ratio")
    with tempfile.TemporaryDirectory() as folder:
        for name, pack in PACK.items():
            path = Path(folder) / name
            path.write_bytes(pack(data))
            ours = opened(name, path)
            if shutil.which(PROGRAMS[name]) is None:
                print(f"{name:8} {size / ours / 1e6:7.0f} MB/s")
                continue
            theirs = by_program(name, path)
            rates = [f"{size / each / 1e6:7.0f} MB/s" for each in (ours, theirs)]
            print(f"{name:8} {rates[0]:>12} {rates[1]:>12}   {theirs / ours:.2f}")


if __name__ == "__main__":
    main()
