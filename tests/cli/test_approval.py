"""What stands between a plan and its execution: approval, holds, locks, and runs broken off."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.operating import SURVEY, Done, HereOperator, Operator
from tests.cli.terminal import typed
from tests.cli.thirdparty.shredder_shelf import HOLD

ALL = ["canteen.csv", "copy.csv", "mixed.csv", "survey.csv"]
CHANGED = "this is not the plan that was approved: it has changed since; nothing was touched"


@pytest.fixture
def desk(desk: Operator) -> Operator:
    """What is asked here is asked in this process; what waits or is typed, in one of its own."""
    return HereOperator(desk.folder, desk.environment)


def on_the_shelf(desk: Operator) -> list[str]:
    return sorted(path.name for path in (desk.folder / "shelf").iterdir())


def planned(desk: Operator, *words: str) -> dict[str, Any]:
    done = desk.run("plan", SURVEY, "--output", "plan.jsonl", "--json", *words)
    assert done.code == 0, done.err
    return done.json


def refused(desk: Operator, *words: str | Path) -> Done:
    """A destroy that is refused, and has touched nothing."""
    done = desk.run("destroy", *words, "--json")
    assert (done.code, done.json["error"]) == (6, done.error)
    assert on_the_shelf(desk) == ALL
    assert list((desk.state / "attestations").iterdir()) == []
    return done


# --- A person at a terminal ---------------------------------------------------------------


def test_the_wrong_name_typed(desk: Operator) -> None:
    code, screen = typed(desk, ["destroy", SURVEY], [("Type the dataset's name", "survey\n")])
    assert code == 6
    assert "This destroys 3 holdings. It cannot be undone." in screen
    assert f"error: {SURVEY} was not approved; nothing was touched" in screen
    assert on_the_shelf(desk) == ALL


def test_nothing_typed(desk: Operator) -> None:
    code, _ = typed(desk, ["destroy", SURVEY], [("Type the dataset's name", "\x04")])
    assert code == 6
    assert on_the_shelf(desk) == ALL


def test_the_right_name_typed(desk: Operator) -> None:
    code, screen = typed(desk, ["destroy", SURVEY], [("Type the dataset's name", f"{SURVEY}\n")])
    assert code == 0
    assert "outcome: complete (3 destroyed-verified)" in screen
    assert screen.index("shelf/survey.csv") < screen.index("Type the dataset's name")


def test_interrupted_at_the_question(desk: Operator) -> None:
    """Ctrl-C: the shell's own code, and nothing was touched."""
    code, screen = typed(desk, ["destroy", SURVEY], [("Type the dataset's name", "\x03")])
    assert code == 130
    assert "error: interrupted" in screen
    assert on_the_shelf(desk) == ALL
    assert desk.run("destroy", SURVEY, "--yes").code == 0


def test_without_a_terminal_nobody_can_be_asked(desk: Operator) -> None:
    done = refused(desk, SURVEY)
    assert done.json["outcome"] == "refused"
    assert len(done.json["holdings"]) == 3


# --- An approved plan ---------------------------------------------------------------------


def test_an_approved_plan_is_carried_out(desk: Operator) -> None:
    plan = planned(desk)
    done = desk.run("destroy", SURVEY, "--plan", "plan.jsonl", "--digest", plan["digest"], "--json")
    assert (done.code, done.json["digest"]) == (0, plan["digest"])


def test_the_state_directorys_own_plan_can_be_named(desk: Operator) -> None:
    path = desk.run("plan", SURVEY, "--json").json["plan"]
    assert desk.run("destroy", SURVEY, "--plan", path).code == 0


def test_a_plan_that_has_changed_since(desk: Operator) -> None:
    planned(desk)
    path = desk.folder / "plan.jsonl"
    content = path.read_bytes()
    half = len(content) // 2
    for changed in (
        bytes([content[0] ^ 1]) + content[1:],
        content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :],
        content[:-1],
        content + b"\n",
        content[:half],
        b"",
    ):
        path.write_bytes(changed)
        assert refused(desk, SURVEY, "--plan", path).error == CHANGED
    path.write_bytes(content)
    assert desk.run("destroy", SURVEY, "--plan", path).code == 0


def test_a_plan_whose_run_is_not_ours(desk: Operator) -> None:
    """Nothing in the file is believed, not even the id of its run."""
    planned(desk)
    path = desk.folder / "plan.jsonl"
    header, *rest = path.read_text().splitlines(keepends=True)
    fields = json.loads(header) | {"run": "../../../etc"}
    path.write_text(json.dumps(fields) + "\n" + "".join(rest))
    assert refused(desk, SURVEY, "--plan", path).error == CHANGED


def test_a_plan_that_has_changed_in_the_state_directory(desk: Operator) -> None:
    plan = planned(desk)
    (own,) = (desk.state / "runs").glob("*/plan.jsonl")
    own.write_bytes(own.read_bytes().replace(b'"whole":false', b'"whole":true'))
    done = refused(desk, SURVEY, "--plan", "plan.jsonl")
    assert (
        done.error
        == f"the plan of run {plan['run']} has changed since it was made; nothing was touched"
    )
    own.unlink()
    assert refused(desk, SURVEY, "--plan", "plan.jsonl").error == done.error


def test_another_digest_than_the_approved(desk: Operator) -> None:
    planned(desk)
    done = refused(desk, SURVEY, "--plan", "plan.jsonl", "--digest", f"sha256:{'0' * 64}")
    assert done.error == CHANGED


def test_another_datasets_plan(desk: Operator) -> None:
    planned(desk)
    done = refused(desk, "canteen", "--plan", "plan.jsonl")
    assert done.error == f"this plan is for dataset {SURVEY}, not for canteen"


def test_a_plan_is_carried_out_once(desk: Operator) -> None:
    planned(desk)
    words = ("destroy", SURVEY, "--plan", "plan.jsonl")
    assert desk.run(*words).code == 0
    again = desk.run(*words)
    assert (again.code, again.error) == (
        6, "this plan was carried out or given up: its run is attested",
    )  # fmt: skip


def test_what_was_altered_after_the_plan_is_left_alone(desk: Operator) -> None:
    planned(desk)
    with (desk.folder / "shelf" / "copy.csv").open("a") as file:
        file.write("somebody,is,still,writing,here,to,it\n")
    done = desk.run("destroy", SURVEY, "--plan", "plan.jsonl", "--json")
    assert (done.code, done.json["outcome"]) == (4, "partial")
    came = {h["locator"]: (h["status"], h["reason"]) for h in done.json["holdings"]}
    assert came["shelf/copy.csv"] == ("failed", "changed-since-plan")
    assert came["shelf/survey.csv"] == ("destroyed-verified", None)
    assert "copy.csv" in on_the_shelf(desk)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--digest", "sha256:00"], "--digest goes with --plan"),
        (["--plan", "p", "--mixed", "whole"], "a plan has its decisions in it"),
        (["--include", "copy"], "'copy' is not a verdict to decide on: likely or maybe"),
        (["--include", "maybe", "--dismiss", "maybe"], "'maybe' cannot be both included and dismissed"),
        (["--mixed", "half"], "--mixed is leave or whole, not 'half'"),
        (["--challenge", "a b"], "a challenge has up to 64 letters, digits, dots, dashes, underscores"),
        (["--no-such"], "No such option: --no-such"),
    ],
)  # fmt: skip
def test_options_that_make_no_sense(desk: Operator, words: list[str], error: str) -> None:
    done = desk.run("destroy", SURVEY, "--json", *words)
    assert (done.code, done.error, done.json["error"]) == (2, error, error)


def test_a_plan_file_that_is_none(desk: Operator) -> None:
    for name, why in (("nowhere", "No such file or directory"), (".", "Is a directory")):
        done = desk.run("destroy", SURVEY, "--plan", name)
        assert (done.code, done.error) == (2, f"the plan file cannot be read: {why}")


# --- Holds --------------------------------------------------------------------------------


def test_a_dataset_under_hold(desk: Operator) -> None:
    planned(desk)
    desk.add(HOLD)
    for words in (["--yes"], ["--plan", "plan.jsonl"]):
        done = refused(desk, SURVEY, *words)
        assert done.error == f"dataset {SURVEY} must not be destroyed: legal-hold"
        assert done.hint == f"see [datasets.{SURVEY}.hold] in the configuration"
    # Looking is not forbidden, and neither is another dataset's end.
    assert desk.run("locate", SURVEY).code == 0


def test_a_hold_that_is_over(desk: Operator) -> None:
    desk.add(f"{HOLD}until = 2018-06-01\n")
    assert desk.run("destroy", SURVEY, "--yes").code == 0


def test_a_hold_laid_in_mid_run(desk: Operator) -> None:
    """What went before it is told as done; the rest is retained."""
    desk.edit('fault = ""', 'fault = "hold"')
    done = desk.run("destroy", SURVEY, "--yes", "--json")
    assert (done.code, done.json["outcome"]) == (4, "partial")
    came = [(h["locator"], h["status"], h["reason"]) for h in done.json["holdings"]]
    assert came == [
        ("shelf/copy.csv", "destroyed-verified", None),
        ("shelf/mixed.csv", "retained", "legal-hold"),
        ("shelf/survey.csv", "retained", "legal-hold"),
    ]
    assert on_the_shelf(desk) == ["canteen.csv", "mixed.csv", "survey.csv"]
    assert Path(done.json["attestation"]).exists()


# --- One at a time, and going on ----------------------------------------------------------


def test_two_at_once(desk: Operator) -> None:
    desk.edit('fault = ""', 'fault = "wait"')
    first = desk.begin("destroy", SURVEY, "--yes", "--json")
    try:
        end = time.monotonic() + 20
        while not (desk.folder / "waiting").exists() and time.monotonic() < end:
            time.sleep(0.01)
        for words in (
            ["destroy", SURVEY, "--yes"],
            ["plan", SURVEY],
            ["enroll", SURVEY],
            ["resume"],
        ):
            done = desk.run(*words, "--json")
            assert (done.code, done.error) == (6, "another run holds the state directory"), words
            assert done.json["hint"] == "wait for it, or see what it does with `shredder status`"
        assert "begun" in desk.run("status").out
    finally:
        (desk.folder / "go").touch()
        out, _ = first.communicate(timeout=30)
    assert first.returncode == 0, out


def test_killed_in_mid_run_and_resumed(desk: Operator) -> None:
    """The lock goes with its holder; nothing else is in the way."""
    desk.edit('fault = ""', 'fault = "wait"')
    first = desk.begin("destroy", SURVEY, "--yes", "--json")
    end = time.monotonic() + 20
    while not (desk.folder / "waiting").exists() and time.monotonic() < end:
        time.sleep(0.01)
    first.kill()
    first.communicate()
    desk.edit('fault = "wait"', 'fault = ""')
    assert "1 run not at the end: `shredder resume`" in desk.run("status").out
    done = desk.run("resume", "--json")
    assert (done.code, done.json["outcome"]) == (0, "complete")


def test_nothing_to_resume(desk: Operator) -> None:
    done = desk.run("resume", "--json")
    assert (done.code, done.error) == (2, "no run is to be resumed")
    unknown = desk.run("resume", "20180501T000000-00000000", "--json")
    assert (unknown.code, unknown.error) == (
        2,
        "the journal knows no run '20180501T000000-00000000'",
    )
    assert desk.run("destroy", SURVEY, "--yes").code == 0
    run = desk.run("status", "--json").json["runs"][0]["run"]
    ended = desk.run("resume", run)
    assert (ended.code, ended.error) == (2, f"run {run} is at its end: attested")


def test_a_second_destroy_names_the_attestation_that_exists(desk: Operator) -> None:
    first = desk.run("destroy", SURVEY, "--yes", "--json").json
    again = desk.run("destroy", SURVEY, "--yes", "--json")
    assert (again.code, again.json["outcome"]) == (0, "complete")
    assert again.json["attestation"] == first["attestation"]
    assert again.json["holdings"] == []
    assert len(list((desk.state / "attestations").iterdir())) == 1
    runs = desk.run("status", "--json").json["runs"]
    assert [(run["phase"], run["outcome"]) for run in runs] == [
        ("attested", "complete"), ("nothing", None),
    ]  # fmt: skip


def test_a_second_destroy_and_an_attestation_that_was_tampered_with(desk: Operator) -> None:
    bundle = Path(desk.run("destroy", SURVEY, "--yes", "--json").json["attestation"])
    bundle.write_bytes(bundle.read_bytes()[:-200])
    done = desk.run("destroy", SURVEY, "--yes", "--json")
    assert (done.code, done.error) == (9, "the attestation of an earlier run does not verify")


def test_recheck(desk: Operator) -> None:
    lost = (desk.folder / "shelf" / "survey.csv").read_bytes()
    never = desk.run("recheck", SURVEY, "--json")
    assert (never.code, never.error) == (2, f"dataset {SURVEY} has not been destroyed")
    attestation = desk.run("destroy", SURVEY, "--yes", "--json").json["attestation"]
    gone = desk.run("recheck", SURVEY, "--json")
    assert (gone.code, gone.json["outcome"]) == (0, "still-gone")
    assert gone.json["attestation"] == attestation
    # Somebody restores a backup.
    (desk.folder / "shelf" / "restored.csv").write_bytes(lost)
    back = desk.run("recheck", SURVEY, "--json")
    assert (back.code, back.json["outcome"]) == (7, "returned")
    assert [h["locator"] for h in back.json["holdings"]] == ["shelf/restored.csv"]
    desk.edit('fault = ""', 'fault = "vanish-in-listing"')
    (desk.folder / "shelf" / "restored.csv").unlink()
    blind = desk.run("recheck", SURVEY, "--json")
    assert (blind.code, blind.json["outcome"]) == (8, "inconclusive")


def of_the_doctor(desk: Operator) -> dict[str, str]:
    answer = desk.run("doctor", "--json").json["fingerprints"]
    (told,) = [each for each in answer if each["dataset"] == SURVEY]
    assert isinstance(told, dict)
    return told


def test_a_fingerprint_goes_with_its_dataset(desk: Operator) -> None:
    desk.edit('basis = "', 'fingerprint = "destroy"\nbasis = "')
    assert planned(desk)["fingerprint"] == "destroy"
    done = desk.run("destroy", SURVEY, "--yes", "--json")
    assert (done.json["outcome"], done.json["fingerprint"]) == ("complete", "destroyed")
    shown = desk.run("show", done.json["attestation"])
    assert "fingerprint: destroyed" in shown.out
    told = of_the_doctor(desk)
    assert (told["status"], told["detail"][:12]) == ("ok", "destroyed on")
    for command in ("recheck", "locate", "plan", "destroy"):
        again = desk.run(command, SURVEY, "--json")
        assert again.code == 8, command
        assert "nothing can be recognised any more" in again.error


def test_a_fingerprint_that_was_to_be_kept_until_a_day(desk: Operator) -> None:
    desk.edit('basis = "', 'fingerprint = 2999-01-31\nbasis = "')
    assert "fingerprint: kept until 2999-01-31" in desk.run("plan", SURVEY).out
    attestation = desk.run("destroy", SURVEY, "--yes", "--json").json["attestation"]
    assert "fingerprint: kept until 2999-01-31" in desk.run("show", attestation).out
    assert desk.run("recheck", SURVEY, "--json").json["fingerprint_overdue"] is None
    desk.edit("2999-01-31", "2019-01-31")
    late = desk.run("recheck", SURVEY, "--json")
    assert (late.code, late.json["fingerprint_overdue"]) == (0, "2019-01-31")
    assert f"shredder forget-fingerprint {SURVEY}" in desk.run("recheck", SURVEY).out
    told = of_the_doctor(desk)
    assert (told["status"], told["hint"]) == ("missing", f"shredder forget-fingerprint {SURVEY}")


@pytest.mark.parametrize("value", ['"never"', "1", "true", "2027-01-31T10:00:00Z", '["keep"]'])
def test_a_decision_on_a_fingerprint_that_makes_no_sense(desk: Operator, value: str) -> None:
    desk.edit('basis = "', f'fingerprint = {value}\nbasis = "')
    done = desk.run("plan", SURVEY, "--json")
    assert done.code == 2
    assert 'must be "keep", "destroy", or a date, like 2027-01-31' in done.error
