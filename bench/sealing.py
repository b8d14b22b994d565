"""How fast a file is sealed and opened, beside the ``age`` tool in the same run.

    python bench/sealing.py --size 1GB --rounds 5

A file of noise is sealed by each and opened by each, from the other's, in turn; the median of the
rounds counts, by the clock. Ours is durable when it is over; what the tool wrote is brought to the
disk in its time, too, so that both have done the same.
"""

from __future__ import annotations

import argparse
import os
import secrets
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from backends.agefile import identity_text, recipient_text
from bench.matcher import MEGA, judged, size_of
from shredder.observer import Nobody
from shredder.sealing.files import open_file, seal_file

PROMISED = 0.8


def by_age(output: Path, *words: str | Path) -> None:
    subprocess.run(["age", *words[:-1], "-o", output, words[-1]], check=True)
    fd = os.open(output, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def compare(what: str, size: int, rounds: int, *ways: Callable[[Path], None]) -> None:
    """Print how fast each way is, the tool first, and judge ours."""
    seconds: list[list[float]] = [[], []]
    output = Path("out")
    for _ in range(rounds):
        for way, taken in zip(ways, seconds, strict=True):
            start = time.perf_counter()
            way(output)
            taken.append(time.perf_counter() - start)
            output.unlink()
    theirs, ours = (statistics.median(each) for each in seconds)
    print(f"{what}: age {size / theirs / MEGA:.0f} MB/s, ours {size / ours / MEGA:.0f} MB/s")
    judged(f"{what}, of age", theirs / ours, PROMISED)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=size_of, default=size_of("1GB"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--in", dest="folder", type=Path, default=None)
    given = parser.parse_args()
    key = secrets.token_bytes(32)
    public = X25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()
    recipient = recipient_text(public)
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        os.chdir(name)
        plain, identity = Path("plain"), Path("identity")
        identity.write_text(f"{identity_text(key)}\n")
        with plain.open("wb") as file:
            for _ in range(given.size // MEGA):
                file.write(secrets.token_bytes(MEGA))
        compare(
            "sealing", given.size, given.rounds,
            lambda output: by_age(output, "-r", recipient, plain),
            lambda output: _sealed(plain, output, public),
        )  # fmt: skip
        by_age(Path("theirs"), "-r", recipient, plain)
        _sealed(plain, Path("ours"), public)
        compare(
            "opening", given.size, given.rounds,
            lambda output: by_age(output, "-d", "-i", identity, "ours"),
            lambda output: _opened(Path("theirs"), output, key),
        )  # fmt: skip
        os.chdir("/")


def _sealed(source: Path, output: Path, public: bytes) -> None:
    seal_file(source, output, public, Nobody())


def _opened(source: Path, output: Path, key: bytes) -> None:
    open_file(source, output, bytearray(key), "bench", Nobody())


if __name__ == "__main__":
    main()
