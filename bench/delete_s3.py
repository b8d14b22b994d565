"""How fast object versions are destroyed, beside s5cmd removing as many.

    python bench/delete_s3.py --versions 20000

Each has a bucket of its own on one local SeaweedFS, half of the versions on top of the other half.
`s5cmd rm --all-versions` lists the bucket and deletes what it has listed; where it is not
installed, boto3 does the same in 16 threads, and that is said. The store is handed its orders as a
run hands them, batch after batch: each is compared with the listing, deleted, and listed again, and
what it answers is durable. Looking for residue is timed by itself: the peer does none of it.
The promise is 0.9 of the peer's speed.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.contract import (
    Context,
    Finding,
    Holding,
    Order,
    Result,
    Store,
    Technique,
    Unit,
    Verdict,
)
from backends.reference import ReferenceMatcher
from backends.s3 import BACKEND
from demo.servers.seaweedfs import SeaweedFS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PROMISED = 0.9
_THREADS = 16
_MATCHER = ReferenceMatcher(["7c1f0000-0000-4000-8000-000000000001"], [])
_MEGA = 1 << 20


@dataclass(frozen=True)
class Bucket:
    """A bucket that was filled, to be emptied by one contestant."""

    client: S3Client
    name: str

    def fill(self, versions: int) -> None:
        self.client.create_bucket(Bucket=self.name)
        self.client.put_bucket_versioning(
            Bucket=self.name, VersioningConfiguration={"Status": "Enabled"}
        )

        def put(number: int) -> None:
            key = f"exports/{number % 100:02}/{number // 200:05}.csv"
            self.client.put_object(
                Bucket=self.name, Key=key, Body=f"id,answer\n{number}\n".encode()
            )

        for half in (0, 1):  # an older and a newer version of each key
            numbers = [n for n in range(versions) if n // 100 % 2 == half]
            with ThreadPoolExecutor(_THREADS) as pool:
                list(pool.map(put, numbers))

    def left(self) -> int:
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.name)
        return sum(len(p.get("Versions", ())) + len(p.get("DeleteMarkers", ())) for p in pages)


def by_s5cmd(bucket: Bucket, server: SeaweedFS) -> None:
    command = ["s5cmd", "--endpoint-url", server.endpoint_url, "--log", "error", "rm"]
    subprocess.run(
        [*command, "--all-versions", f"s3://{bucket.name}/*"],
        env={**os.environ, **server.environment()},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def by_boto3(bucket: Bucket, server: SeaweedFS) -> None:
    del server

    def delete(page: Any) -> None:
        found = [
            {"Key": v["Key"], "VersionId": v["VersionId"]}
            for v in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
        ]
        wanted: Any = {"Objects": found, "Quiet": True}
        bucket.client.delete_objects(Bucket=bucket.name, Delete=wanted)

    pages = bucket.client.get_paginator("list_object_versions").paginate(Bucket=bucket.name)
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(delete, pages))


def orders_of(store: Store, bucket: str) -> list[Order]:
    """An order for each version, as a plan has them."""
    orders: list[Order] = []
    for unit in store.units(bucket):
        assert isinstance(unit, Unit)
        holding = Holding(
            store.name, bucket, unit.locator, unit.version, unit.kind, Verdict.COPY, 1, 0,
            unit.size,
            whole=Technique.DELETE_VERSION,
        )  # fmt: skip
        orders.append(Order(f"o{len(orders)}", holding, Technique.DELETE_VERSION, whole=False))
    return orders


def batches(orders: list[Order], size: int) -> list[list[Order]]:
    return [orders[start : start + size] for start in range(0, len(orders), size)]


def destroy(store: Store, orders: list[Order]) -> None:
    for batch in batches(orders, store.traits.batch):
        for answer in store.destroy(batch, _MATCHER):
            if answer.result is not Result.DESTROYED:
                raise SystemExit(f"not destroyed: {answer.reason}")


def verify(store: Store, orders: list[Order]) -> None:
    for batch in batches(orders, 256):
        for answer in store.verify(batch, _MATCHER):
            if answer.finding is not Finding.ABSENT:
                raise SystemExit(f"not verified: {answer.reason}")


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / _MEGA


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--versions", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    peer = ("s5cmd", by_s5cmd) if shutil.which("s5cmd") else ("boto3 in 16 threads", by_boto3)
    theirs, ours, looked = [], [], []
    with tempfile.TemporaryDirectory() as folder, SeaweedFS(Path(folder, "server")) as server:
        client = server.client()
        os.environ.update(server.environment())
        for number in range(given.rounds):
            one, two = Bucket(client, f"theirs-{number}"), Bucket(client, f"ours-{number}")
            one.fill(given.versions)
            two.fill(given.versions)
            settings = {"endpoint_url": server.endpoint_url, "buckets": [two.name]}
            store = BACKEND.open("lake", settings, Context(Path(folder), Path(folder)))
            orders, before = orders_of(store, two.name), peak()
            for turn in (number, number + 1):  # each is the first as often as the second
                begun = time.perf_counter()
                if turn % 2:
                    destroy(store, orders)
                    ours.append(time.perf_counter() - begun)
                else:
                    peer[1](one, server)
                    theirs.append(time.perf_counter() - begun)
            print(f"round {number}: {peer[0]} {theirs[-1]:.2f} s, ours {ours[-1]:.2f} s, "
                  f"{peak() - before:.0f} MiB more at the peak")  # fmt: skip
            begun = time.perf_counter()
            verify(store, orders)
            looked.append(time.perf_counter() - begun)
            store.close()
            if one.left() or two.left():
                raise SystemExit("not all is gone")
    ratio = statistics.median(theirs) / statistics.median(ours)
    print(
        f"{given.versions:,} versions; looking for residue took {statistics.median(looked):.2f} s"
    )
    verdict = "PASS" if ratio >= PROMISED else "short"
    print(f"ratio to {peer[0]} {ratio:.2f} (promised: {PROMISED}) {verdict}")
    return 0 if ratio >= PROMISED else 1


if __name__ == "__main__":
    raise SystemExit(main())
