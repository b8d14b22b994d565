"""disclose, verify --disclosure and forget-manifest, by the command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.operating import SURVEY, Done, HereOperator, Operator

NO_TIME = 8  # verify's answer without an authority in the policy


@pytest.fixture
def desk(desk: Operator) -> Operator:
    return HereOperator(desk.folder, desk.environment)


@pytest.fixture
def bundle(desk: Operator) -> Path:
    """An attestation over three holdings."""
    done = desk.run("destroy", SURVEY, "--yes", "--json")
    assert done.code == 0, done.err
    return Path(done.json["attestation"])


@pytest.fixture
def auditor(tmp_path: Path, desk: Operator) -> HereOperator:
    place = HereOperator(tmp_path / "audit")
    place.folder.mkdir()
    shutil.copy(desk.state / "keys" / "signing.pub.pem", place.folder / "operator.pem")
    assert place.run("policy", "new", "policy.json", "--key", "operator.pem").code == 0
    return place


def verify(auditor: HereOperator, bundle: Path, *more: str | Path) -> Done:
    return auditor.run("verify", bundle, "--policy", "policy.json", "--json", *more)


def private(desk: Operator) -> set[str]:
    return {path.name for path in desk.state.glob("runs/*/*")}


def test_a_sample_is_shown_and_checked(
    desk: Operator, bundle: Path, auditor: HereOperator, tmp_path: Path
) -> None:
    file = tmp_path / "shown.json"
    done = desk.run(
        "disclose", bundle, "--seed", "dice: 4 1 6", "--sample", "2", "--scopes",
        "--output", file, "--json",
    )  # fmt: skip
    assert (done.code, done.json["holdings"]) == (0, 2), done.err
    assert file.stat().st_mode & 0o777 == 0o600

    answer = verify(auditor, bundle, "--disclosure", file, "--seed", "dice: 4 1 6", "--sample", "2")
    assert (answer.code, answer.json["authentic"]) == (NO_TIME, True)
    shown = answer.json["disclosed"]
    assert (shown["asked"], shown["sample"], len(shown["holdings"])) == (True, 2, 2)
    assert {each["store"] for each in shown["holdings"]} == {"shelf"}
    assert {each["status"] for each in shown["holdings"]} == {"destroyed-verified"}
    planned = {
        line["holding"]["locator"]
        for plan in desk.state.glob("runs/*/plan.jsonl")
        for line in map(json.loads, plan.read_text().splitlines()[1:])
    }
    assert {each["locator"] for each in shown["holdings"]} < planned
    assert [each["store"] for each in shown["scopes"]] == ["shelf"]

    people = auditor.run("verify", bundle, "--policy", "policy.json", "--disclosure", file)
    assert all(each["locator"] in people.out for each in shown["holdings"])

    for more in (["--seed", "another"], ["--seed", "dice: 4 1 6", "--sample", "3"]):
        refused = verify(auditor, bundle, "--disclosure", file, *more)
        assert (refused.code, refused.json["codes"]) == (9, ["E_DISCLOSURE"])


def test_a_holding_is_shown_by_its_id(
    desk: Operator, bundle: Path, auditor: HereOperator, tmp_path: Path
) -> None:
    (plan,) = desk.state.glob("runs/*/plan.jsonl")
    line: dict[str, Any] = json.loads(plan.read_text().splitlines()[2])
    file = tmp_path / "shown.json"
    assert desk.run("disclose", bundle, "--id", line["id"], "--output", file).code == 0
    (shown,) = verify(auditor, bundle, "--disclosure", file).json["disclosed"]["holdings"]
    assert (shown["id"], shown["demanded"]) == (line["id"], False)
    assert shown["locator"] == line["holding"]["locator"]


@pytest.mark.parametrize("name", ["plan.jsonl", "results.jsonl", "secret"])
@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_private_files_that_are_not_the_attested_ones(
    desk: Operator, bundle: Path, tmp_path: Path, name: str, damage: str
) -> None:
    (path,) = desk.state.glob(f"runs/*/{name}")
    if damage == "gone":
        path.unlink()
    elif name == "secret":
        path.write_bytes(bytes(32))
    else:
        path.write_bytes(path.read_bytes().replace(b"shelf", b"shelv"))
    before = private(desk)
    done = desk.run("disclose", bundle, "--seed", "x", "--output", tmp_path / "shown.json")
    assert done.code == 6
    assert "restore" in done.hint
    assert not (tmp_path / "shown.json").exists()
    assert private(desk) == before  # no new secret is made


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--id", "nobody"],
        ["--seed", ""],
        ["--seed", "x" * 201],
        ["--seed", "x", "--sample", "0"],
    ],
)
def test_what_makes_no_sense(
    desk: Operator, bundle: Path, tmp_path: Path, words: list[str]
) -> None:
    done = desk.run("disclose", bundle, *words, "--output", tmp_path / "shown.json")
    assert done.code == 2
    assert not (tmp_path / "shown.json").exists()


def test_nothing_is_replaced_unasked(desk: Operator, bundle: Path, tmp_path: Path) -> None:
    file = tmp_path / "precious"
    file.write_text("mine")
    assert desk.run("disclose", bundle, "--seed", "x", "--output", file).code == 2
    assert file.read_text() == "mine"


def test_seed_and_sample_need_what_they_are_about(bundle: Path, auditor: HereOperator) -> None:
    assert verify(auditor, bundle, "--seed", "x").code == 2
    assert verify(auditor, bundle, "--sample", "2").code == 2
    assert verify(auditor, bundle, "--disclosure", "nowhere").code == 2


# --- Forgetting ---------------------------------------------------------------------------


def test_a_manifest_is_forgotten(
    desk: Operator, bundle: Path, auditor: HereOperator, tmp_path: Path
) -> None:
    before = verify(auditor, bundle).json
    unasked = desk.run("forget-manifest", bundle)
    assert (unasked.code, "not approved" in unasked.error) == (6, True)
    assert {"secret", "plan.jsonl", "results.jsonl", "again.jsonl"} <= private(desk)

    done = desk.run("forget-manifest", bundle, "--yes", "--json")
    assert (done.code, done.json["files"]) == (0, 4), done.err
    assert private(desk) == {"announced.json"}
    assert verify(auditor, bundle).json == before
    refused = desk.run("disclose", bundle, "--seed", "x", "--output", tmp_path / "shown.json")
    assert refused.code == 6
    assert "manifest of run" in refused.error
    assert "destroyed" in refused.error
    again = desk.run("forget-manifest", done.json["run"], "--yes", "--json")
    assert (again.code, again.json["files"]) == (0, 0)


def test_life_goes_on_without_the_manifest(desk: Operator, bundle: Path) -> None:
    """What is found after a run that left nothing is back; a second run destroys it."""
    saved = next(path for path in (desk.folder / "shelf").iterdir() if "canteen" in path.name)
    assert desk.run("forget-manifest", bundle, "--yes").code == 0
    assert desk.run("recheck", SURVEY, "--json").json["outcome"] == "still-gone"
    assert desk.run("status").code == 0
    assert saved.exists()


def test_recheck_says_that_it_cannot_tell(desk: Operator) -> None:
    """A run that left something, its manifest destroyed: whether what is there is back is open."""
    shelf = desk.folder / "shelf"
    kept = (shelf / "copy.csv").read_bytes()
    done = desk.run("destroy", SURVEY, "--yes", "--json")
    assert desk.run("forget-manifest", done.json["run"], "--yes").code == 0
    (shelf / "back.csv").write_bytes(kept)
    answer = desk.run("recheck", SURVEY, "--json")
    left = any(each["status"] != "destroyed-verified" for each in done.json["holdings"])
    assert (left, answer.code, answer.json["outcome"]) == (False, 7, "returned")
    second = desk.run("destroy", SURVEY, "--yes", "--json")
    assert (second.code, second.json["outcome"]) == (0, "complete")


def test_a_run_that_is_not_at_its_end_keeps_its_files(desk: Operator) -> None:
    planned = desk.run("plan", SURVEY, "--json").json
    before = private(desk)
    done = desk.run("forget-manifest", planned["run"], "--yes")
    assert (done.code, private(desk)) == (6, before)
