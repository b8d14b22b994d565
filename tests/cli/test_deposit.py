"""A file sealed straight into a bucket of a real S3 server, and opened from there."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from backends.agefile import is_age
from backends.contract import SourceRows, SourceSpec
from backends.errors import SettingError
from backends.s3 import _deposit
from backends.s3._store import S3Store
from demo.servers.seaweedfs import SeaweedFS
from demo.survey import as_csv, records
from tests.cli.operating import SURVEY, HereOperator, Operator

_numbers = itertools.count(1)
_CONFIGURATION = """\
[stores.share]
backend = "files"
roots = ["share"]

[stores.lake]
backend = "s3"
endpoint_url = "{endpoint}"
buckets = ["{bucket}"]

[datasets.{name}]
sources = [{{ store = "lake", key = "in/survey.age", sealed = true }}]

[datasets.{name}.columns]
respondent_id = "private"

[keys]
erasure = "best-effort"
"""
TEXT = as_csv(records(400))
KEY = "in/survey.age"


class Desk(NamedTuple):
    operator: Operator
    client: Any
    bucket: str

    def body(self) -> bytes:
        found: bytes = self.client.get_object(Bucket=self.bucket, Key=KEY)["Body"].read()
        return found

    def nothing(self) -> bool:
        """Whether neither an object nor an unfinished upload is there."""
        objects = self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        uploads = self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        return not objects and not uploads


@pytest.fixture
def desk(tmp_path: Path, seaweedfs: SeaweedFS) -> Iterator[Desk]:
    bucket = f"deposit-{next(_numbers)}"
    client = seaweedfs.client()
    client.create_bucket(Bucket=bucket)
    operator = HereOperator(tmp_path, seaweedfs.environment())
    (tmp_path / "share").mkdir()
    (tmp_path / "plain.csv").write_text(TEXT)
    operator.config.write_text(
        _CONFIGURATION.format(endpoint=seaweedfs.endpoint_url, bucket=bucket, name=SURVEY)
    )
    for words in (("init",), ("key", "create", SURVEY)):
        done = operator.run(*words)
        assert done.code == 0, done.err
    yield Desk(operator, client, bucket)
    client.close()


SEAL = ("seal", SURVEY, "plain.csv", "--to", f"lake:{KEY}")
OPEN = ("open", SURVEY, "--from", f"lake:{KEY}", "-o")


def test_there_and_back(desk: Desk) -> None:
    done = desk.operator.run(*SEAL, "--json")
    assert (done.code, done.json["sealed"]) == (0, f"lake:{KEY}"), done.err
    assert done.json["size"] == len(TEXT.encode())
    assert is_age(desk.body()[:64])
    assert desk.operator.run(*OPEN, "opened.csv", "--json").json["size"] == len(TEXT.encode())
    assert (desk.operator.folder / "opened.csv").read_text() == TEXT
    full = ("open", SURVEY, "--from", f"lake:{desk.bucket}/{KEY}", "-o", "again.csv")
    assert desk.operator.run(*full).code == 0, "named with its bucket"
    assert desk.operator.run("enroll", SURVEY, "--json").json["records"] == 400
    told = desk.operator.run("locate", SURVEY, "--json").json
    found = [h for h in told["holdings"] if h["store"] == "lake"]
    assert [(h["records"], h["sealed"]) for h in found] == [(400, True)]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> int:
    size = 5 << 20  # the least that S3 takes
    monkeypatch.setattr(_deposit, "PART", size)
    return size


def test_no_part_is_larger_than_one_may_be(small_parts: int) -> None:
    whole = bytes(range(256)) * (small_parts // 64)
    parts = list(_deposit._parts(iter([whole[:3], whole[3:], b""])))
    assert b"".join(parts) == whole
    assert [len(part) for part in parts[:-1]] == [small_parts] * (len(parts) - 1)
    assert 0 < len(parts[-1]) <= small_parts < len(whole)


def test_in_parts_from_a_pipe(desk: Desk, small_parts: int) -> None:
    data = os.urandom(1 << 16) * (2 * small_parts // (1 << 16) + 3)
    reading, writing = os.pipe()

    def export() -> None:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(data)

    thread = threading.Thread(target=export)
    thread.start()
    done = desk.operator.run("seal", SURVEY, f"/dev/fd/{reading}", "--to", f"lake:{KEY}", "--json")
    thread.join()
    os.close(reading)
    assert (done.code, done.json["size"]) == (0, len(data)), done.err
    assert desk.client.head_object(Bucket=desk.bucket, Key=KEY)["ETag"].strip('"').endswith("-3")
    assert desk.operator.run(*OPEN, "opened").code == 0
    assert (desk.operator.folder / "opened").read_bytes() == data


def test_what_is_there_is_not_replaced(desk: Desk, small_parts: int) -> None:
    desk.client.put_object(Bucket=desk.bucket, Key=KEY, Body=b"theirs")
    refused = desk.operator.run(*SEAL)
    assert (refused.code, "is not replaced" in refused.error) == (2, True)
    assert desk.body() == b"theirs"


@pytest.mark.parametrize("size", [100, 12 << 20], ids=["at once", "in parts"])
def test_what_comes_there_meanwhile_is_not_replaced(
    desk: Desk, small_parts: int, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Somebody writes it after it was looked for, and the server is asked to mind that."""
    desk.client.put_object(Bucket=desk.bucket, Key=KEY, Body=b"theirs")
    monkeypatch.setattr(_deposit, "_is_there", lambda *_: False)
    (desk.operator.folder / "plain.csv").write_bytes(bytes(size))
    refused = desk.operator.run(*SEAL)
    assert (refused.code, "is not replaced" in refused.error) == (2, True), refused.err
    assert desk.body() == b"theirs"
    assert "Uploads" not in desk.client.list_multipart_uploads(Bucket=desk.bucket)


def test_what_breaks_off_is_taken_back(
    desk: Desk, small_parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = _deposit._parts, []

    def breaking(chunks: Iterator[bytes]) -> Iterator[bytes]:
        for number, part in enumerate(real(chunks)):
            if number == 2:
                seen.append(desk.nothing())
                raise SettingError("broken off")
            yield part

    monkeypatch.setattr(_deposit, "_parts", breaking)
    (desk.operator.folder / "plain.csv").write_bytes(bytes(3 * small_parts))
    assert desk.operator.run(*SEAL).code == 2
    assert seen == [False], "an upload was under way"
    assert desk.nothing()


def test_clear_errors(desk: Desk) -> None:
    missing = desk.operator.run(*OPEN, "x")
    assert (missing.code, "no object of that key" in missing.error) == (2, True)
    desk.client.put_object(Bucket=desk.bucket, Key=KEY, Body=b"bare")
    bare = desk.operator.run(*OPEN, "x")
    assert (bare.code, "is not sealed" in bare.error) == (2, True)
    for words, why in (
        (("seal", SURVEY, "plain.csv"), "one of --output and --to"),
        ((*SEAL, "-o", "x"), "one of --output and --to"),
        ((*SEAL, "--columns", "email", "--row", "respondent_id"), "--columns goes with"),
        ((*SEAL[:-1], "share:x"), "takes no objects"),
        ((*SEAL[:-1], "nowhere:x"), "names no store"),
        ((*SEAL[:-1], "lake:"), "does not begin with one of its buckets"),
        ((*OPEN, "x", "plain.csv"), "one of FILE and --from"),
        (("open", SURVEY, "-o", "x"), "one of FILE and --from"),
    ):
        refused = desk.operator.run(*words)
        assert (refused.code, why in refused.error) == (2, True), (words, refused.err)
    assert not (desk.operator.folder / "x").exists()


def test_who_enrolls_from_what_is_sealed_zeroes_the_key_that_opens_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert desk.operator.run(*SEAL).code == 0
    given: list[bytes | bytearray] = []
    source = S3Store.source

    def seen(store: S3Store, spec: SourceSpec) -> SourceRows:
        given.extend(spec.keys)
        assert all(map(any, spec.keys))
        return source(store, spec)

    monkeypatch.setattr(S3Store, "source", seen)
    done = desk.operator.run("enroll", SURVEY, "--json")
    assert (done.code, done.json["records"]) == (0, 400)
    assert given == [bytes(32)]
