"""What comes out, and where: one JSON object, JSON lines, no personal data, whatever the streams."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import MINE
from tests.cli.operating import SURVEY, HereOperator, Operator, strict
from tests.cli.thirdparty.shredder_shelf import SECRET

HOLDING = {"store", "scope", "locator", "version", "kind", "verdict", "records", "foreign_records", "size", "retained_until", "cost", "sealed", "signs", "waits_days", "until"}  # fmt: skip
DECIDED = HOLDING | {"id", "decision", "technique", "whole", "reason"}
CAME = DECIDED | {"status", "method", "verification", "looked", "limitations"}
COVERAGE = {"store", "scope", "status", "units_total", "units_examined", "units_unchanged", "units_failed", "units_unreachable", "units_excluded", "reason", "as_of"}  # fmt: skip

ASKED_OF_ALL = {"dataset", "outcome", "holdings", "coverage"}
ASKED_OF_HOLDINGS = {"store", "locator", "version", "verdict", "records", "foreign_records"}
ASKED_OF_THE_DESTROYED = ASKED_OF_HOLDINGS | {"method", "technique", "status"}
ASKED_OF_COVERAGE = {"store", "scope", "status", "units_total", "units_examined", "reason"}


def here(desk: Operator) -> HereOperator:
    return HereOperator(desk.folder, desk.environment)


def test_each_command_has_the_keys_that_scripts_go_by(desk: Operator) -> None:
    lost = (desk.folder / "shelf" / "survey.csv").read_bytes()
    operator = here(desk)
    answered = {
        "locate": operator.run("locate", SURVEY, "--json").json,
        "plan": operator.run("plan", SURVEY, "--json").json,
        "destroy": operator.run("destroy", SURVEY, "--yes", "--json").json,
    }
    (desk.folder / "shelf" / "restored.csv").write_bytes(lost)
    answered["recheck"] = operator.run("recheck", SURVEY, "--json").json
    holdings = {"locate": HOLDING, "plan": DECIDED, "destroy": CAME, "recheck": HOLDING}
    for command, answer in answered.items():
        assert set(answer) >= ASKED_OF_ALL, command
        assert ("attestation" in answer) == (command in {"destroy", "recheck"}), command
        assert answer["holdings"], command
        assert {frozenset(h) for h in answer["holdings"]} == {frozenset(holdings[command])}, command
        assert {frozenset(c) for c in answer["coverage"]} == {frozenset(COVERAGE)}, command
    assert HOLDING >= ASKED_OF_HOLDINGS
    assert CAME >= ASKED_OF_THE_DESTROYED
    assert COVERAGE >= ASKED_OF_COVERAGE


@pytest.mark.parametrize(
    "words",
    [
        ["init"], ["doctor"], ["enroll", SURVEY], ["status"], ["locate", SURVEY], ["locate", "x"],
        ["plan", SURVEY], ["destroy", SURVEY], ["destroy", SURVEY, "--yes"], ["resume"],
        ["recheck", SURVEY], ["verify", "x"], ["show", "x"], ["timestamp", "x"], ["nonsense"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_json_is_one_object_on_stdout_and_nothing_else(desk: Operator, words: list[str]) -> None:
    done = here(desk).run(*words, "--json")
    assert done.json["exit_code"] == done.code
    assert set(done.err.split(": ")[:1]) <= {"", "error"}


# --- Logs, and what is in none of them ----------------------------------------------------


def needles() -> set[bytes]:
    """What must not be found outside of the run's private folder, in each of its spellings."""
    plain = [value for row in MINE for value in (row.respondent_id, row.email, row.name)]
    plain += [row.answer_use for row in MINE] + ["survey.csv", "copy.csv", "mixed.csv", SECRET]
    found = set()
    for text in plain:
        raw = text.encode()
        found |= {raw, raw.hex().encode()}
        # In base64 a text stands in one of three ways, by its place; its ends are cut off.
        for lead in range(3):
            coded = base64.b64encode(b"\0" * lead + raw)
            found.add(coded[4 if lead else 0 : -4])
    return {needle for needle in found if len(needle) >= 8}


def leaks(content: bytes) -> list[bytes]:
    return [needle for needle in needles() if needle in content]


def test_the_search_for_leaks_sees_them() -> None:
    email = MINE[0].email
    for lead in range(3):
        text = b"x" * lead + email.encode() + b"yz"
        for hidden in (text, text.hex().encode(), base64.b64encode(text)):
            assert leaks(hidden), (lead, hidden)


@pytest.mark.parametrize(
    "fault", ["", "fail", "defect-in-destroy", "vanish-after-destruction", "lie"]
)
def test_no_personal_data_and_no_locator_leaves_the_runs_folder(desk: Operator, fault: str) -> None:
    """Of what is written: log, stderr, journal, bundle, key and catalogue files, byte for byte."""
    desk.edit('fault = ""', f'fault = "{fault}"')
    log = desk.folder / "log.jsonl"
    operator = here(desk)
    err = ""
    for words in (
        ["doctor"],
        ["locate", SURVEY],
        ["destroy", SURVEY, "--yes"],
        ["recheck", SURVEY],
    ):
        err += operator.run(*words, "--json", "--log-json", log).err
    written = [
        path for path in desk.state.rglob("*") if path.is_file() and "runs" not in path.parts
    ]
    names = {path.name for path in written}
    assert names >= {"journal.sqlite", "signing.pem", f"{SURVEY}.catalogue"}
    assert any(name.startswith(SURVEY) and name.endswith(".json") for name in names)
    contents = {path.name: path.read_bytes() for path in (log, *written)} | {"stderr": err.encode()}
    contents |= {f"{name}, decoded": _decoded(content) for name, content in contents.items()}
    assert {name: found for name, content in contents.items() if (found := leaks(content))} == {}
    assert log.stat().st_size > 0


def _decoded(content: bytes) -> bytes:
    """A bundle's envelopes, opened: what stands in base64 within base64."""
    try:
        bundle = json.loads(content)
        envelopes = [
            json.loads(base64.b64decode(bundle[part]["envelope"])) for part in ("plan", "result")
        ]
    except (ValueError, KeyError, TypeError):
        return b""
    return b"".join(base64.b64decode(envelope["payload"]) for envelope in envelopes)


def test_the_runs_folder_is_private_and_does_hold_locators(desk: Operator) -> None:
    """The other side of the test before: what is searched for there is there to be found."""
    assert here(desk).run("destroy", SURVEY, "--yes").code == 0
    (plan,) = (desk.state / "runs").glob("*/plan.jsonl")
    assert leaks(plan.read_bytes())
    assert {oct(path.stat().st_mode & 0o777) for path in plan.parent.iterdir()} == {"0o600"}
    assert plan.parent.stat().st_mode & 0o777 == 0o700


def test_the_log_is_json_lines(desk: Operator) -> None:
    log = desk.folder / "log.jsonl"
    onto_stderr = here(desk).run("locate", SURVEY, "--json", "--log-json", "-")
    assert [strict(line)["event"] for line in onto_stderr.err.splitlines()] == ["scope-swept"]
    assert onto_stderr.json["outcome"] == "found"
    assert here(desk).run("destroy", SURVEY, "--yes", "--log-json", log).code == 0
    events = [strict(line) for line in log.read_text().splitlines()]
    assert {"scope-swept", "planned", "destruction"} <= {event["event"] for event in events}
    assert all(event["at"].endswith("Z") for event in events)


def test_a_log_that_cannot_be_written(desk: Operator) -> None:
    done = here(desk).run("locate", SURVEY, "--log-json", "no/such/folder.jsonl")
    assert (done.code, done.error) == (2, "the log cannot be written: No such file or directory")


# --- Streams that are closed, full, narrow or gone ----------------------------------------


def through_a_shell(desk: Operator, line: str, **more: str) -> tuple[int, str]:
    """Run a line of sh; `shredder` is the installed command. Returns the code and stderr."""
    command = f'shredder() {{ {" ".join(desk.command())} "$@"; }}; {line}'
    done = subprocess.run(
        ["/bin/bash", "-c", command], cwd=desk.folder, env={**desk.environment, **more},
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    return done.returncode, done.stderr.decode()


def test_streams_that_are_closed(desk: Operator) -> None:
    """A file that is opened next takes a closed stream's number: the journal must not be it."""
    code, _ = through_a_shell(desk, f"shredder destroy {SURVEY} --yes 0<&- 1>&- 2>&-")
    assert code == 0
    assert here(desk).run("recheck", SURVEY).code == 0
    assert (desk.state / "journal.sqlite").read_bytes()[:15] == b"SQLite format 3"


def test_a_reader_that_goes_away(desk: Operator) -> None:
    code, err = through_a_shell(
        desk, f"set -o pipefail; shredder locate {SURVEY} --json | head -c 1 >/dev/null"
    )
    assert (code, err) in {(128 + signal.SIGPIPE, ""), (0, "")}  # it may have been quick enough


def test_a_full_disk_under_the_output(desk: Operator) -> None:
    code, err = through_a_shell(desk, f"shredder locate {SURVEY} >/dev/full")
    assert code == 8
    assert err.startswith("error: the system refused: No space left on device\n")


def test_a_narrow_encoding(desk: Operator) -> None:
    (desk.folder / "shelf" / "survey.csv").rename(desk.folder / "shelf" / "ümläut.csv")
    code, err = through_a_shell(desk, f"shredder locate {SURVEY}", PYTHONIOENCODING="ascii")
    assert (code, err) == (0, "")


def test_a_locator_cannot_steer_the_terminal(desk: Operator) -> None:
    name = "\x1b[2J\u202esv.txt"
    os.rename(desk.folder / "shelf" / "copy.csv", desk.folder / "shelf" / name)  # noqa: PTH104
    out = here(desk).run("locate", SURVEY).out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "\\x1b[2J\\u202esv.txt" in out
    assert name in {
        Path(h["locator"]).name for h in here(desk).run("locate", SURVEY, "--json").json["holdings"]
    }


def test_a_defect_shows_its_traceback_only_on_demand(desk: Operator) -> None:
    desk.edit('backend = "shelf"', 'backend = "broken"')
    code, err = through_a_shell(desk, "shredder status")
    assert (code, len(err.splitlines())) == (1, 2)
    shown = subprocess.run(
        desk.command("status"), cwd=desk.folder, capture_output=True, text=True, check=False,
        env={**desk.environment, "SHREDDER_DEBUG": "1"},
    )  # fmt: skip
    assert shown.returncode == 1
    assert "Traceback" in shown.stderr
