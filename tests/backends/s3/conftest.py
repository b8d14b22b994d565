"""One real S3 server for all tests of the backend; a bucket, and where asked for a proxy, for each."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.loaders
import pytest
from botocore.exceptions import ClientError

from backends import s3
from backends.contract import (
    Context,
    Examination,
    Finding,
    Gap,
    Holding,
    Order,
    Result,
    Store,
    Unit,
)
from backends.reference import ReferenceMatcher
from demo.servers.seaweedfs import SeaweedFS
from tests.backends.s3.proxy import Proxy

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_numbers = itertools.count(1)
_clean: dict[tuple[str, bool], list[str]] = {}
IDS = [f"7c1f0000-0000-4000-8000-{n:012}" for n in range(60)]
MATCHER = ReferenceMatcher(private=IDS, person=[f"person{n}@dataset.example" for n in range(60)])


def text(*records: int, others: int = 0) -> bytes:
    """A delimited text with these records of the dataset and some of others."""
    lines = ["respondent_id,email,answer"]
    lines += [f"{IDS[n]},person{n}@dataset.example,answer {n}" for n in records]
    lines += [f"99990000-0000-4000-8000-{n:012},other{n}@else.example,hello" for n in range(others)]
    return ("\n".join(lines) + "\n").encode()


@pytest.fixture(scope="session", autouse=True)
def _one_loader() -> Iterator[None]:
    """Have all clients share the service models that botocore would parse anew for each."""
    loader = botocore.loaders.create_loader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.session.create_loader", lambda *_: loader)
        yield


@pytest.fixture(scope="session")
def server(seaweedfs: SeaweedFS) -> SeaweedFS:
    """The server of all tests; each test has a bucket of its own."""
    return seaweedfs


@pytest.fixture(scope="session")
def client(server: SeaweedFS) -> Iterator[S3Client]:
    """A plain client: the oracle, and the other program that writes."""
    client = server.client()
    yield client
    client.close()


class Place:
    """A fresh bucket, the tools to fill it, and a store on it."""

    def __init__(
        self,
        server: SeaweedFS,
        client: S3Client,
        tmp_path: Path,
        *,
        versioning: str = "",
        lock: bool = False,
    ) -> None:
        self.server = server
        self.client = client
        self.tmp_path = tmp_path
        self.altered = False
        self.stores: list[Store] = []
        # The first object of a bucket takes this server 0.2 s: clean buckets are used again.
        self.kept = _clean.setdefault((versioning, lock), [])
        if self.kept:
            self.name = self.kept.pop()
            return
        self.name = f"bucket-{next(_numbers)}"
        client.create_bucket(Bucket=self.name, ObjectLockEnabledForBucket=lock)
        if versioning:
            self.version(versioning)
        self.altered = False

    def version(self, status: str) -> None:
        self.altered = True
        configuration: Any = {"Status": status}
        self.client.put_bucket_versioning(Bucket=self.name, VersioningConfiguration=configuration)

    def put(self, key: str, body: bytes, **more: Any) -> str:
        """Write an object and return its version id."""
        answer = self.client.put_object(Bucket=self.name, Key=key, Body=body, **more)
        return answer.get("VersionId", "null")

    def upload(self, key: str, *parts: bytes, first: int = 1) -> str:
        """Begin an upload, with these parts, and return its id."""
        upload_id = self.client.create_multipart_upload(Bucket=self.name, Key=key)["UploadId"]
        for number, part in enumerate(parts, first):
            self.client.upload_part(
                Bucket=self.name, Key=key, UploadId=upload_id, PartNumber=number, Body=part
            )
        return upload_id

    def state(self) -> Mapping[tuple[str, str, str], str]:
        """Everything that is there: by key, version id and kind, a digest of its content."""
        found: dict[tuple[str, str, str], str] = {}
        for page in self.client.get_paginator("list_object_versions").paginate(Bucket=self.name):
            for v in page.get("Versions", ()):
                found[v["Key"], v["VersionId"], "object"] = self.digest(v["Key"], v["VersionId"])
            for m in page.get("DeleteMarkers", ()):
                found[m["Key"], m["VersionId"], "marker"] = ""
        for u in self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", ()):
            parts = self.client.list_parts(Bucket=self.name, Key=u["Key"], UploadId=u["UploadId"])
            found[u["Key"], u["UploadId"], "upload"] = ",".join(
                p["ETag"] for p in parts.get("Parts", ())
            )
        return found

    def digest(self, key: str, version_id: str) -> str:
        try:
            answer = self.client.get_object(Bucket=self.name, Key=key, VersionId=version_id)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return hashlib.sha256(answer["Body"].read()).hexdigest()

    def put_many(self, bodies: Mapping[str, bytes]) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self.put, *zip(*bodies.items(), strict=True)))

    def names(self) -> list[tuple[str, str, str]]:
        """What is there, without its content."""
        found: list[tuple[str, str, str]] = []
        for page in self.client.get_paginator("list_object_versions").paginate(Bucket=self.name):
            found += [(v["Key"], v["VersionId"], "object") for v in page.get("Versions", ())]
            found += [(m["Key"], m["VersionId"], "marker") for m in page.get("DeleteMarkers", ())]
        uploads = self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", ())
        return [*found, *((u["Key"], u["UploadId"], "upload") for u in uploads)]

    def close(self) -> None:
        """Close the stores; keep the bucket for another test if it can be emptied."""
        for store in self.stores:
            store.close()
        left = self.names()
        for key, upload_id, kind in left:
            if kind == "upload":
                self.client.abort_multipart_upload(Bucket=self.name, Key=key, UploadId=upload_id)
        versions: Any = [{"Key": k, "VersionId": v} for k, v, kind in left if kind != "upload"]
        for start in range(0, len(versions), 1000):
            batch: Any = {"Objects": versions[start : start + 1000]}
            self.client.delete_objects(Bucket=self.name, Delete=batch)
        if not self.names() and not self.altered:
            self.kept.append(self.name)

    def open(self, **settings: object) -> Store:
        given = {"endpoint_url": self.server.endpoint_url, "buckets": [self.name], **settings}
        store = s3.BACKEND.open("lake", given, Context(self.tmp_path, self.tmp_path))
        self.stores.append(store)
        return store


@pytest.fixture(autouse=True)
def _credentials(server: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def make_place(
    server: SeaweedFS, client: S3Client, tmp_path: Path
) -> Iterator[Callable[..., Place]]:
    places: list[Place] = []

    def make(**how: Any) -> Place:
        places.append(Place(server, client, tmp_path, **how))
        return places[-1]

    yield make
    for place in places:
        place.close()


@pytest.fixture
def plain(make_place: Callable[..., Place]) -> Place:
    return make_place()


@pytest.fixture
def versioned(make_place: Callable[..., Place]) -> Place:
    return make_place(versioning="Enabled")


@pytest.fixture
def locked(make_place: Callable[..., Place]) -> Place:
    return make_place(lock=True)


@pytest.fixture
def proxy(server: SeaweedFS) -> Iterator[Proxy]:
    proxy = Proxy(server.endpoint_url)
    yield proxy
    proxy.close()


def sweep(store: Store) -> tuple[list[Examination], list[Gap]]:
    """Examine everything, in as many threads as the store allows."""
    listed: list[Unit] = []
    gaps: list[Gap] = []
    for scope in store.scopes():
        assert scope.problem == ""
        for unit in store.units(scope.name):
            if isinstance(unit, Gap):
                gaps.append(unit)
            else:
                listed.append(unit)
    with ThreadPoolExecutor(store.traits.concurrency) as pool:
        examinations = list(pool.map(lambda unit: store.examine(unit, MATCHER), listed))
    gaps += [examination.gap for examination in examinations if examination.gap is not None]
    return examinations, gaps


def found(store: Store) -> list[Holding]:
    """The holdings, without companions."""
    return [holding for examination in sweep(store)[0] for holding in examination.holdings]


def units(store: Store, scope: str, after: str = "") -> list[Unit]:
    return [unit for unit in store.units(scope, after) if isinstance(unit, Unit)]


def order(holding: Holding, *, whole: bool = False, number: int = 0) -> Order:
    assert holding.whole is not None
    return Order(f"o{number}", holding, holding.whole, whole)


def plan(holdings: list[Holding], *, whole: bool = False) -> list[Order]:
    return [order(holding, whole=whole, number=n) for n, holding in enumerate(holdings)]


DESTROYED = (Result.DESTROYED, "")
ABSENT = (Finding.ABSENT, "")


def results(store: Any, orders: list[Order]) -> list[tuple[Result, str]]:
    answers = store.destroy(orders, MATCHER)
    assert [o.id for o in orders] == [a.order for a in answers]
    return [(a.result, a.reason) for a in answers]


def findings(store: Any, orders: list[Order]) -> list[tuple[Finding, str]]:
    answers = list(store.verify(orders, MATCHER))
    assert [o.id for o in orders] == [a.order for a in answers]
    return [(a.finding, a.reason) for a in answers]


def uploads(place: Place) -> list[Holding]:
    store = place.open()
    return [c for c in store.companions(found(store), MATCHER) if c.kind == "upload"]
