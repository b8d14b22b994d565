"""The table of what is left, made once more for one file system, beside the one in the docs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.forensic.images import KINDS
from tests.forensic.residue import METHODS, table

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "residue.md"


def rows(text: str) -> dict[str, list[list[int]]]:
    """The figures of each row, by file system."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if " / " in line]
    return {
        name: [list(map(int, cell.split(" / "))) for cell in cells]
        for name, *cells in lines
        if name in KINDS
    }


def test_the_table_has_every_file_system_and_every_method() -> None:
    told = rows(DOCUMENT.read_text("utf-8"))
    assert list(told) == list(KINDS)
    assert {len(cells) for cells in told.values()} == {len(METHODS)}
    assert f"| | {' | '.join(METHODS)} |" in DOCUMENT.read_text("utf-8")


@pytest.mark.needs("root", "loop")
def test_what_the_table_calls_none_is_none() -> None:
    told = rows(DOCUMENT.read_text("utf-8"))["ext4"]
    (measured,) = rows(table(["ext4"], list(METHODS))).values()
    for stated, found in zip(told, measured, strict=True):
        assert [number == 0 for number in stated] == [number == 0 for number in found]
