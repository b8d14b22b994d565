"""A dataset whose sealed copies are many: they stay where they are, and end with its key."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from demo.survey import as_csv, records
from shredder.keystores import file as file_module
from shredder.plan.by_key import Sums
from shredder.plan.model import ByKeyGroup
from tests.cli.office import DPO, Approver
from tests.cli.operating import SURVEY, HereOperator

COPIES = 6
CONFIGURATION = f"""\
controller = "Example Ltd"

[stores.office]
backend = "files"
roots = ["office"]

[stores.share]
backend = "files"
roots = ["share"]

[datasets.{SURVEY}]
approvals = 1
sources = [{{{{ store = "office", path = "office/survey.csv" }}}}]

[datasets.{SURVEY}.columns]
respondent_id = "private"

[keys]
erasure = "best-effort"

"""


class Desk:
    """An operator with a plain survey in one store and sealed copies of it in another."""

    def __init__(self, folder: Path) -> None:
        self.operator = HereOperator(folder)
        self.share = folder / "share"
        for name in ("office", "share"):
            (folder / name).mkdir()
        (folder / "office" / "survey.csv").write_text(as_csv(records(30)))
        self.operator.config.write_text(CONFIGURATION.replace("{{", "{").replace("}}", "}"))
        self.operator.edit("approvals = 1\n", "")
        self.run("init")
        declared = ("--escrowed", "no", "--backed-up", "no", "--in-clear", "no")
        self.run("key", "create", SURVEY, *declared)
        self.run("enroll", SURVEY)
        self.run("seal", SURVEY, "office/survey.csv", "-o", "share/0.age")
        for number in range(1, COPIES):
            shutil.copy(self.share / "0.age", self.share / f"{number}.age")
        self.approver = Approver(folder.parent / "approver", self.operator, DPO)
        shutil.copy(self.approver.place.folder / "own.pub.pem", folder / "dpo.pub.pem")
        self.operator.edit("sources =", "approvals = 1\nsources =")
        self.operator.add(self.approver.configured)

    def run(self, *words: str, code: int = 0) -> str:
        done = self.operator.run(*words)
        assert done.code == code, done.err + done.out
        return done.out


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Keys are overwritten where they lie, whatever file system the tests are run on."""
    monkeypatch.setattr(file_module, "_in_place", lambda record: True)
    monkeypatch.setattr(file_module.FileKeyStore, "_ground", lambda *_, **__: ())
    (tmp_path / "desk").mkdir()
    return Desk(tmp_path / "desk")


def test_approved_by_two_and_shown_to_an_auditor_all_copies_end_with_the_key(desk: Desk) -> None:
    operator, approver = desk.operator, desk.approver
    plan = ("plan", SURVEY, "--sealed", "by-key", "-o", "plan.jsonl")
    told = operator.run(*plan, "--json").json
    assert told["not_by_key"] == {}
    (group,) = told["by_key"]
    assert group == {"store": "share", "kind": "file", "holdings": COPIES, "records": 30 * COPIES}
    by_store = [each["technique"] for each in told["holdings"] if each["store"] == "share"]
    assert by_store == ["cryptographic-erase"] * COPIES
    listed = operator.folder / "plan.jsonl.by-key"
    assert (listed.read_bytes().count(b"\n"), listed.stat().st_mode & 0o777) == (COPIES, 0o600)
    asked = ("propose", SURVEY, "--plan", "plan.jsonl", "--output", "proposal.json")
    desk.run(*asked)
    approver.take(operator.folder / "plan.jsonl", operator.folder / "proposal.json")
    for content in (None, listed.read_bytes().replace(b"5.age", b"7.age")):
        if content is not None:
            (approver.place.folder / listed.name).write_bytes(content)
        done = approver.approve()
        assert (done.code, "what ends with the key" in done.error) == (6, True), done.err
    approver.take(listed)
    done = approver.approve(yes=True)
    assert done.code == 0, done.err
    carried = ("destroy", SURVEY, "--plan", "plan.jsonl", "--approval", str(approver.approval))
    came = operator.run(*carried, "--timestamp-later", "--json").json
    (group,) = came["by_key"]
    assert (came["outcome"], group["holdings"], group["status"], group["method"]) == (
        "complete", COPIES, "destroyed-verified", "purge",
    )  # fmt: skip
    assert {each["store"] for each in came["holdings"]} == {"office", "keys"}
    assert len(list(desk.share.iterdir())) == COPIES
    desk.run("open", SURVEY, "share/3.age", "-o", "plain", code=6)
    again = operator.run("recheck", SURVEY, "--json")
    assert (again.code, again.json["outcome"]) == (0, "still-gone")
    bundle, key = came["attestation"], ".shredder/keys/signing.pub.pem"
    sample = ("--seed", "drawn by an auditor", "--sample", str(COPIES + 2))
    desk.run("disclose", bundle, *sample, "-o", "shown.json")
    desk.run("policy", "new", "policy.json", "--key", key, "--approver", "dpo.pub.pem")
    seen = operator.run(
        "verify", bundle, "--policy", "policy.json", "--disclosure", "shown.json", *sample, "--json"
    ).json
    assert (seen["authentic"], seen["outcome"]) == (True, "complete")


def test_what_stays_is_said_to_people_and_why_it_does_not(desk: Desk) -> None:
    shown = desk.run("plan", SURVEY, "--sealed", "by-key")
    assert f"share, file: {COPIES} holdings left to the end of the key, and not deleted" in shown
    shutil.copy(desk.operator.folder / "office" / "survey.csv", desk.share)
    shown = desk.run("plan", SURVEY, "--sealed", "by-key")
    assert "what is sealed in share is not left to the key: data-in-clear" in shown
    assert "not deleted" not in shown
    desk.run("plan", SURVEY, "--sealed", "perhaps", code=2)


def test_what_was_left_to_the_key_is_said_to_people_at_the_end(desk: Desk) -> None:
    desk.operator.edit("approvals = 1\n", "")
    shown = desk.run("destroy", SURVEY, "--sealed", "by-key", "--yes", "--timestamp-later")
    assert f"share, file: {COPIES} holdings left to the key: destroyed-verified" in shown
    assert f"outcome: complete ({COPIES + 2} destroyed-verified)" in shown


def test_an_approver_is_told_no_other_sums_than_the_list_has(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator, approver = desk.operator, desk.approver

    def fewer(sums: Sums) -> tuple[ByKeyGroup, ...]:
        return tuple(replace(group, records=1) for group in groups(sums))

    groups = Sums.groups
    with monkeypatch.context() as lying:
        lying.setattr(Sums, "groups", fewer)
        desk.run("plan", SURVEY, "--sealed", "by-key", "-o", "plan.jsonl")
    desk.run("propose", SURVEY, "--plan", "plan.jsonl", "--output", "proposal.json")
    files = ("plan.jsonl", "plan.jsonl.by-key", "proposal.json")
    approver.take(*(operator.folder / name for name in files))
    done = approver.approve()
    assert (done.code, "the plan file's sums of the list" in done.error) == (9, True), done.err
