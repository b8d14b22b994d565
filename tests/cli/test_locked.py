"""An object that a real S3 server will not delete, sealed from its first day: it ends with the key."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attestations import Bundle, KeyErasure, Known
from backends.fsops.ground import OBSTACLES
from demo.servers.seaweedfs import SeaweedFS
from demo.survey import as_csv, records
from shredder.sealed import read_result
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
sources = [{{ store = "share", path = "share/survey.csv" }}]

[datasets.{name}.columns]
respondent_id = "private"

[keys]
erasure = "best-effort"
"""


class Locked:
    """A desk, and a bucket with Object Lock that holds a sealed copy."""

    def __init__(self, folder: Path, server: SeaweedFS) -> None:
        self.bucket = f"worm-{next(_numbers)}"
        self.client = server.client()
        self.client.create_bucket(Bucket=self.bucket, ObjectLockEnabledForBucket=True)
        self.operator = HereOperator(folder, server.environment())
        (folder / "share").mkdir()
        (folder / "share" / "survey.csv").write_text(as_csv(records(30)))
        self.operator.config.write_text(
            _CONFIGURATION.format(endpoint=server.endpoint_url, bucket=self.bucket, name=SURVEY)
        )
        create = ("key", "create", SURVEY, "--escrowed", "no", "--backed-up", "no")
        self.run("init")
        self.run("enroll", SURVEY)
        self.run(*create, "--in-clear", "no")
        self.run("seal", SURVEY, "share/survey.csv", "-o", "off-site.age")
        self.sealed = (folder / "off-site.age").read_bytes()

    def run(self, *words: str) -> None:
        done = self.operator.run(*words)
        assert done.code == 0, done.err

    def put(self, **more: Any) -> None:
        self.client.put_object(Bucket=self.bucket, Key="off-site.age", Body=self.sealed, **more)

    def lock(self, mode: str) -> None:
        end = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
        self.put(ObjectLockMode=mode, ObjectLockRetainUntilDate=end)


@pytest.fixture
def locked(tmp_path: Path, seaweedfs: SeaweedFS) -> Iterator[Locked]:
    made = Locked(tmp_path, seaweedfs)
    yield made
    made.client.close()


def destroyed(operator: Operator) -> dict[str, Any]:
    done = operator.run("destroy", SURVEY, "--yes", "--timestamp-later", "--json")
    every = [*done.json["holdings"], *done.json["by_key"]]
    return {each["kind"]: each for each in every} | {"outcome": done.json["outcome"]}


def erasures(operator: Operator) -> dict[str, KeyErasure | None]:
    """What the attestation states, by kind."""
    (bundle,) = (operator.state / "attestations").iterdir()
    targets = read_result(Bundle.load(bundle).result).targets
    return {target.kind: target.erasure for target in targets}


def certificate(operator: Operator) -> str:
    """What people read, made of what an auditor verifies."""
    key = operator.state / "keys" / "signing.pub.pem"
    assert operator.run("policy", "new", "policy.json", "--key", key).code == 0
    (bundle,) = (operator.state / "attestations").iterdir()
    done = operator.run("certificate", bundle, "--policy", "policy.json", "--output", "shown.html")
    assert done.code in {0, 8, 10}, done.err
    return (operator.folder / "shown.html").read_text()


def test_a_locked_object_ends_with_the_key(locked: Locked) -> None:
    locked.lock("COMPLIANCE")
    shown = locked.operator.run("key", "show", SURVEY, "--json").json
    came = destroyed(locked.operator)
    assert came["outcome"] == "complete"
    found = came["object"]
    assert (found["holdings"], found["status"]) == (1, "destroyed-verified")
    assert found["looked"] == ["key-slots", "sealed-probe"]
    # As it is on the disk that the tests run on.
    in_place = OBSTACLES.isdisjoint(shown["limitations"])
    assert found["method"] == ("purge" if in_place else "logical-delete")
    assert came["key"]["method"] == ("clear" if in_place else "logical-delete")
    assert came["file"]["technique"] == "overwrite"
    told = erasures(locked.operator)
    assert told["object"] == KeyErasure(
        Known.NO, Known.NO, Known.NO, 128, 256, keys_total=1, keys_destroyed=1, keys_scheduled=0
    )
    assert told["key"] is not None
    assert told["key"].ever_in_clear is Known.YES
    assert "Conditions of the erasures by key" in certificate(locked.operator)
    answer = locked.client.get_object(Bucket=locked.bucket, Key="off-site.age")
    assert answer["Body"].read() == locked.sealed, "the server has it still"
    (locked.operator.folder / "copy").write_bytes(locked.sealed)
    assert locked.operator.run("open", SURVEY, "copy", "-o", "plain").code == 6
    again = locked.operator.run("destroy", SURVEY, "--yes", "--json")
    assert (again.code, again.json["outcome"]) == (0, "complete"), "known, and no gap"


def test_a_legal_hold_keeps_the_key(locked: Locked) -> None:
    locked.put(ObjectLockLegalHoldStatus="ON")
    came = destroyed(locked.operator)
    assert (came["object"]["status"], came["object"]["reason"]) == ("retained", "legal-hold")
    assert (came["key"]["status"], came["key"]["reason"]) == ("undecided", "sealed-holdings-left")
    assert came["file"]["status"] == "destroyed-verified"
    (locked.operator.folder / "copy").write_bytes(locked.sealed)
    assert locked.operator.run("open", SURVEY, "copy", "-o", "plain").code == 0


def test_what_the_server_deletes_is_deleted(locked: Locked) -> None:
    locked.put()
    came = destroyed(locked.operator)
    assert came["object"]["technique"] == "delete-version"
    assert came["outcome"] == "complete"
    assert locked.operator.run("key", "show", SURVEY, "--json").json["state"] == "destroyed"
