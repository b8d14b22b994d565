"""The backend in the documents is complete: it installs, is found, and keeps the contract."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.structure.docs import DOCS, files_in
from tests.structure.tree import ROOT


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lay the files down with the metadata that an installer writes for their pyproject.toml."""
    folder = tmp_path_factory.mktemp("third-party")
    for name, text in files_in(DOCS / "writing-a-backend.md").items():
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


def test_it_keeps_the_contract(package: Path) -> None:
    done = run(
        package, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "test_notes.py"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout
    assert int(done.stdout.rsplit("\n", 2)[-2].split()[0]) >= 40


def test_it_is_found_by_its_entry_point(package: Path) -> None:
    code = (
        "from backends.contract import Backend; from shredder.registry import backend;"
        "found = backend('notes'); assert isinstance(found, Backend); print(*found.settings)"
    )
    done = run(package, "-c", code)
    assert done.stdout == "file\n", done.stderr


def test_it_is_as_short_as_the_documents_promise(package: Path) -> None:
    """A backend is an afternoon's work: forty lines, imports aside."""
    lines = (package / "shredder_notes.py").read_text("utf-8").splitlines()
    body = lines[lines.index("class NotesStore(WholeStore):") :]
    assert len([line for line in body if line.strip()]) <= 40
