"""Whole runs: what is attested of each file system must be what its raw image shows."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.forensic.images import KINDS, PACKED, Image, canary, mounted
from tests.forensic.runs import (
    ATTRIBUTES,
    CONTENT,
    LARGE,
    NAMES,
    Ended,
    desk,
    destroyed,
    plant,
)

pytestmark = [pytest.mark.slow, pytest.mark.needs("root", "loop")]

SCRUB = 'scrub = true\nscrub_reserve = "0%"'


def _nothing(image: Image) -> None:
    del image


def _reflink(image: Image) -> None:
    subprocess.run(
        ["cp", "--reflink=always", image.place / "large.csv", image.mount / "other"], check=True
    )


def _snapshot(image: Image) -> None:
    subprocess.run(
        ["btrfs", "subvolume", "snapshot", image.mount, image.mount / "snapshot"],
        check=True,
        capture_output=True,
    )


@dataclass(frozen=True)
class Case:
    """A file system, how many small files lie on it, what is done before, what is left then."""

    kind: str
    small: int = 200
    then: Callable[[Image], None] = _nothing
    left: frozenset[int] = frozenset()  # which canaries, some or all of one or more of these


CASES = {
    "ext4": Case("ext4", 2000),
    "ext4 data=journal": Case("ext4-data-journal"),
    "ext4 inline_data": Case("ext4-inline"),
    "xfs": Case("xfs", 2000),
    "xfs with a reflink": Case("xfs", 20, _reflink, frozenset({LARGE})),
    "btrfs": Case("btrfs"),
    "btrfs nocow": Case("btrfs-nocow", 2000),
    "btrfs with a snapshot": Case(
        "btrfs", 20, _snapshot, frozenset({LARGE, CONTENT, NAMES, ATTRIBUTES})
    ),
}


def _needs(case: str) -> object:
    tools = [tool for tool in ("xfs", "btrfs") if CASES[case].kind.startswith(tool)]
    more = ["chattr"] if CASES[case].kind == "btrfs-nocow" else []
    return pytest.param(case, marks=[pytest.mark.needs(each) for each in (*tools, *more)])


def assert_agrees(ended: Ended, left: dict[int, set[int]]) -> None:
    """Check that bytes are left if, and only if, that was said."""
    told = ended.free_space
    seen = told.numbers.get("records", 0) + told.numbers.get("records-on-device", 0)
    clean = told.status == "destroyed-verified" and not seen
    assert clean == (left == {}), (told, {which: len(some) for which, some in left.items()})
    assert (ended.answer["outcome"] == "complete") == (told.status == "destroyed-verified")
    if "large.csv" in ended.cleared:
        assert LARGE not in left
    small = {number for number in left.get(CONTENT, ()) if canary(NAMES, number) in ended.cleared}
    assert small == set()


@pytest.mark.parametrize("case", [_needs(case) for case in CASES])
def test_what_is_attested_is_what_the_image_shows(tmp_path: Path, case: str) -> None:
    how = CASES[case]
    with mounted(KINDS[how.kind], tmp_path) as image:
        plant(image, 2000, how.small)
        how.then(image)
        operator = desk(tmp_path / "desk", image.place, 2000, how.small, SCRUB)
        ended = destroyed(operator)
        assert list(image.place.iterdir()) == []
        image.unmount()
    left = image.canaries()
    assert_agrees(ended, left)
    assert left.keys() <= how.left
    assert bool(left) == bool(how.left)
    files = [each for each in ended.attested if each.kind == "file"]
    assert {each.status for each in files} == {"destroyed-verified"}


def _written_anew(image: Image, at: int) -> None:
    with (image.place / "large.csv").open("r+b") as file:
        file.seek(at)
        piece = file.read(4096)
        file.seek(at)
        file.write(piece)
    subprocess.run(["sync", "-f", image.mount], check=True)


def _snapshots(image: Image) -> None:
    """Two: one of them was read-only, and the operator has opened it to writing.

    A piece was written anew before each of them, so that extents are kept by what shows parts of
    them only.
    """
    _written_anew(image, 4096)
    _snapshot(image)
    _written_anew(image, 12288)
    closed = image.mount / "closed"
    for words in (
        ("subvolume", "snapshot", "-r", image.mount, closed),
        ("property", "set", "-ts", closed, "ro", "false"),
    ):
        subprocess.run(["btrfs", *words], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("kind", "then", "near"),
    [
        pytest.param("xfs", _reflink, {"reflink": 1}, marks=pytest.mark.needs("xfs")),
        pytest.param(
            "btrfs-nocow",
            _snapshots,
            {"snapshot-file": 42},
            marks=[pytest.mark.needs(each) for each in ("btrfs", "chattr")],
        ),
        pytest.param("btrfs", _snapshots, {"snapshot-file": 42}, marks=pytest.mark.needs("btrfs")),
    ],
)
def test_what_shares_blocks_goes_by_decision_and_leaves_nothing(
    tmp_path: Path, kind: str, then: Callable[[Image], None], near: dict[str, int]
) -> None:
    with mounted(KINDS[kind], tmp_path) as image:
        plant(image, 2000, 20)
        then(image)
        operator = desk(tmp_path / "desk", image.place, 2000, 20, SCRUB)
        ended = destroyed(operator, "--include", "likely")
        image.unmount()
    assert_agrees(ended, image.canaries())
    assert image.canaries() == {}
    assert ended.answer["outcome"] == "complete"
    found = Counter(each["kind"] for each in ended.answer["holdings"])
    assert {which: found[which] for which in near} == near


def test_a_scrubbing_in_part_is_none_that_was_verified(tmp_path: Path) -> None:
    """An earlier version lies in free blocks, and others keep a reserve: some of it stays."""
    with mounted(KINDS["ext4"], tmp_path) as image:
        plant(image, 60_000, 20)
        (image.place / "large.csv").rename(image.mount / "earlier")
        shutil.copy(image.mount / "earlier", image.place / "large.csv")
        subprocess.run(["sync", "-f", image.mount], check=True)
        (image.mount / "earlier").unlink()
        operator = desk(
            tmp_path / "desk", image.place, 60_000, 20, 'scrub = true\nscrub_reserve = "60MiB"'
        )
        ended = destroyed(operator)
        image.unmount()
    assert_agrees(ended, image.canaries())


def test_without_the_scrubbing_nothing_is_said_of_free_space(tmp_path: Path) -> None:
    with mounted(KINDS["ext4"], tmp_path) as image:
        plant(image, 2000, 20)
        ended = destroyed(desk(tmp_path / "desk", image.place, 2000, 20))
        image.unmount()
    assert {each.kind for each in ended.attested} == {"file"}
    left = image.canaries()
    assert {NAMES, ATTRIBUTES} & left.keys()
    assert LARGE not in left
    assert "large.csv" in ended.cleared


def test_a_copy_outside_of_the_roots_is_no_residue_and_is_told(tmp_path: Path) -> None:
    """On ext4 blocks in files are known from free ones."""
    with mounted(KINDS["ext4"], tmp_path) as image:
        plant(image, 2000, 20)
        shutil.copy(image.place / "large.csv", image.mount / "elsewhere")
        ended = destroyed(desk(tmp_path / "desk", image.place, 2000, 20, SCRUB))
        assert (image.mount / "elsewhere").stat().st_size == 26_000
        image.unmount()
    assert ended.answer["outcome"] == "complete"
    told = ended.free_space
    assert (told.status, told.numbers["records"]) == ("destroyed-verified", 0)
    assert told.numbers["records-on-device"] == 2000
    assert {which: len(some) for which, some in image.canaries().items()} == {LARGE: 2000}


def test_what_may_not_be_looked_at_is_not_verified(tmp_path: Path) -> None:
    """Who may not read the device scrubs, and leaves open what that has done."""
    with mounted(KINDS["ext4"], tmp_path) as image:
        plant(image, 2000, 20)
        operator = desk(tmp_path / "desk", image.place, 2000, 20, SCRUB)
        hide = f'mount --bind /dev/null /dev/{image.device} && exec "$0" "$@"'
        ended = destroyed(operator, prefix=("unshare", "--mount", "sh", "-c", hide))
        image.unmount()
    assert (ended.code, ended.answer["outcome"]) == (8, "partial")
    told = ended.free_space
    assert (told.status, told.reasons) == ("destroyed-unverified", ("device-not-readable",))


@pytest.mark.needs("btrfs")
def test_the_oracle_sees_through_deflate(tmp_path: Path) -> None:
    with mounted(PACKED, tmp_path) as image:
        plant(image, 2000, 0)
        (image.place / "large.csv").unlink()
        image.unmount()
    raw = image.file.read_bytes()
    assert canary(LARGE, 1000).encode() not in raw
    assert image.canaries()[LARGE] == set(range(2000))
