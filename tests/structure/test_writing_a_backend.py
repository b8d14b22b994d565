"""The backend in the documents is complete: it installs, is found, and keeps the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.structure.third_party import lay_down, run


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_down("writing-a-backend.md", tmp_path_factory.mktemp("third-party"))


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
