"""A dataset that was sealed from its first day: its key ends every copy, and that is a purge."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attestations import Bundle, KeyErasure, Known
from demo.survey import as_csv, records
from shredder.keystores.file import FileKeyStore
from shredder.sealed import read_result
from shredder.state import State
from tests.cli.keyed import FILES
from tests.cli.operating import SURVEY, HereOperator, Operator
from tests.forensic.images import KINDS, Image, mounted
from tests.forensic.test_keys import in_image

pytestmark = [pytest.mark.needs("root", "loop")]

SEALED = 'sources = [{ store = "share", path = "share/survey.age", sealed = true }]'
PLAIN = 'sources = [{ store = "share", path = "share/survey.csv" }]'
NEVER = ("--escrowed", "no", "--backed-up", "no", "--in-clear", "no")


@pytest.fixture
def image(tmp_path: Path) -> Iterator[Image]:
    with mounted(KINDS["ext4"], tmp_path) as made:
        yield made


@pytest.fixture
def desk(image: Image, tmp_path: Path) -> Operator:
    """All on the image but an off-site copy; the records came by a pipe and lie nowhere bare."""
    operator = HereOperator(image.place)
    (image.place / "share").mkdir()
    operator.config.write_text(
        FILES.replace(PLAIN, SEALED).replace('\n[keys]\nerasure = "best-effort"\n', "")
    )
    run(operator, "init")
    run(operator, "key", "create", SURVEY, *NEVER)
    reading, writing = os.pipe()

    def export() -> None:
        with os.fdopen(writing, "w") as pipe:
            pipe.write(as_csv(records(2000)))

    thread = threading.Thread(target=export)
    thread.start()
    run(operator, "seal", SURVEY, f"/dev/fd/{reading}", "-o", "share/survey.age")
    thread.join()
    os.close(reading)
    shutil.copy(image.place / "share" / "survey.age", tmp_path / "off-site.age")
    return operator


def run(operator: Operator, *words: str | Path) -> dict[str, Any]:
    done = operator.run(*words, "--json")
    assert done.code == 0, done.err
    return done.json


def destroyed(operator: Operator) -> dict[str, Any]:
    came = run(operator, "destroy", SURVEY, "--yes", "--timestamp-later")
    assert came["outcome"] == "complete"
    return {each["kind"]: each for each in came["holdings"]}


def erasure_of_key(operator: Operator) -> KeyErasure | None:
    (bundle,) = (operator.state / "attestations").iterdir()
    return {each.kind: each.erasure for each in read_result(Bundle.load(bundle).result).targets}[
        "key"
    ]


def test_its_key_ends_every_copy_and_that_is_a_purge(
    desk: Operator, image: Image, tmp_path: Path
) -> None:
    assert run(desk, "enroll", SURVEY)["records"] == 2000
    off_site = tmp_path / "off-site.age"
    run(desk, "open", SURVEY, off_site, "-o", tmp_path / "opened.csv")
    assert (tmp_path / "opened.csv").read_text() == as_csv(records(2000))
    came = destroyed(desk)
    assert (came["key"]["status"], came["key"]["method"]) == ("destroyed-verified", "purge")
    assert (came["file"]["status"], came["file"]["method"]) == ("destroyed-verified", "clear")
    assert erasure_of_key(desk) == KeyErasure(
        Known.NO, Known.NO, Known.NO, 128, 256, keys_total=1, keys_destroyed=1, keys_scheduled=0
    )
    run(desk, "policy", "new", "policy.json", "--key", desk.state / "keys" / "signing.pub.pem")
    (bundle,) = (desk.state / "attestations").iterdir()
    verified = desk.run("verify", bundle, "--policy", "policy.json", "--json").json
    assert verified["authentic"], verified
    refused = desk.run("open", SURVEY, off_site, "-o", tmp_path / "again.csv")
    assert (refused.code, "has a tombstone" in refused.error) == (6, True)
    again = desk.run("enroll", SURVEY)
    assert again.code != 0, "what is sealed is no source any more"
    nothing_of_them_in(image)


def nothing_of_them_in(image: Image) -> None:
    (image.place / "note").write_text("witness@example.net\n")
    image.unmount()
    raw = image.file.read_bytes()
    found = set(re.findall(rb"[\w.+-]+@[\w.-]+", raw))
    assert b"witness@example.net" in found, "what is looked for would be seen"
    assert found.isdisjoint(each.email.encode() for each in records(2000))


def test_what_is_left_to_the_key_is_all_there_and_shut(desk: Operator, image: Image) -> None:
    run(desk, "enroll", SURVEY)
    share = image.place / "share"
    for number in range(5):
        shutil.copy(share / "survey.age", share / f"copy-{number}.age")
    kept = (share / "survey.age").read_bytes()
    state = State.open(desk.state)
    store = FileKeyStore(state.slots, state.key_records, passphrase=None)
    with store.using(store.records()[0].id) as given:
        key = bytes(given)
    subprocess.run(["sync", "-f", image.mount], check=True)
    assert in_image(image, key) == {"raw": 2}, "what the test looks for is there before"
    words = ("destroy", SURVEY, "--sealed", "by-key", "--yes", "--timestamp-later")
    came = run(desk, *words)
    assert came["outcome"] == "complete"
    (group,) = came["by_key"]
    assert (group["kind"], group["holdings"], group["method"]) == ("file", 6, "purge")
    assert [(each["kind"], each["method"]) for each in came["holdings"]] == [("key", "purge")]
    assert [path.read_bytes() for path in share.iterdir()] == [kept] * 6
    assert desk.run("open", SURVEY, "share/copy-3.age", "-o", "opened.csv").code == 6
    nothing_of_them_in(image)
    assert in_image(image, key) == {}


def test_a_copy_in_the_clear_says_otherwise(desk: Operator) -> None:
    run(desk, "enroll", SURVEY)
    (desk.folder / "share" / "forgotten.csv").write_text(as_csv(records(2000)))
    came = destroyed(desk)
    assert came["key"]["method"] == "clear"
    erasure = erasure_of_key(desk)
    assert erasure is not None
    assert erasure.ever_in_clear is Known.YES


def test_a_source_in_the_clear_is_no_sealed_one(desk: Operator) -> None:
    (desk.folder / "share" / "survey.age").write_text(as_csv(records(60)))
    refused = desk.run("enroll", SURVEY)
    assert refused.code != 0
    assert "the source is not sealed" in refused.error
    assert "in the clear" in refused.hint
