"""What has no end, or is larger than it is: bounded time and memory, and a line in the coverage.

Far deeper than a path may be long: test_walk.py. Containers made to exhaust their reader:
tests/backends/content/test_bombs.py. A file of 100 GB and a folder of 1,000,000: bench/odd.py.
"""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.contract import Context, CoverageStatus, Store
from backends.errors import CouldNotTell
from backends.files import BACKEND, _look, _upto
from backends.fsops.ground import survey, unreached
from backends.fsops.overwrite import data_ranges
from tests.backends import trees
from tests.backends.trees import MATCHER, RECORDS, gaps, holdings, units


@pytest.fixture
def share(tmp_path: Path) -> Path:
    (tmp_path / "share").mkdir()
    return tmp_path / "share"


def open_store(share: Path, **more: object) -> Store:
    state = share.parent / ".state"
    state.mkdir(exist_ok=True)
    return BACKEND.open("share", {"roots": ["share"], **more}, Context(share.parent, state))


@pytest.mark.parametrize("begins", [b"", b"some text\n" * 1000, b"\x01\x02\xff\xfe" * 1000])
def test_a_sparse_file_is_read_to_its_end_in_little_memory(share: Path, begins: bytes) -> None:
    size = 1 << 30
    (share / "x").write_bytes(RECORDS)
    holdings(open_store(share))  # what is loaded by the first examination is not counted
    with (share / "x").open("wb") as file:
        file.write(begins)
        file.seek(size)
        file.write(RECORDS)
    store = open_store(share)
    (unit,) = units(store)
    tracemalloc.start()
    try:
        seen = store.examine(unit, MATCHER)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seen.gap is None
    assert size + len(RECORDS) == seen.bytes_read
    assert 1 == len(seen.holdings)
    assert peak < 32 << 20


def test_a_file_in_very_many_pieces_takes_little_memory(share: Path) -> None:
    """Its map is gone through three times, and never held."""
    number = 20_000
    fd = os.open(share / "x", os.O_RDWR | os.O_CREAT)
    try:
        for at in range(number):
            os.pwrite(fd, RECORDS[:100], at * 8192)
        os.fsync(fd)
        tracemalloc.start()
        try:
            before = survey(fd)
            ranges = data_ranges(fd, os.fstat(fd).st_size)
            assert {"blocks-moved", "blocks-unknown"}.isdisjoint(unreached(before, fd))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    finally:
        os.close(fd)
    assert number == sum(1 for _ in ranges)
    assert peak < 100 * number


def test_a_file_that_grows_for_ever_is_told_to_change(
    share: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer is faster than its reader: what there was at the beginning is read, three times."""
    place = share / "log"
    place.write_bytes(RECORDS)
    store = open_store(share)
    (unit,) = units(store)
    read = 0

    class Chased(_upto.UpTo):
        def read(self, size: int | None = -1, /) -> bytes:
            nonlocal read
            with place.open("ab") as file:
                file.write(b"one more line\n" * 100_000)
            data = super().read(size)
            read += len(data)
            return data

    monkeypatch.setattr(_upto, "_AT_LEAST", 1 << 20)
    monkeypatch.setattr(_look, "UpTo", Chased)
    with pytest.raises(CouldNotTell) as caught:
        store.examine(unit, MATCHER)
    assert "changed-while-read" == caught.value.code
    assert read < place.stat().st_size


def test_what_goes_on_after_its_end_is_not_read_for_ever(
    share: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As files do that are made while they are read, whose size is told as 0."""

    class Made(_upto.UpTo):
        def __init__(self, fd: int, size: int) -> None:
            del size
            super().__init__(fd, 0)

    monkeypatch.setattr(_upto, "_AT_LEAST", len(RECORDS))
    monkeypatch.setattr(_look, "UpTo", Made)
    store = open_store(share)
    (share / "x").write_bytes(RECORDS)
    (unit,) = units(store)
    assert store.examine(unit, MATCHER).holdings
    (share / "x").write_bytes(RECORDS + b"more")
    (unit,) = units(store)
    with pytest.raises(CouldNotTell) as caught:
        store.examine(unit, MATCHER)
    assert "longer-than-its-size" == caught.value.code


def test_a_pipe_that_says_nothing_yet_is_not_waited_for() -> None:
    out, into = os.pipe2(os.O_NONBLOCK)
    try:

        class Pipe(_upto.UpTo):
            def tell(self) -> int:
                return 0

        with Pipe(out, 0) as file, pytest.raises(BlockingIOError):
            file.read(10)
    finally:
        os.close(out)
        os.close(into)


def of_root(root: Path, tmp_path: Path) -> Store:
    state = tmp_path / ".state"
    state.mkdir(exist_ok=True)
    return BACKEND.open("s", {"roots": [str(root)]}, Context(tmp_path, state))


@pytest.mark.parametrize("root", ["/proc", "/proc/sys", "/sys"])
def test_what_the_kernel_makes_up_is_named_and_not_read(root: str, tmp_path: Path) -> None:
    store = of_root(Path(root), tmp_path)
    assert [] == units(store)
    assert [(root, CoverageStatus.EXCLUDED, "kernel-interface")] == [
        (gap.locator, gap.status, gap.reason) for gap in gaps(store)
    ]


@pytest.fixture
def proc(share: Path) -> Iterator[Path]:
    with trees.mounted("proc", share / "proc") as place:
        yield place


@pytest.mark.needs("root")
def test_so_it_is_where_it_is_mounted_in_a_tree(share: Path, proc: Path) -> None:
    (share / "x").write_bytes(RECORDS)
    for crossing, reason in ((False, "other-filesystem"), (True, "kernel-interface")):
        store = open_store(share, cross_filesystems=crossing)
        assert ["share/x"] == [unit.locator for unit in units(store)]
        assert [("share/proc", CoverageStatus.EXCLUDED, reason)] == [
            (gap.locator, gap.status, gap.reason) for gap in gaps(store)
        ]


@pytest.mark.slow
def test_a_folder_of_very_many_entries_takes_little_memory(share: Path) -> None:
    """Names are held to be sorted, and nothing else of them."""
    number = 50_000
    folder = os.open(share, os.O_RDONLY)
    for n in range(number):
        os.close(os.open(f"{n:08}", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.close(folder)
    store = open_store(share)
    scope = store.scopes()[0].name
    tracemalloc.start()
    try:
        listed = sum(1 for _ in store.units(scope))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert number == listed
    assert peak < 120 * number
