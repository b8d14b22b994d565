"""Every exit code, one by one, with what the command says and its JSON object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from demo.servers.tsa import TimestampAuthority
from tests.cli.conftest import MINE
from tests.cli.operating import SURVEY, Operator
from tests.cli.thirdparty.shredder_shelf import SECRET


def fault(desk: Operator, name: str) -> None:
    desk.edit('fault = ""', f'fault = "{name}"')


def destroy(desk: Operator, *words: str) -> tuple[int, dict[str, Any]]:
    done = desk.run("destroy", SURVEY, "--yes", "--json", *words)
    return done.code, done.json


def statuses(answer: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {h["locator"]: (h["status"], h["reason"]) for h in answer["holdings"]}


def all_three(status: str, reason: str | None) -> dict[str, tuple[str, str | None]]:
    return {f"shelf/{name}.csv": (status, reason) for name in ("copy", "mixed", "survey")}


def on_the_shelf(desk: Operator) -> list[str]:
    return sorted(path.name for path in (desk.folder / "shelf").iterdir())


def verified(
    desk: Operator, bundle: str, authority: TimestampAuthority
) -> tuple[int, dict[str, Any]]:
    """What an auditor's verify says of a bundle."""
    audit = desk.folder / "audit"
    audit.mkdir(exist_ok=True)
    (audit / "root.pem").write_text(authority.root_pem)
    (audit / "tsa.pem").write_text(authority.leaf_pem)
    policy = audit / "policy.json"
    if not policy.exists():
        made = desk.run(
            "policy", "new", policy, "--key", desk.state / "keys" / "signing.pub.pem",
            "--tsa-root", audit / "root.pem", "--tsa-certificate", audit / "tsa.pem",
            "--dataset", SURVEY, "--store", "shelf",
        )  # fmt: skip
        assert made.code == 0, made.err
    done = Operator(audit).run("verify", bundle, "--policy", "policy.json", "--json")
    return done.code, done.json


def test_0_all_is_destroyed_and_verified(desk: Operator, authority: TimestampAuthority) -> None:
    code, answer = destroy(desk)
    assert (code, answer["outcome"]) == (0, "complete")
    assert statuses(answer) == all_three("destroyed-verified", None)
    assert on_the_shelf(desk) == ["canteen.csv", "mixed.csv"]
    code, report = verified(desk, answer["attestation"], authority)
    assert (code, report["authentic"], report["time"], report["outcome"]) == (
        0, True, "valid", "complete",
    )  # fmt: skip


@pytest.mark.parametrize("command", ["locate", "destroy", "enroll", "recheck"])
def test_1_a_defect(desk: Operator, command: str) -> None:
    desk.edit('backend = "shelf"', 'backend = "broken"')
    done = desk.run(command, SURVEY, "--json")
    assert (done.code, done.json["error"]) == (1, done.error)
    assert "a defect of shredder: ValueError at shredder_shelf.py:" in done.error
    assert "SHREDDER_DEBUG" in done.hint
    assert SECRET not in done.out + done.err


def test_2_usage(desk: Operator) -> None:
    done = desk.run("locate", "survey-2018-50", "--json")
    assert (done.code, done.json["error"]) == (2, "no dataset is called 'survey-2018-50'")
    assert done.hint == f"configured: canteen, {SURVEY}"


def test_3_nothing_is_there(desk: Operator) -> None:
    for name in ("survey.csv", "copy.csv", "mixed.csv"):
        (desk.folder / "shelf" / name).unlink()
    for command in (["locate"], ["plan"], ["destroy", "--yes"]):
        done = desk.run(*command, SURVEY, "--json")
        assert (done.code, done.json["outcome"]) == (3, "nothing-found"), command
        assert done.json["holdings"] == []
    assert list((desk.state / "attestations").iterdir()) == []


def test_4_some_holding_is_left(desk: Operator) -> None:
    fault(desk, "fail")
    code, answer = destroy(desk)
    assert (code, answer["outcome"]) == (4, "failed")
    assert statuses(answer) == all_three("failed", "store-refused")
    assert len(on_the_shelf(desk)) == 4


def test_4_all_wait_for_a_decision(desk: Operator) -> None:
    """Nothing is certain: nothing is touched, and nothing is attested."""
    for name in ("survey.csv", "copy.csv", "mixed.csv"):
        (desk.folder / "shelf" / name).unlink()
    (desk.folder / "shelf" / "mails.csv").write_text("".join(f"{row.email}\n" for row in MINE))
    done = desk.run("destroy", SURVEY, "--yes", "--json")
    assert (done.code, done.json["outcome"]) == (4, "undecided")
    assert done.error == f"no holding of {SURVEY} is certain: all wait for a decision"
    assert "--dismiss" in done.hint
    assert list((desk.state / "attestations").iterdir()) == []


def test_5_a_waiting_period_runs(desk: Operator, authority: TimestampAuthority) -> None:
    fault(desk, "pending")
    code, answer = destroy(desk)
    assert (code, answer["outcome"]) == (5, "pending")
    assert statuses(answer) == all_three("pending", "deletion-window")
    assert {h["until"] for h in answer["holdings"]} == {"2031-01-31T00:00:00.000000Z"}
    assert verified(desk, answer["attestation"], authority)[0] == 10


def test_6_refused(desk: Operator) -> None:
    done = desk.run("destroy", SURVEY, "--json")
    assert (done.code, done.json["outcome"]) == (6, "refused")
    assert done.error == f"the plan to destroy 3 holdings of {SURVEY} is not approved"
    assert done.hint == "approve it with --yes, or with --plan FILE after `shredder plan`"
    assert on_the_shelf(desk) == ["canteen.csv", "copy.csv", "mixed.csv", "survey.csv"]


def test_7_residue(desk: Operator, authority: TimestampAuthority) -> None:
    fault(desk, "lie")
    code, answer = destroy(desk)
    assert (code, answer["outcome"]) == (7, "failed")
    assert statuses(answer) == all_three("failed", "residue")
    code, report = verified(desk, answer["attestation"], authority)
    assert (code, report["outcome"]) == (10, "failed")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("vanish-in-listing", "unreachable"),
        ("defect-in-examine", "backend-defect"),
        ("defect-in-open", "backend-defect"),
    ],
)
def test_8_could_not_look(desk: Operator, kind: str, reason: str) -> None:
    fault(desk, kind)
    for command in (["locate"], ["plan"], ["destroy", "--yes"]):
        done = desk.run(*command, SURVEY, "--json")
        assert (done.code, done.json["outcome"]) == (8, "inconclusive"), command
        assert [entry["reason"] for entry in done.json["coverage"]] == [reason]
        assert SECRET not in done.out + done.err
    assert done.error.startswith("not all of the stores could be examined")
    assert len(on_the_shelf(desk)) == 4


def test_8_could_not_look_again(desk: Operator) -> None:
    """What was destroyed and could not be verified is told as such."""
    fault(desk, "vanish-after-destruction")
    code, answer = destroy(desk)
    assert (code, answer["outcome"]) == (8, "partial")
    assert statuses(answer) == all_three("destroyed-unverified", "unreachable")


def test_9_an_attestation_that_is_not(desk: Operator, authority: TimestampAuthority) -> None:
    bundle = destroy(desk)[1]["attestation"]
    value = json.loads(Path(bundle).read_text())
    value["result"]["envelope"] = value["plan"]["envelope"]
    Path(bundle).write_text(json.dumps(value))
    code, report = verified(desk, bundle, authority)
    assert (code, report["authentic"], report["outcome"]) == (9, False, None)
    assert report["codes"] == ["E_TS_IMPRINT"]


def test_10_authentic_but_not_complete(desk: Operator, authority: TimestampAuthority) -> None:
    fault(desk, "fail")
    code, report = verified(desk, destroy(desk)[1]["attestation"], authority)
    assert (code, report["authentic"], report["outcome"]) == (10, True, "failed")
    assert report["obstacles"]


# --- The doctor's --------------------------------------------------------------------------


def test_the_doctor_tells_a_stores_trouble_and_asks_the_others(desk: Operator) -> None:
    (desk.folder / "share").mkdir()
    desk.add('\n[stores.share]\nbackend = "files"\nroots = ["share"]\n')
    well = desk.run("doctor", "--json")
    assert (well.code, set(well.json["stores"])) == (0, {"shelf", "share"})
    fault(desk, "defect-in-open")
    ill = desk.run("doctor", "--json")
    assert ill.code == 8
    assert ill.json["stores"]["shelf"] == [
        {
            "what": "open",
            "status": "failed",
            "detail": "a defect of its backend: ValueError",
            "hint": "",
        }
    ]
    assert {check["status"] for check in ill.json["stores"]["share"]} == {"ok"}
    desk.edit('roots = ["share"]', "roots = []")
    wrong = desk.run("doctor", "--json")
    assert wrong.code == 2
