"""How fast the objects of a bucket are examined, beside boto3 downloading the same objects.

    python bench/s3.py --size 512MB

The objects lie on a local SeaweedFS: some of 64 MB, more of 1 MB, one of a quarter of it all.
boto3 is used as its manual says, ``download_fileobj`` with its own threads and parts, for several
objects at once, to nowhere. Both in turn; the ratio is of their medians, and the promise is 0.8.
The server runs on the same processors as both readers, so what each of them took of these by
itself is told, too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from backends.contract import Context, Unit
from backends.s3 import BACKEND
from bench.matcher import KEY, MEGA, Survey, size_of, text
from demo.servers.seaweedfs import SeaweedFS
from shredder.fingerprint import FingerprintMatcher, enrol
from shredder.sweep.memory import keep_what_is_freed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PROMISED = 0.8
_THREADS = 8  # as many as a store of ours uses
_BUCKET = "lake"


class Nowhere:
    """Takes what is downloaded, at any place."""

    def write(self, data: bytes) -> int:
        return len(data)

    def seek(self, *_: object) -> int:
        return 0

    def seekable(self) -> bool:
        return True


def sizes(total: int) -> list[int]:
    large = [total // 4, *[64 * MEGA] * (total // 2 // (64 * MEGA))]
    return large + [MEGA] * ((total - sum(large)) // MEGA)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that passed, and those of this process's processor time."""
    begun, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begun, time.process_time() - used


def fill(client: S3Client, total: int) -> list[str]:
    """Write the objects; return their keys."""
    keys = []
    content = text(max(sizes(total)))
    client.create_bucket(Bucket=_BUCKET)
    for number, size in enumerate(sizes(total)):
        keys.append(f"exports/{number}.csv")
        client.put_object(Bucket=_BUCKET, Key=keys[-1], Body=content[:size])
    return keys


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=size_of, default=size_of("512MB"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, SeaweedFS(Path(folder, "server")) as server:
        base = Path(folder)
        client = server.client()
        keys = fill(client, given.size)
        enrol([Survey(given.tokens)], roles={}, key=KEY, path=base / "catalogue")
        matcher = FingerprintMatcher(base / "catalogue", KEY)
        os.environ.update(server.environment())
        settings = {"endpoint_url": server.endpoint_url, "buckets": [_BUCKET]}
        store = BACKEND.open("lake", settings, Context(base, base))
        units = [entry for entry in store.units(_BUCKET) if isinstance(entry, Unit)]
        total = sum(unit.size or 0 for unit in units)

        def download() -> None:
            def one(key: str) -> None:
                client.download_fileobj(_BUCKET, key, Nowhere())

            with ThreadPoolExecutor(_THREADS) as pool:
                list(pool.map(one, keys))

        def examine() -> None:
            with ThreadPoolExecutor(_THREADS) as pool:
                seen = list(pool.map(lambda unit: store.examine(unit, matcher), units))
            if sum(each.bytes_read for each in seen) != total or any(e.gap for e in seen):
                raise SystemExit("not all was examined")

        keep_what_is_freed()  # as a sweep does
        examine()  # compiles, and warms the cache
        download()
        downloads, examinations = [], []
        for _ in range(given.rounds):
            downloads.append(timed(download))
            examinations.append(timed(examine))
        store.close()
    print(f"{total / MEGA:.0f} MB in {len(units)} objects, {given.tokens:,} tokens")
    for name, taken in (("boto3 downloads", downloads), ("examined", examinations)):
        passed, used = (statistics.median(column) for column in zip(*taken, strict=True))
        print(
            f"{name:16} {passed:6.2f} s {total / passed / MEGA:6.0f} MB/s, "
            f"{used:6.2f} s of processor time"
        )
    ratio = statistics.median(d for d, _ in downloads) / statistics.median(
        e for e, _ in examinations
    )
    print(f"ratio {ratio:.2f} (promised: {PROMISED}) {'PASS' if ratio >= PROMISED else 'short'}")
    return 0 if ratio >= PROMISED else 1


if __name__ == "__main__":
    raise SystemExit(main())
