"""Files on many file systems: what is claimed of each must be what its raw image shows."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from backends import csv, files
from backends.contract import Context, Destruction, Holding, Method, Order, Result, Store
from backends.fsops import condemn
from backends.fsops.ground import OBSTACLES
from backends.fsops.overwrite import Overwritten, overwrite
from backends.reference import ReferenceMatcher
from tests.forensic.images import KINDS, Image, canary, mounted

pytestmark = [pytest.mark.needs("root", "loop")]

SIZES = (1, 3, 40, 400, 4000, 60_000)  # canaries in a file; the least fits into an inode
_CLONE = 0x40049409  # FICLONE
MATCHER = ReferenceMatcher([canary(f, n) for f in range(20) for n in range(max(SIZES))], [])


def _store(image: Image, backend: files.FilesBackend | csv.CsvBackend = files.BACKEND) -> Store:
    return backend.open(
        "share", {"roots": ["mnt/share"]}, Context(image.file.parent, Path("/none"))
    )


def _plant(image: Image, sizes: Sequence[int] = SIZES) -> None:
    for file, size in enumerate(sizes):
        lines = (f"{canary(file, n)}\n" for n in range(size))
        (image.place / f"{file:05}").write_text("".join(lines), "ascii")
    subprocess.run(["sync", "-f", image.mount], check=True)


def _destroyed(store: Store) -> dict[int, tuple[Holding, Destruction]]:
    """Destroy whatever the store finds, and return what was said of each file."""
    (scope,) = store.scopes()
    found = [h for u in list(store.units(scope.name)) for h in store.examine(u, MATCHER).holdings]  # type: ignore[arg-type]
    orders = [Order(f"order-{n}", h, h.whole, whole=True) for n, h in enumerate(found) if h.whole]
    answers = store.destroy(orders, MATCHER)
    assert [a.result for a in answers] == [Result.DESTROYED] * len(found)
    return {
        int(Path(holding.locator).name[:5]): (holding, answer)
        for holding, answer in zip(found, answers, strict=True)
    }


def _reflink(image: Image) -> None:
    subprocess.run(
        ["cp", "--reflink=always", image.place / "00004", image.mount / "other"], check=True
    )


def _snapshot(image: Image) -> None:
    subprocess.run(
        ["btrfs", "subvolume", "snapshot", image.mount, image.mount / "snapshot"],
        check=True,
        capture_output=True,
    )


def _nothing(image: Image) -> None:
    del image


CASES: dict[str, tuple[str, Callable[[Image], None], dict[int, str]]] = {
    # The file system; what is done to it; which files are not claimed as clear, and why.
    "ext4": ("ext4", _nothing, {}),
    "ext4 data=journal": (
        "ext4-data-journal", _nothing, dict.fromkeys(range(6), "content-in-journal"),
    ),
    "ext4 inline_data": ("ext4-inline", _nothing, {0: "content-inline", 1: "content-inline"}),
    "xfs": ("xfs", _nothing, {}),
    "xfs with a reflink": ("xfs", _reflink, {4: "blocks-shared"}),
    "btrfs": ("btrfs", _nothing, dict.fromkeys(range(6), "copy-on-write")),
    "btrfs nocow": ("btrfs-nocow", _nothing, {}),
    "btrfs nocow with a snapshot": (
        "btrfs-nocow", _snapshot, dict.fromkeys(range(6), "blocks-shared"),
    ),
}  # fmt: skip


def _needs(case: str) -> object:
    tools = [tool for tool in ("xfs", "btrfs") if CASES[case][0].startswith(tool)]
    more = ["chattr"] if CASES[case][0] == "btrfs-nocow" else []
    return pytest.param(case, marks=[pytest.mark.needs(each) for each in (*tools, *more)])


@pytest.mark.parametrize("case", [_needs(case) for case in CASES])
def test_what_is_claimed_is_what_the_image_shows(tmp_path: Path, case: str) -> None:
    kind, then, expected = CASES[case]
    with mounted(KINDS[kind], tmp_path) as image:
        _plant(image)
        then(image)
        told = _destroyed(_store(image))
        image.unmount()
    assert sorted(told) == list(range(len(SIZES)))
    left = image.canaries()
    claimed = {file for file, (_, answer) in told.items() if answer.method is Method.CLEAR}
    assert claimed == set(told) - set(expected)
    assert {file: len(left.get(file, ())) for file in claimed} == dict.fromkeys(claimed, 0)
    for file, code in expected.items():
        holding, answer = told[file]
        assert code in holding.limitations, "not said before"
        assert code in answer.limitations
    for file in claimed:
        assert OBSTACLES.isdisjoint(told[file][0].limitations)
    if expected and case != "ext4 inline_data":
        assert any(left.get(file) for file in expected), "nothing is left: a false alarm"


@pytest.mark.parametrize(
    "kind",
    [
        "ext4",
        pytest.param("xfs", marks=pytest.mark.needs("xfs")),
        pytest.param("btrfs-nocow", marks=[pytest.mark.needs(n) for n in ("btrfs", "chattr")]),
    ],
)
def test_a_large_file_is_overwritten_past_the_cache(tmp_path: Path, kind: str) -> None:
    """So large that it is written past the cache, and torn, with an end that is no whole block."""
    with mounted(KINDS[kind], tmp_path) as image:
        with (
            (image.place / "00000").open("wb") as file,
            (image.place / "others").open("wb") as torn,
        ):
            for number in range(400):
                file.write(canary(0, number).encode().ljust(30_000) + b"\n")
                if number % 10 == 0:
                    os.fsync(file.fileno())
                    torn.write(bytes(4096))
                    os.fsync(torn.fileno())
        subprocess.run(["sync", "-f", image.mount], check=True)
        told = _destroyed(_store(image))
        image.unmount()
    (holding, answer) = told[0]
    assert answer.numbers["bytes-overwritten"] == answer.numbers["bytes-read-back"] == 400 * 30_001
    assert answer.method is Method.CLEAR, holding.limitations
    assert image.canaries() == {}


def test_what_reads_as_zeros_and_has_blocks_is_overwritten(tmp_path: Path) -> None:
    with mounted(KINDS["ext4"], tmp_path) as image:
        _plant(image, [4000])
        place = image.place / "00000"
        size = place.stat().st_size
        subprocess.run(
            ["fallocate", "--zero-range", "-o", "4096", "-l", str(size // 8192 * 4096), place],
            check=True,
        )
        subprocess.run(["sync", "-f", image.mount], check=True)
        assert b"\0" in place.read_bytes()
        told = _destroyed(_store(image))
        image.unmount()
    assert told[0][1].method is Method.CLEAR
    assert image.canaries() == {}


def test_the_test_sees_what_is_left(tmp_path: Path) -> None:
    """Without an overwriting everything is found in the image."""
    with mounted(KINDS["ext4"], tmp_path) as image:
        _plant(image, [400, 4000])
        for place in image.place.iterdir():
            place.unlink()
        image.unmount()
    assert {file: len(seen) for file, seen in image.canaries().items()} == {0: 400, 1: 4000}


@pytest.mark.needs("xfs")
def test_a_clone_that_is_made_at_the_last_moment_takes_the_claim_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the look at the file's blocks, before the first of them is overwritten."""
    with mounted(KINDS["xfs"], tmp_path) as image:
        _plant(image, [400])
        real = overwrite

        def late(fd: int, *rest: Any) -> Overwritten:
            with (image.mount / "stolen").open("wb") as stolen:
                fcntl.ioctl(stolen, _CLONE, fd)
            return real(fd, *rest)

        monkeypatch.setattr(condemn, "overwrite", late)
        told = _destroyed(_store(image))
        image.unmount()
    holding, answer = told[0]
    assert OBSTACLES.isdisjoint(holding.limitations)
    assert answer.method is Method.LOGICAL_DELETE
    assert "blocks-moved" in answer.limitations
    assert len(image.canaries()[0]) == 400


def test_a_file_with_notes_is_not_claimed_as_clear(tmp_path: Path) -> None:
    with mounted(KINDS["ext4"], tmp_path) as image:
        _plant(image, [40])
        os.setxattr(image.place / "00000", "user.note", b"about somebody")
        told = _destroyed(_store(image))
    holding, answer = told[0]
    assert answer.method is Method.LOGICAL_DELETE
    assert "attributes-in-blocks-unknown" in holding.limitations
    assert "attributes-in-blocks-unknown" in answer.limitations


def test_records_taken_out_of_a_file_leave_nothing_of_it(tmp_path: Path) -> None:
    with mounted(KINDS["ext4"], tmp_path) as image:
        rows = [f"{canary(0, n)},me\nother{n:08},you\n" for n in range(500)]
        (image.place / "00000").write_text("".join(rows), "ascii")
        subprocess.run(["sync", "-f", image.mount], check=True)
        store = _store(image, csv.BACKEND)
        (scope,) = store.scopes()
        (unit,) = store.units(scope.name)
        (holding,) = store.examine(unit, MATCHER).holdings  # type: ignore[arg-type]
        assert holding.partial is not None
        (answer,) = store.destroy([Order("o", holding, holding.partial, whole=False)], MATCHER)
        assert (image.place / "00000").read_text().count("other") == 500
        image.unmount()
    assert answer.method is Method.CLEAR
    assert image.canaries() == {}
