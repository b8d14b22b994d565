"""The demo's buckets: objects, old versions, a delete marker, an unfinished upload."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from demo.survey import NAME, Record, as_csv

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
VERSIONED = "lake"
PLAIN = "scratch"


@dataclass(frozen=True, slots=True)
class _Version:
    bucket: str
    key: str
    version: str


class Buckets:
    """``lake``, which keeps versions, and ``scratch``, which does not."""

    def __init__(self, client: S3Client) -> None:
        self.client = client
        self.holdings: dict[tuple[str, str, str], int] = {}  # bucket, key, version -> records
        self.upload_keys: set[str] = set()  # keys of the survey with an unfinished upload
        self._ids: frozenset[bytes] = frozenset()

    def plant(
        self, survey: Sequence[Record], others: Sequence[Record], *, with_undecidable: bool
    ) -> None:
        """Fill the buckets, which must not be there yet."""
        self._ids = frozenset(row.respondent_id.encode() for row in survey)
        self.client.create_bucket(Bucket=VERSIONED)
        self.client.put_bucket_versioning(
            Bucket=VERSIONED, VersioningConfiguration={"Status": "Enabled"}
        )
        self.client.create_bucket(Bucket=PLAIN)
        current = f"exports/{NAME}.csv"
        self._hold(VERSIONED, current, as_csv(survey[:5000]).encode(), survey[:5000])
        self._begin_upload(VERSIONED, current, as_csv(survey[:900]).encode())
        self.upload_keys.add(current)
        for some in (survey[5000:6200], survey[5000:6500]):
            self._hold(VERSIONED, "exports/weekly.csv", as_csv(some).encode(), some)
        self._put(VERSIONED, "exports/weekly.csv", as_csv(others[:700]).encode())
        some = survey[6500:7500]
        self._hold(VERSIONED, "exports/withdrawn.csv", as_csv(some).encode(), some)
        self.client.delete_object(Bucket=VERSIONED, Key="exports/withdrawn.csv")
        some = survey[7500:9000]
        packed = gzip.compress(as_csv(some).encode(), mtime=0)
        self._hold(PLAIN, "tmp/ line\nbreak/..q2 (1).csv.gz", packed, some)
        self._plant_decoys(others)
        if with_undecidable:
            mixed = as_csv([*others[:50], *survey[:3]]).encode()
            self._hold(VERSIONED, "reports/mixed.csv", mixed, survey[:3])
            self._begin_upload(VERSIONED, "canteen/orders.csv", as_csv(others[:300]).encode())

    def _plant_decoys(self, others: Sequence[Record]) -> None:
        # A key that begins with another's key: whoever deletes by prefix takes it along.
        trap = f"exports/{NAME}.csv.questions.txt"
        self._put(VERSIONED, trap, b"1. What do you use it for?\n2. What do you wish for?\n")
        self._put(VERSIONED, f"exports/{NAME}x/menu.csv", as_csv(others[:100]).encode())
        for some in (others[:800], others[:900]):
            self._put(VERSIONED, "canteen/orders.csv", as_csv(some).encode())
        self._put(VERSIONED, "canteen/closed.csv", as_csv(others[900:1000]).encode())
        self.client.delete_object(Bucket=VERSIONED, Key="canteen/closed.csv")
        self._put(PLAIN, "tmp/q2.csv.gz", gzip.compress(as_csv(others[:50]).encode(), mtime=0))

    def _hold(self, bucket: str, key: str, content: bytes, rows: Sequence[Record]) -> None:
        self.holdings[bucket, key, self._put(bucket, key, content)] = len(rows)

    def _put(self, bucket: str, key: str, content: bytes) -> str:
        answer = self.client.put_object(Bucket=bucket, Key=key, Body=content)
        return answer.get("VersionId", "null")

    def _begin_upload(self, bucket: str, key: str, content: bytes) -> None:
        upload = self.client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        self.client.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=content)

    def decoys(self) -> dict[str, str]:
        """Digest each version, delete marker and upload that does not belong to a holding."""
        held = {(bucket, key) for bucket, key, _ in self.holdings}
        found = {}
        for version, status, content in self._versions():
            place = (version.bucket, version.key, version.version)
            # A marker on a holding's key belongs to the holding: it tells the key's name.
            if place not in self.holdings and (content is not None or place[:2] not in held):
                body = hashlib.sha256(content or b"").hexdigest()
                found[_label(version)] = f"{status} {body}"
        for bucket, key, upload in self._uploads():
            if key not in self.upload_keys:
                found[f"s3: upload on {bucket}/{key!r}"] = upload
        return found

    def survivors(self) -> dict[str, int]:
        """Count the respondents in each version; an upload on a holding's key counts as one."""
        counts = {}
        for version, _, content in self._versions():
            text = content or b""
            if text.startswith(b"\x1f\x8b"):
                text = gzip.decompress(text)
            counts[_label(version)] = len(set(_UUID.findall(text)) & self._ids)
        for bucket, key, upload in self._uploads():
            counts[f"s3: upload {upload} on {bucket}/{key!r}"] = int(key in self.upload_keys)
        return counts

    def _versions(self) -> Iterator[tuple[_Version, str, bytes | None]]:
        """Yield each version of each bucket with its state and content; a marker has none."""
        for bucket in self._names():
            pages = self.client.get_paginator("list_object_versions").paginate(Bucket=bucket)
            for page in pages:
                for entry in page.get("Versions", []):
                    version = _Version(bucket, entry["Key"], entry["VersionId"])
                    body = self.client.get_object(
                        Bucket=bucket, Key=version.key, VersionId=version.version
                    )["Body"].read()
                    status = [entry["ETag"], entry["Size"], str(entry["LastModified"])]
                    # Whether it is the latest may change honestly: a newer one may go.
                    yield version, json.dumps(status), body
                for marker in page.get("DeleteMarkers", []):
                    version = _Version(bucket, marker["Key"], marker["VersionId"])
                    yield version, f"marker {marker['LastModified']}", None

    def _uploads(self) -> Iterator[tuple[str, str, str]]:
        for bucket in self._names():
            pages = self.client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket)
            for page in pages:
                for upload in page.get("Uploads", []):
                    yield bucket, upload["Key"], upload["UploadId"]

    def _names(self) -> list[str]:
        return [bucket["Name"] for bucket in self.client.list_buckets()["Buckets"]]


def _label(version: _Version) -> str:
    return f"s3: {version.bucket}/{version.key!r} version {version.version}"
