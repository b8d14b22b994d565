"""When a file's times prove that nobody has written to it, and when they prove nothing."""

from __future__ import annotations

import mmap
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.contract import Context, Store
from backends.files import BACKEND, _settled
from tests.backends.trees import RECORDS, stranger, units


def states(store: Store) -> dict[str, str]:
    return {unit.locator.rsplit("/", 1)[-1]: unit.state for unit in units(store)}


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can set a change time back, so the wait is made short."""
    monkeypatch.setattr(_settled, "QUIET", 50_000_000)
    monkeypatch.setattr(_settled, "_flushed_after", lambda: 0)


def test_a_file_that_was_just_written_has_no_state(
    share: Path, open_store: Callable[[], Store]
) -> None:
    (share / "a.csv").write_bytes(RECORDS)
    old = time.time() - 10**6
    os.utime(share / "a.csv", (old, old))  # only the change time cannot be set
    assert states(open_store()) == {"a.csv": ""}


@pytest.mark.usefixtures("soon")
def test_the_state_moves_with_content_attributes_and_inode(
    share: Path, open_store: Callable[[], Store]
) -> None:
    path = share / "a.csv"
    path.write_bytes(stranger(1))
    seen = []

    def settled() -> None:
        time.sleep(0.1)
        state = states(open_store())["a.csv"]
        assert state
        assert state == states(open_store())["a.csv"]
        seen.append(state)

    settled()
    before = path.stat()
    path.write_bytes(stranger(2))  # of the same length
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    settled()
    os.setxattr(path, "user.note", b"x")
    settled()
    path.with_name("b").write_bytes(path.read_bytes())
    path.with_name("b").rename(path)
    settled()
    assert len(set(seen)) == len(seen)


def test_a_store_into_a_dirty_page_moves_no_time_which_is_why_a_state_waits(share: Path) -> None:
    """If this fails, the kernel has changed its ways, and no wait is needed."""
    path = share / "mapped.csv"
    path.write_bytes(stranger(1) * 9)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[0:1] = b"X"
        first = path.stat()
        time.sleep(0.2)
        memory[0:4] = b"resp"
        assert path.read_bytes()[:4] == b"resp"
        assert path.stat().st_ctime_ns == first.st_ctime_ns


def test_the_wait_is_what_this_machine_takes_to_write_pages_back() -> None:
    said = subprocess.run(
        ["sysctl", "-n", "vm.dirty_expire_centisecs", "vm.dirty_writeback_centisecs"],
        capture_output=True, text=True, check=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"},
    ).stdout.split()  # fmt: skip
    assert _settled._flushed_after() == sum(map(int, said)) * 10**7


def _never() -> int:
    raise ValueError("the flusher does not run by time")


@pytest.mark.parametrize("flusher", [lambda: 3600 * 10**9, _never], ids=["seldom", "never"])
def test_a_machine_that_leaves_pages_dirty_for_long_proves_less(
    share: Path,
    open_store: Callable[[], Store],
    monkeypatch: pytest.MonkeyPatch,
    flusher: Callable[[], int],
) -> None:
    monkeypatch.setattr(_settled, "QUIET", 50_000_000)
    monkeypatch.setattr(_settled, "_flushed_after", flusher)
    (share / "a.csv").write_bytes(RECORDS)
    time.sleep(0.1)
    assert states(open_store()) == {"a.csv": ""}


@pytest.mark.usefixtures("soon")
def test_a_file_system_in_memory_proves_nothing(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as share:
        (Path(share) / "a.csv").write_bytes(RECORDS)
        time.sleep(0.1)
        store = BACKEND.open("m", {"roots": [share]}, Context(tmp_path, tmp_path))
        assert states(store) == {"a.csv": ""}


@pytest.mark.usefixtures("soon")
def test_a_restart_ends_every_state(
    share: Path, open_store: Callable[[], Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (share / "a.csv").write_bytes(RECORDS)
    time.sleep(0.1)
    before = states(open_store())["a.csv"]
    (tmp_path / "boot").write_text("another-boot\n")
    monkeypatch.setattr(_settled, "_BOOT", tmp_path / "boot")
    after = states(open_store())["a.csv"]
    assert before
    assert after
    assert before != after
