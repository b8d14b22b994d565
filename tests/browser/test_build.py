"""The committed page is what its sources and the locked packages give."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser.page import FILE, FOLDER

LOCK = FOLDER / "package-lock.json"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources with their packages installed, apart from the tree."""
    folder = tmp_path_factory.mktemp("page") / "browser"
    skipped = shutil.ignore_patterns("node_modules", "dist")
    shutil.copytree(FOLDER, folder, ignore=skipped)
    _run(folder, "npm", "ci", "--prefer-offline")
    return folder


def _run(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.needs("node")
def test_the_committed_page_is_the_built_one(project: Path) -> None:
    _run(project, "node", "build.mjs")
    assert (project / "dist" / "verifier.html").read_bytes() == FILE.read_bytes()


@pytest.mark.needs("node")
def test_the_types_hold(project: Path) -> None:
    _run(project, "npm", "run", "types")


def test_the_lock_holds_digests_and_no_addresses() -> None:
    text = LOCK.read_text("utf-8")
    assert "http" not in text
    assert "resolved" not in text
    packages = json.loads(text)["packages"]
    assert all("integrity" in each for name, each in packages.items() if name)


def test_what_is_asked_for_is_pinned() -> None:
    asked = json.loads((FOLDER / "package.json").read_text("utf-8"))["devDependencies"]
    locked = json.loads(LOCK.read_text("utf-8"))["packages"]
    assert asked == {name: locked[f"node_modules/{name}"]["version"] for name in asked}


def test_no_module_of_the_page_is_long() -> None:
    lengths = [len(path.read_text("utf-8").splitlines()) for path in (FOLDER / "src").iterdir()]
    assert sorted(lengths)[len(lengths) // 2] < 200
    assert max(lengths) < 500
