"""What desktops and editors keep of a holding waits for the operator's word."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from demo.servers.tsa import TimestampAuthority
from demo.survey import as_csv, records
from tests.cli.operating import SURVEY, HereOperator

MINE = as_csv(records(60)).encode()
CONFIGURATION = """
[stores.share]
backend = "files"
roots = ["share"]

[datasets.survey-2018-05]
sources = [{{ store = "share", path = "survey.csv" }}]
[datasets.survey-2018-05.columns]
respondent_id = "private"

[timestamp]
authorities = ["{url}"]
"""


@pytest.fixture
def operator(tmp_path: Path, authority: TimestampAuthority) -> HereOperator:
    """Somebody with a holding, an undo file beside it, and its former self in the trash."""
    made = HereOperator(tmp_path / "desk")
    share, trash = made.folder / "share", made.folder / ".local" / "share" / "Trash"
    for folder in (share, trash / "files", trash / "info"):
        folder.mkdir(parents=True)
    (made.folder / "survey.csv").write_bytes(MINE)
    (share / "copy.csv").write_bytes(MINE)
    (share / ".copy.csv.un~").write_bytes(b"\0\1\2 of an unknown form")
    (trash / "files" / "copy.2.csv").write_bytes(MINE)
    note = f"[Trash Info]\nPath={quote(str(share / 'copy.csv'))}\n"
    (trash / "info" / "copy.2.csv.trashinfo").write_text(note)
    made.config.write_text(CONFIGURATION.format(url=authority.url))
    for words in (["init"], ["enroll", SURVEY]):
        assert made.run(*words).code == 0
    return made


def left(operator: HereOperator) -> set[str]:
    places = (operator.folder / "share", operator.folder / ".local/share/Trash/files")
    return {each.name for place in places for each in place.iterdir()}


def test_nothing_of_them_goes_without_a_word(operator: HereOperator) -> None:
    done = operator.run("destroy", SURVEY, "--yes", "--json")
    assert (done.code, done.json["outcome"]) == (4, "partial")
    assert {(h["kind"], h["verdict"], h["status"]) for h in done.json["holdings"]} == {
        ("file", "copy", "destroyed-verified"),
        ("editor-undo", "maybe", "undecided"),
        ("trashed-file", "likely", "undecided"),
    }
    assert left(operator) == {".copy.csv.un~", "copy.2.csv"}


def test_with_the_operators_word_they_go(operator: HereOperator) -> None:
    words = ("--include", "likely", "--dismiss", "maybe")
    done = operator.run("destroy", SURVEY, "--yes", "--json", *words)
    assert (done.code, done.json["outcome"]) == (0, "complete")
    assert left(operator) == {".copy.csv.un~"}
    (trashed,) = (h for h in done.json["holdings"] if h["kind"] == "trashed-file")
    assert (trashed["status"], trashed["verification"]) == ("destroyed-verified", "absent")


def test_within_the_roots_where_the_operator_wants_that(operator: HereOperator) -> None:
    operator.edit('roots = ["share"]', 'roots = ["share"]\nneighbours = false')
    done = operator.run("destroy", SURVEY, "--yes", "--json")
    assert (done.code, [h["kind"] for h in done.json["holdings"]]) == (0, ["file"])
    assert left(operator) == {".copy.csv.un~", "copy.2.csv"}
