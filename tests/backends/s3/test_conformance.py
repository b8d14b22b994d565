"""The conformance suite, on buckets without versioning and with it."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from backends import s3
from backends.conformance import BackendConformance, Harness, Row
from backends.contract import Backend, SourceSpec
from tests.backends.s3.conftest import Place
from tests.backends.s3.proxy import Proxy


def as_csv(rows: Sequence[Row]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(Row._fields)
    writer.writerows(rows)
    return out.getvalue().encode()


class S3Harness(Harness):
    def __init__(
        self, scratch: Path, place: Place, proxy: Proxy, patch: pytest.MonkeyPatch
    ) -> None:
        super().__init__(scratch)
        self.place = place
        self.proxy = proxy
        self.patch = patch

    @property
    def backend(self) -> Backend:
        return s3.BACKEND

    @property
    def secrets(self) -> Sequence[str]:
        return [self.place.server.secret_key, self.place.server.access_key]

    def settings(self) -> Mapping[str, object]:
        return {"endpoint_url": self.proxy.url, "buckets": [self.place.name]}

    def plant(self, name: str, rows: Sequence[Row]) -> str:
        self.place.put(f"exports/{name}.csv", as_csv(rows))
        return f"{self.place.name}/exports/{name}.csv"

    def state(self) -> Mapping[str, bytes]:
        client, bucket = self.place.client, self.place.name
        listed = client.list_objects_v2(Bucket=bucket).get("Contents", ())
        return {
            f"{bucket}/{found['Key']}": client.get_object(Bucket=bucket, Key=found["Key"])[
                "Body"
            ].read()
            for found in listed
        }

    def key(self, locator: str) -> str:
        return locator.removeprefix(f"{self.place.name}/")

    def alter(self, locator: str, rows: Sequence[Row]) -> None:
        self.place.put(self.key(locator), as_csv(rows))

    def remove(self, locator: str) -> None:
        client, key = self.place.client, self.key(locator)
        for found in client.list_object_versions(Bucket=self.place.name, Prefix=key)["Versions"]:
            if found["Key"] == key:
                client.delete_object(Bucket=self.place.name, Key=key, VersionId=found["VersionId"])

    @contextlib.contextmanager
    def sever(self) -> Iterator[None]:
        with self.proxy.lying(lambda _request, _forward: None):
            yield

    @contextlib.contextmanager
    def deny(self, locator: str) -> Iterator[None]:
        del locator
        with self.patch.context() as patch:
            for name, value in self.place.server.environment("nobody").items():
                patch.setenv(name, value)
            yield

    def source(self, locator: str) -> SourceSpec:
        return SourceSpec("place", key=locator)


class TestUnversioned(
    BackendConformance, cannot={"partial": "S3 has no request that rewrites part of an object"}
):
    @pytest.fixture
    def harness(
        self, tmp_path: Path, plain: Place, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
    ) -> Harness:
        return S3Harness(tmp_path, plain, proxy, monkeypatch)


class TestVersioned(
    BackendConformance,
    cannot={
        "partial": "S3 has no request that rewrites part of an object",
        "alter": "a version with an id never changes: altering makes another version",
    },
):
    @pytest.fixture
    def harness(
        self, tmp_path: Path, versioned: Place, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
    ) -> Harness:
        return S3Harness(tmp_path, versioned, proxy, monkeypatch)
