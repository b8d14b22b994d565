"""Packages of third parties, as the documents show them, laid down as an installer would."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from tests.structure.docs import DOCS, files_in
from tests.structure.tree import ROOT


def lay_down(document: str, folder: Path) -> Path:
    """Write a document's files with the metadata that their pyproject.toml gives."""
    for name, text in files_in(DOCS / document).items():
        (folder / name).write_text(text, "utf-8")
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return folder


def run(package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=package, env={"PYTHONPATH": f"{package}:{ROOT}", "PATH": ""},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
