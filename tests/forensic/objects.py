"""A SeaweedFS whose directory is on a loop image, canaries in all that it keeps, and how they go.

Each canary is random but for its first letters and its last five, which check the others: no packer
finds anything to leave out of it, so that it stands as it is also in blocks of Snappy's; what was
packed by gzip is unpacked wherever its head is found in the raw image. Nothing here is the product's
but what is called as the product.
"""

from __future__ import annotations

import os
import random
import re
import string
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends import s3
from backends.contract import Context, Finding, Gap, Holding, Order, Result, Store
from demo.servers.seaweedfs import SeaweedFS
from shredder.fingerprint import FingerprintMatcher, enrol
from tests.forensic.images import Image, Kind, mounted

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OBJECTS = 60  # keys, each with two versions
PLACES = ("bodies", "keys", "tags", "metadata")
_CANARY = re.compile(rb"KqZ[A-Za-z]{10}[0-9]{5}")
_STEP = 16 << 20
_KEY = bytes(range(32))
_KIND = Kind(("mkfs.ext4", "-q"), size=800 << 20)
_BUCKET, _OTHERS = "lake", "others"


def _checked(text: str) -> str:
    """Five digits that check the letters."""
    return f"{zlib.crc32(text.encode()) % 100_000:05}"


def _canaries(seed: int) -> dict[str, list[str]]:
    """Canaries by place."""
    dice = random.Random(seed)

    def one() -> str:
        text = "KqZ" + "".join(dice.choices(string.ascii_letters, k=10))
        return text + _checked(text)

    numbers = {"bodies": 2 * OBJECTS, "keys": OBJECTS, "tags": 2 * OBJECTS, "metadata": 2 * OBJECTS}
    return {place: [one() for _ in range(numbers[place])] for place in PLACES}


@dataclass(frozen=True)
class _Rows:
    """The canaries as a source's records."""

    canaries: Sequence[str]
    columns = ("id", "answer")
    locator = ""

    def __iter__(self) -> Iterator[tuple[str | None, ...]]:
        return iter([(each, "7") for each in self.canaries])


@dataclass
class World:
    """The server, what was laid in it, and the image it lies on."""

    image: Image
    server: SeaweedFS
    planted: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @cached_property
    def client(self) -> S3Client:
        return self.server.client()

    def plant(self) -> None:
        """Lay two versions of each key, a marker on some, uploads on some, and others' objects."""
        self.planted = _canaries(seed=7)
        client = self.client
        for bucket in (_BUCKET, _OTHERS):
            client.create_bucket(Bucket=bucket)
            on: Any = {"Status": "Enabled"}
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=on)
        for number in range(2 * OBJECTS):
            key = self.key(number % OBJECTS)
            body = f"id,answer\n{self.planted['bodies'][number]},7\n".encode()
            client.put_object(
                Bucket=_BUCKET,
                Key=key,
                Body=body,
                Tagging=f"case={self.planted['tags'][number]}",
                Metadata={"note": self.planted["metadata"][number]},
            )
            client.put_object(
                Bucket=_BUCKET if number % 2 else _OTHERS,
                Key=f"keep/{number % OBJECTS}.csv",
                Body=f"someone else's, {number}\n".encode() * 9,
                Tagging=f"owner=other{number}",
                Metadata={"note": f"theirs {number}"},
            )
            if number % 8 == 0:
                upload = client.create_multipart_upload(Bucket=_BUCKET, Key=key)["UploadId"]
                client.upload_part(
                    Bucket=_BUCKET, Key=key, UploadId=upload, PartNumber=1, Body=body
                )
        for number in range(0, OBJECTS, 4):
            client.delete_object(Bucket=_BUCKET, Key=self.key(number))

    def key(self, number: int) -> str:
        """Some are in a folder of the same name, which the server removes and logs by itself."""
        name = self.planted["keys"][number]
        return f"exports/{name}/{name}.csv" if number % 3 == 0 else f"exports/{name}.csv"

    def others(self) -> dict[tuple[str, str, str], object]:
        """Everything that is nobody's of the dataset: content, metadata, tags, times."""
        found: dict[tuple[str, str, str], object] = {}
        for bucket in (_BUCKET, _OTHERS):
            pages = self.client.get_paginator("list_object_versions").paginate(
                Bucket=bucket, Prefix="keep/"
            )
            for version in (each for page in pages for each in page.get("Versions", ())):
                where: Any = {
                    "Bucket": bucket, "Key": version["Key"], "VersionId": version["VersionId"],
                }  # fmt: skip
                answer = self.client.get_object(**where)
                tags = self.client.get_object_tagging(**where)["TagSet"]
                found[bucket, version["Key"], version["VersionId"]] = (
                    answer["Body"].read(), answer["Metadata"], answer["LastModified"],
                    answer["ETag"], version["IsLatest"], tags,
                )  # fmt: skip
        return found

    def store(self, **settings: object) -> Store:
        os.environ.update(self.server.environment())
        given = {"endpoint_url": self.server.endpoint_url, "buckets": [_BUCKET], **settings}
        context = Context(self.image.file.parent, self.image.file.parent)
        return s3.BACKEND.open("lake", given, context)

    def adapted(self, **more: object) -> Store:
        """The store that knows what server it is, and may look at its files."""
        return self.store(
            **more,
            server="seaweedfs",
            master=self.server.master_url,
            filer=self.server.filer_url,
            data_directory=str(self.server.directory / "data"),
        )

    @cached_property
    def matcher(self) -> FingerprintMatcher:
        """The product's, enrolled with the canaries as the records' identifiers."""
        every = [each for place in PLACES for each in self.planted[place]]
        path = self.image.file.parent / "catalogue"
        enrol([_Rows(every)], roles={}, key=_KEY, path=path)
        return FingerprintMatcher(path, _KEY)

    def found(self) -> dict[str, int]:
        """How many of the canaries stand anywhere in the raw image, by place."""
        seen = _search(self.image.file)
        return {place: len(seen.intersection(self.planted[place])) for place in PLACES}


@contextmanager
def world(folder: Path, *, with_log: bool = False, folders_stay: int = 1) -> Iterator[World]:
    """Mount an image, and start a server on it; `with_log`: one that logs to it, too.

    `folders_stay`: as in SeaweedFS; a server waits two minutes unless it is told.
    """
    with mounted(_KIND, folder) as image:
        server = SeaweedFS(image.place / "server", folders_stay=folders_stay)
        if not with_log:  # who does not name it leaves keys there
            server.log = folder / "seaweedfs.log"
        server.start()
        try:
            yield World(image, server)
        finally:
            server.stop()


def _search(file: Path) -> set[str]:
    found: set[str] = set()
    tail = b""
    with file.open("rb") as raw:
        while data := raw.read(_STEP):
            data, tail = tail + data, data[-(64 << 10) :]
            if not data.strip(b"\0"):
                continue
            found |= _in(data)
            at = data.find(b"\x1f\x8b\x08")
            while at >= 0:
                found |= _in(_unpacked(data[at : at + (64 << 10)]))
                at = data.find(b"\x1f\x8b\x08", at + 1)
    return found


def _in(data: bytes) -> set[str]:
    every = {match.decode() for match in _CANARY.findall(data)}
    return {each for each in every if _checked(each[:-5]) == each[-5:]}


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(31).decompress(data, 1 << 20)
    except zlib.error:
        return b""


# --- how they go ---


def holdings(world: World, store: Store) -> list[Holding]:
    """What a sweep finds, in the order of a plan."""
    found: list[Holding] = []
    for scope in store.scopes():
        for unit in store.units(scope.name):
            if not isinstance(unit, Gap):
                found += store.examine(unit, world.matcher).holdings
    known = {(each.scope, each.locator, each.version) for each in found}
    for companion in store.companions(found, world.matcher):
        if (companion.scope, companion.locator, companion.version) not in known:
            found.append(companion)
    return sorted(found, key=lambda each: (each.whole.stage if each.whole else 0, _phase(each)))


def _phase(holding: Holding) -> int:
    phase = holding.details.get("phase", 0)
    assert isinstance(phase, int)
    return phase


def destroyed(world: World, store: Store) -> list[Order]:
    """Destroy all of it, as a run does; return the orders."""
    found = holdings(world, store)
    orders = [
        Order(f"order-{number}", each, each.whole, whole=True)
        for number, each in enumerate(found)
        if each.whole is not None
    ]
    for stage in (0, 1, 2):
        batch = [order for order in orders if order.technique.stage == stage]
        if not batch:
            continue
        for answer in store.destroy(batch, world.matcher):
            if answer.result is not Result.DESTROYED:
                raise SystemExit(f"not destroyed: {answer.reason}")
    return orders


def remove(world: World) -> None:
    """Remove each key, as ``aws s3 rm`` does."""
    client = world.client
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=_BUCKET, Prefix="exports/"):
        for found in page.get("Contents", ()):
            client.delete_object(Bucket=_BUCKET, Key=found["Key"])


def remove_versions(world: World) -> None:
    """Remove each version and marker, and abort the uploads."""
    client = world.client
    pages = client.get_paginator("list_object_versions").paginate(Bucket=_BUCKET, Prefix="exports/")
    for page in pages:
        every = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        named: Any = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in every]
        client.delete_objects(Bucket=_BUCKET, Delete={"Objects": named})
    for upload in client.list_multipart_uploads(Bucket=_BUCKET).get("Uploads", ()):
        client.abort_multipart_upload(
            Bucket=_BUCKET, Key=upload["Key"], UploadId=upload["UploadId"]
        )


def shredded(world: World) -> None:
    """Destroy, and verify, through the buckets alone."""
    store = world.store()
    _verified(world, store, destroyed(world, store))


def shredded_in_server(world: World) -> None:
    """The same, and have the server let go of it."""
    store = world.adapted()
    _verified(world, store, destroyed(world, store))


def shredded_and_scrubbed(world: World) -> None:
    """The same, and write over what the file system below has freed, while the server runs."""
    store = world.adapted(scrub=True)
    _verified(world, store, destroyed(world, store))


def _verified(world: World, store: Store, orders: Sequence[Order]) -> None:
    for answer in store.verify(orders, world.matcher):
        if answer.finding is not Finding.ABSENT:
            raise SystemExit(f"not verified: {answer.reason}")


METHODS: Mapping[str, Callable[[World], None]] = {
    "`aws s3 rm`": remove,
    "all versions deleted": remove_versions,
    "`shredder destroy`": shredded,
    "the same, with `server`": shredded_in_server,
    "the same, with `scrub`": shredded_and_scrubbed,
}


def left(method: Callable[[World], None]) -> dict[str, int]:
    """How many canaries are in the raw image after a method, and how many there were before."""
    with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as here:
        here.plant()
        method(here)
        here.server.stop()
        here.image.unmount()
        return here.found()


def table() -> str:
    """Return the row as Markdown."""
    numbers = [" / ".join(map(str, left(method).values())) for method in METHODS.values()]
    lines = [f"| | {' | '.join(METHODS)} |", f"| --- |{' --- |' * len(METHODS)}"]
    return "\n".join([*lines, f"| SeaweedFS | {' | '.join(numbers)} |"])
