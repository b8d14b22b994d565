"""The opener in the documents is complete: it installs, is found, and opens what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.structure.third_party import lay_down, run


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_down("writing-an-opener.md", tmp_path_factory.mktemp("third-party"))


def test_it_opens_what_it_says(package: Path) -> None:
    done = run(package, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "test_ar.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout
    assert int(done.stdout.rsplit("\n", 2)[-2].split()[0]) >= 100


def test_it_is_found_by_its_entry_point(package: Path) -> None:
    code = (
        "from backends.content import Opener, installed_openers;"
        "(found,) = [o for o in installed_openers() if o.name == 'ar'];"
        "assert isinstance(found, Opener); print(found.name)"
    )
    done = run(package, "-c", code)
    assert done.stdout == "ar\n", done.stderr
