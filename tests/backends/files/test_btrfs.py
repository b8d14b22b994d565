"""What btrfs is asked for, and how often."""

from __future__ import annotations

import fcntl
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backends.contract import Context
from backends.files import BACKEND
from backends.fsops import btrfs
from backends.fsops.sharing import _btrfs
from tests.backends.trees import MATCHER, RECORDS, holdings
from tests.forensic.images import Image, Kind, mounted

pytestmark = [pytest.mark.needs("root", "loop"), pytest.mark.needs("btrfs")]

FILES, SUBVOLUMES = 1500, 20
_SEARCH = 0x9411  # BTRFS_IOC_TREE_SEARCH and its second version, without the sizes


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """Many files, some of them removed, with gaps between their numbers; and many subvolumes."""
    kind = Kind(("mkfs.btrfs", "-q"), size=120 << 20)
    with mounted(kind, tmp_path_factory.mktemp("btrfs")) as image:
        for number in range(SUBVOLUMES):
            run("btrfs", "subvolume", "create", image.mount / f"other{number}")
        for number in range(FILES):
            (image.place / str(number)).write_bytes(b"x")
            if 500 <= number < 1000 and number % 100:
                (image.place / str(number)).unlink()
        run("btrfs", "subvolume", "snapshot", image.mount, image.mount / "then")
        for number in range(0, 500, 7):
            (image.place / str(number)).unlink()
        os.sync()
        yield image


def run(*words: str | Path) -> None:
    subprocess.run(words, check=True, capture_output=True)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The requests that are made."""
    made, real = list[int](), fcntl.ioctl

    def ioctl(fd: int, request: int, *rest: Any) -> Any:
        made.append(request)
        return real(fd, request, *rest)

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    return made


@pytest.mark.parametrize("share", [1, 0.5, 0.03, 0.002])
def test_asked_for_together_or_one_by_one_the_answer_is_the_same(
    disk: Image, asked: list[int], share: float
) -> None:
    chosen = random.Random(1).sample(range(256, 256 + 2 * FILES), int(share * 2 * FILES))
    fd = os.open(disk.mount, os.O_RDONLY)
    try:
        for subvolume in (btrfs.TOP, *btrfs.subvolumes(fd)):
            wanted = sorted(chosen)
            one_by_one = {
                each: birth for each in wanted if (birth := btrfs.birth_of(fd, subvolume, each))
            }
            asked.clear()
            assert dict(btrfs.births_in(fd, subvolume, wanted)) == one_by_one
            assert len(asked) <= 1 + min(len(wanted), 40)
    finally:
        os.close(fd)


def test_subvolumes_are_not_asked_for_each_holding(
    disk: Image, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where all holdings do not fit into one question."""
    monkeypatch.setattr(_btrfs, "_AT_ONCE", 50)
    for number in range(120):
        (disk.place / f"holding{number}").write_bytes(RECORDS)
    os.sync()
    store = BACKEND.open(
        "share", {"roots": ["mnt/share"]}, Context(disk.file.parent, Path("/none"))
    )
    found = [*holdings(store).values()]
    assert len(found) == 120
    asked.clear()
    assert list(store.companions(found, MATCHER)) == []
    searches = sum(each & 0xFFFF == _SEARCH for each in asked)
    assert searches < 120 * 2 + 3 * (SUBVOLUMES + 2) * 4
