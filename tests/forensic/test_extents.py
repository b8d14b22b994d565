"""The map of a file's blocks, beside what e2fsprogs' filefrag makes of it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from backends.fsops.extents import extents_of
from tests.forensic.images import KINDS, mounted

pytestmark = [pytest.mark.needs("root", "loop")]

BLOCK = 4096
UNIT = 1024  # bytes, of filefrag's figures: no file system here has smaller blocks
_LINE = re.compile(r"^\s*\d+:\s+(\d+)\.\.\s*\d+:\s+(\d+)\.\.\s*\d+:\s+(\d+):", re.MULTILINE)


def by_filefrag(path: Path) -> list[tuple[int, int, int]]:
    told = subprocess.run(
        ["filefrag", "-v", f"-b{UNIT}", path], capture_output=True, text=True, check=True
    ).stdout
    return [tuple(UNIT * int(n) for n in found) for found in _LINE.findall(told)]  # type: ignore[misc]


@pytest.mark.parametrize("kind", ["ext4", pytest.param("xfs", marks=pytest.mark.needs("xfs"))])
def test_every_extent_of_a_torn_file_is_there(tmp_path: Path, kind: str) -> None:
    """More of them than the kernel is asked for at once."""
    with mounted(KINDS[kind], tmp_path) as image:
        place = image.place / "torn"
        with place.open("wb") as file:
            for number in range(700):
                os.pwrite(file.fileno(), bytes([number % 251 + 1]) * BLOCK, 2 * number * BLOCK)
            os.fsync(file.fileno())
        fd = os.open(place, os.O_RDONLY)
        found = extents_of(fd)
        os.close(fd)
        assert found is not None
        expected = by_filefrag(place)
    assert [(e.logical, e.physical, e.length) for e in found] == expected
    assert len(expected) > 600
