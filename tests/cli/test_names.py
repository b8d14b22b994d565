"""The file of names, and the annex that each run keeps of it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.cli.office import DPO, Office
from tests.cli.operating import SURVEY, HereOperator, Operator

NAMES = """\
[names]
staff-17 = "Ada Example"
staff-3 = "Grace Example"

[validators]
staff-9 = "Mary Example"
"""
ALL = ["canteen.csv", "copy.csv", "mixed.csv", "survey.csv"]


@pytest.fixture
def desk(desk: Operator) -> HereOperator:
    text = desk.config.read_text()
    operator = '[operator]\nrole = "operator"\nreference = "staff-17"\n'
    desk.config.write_text(f'names = "names.toml"\n{text}{operator}')
    write(desk, NAMES)
    return HereOperator(desk.folder, desk.environment)


def write(desk: Operator, text: str, mode: int = 0o600) -> None:
    path = desk.folder / "names.toml"
    path.write_text(text)
    path.chmod(mode)


def annexes(desk: Operator) -> list[Path]:
    return sorted((desk.state / "runs").glob("*/annex-*"))


def verified(desk: Operator, bundle: str, *words: str) -> tuple[int, dict[str, Any]]:
    policy = desk.folder / "policy.json"
    if not policy.exists():
        own = desk.state / "keys" / "signing.pub.pem"
        assert desk.run("policy", "new", "policy.json", "--key", own).code == 0
    done = desk.run("verify", bundle, "--policy", "policy.json", "--json", *words)
    return done.code, done.json


def test_a_run_keeps_the_names_and_commits_to_them(desk: HereOperator) -> None:
    bundle = desk.run("destroy", SURVEY, "--yes", "--json").json["attestation"]
    (annex,) = annexes(desk)
    assert stat.S_IMODE(annex.stat().st_mode) == 0o600
    _, alone = verified(desk, bundle)
    assert alone["names"] is None
    _, seen = verified(desk, bundle, "--annex", str(annex))
    assert seen["names"] == {"staff-17": "Ada Example", "staff-9": "Mary Example"}
    assert seen["authentic"] is True
    shown = desk.run("show", bundle, "--json").json
    assert shown["plan"]["annex"] == shown["result"]["annex"] is not None
    plain = desk.run("verify", bundle, "--policy", "policy.json", "--annex", annex)
    assert "  staff-17: Ada Example" in plain.out.splitlines()
    spoilt = desk.folder / "spoilt.json"
    spoilt.write_bytes(annex.read_bytes().replace(b"Ada", b"Eve"))
    code, seen = verified(desk, bundle, "--annex", str(spoilt))
    assert (code, seen["codes"], seen["names"]) == (9, ["E_DISCLOSURE"], None)


def test_no_name_leaves_the_annex(desk: HereOperator) -> None:
    done = desk.run("destroy", SURVEY, "--yes", "--json", "--log-json", "log.jsonl")
    (annex,) = annexes(desk)
    everything = [p for p in desk.folder.rglob("*") if p.is_file()]
    holding = {p.name for p in everything if b"Ada Example" in p.read_bytes()}
    assert holding == {"names.toml", annex.name}
    assert "Ada" not in done.out + done.err


def test_an_approver_is_named_too(tmp_path: Path, desk: HereOperator) -> None:
    office = Office(tmp_path, desk, [DPO], approvals=1)
    done = office.destroy(*office.approved())
    assert done.code == 0, done.err
    (annex,) = annexes(desk)
    _, seen = verified(desk, done.json["attestation"], "--annex", str(annex))
    assert seen["names"] == {
        "staff-17": "Ada Example", "staff-3": "Grace Example", "staff-9": "Mary Example",
    }  # fmt: skip


def test_a_second_proposal_keeps_the_annex_of_the_same_names(
    tmp_path: Path, desk: HereOperator
) -> None:
    office = Office(tmp_path, desk, [DPO], approvals=1)
    office.plan()
    for _ in range(2):
        assert office.propose().code == 0
    assert len(annexes(desk)) == 1
    write(desk, NAMES.replace("Ada", "Eva"))
    assert office.propose().code == 0
    assert len(annexes(desk)) == 2


def test_an_annex_that_is_gone_refuses_what_committed_to_it(
    tmp_path: Path, desk: HereOperator
) -> None:
    office = Office(tmp_path, desk, [DPO], approvals=1)
    (approval,) = office.approved()
    (annex,) = annexes(desk)
    data = annex.read_bytes()
    for spoil in (annex.unlink, lambda: annex.write_bytes(data[:-1])):
        spoil()
        done = office.destroy(approval)
        assert (done.code, office.standing()) == (6, ALL)
        assert "the annex of names" in done.error
    annex.write_bytes(data)
    assert office.destroy(approval).code == 0


def test_forgetting_destroys_the_annex(desk: HereOperator) -> None:
    bundle = desk.run("destroy", SURVEY, "--yes", "--json").json["attestation"]
    (annex,) = annexes(desk)
    kept = annex.read_bytes()
    (annex.with_name("annex-0123456789abcdef.json.partial")).write_bytes(b"a crash left it")
    assert desk.run("forget-manifest", bundle, "--yes", "--json").json["files"] == 6
    assert annexes(desk) == []
    given = desk.folder / "given.json"
    given.write_bytes(kept)
    _, seen = verified(desk, bundle, "--annex", str(given))
    assert seen["names"]["staff-17"] == "Ada Example", "what an auditor was given stays good"


def test_a_certificate_names_people_from_a_verified_annex_alone(desk: HereOperator) -> None:
    bundle = desk.run("destroy", SURVEY, "--yes", "--json").json["attestation"]
    (annex,) = annexes(desk)
    verified(desk, bundle)
    words = ["certificate", bundle, "--policy", "policy.json"]
    assert desk.run(*words, "--output", "plain.html").code == 8
    assert "Ada" not in (desk.folder / "plain.html").read_text()
    assert desk.run(*words, "--output", "named.html", "--annex", annex).code == 8
    page = (desk.folder / "named.html").read_text()
    assert "Ada Example" in page
    assert "Annex of names, SHA-256" in page
    assert "name, location" not in page
    spoilt = desk.folder / "spoilt.json"
    spoilt.write_bytes(annex.read_bytes().replace(b"Ada", b"Eve"))
    done = desk.run(*words, "--output", "spoilt.html", "--annex", spoilt)
    assert (done.code, (desk.folder / "spoilt.html").exists()) == (9, False)


# --- What is refused before anything is touched -------------------------------------------


@pytest.mark.parametrize(
    ("text", "mode", "wrong"),
    [
        (NAMES, 0o640, "can be read or written by others"),
        (NAMES, 0o602, "can be read or written by others"),
        (NAMES.replace("staff-17", "staff-18"), 0o600, "has no name for staff-17"),
        ("", 0o600, "has no name for staff-17"),
        ("names = 1", 0o600, "names must be a table"),
        ("[people]", 0o600, "a table that is not known"),
        ("[names]\nstaff-17 = 1", 0o600, "[names], entry 1: a name must be a string"),
        ('[names]\nstaff-17 = ""', 0o600, "[names], entry 1: a name must have 1 to 200"),
        ('[names]\nstaff-17 = "ada@example.org"', 0o600, "looks like an e-mail address"),
        ('[names]\n"a b" = "Ada"', 0o600, "the staff reference must be up to 64"),
        ("[names", 0o600, "is not TOML that can be read"),
        ("x" * 70_000, 0o600, "is too long to be one"),
    ],
)
def test_a_file_of_names_that_cannot_be(
    desk: HereOperator, text: str, mode: int, wrong: str
) -> None:
    write(desk, text, mode)
    done = desk.run("destroy", SURVEY, "--yes", "--json")
    assert (done.code, wrong in done.error) == (2, True), done.err
    assert "Ada" not in done.out + done.err
    assert sorted(p.name for p in (desk.folder / "shelf").iterdir()) == ALL
    assert annexes(desk) == []


def test_more_validators_than_an_annex_holds(desk: HereOperator) -> None:
    rows = "".join(f'v-{n} = "V {n}"\n' for n in range(49))
    write(desk, f"{NAMES.partition('[validators]')[0]}[validators]\n{rows}")
    done = desk.run("destroy", SURVEY, "--yes", "--json")
    assert (done.code, "has more than 48 validators" in done.error) == (2, True)


def test_what_lies_in_the_place_of_the_file_is_not_followed(desk: HereOperator) -> None:
    path = desk.folder / "names.toml"
    path.rename(desk.folder / "real.toml")
    for put, wrong in (
        ("nothing", "No such file"),
        ("link", "Too many levels of symbolic links"),
        ("pipe", "is not a regular file"),
    ):
        path.unlink(missing_ok=True)
        if put == "link":
            path.symlink_to("real.toml")
        elif put == "pipe":
            os.mkfifo(path, 0o600)
        done = desk.run("destroy", SURVEY, "--yes", "--json")
        assert (done.code, wrong in done.error) == (2, True), done.err


def test_a_run_without_names_commits_to_none(desk: HereOperator) -> None:
    desk.edit('names = "names.toml"\n', "")
    bundle = desk.run("destroy", SURVEY, "--yes", "--json").json["attestation"]
    shown = desk.run("show", bundle, "--json").json
    assert (shown["plan"]["annex"], annexes(desk)) == (None, [])
    assert json.loads(Path(bundle).read_bytes())
