"""docs/commands.md says what the command line is: its commands, options, keys, codes and files."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from backends.contract import Signs
from demo.servers.tsa import TimestampAuthority
from demo.survey import NAME, records
from shredder.cli.app import app
from shredder.errors import ExitCode
from tests.cli.operating import strict
from tests.docs.console import run
from tests.docs.worlds import MATCHER, auditor, fresh, office
from tests.structure.tree import ROOT

TEXT = (ROOT / "docs" / "commands.md").read_text("utf-8")
OF_ALL = {"--help", "--json", "--config", "--log-json"}


def commands() -> dict[str, Any]:
    """The commands by their words, as typer has them."""
    group: Any = typer.main.get_command(app)
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        if below := getattr(command, "commands", None):
            found |= {f"{name} {inner}": each for inner, each in below.items()}
        else:
            found[name] = command
    return found


def sections() -> dict[str, str]:
    """The sections of commands, by the command's words."""
    parts = re.split(r"^##+ ", TEXT, flags=re.MULTILINE)
    found = {}
    for part in parts:
        if heading := re.match(r"`shredder (?P<words>[a-z -]+?)(?: [A-Z\[].*)?`\n", part):
            found[heading["words"]] = part
    return found


def section(title: str) -> str:
    return TEXT.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of a table's lines, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if not set(row[0]) <= {"-"}][1:]


def keys(text: str) -> set[str]:
    """The words in code before the first full stop, less those in brackets: a list of keys."""
    listed = re.sub(r"\([^)]*\)", "", text.partition(".\n")[0])
    return set(re.findall(r"`(\w+)`", listed))


def keys_of(command: str) -> set[str]:
    return keys(sections()[command].partition("`--json`:")[2]) | {"exit_code"}


def test_the_commands_are_those_that_help_lists() -> None:
    assert set(commands()) == set(sections())
    listed = run("shredder --help", ROOT, {}).partition("Commands:\n")[2]
    assert [line.split()[0] for line in listed.splitlines()] == list(
        dict.fromkeys(words.split()[0] for words in commands())
    )


@pytest.mark.parametrize("words", sorted(commands()))
def test_the_options_are_those_of_the_command(words: str) -> None:
    known = {
        option
        for parameter in commands()[words].params
        if parameter.param_type_name == "option"
        for option in parameter.opts
    }
    told = {
        option for row in rows(sections()[words]) for option in re.findall(r"`(--?[\w-]+)", row[0])
    }
    assert told == known - OF_ALL
    assert "--json" in known


def test_the_exit_codes_are_those_of_the_code() -> None:
    table = rows(section("Exit codes"))
    assert {int(code): name for code, name, *_ in table} == {
        int(code): code.name.lower().replace("_", "-") for code in ExitCode
    }
    meanings = [meaning for _, _, meaning, _ in table]
    assert len(set(meanings)) == len(meanings)
    assert all(example for *_, example in table)


def test_the_keys_are_those_of_the_answers(authority: TimestampAuthority, tmp_path: Path) -> None:
    folder = fresh(tmp_path / "desk", authority)
    answers = {}
    for words in (
        "init", "doctor", f"enroll {NAME}", f"locate {NAME}", f"plan {NAME}",
        f"destroy {NAME} --yes", f"recheck {NAME}", "status",
    ):  # fmt: skip
        answers[words.split()[0]] = strict(run(f"shredder {words} --json", folder, MATCHER))
    bundle = answers["destroy"]["attestation"]
    answers["timestamp"] = strict(run(f"shredder timestamp {bundle} --json", folder, MATCHER))
    place = auditor(tmp_path / "audit", authority)
    new = "policy new policy.json --key operator.pem --tsa-root tsa-root.pem --tsa-certificate tsa.pem"
    answers["policy new"] = strict(run(f"shredder {new} --json", place, {}))
    for command in ("verify", "show"):
        words = f"{command} bundle.json --policy policy.json"
        answers[command] = strict(run(f"shredder {words} --json", place, {}))
    for words in (
        f"key create {NAME}", f"key records {NAME}", f"seal {NAME} bundle.json -o a.age", f"open {NAME} a.age -o a",
        f"key destroy {NAME} --yes",
    ):  # fmt: skip
        given = words.replace("bundle.json", bundle)
        answers[words.partition(f" {NAME}")[0]] = strict(
            run(f"shredder {given} --json", folder, {})
        )
    told = {command: keys_of(command) for command in answers}
    assert told == {command: set(answer) for command, answer in answers.items()}
    parts = section("Keys of holdings and coverage").split("\n\n")
    found, planned, came, coverage, signs = (keys(part.partition(":")[2]) for part in parts[:5])
    assert found == set(answers["locate"]["holdings"][0])
    assert found | planned == set(answers["plan"]["holdings"][0])
    assert found | planned | came == set(answers["destroy"]["holdings"][0])
    assert coverage == set(answers["locate"]["coverage"][0])
    assert signs == {field.name for field in dataclasses.fields(Signs)}


def test_the_files_are_those_of_the_state_directory(
    authority: TimestampAuthority, tmp_path: Path
) -> None:
    folder = office(tmp_path / "desk", authority)
    who = "--by-role data-protection-officer --reference staff-3 --key officer.pem --yes"
    own = "--operator .shredder/keys/signing.pub.pem"
    for words in (
        f"key create {NAME}",
        f"key records {NAME}",
        f"plan {NAME} --record {records(1)[0].respondent_id}",
        f"plan {NAME} --output p.jsonl",
        f"propose {NAME} --plan p.jsonl --output proposal.json",
        f"approve proposal.json --plan p.jsonl {own} {who} --output approval.json",
        f"destroy {NAME} --plan p.jsonl --approval approval.json",
    ):
        assert "[exit" not in run(f"shredder {words}", folder, MATCHER), words
    state = folder / ".shredder"
    numbers = [path.name for path in (state / "runs").iterdir()]
    found = {str(p.relative_to(state)) for p in state.rglob("*") if p.is_file()}
    told = {row[0].strip("`") for row in rows(section("The state directory"))}
    found = {re.sub(r"(?<=signing-)[0-9a-f]{16}", "KEYID", path) for path in found}
    found = {re.sub(r"(?<=records/)[0-9a-f]{32}", "KEY", path) for path in found}
    found = {re.sub(r"/(proposal|annex)-[0-9a-f]{16}", r"/\1-DIGEST", path) for path in found}
    found = {re.sub(rf"{NAME}(\.records-[0-9a-f]{{12}})?", "DATASET", path) for path in found}
    found = {re.sub("|".join(numbers), "RUN", path) for path in found}
    found |= {"runs/RUN/settled.jsonl"}  # where something was pending: tests.cli.test_finalizing
    assert found == told


def test_the_variables_are_those_that_are_read() -> None:
    told = {row[0].strip("`") for row in rows(section("Environment"))}
    source = "".join(path.read_text("utf-8") for path in (ROOT / "shredder").rglob("*.py"))
    assert told == set(re.findall(r"\bSHREDDER_[A-Z0-9_]+\b", source))
