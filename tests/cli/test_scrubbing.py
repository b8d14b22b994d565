"""``shredder scrub``, on a file system in a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.forensic.images import KINDS, canary, mounted

SHREDDER = Path(sys.executable).with_name("shredder")


def _run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SHREDDER, "scrub", *words], capture_output=True, text=True, check=False)


@pytest.mark.needs("root", "loop")
def test_what_was_deleted_is_gone_and_the_answer_says_so(tmp_path: Path) -> None:
    with mounted(KINDS["ext4"], tmp_path) as image:
        place = image.place / "old"
        place.write_text("".join(f"{canary(1, n)}\n" for n in range(2000)))
        os.sync()
        place.unlink()
        told = _run(image.place, "--reserve", "0%", "--yes", "--json")
        image.unmount()
    answer = json.loads(told.stdout)
    assert (told.returncode, answer["exit_code"], answer["complete"]) == (0, 0, True)
    assert answer["codes"] == []
    assert answer["file_system"] == "ext4"
    assert 0 < answer["filled"] <= answer["free"]
    assert image.canaries() == {}


@pytest.mark.needs("root", "loop")
def test_a_reserve_that_stays_is_no_success(tmp_path: Path) -> None:
    with mounted(KINDS["ext4"], tmp_path) as image:
        told = _run(image.place, "--reserve", "10MiB", "--yes")
    assert told.returncode == 8
    assert "not complete: inodes-left reserve-left" in told.stdout


def test_nothing_is_written_without_a_yes(tmp_path: Path) -> None:
    told = _run(tmp_path)
    assert told.returncode == 6
    assert "is not approved" in told.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [("--reserve", "some"), ("--reserve", "5"), ("--seconds", "-1")])
def test_sizes_that_are_none_are_refused(tmp_path: Path, words: tuple[str, str]) -> None:
    assert _run(tmp_path, *words, "--yes").returncode == 2


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    told = _run(tmp_path / "gone", "--yes")
    assert told.returncode == 2
    assert "no such folder" in told.stderr
