"""Every console session in the documents is run, and answers what stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from demo.servers.tsa import TimestampAuthority
from tests.docs.console import fits, run, sessions
from tests.docs.worlds import MATCHER, WORLDS
from tests.structure.tree import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_tells_what_happens(
    document: Path, authority: TimestampAuthority, tmp_path: Path
) -> None:
    text = document.read_text("utf-8")
    found = sessions(text)
    assert len(found) == len(re.findall(r"^```console", text, re.MULTILINE))
    folder: Path | None = None
    for number, session in enumerate(found):
        if session.world or folder is None:
            folder = WORLDS[session.world or "fresh"](tmp_path / f"world-{number}", authority)
        for step in session.steps:
            answer = run(step.command, folder, MATCHER)
            assert fits(step.expected, answer), (
                f"{document.relative_to(ROOT)}:{step.line}: $ {step.command}\n"
                f"--- as it stands there\n{step.expected}--- as it is\n{answer}"
            )


# --- The runner itself --------------------------------------------------------------------

SAMPLE = """
```console
$ echo one; echo two
one
two
```
<!-- world: enrolled -->
```console
$ false
[exit 1]
$ true
```
"""


def test_sessions_are_read_with_their_worlds_and_lines() -> None:
    first, second = sessions(SAMPLE)
    assert (first.world, second.world) == ("", "enrolled")
    assert [(s.line, s.command, s.expected) for s in (*first.steps, *second.steps)] == [
        (3, "echo one; echo two", "one\ntwo\n"),
        (9, "false", "[exit 1]\n"),
        (11, "true", ""),
    ]
    with pytest.raises(ValueError, match="line 2: output before any command"):
        sessions("```console\nhello\n```")


@pytest.mark.parametrize(
    ("expected", "actual", "right"),
    [
        ("one\ntwo\n", "one\ntwo\n", True),
        ("one\ntwo\n", "one\n", False),
        ("one\n", "one\ntwo\n", False),
        ("", "one\n", False),
        ("o…e …\n", "one two\n", True),
        ("o…\n", "one\ntwo\n", False),
        ("...\n", "", True),
        ("...\ntwo\n", "one\nand\ntwo\n", True),
        ("...\ntwo\n", "one\n", False),
        ("a.c\n", "abc\n", False),
        ("one\n", "one   \n", True),
        ("one\n[exit 4]\n", "one\n", False),
        ("...\n", "one\n[exit 4]\n", False),
        ("...\n[exit 4]\n", "one\n[exit 4]\n", True),
    ],
)
def test_an_output_fits_or_not(expected: str, actual: str, right: bool) -> None:
    assert fits(expected, actual) is right


def test_exit_codes_and_both_streams_are_part_of_the_answer(tmp_path: Path) -> None:
    assert run("echo out; echo err >&2; exit 4", tmp_path, {}) == "out\nerr\n[exit 4]\n"
    assert run("false | true", tmp_path, {}) == "[exit 1]\n"
    assert run("printf x", tmp_path, {}) == "x\n"
    assert run("shredder status", tmp_path, {}).endswith("[exit 2]\n")
