"""Reading the project's documents: marked files and tables."""

from __future__ import annotations

import re
from pathlib import Path

from tests.structure.tree import ROOT

DOCS = ROOT / "docs"

_FILE = re.compile(r"<!-- file: (?P<name>\S+) -->\n```\w+\n(?P<text>.*?)\n```\n", re.DOTALL)
_ROW = re.compile(r"^\| `(?P<code>[^`]+)` \| (?P<meaning>.+) \|$", re.MULTILINE)


def files_in(document: Path) -> dict[str, str]:
    """The files that a document holds in full, by name."""
    return {m["name"]: m["text"] + "\n" for m in _FILE.finditer(document.read_text("utf-8"))}


def codes_in(document: Path) -> list[str]:
    """The codes in the first column of a document's tables."""
    return [m["code"] for m in _ROW.finditer(document.read_text("utf-8"))]
