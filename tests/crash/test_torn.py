"""A file written durably is the old one or the new one, wherever the writing is broken off."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shredder import durable

OLD, NEW = b"old " * 1000, b"new " * 5000

# The process ends at one step, without a chance to clean up.
_WRITER = """
import os, pathlib, sys
from shredder import durable

path, step = pathlib.Path(sys.argv[1]), sys.argv[2]
new = b"new " * 5000

def dying(act, before):
    def die(*args, **kwargs):
        if not before:
            act(*args, **kwargs)
        os._exit(9)
    return die

def chunks():
    for start in range(0, len(new), 4096):
        if step == f"chunk {start // 4096}":
            os._exit(9)
        yield new[start:start + 4096]

what, _, when = step.partition(" ")
if what == "fsync":
    durable.os.fsync = dying(os.fsync, when == "before")
elif what == "rename":
    pathlib.Path.replace = dying(pathlib.Path.replace, when == "before")
elif what == "directory":
    durable.sync_directory = dying(durable.sync_directory, when == "before")
durable.write(path, chunks())
"""


def broken_off(path: Path, step: str) -> None:
    done = subprocess.run([sys.executable, "-c", _WRITER, path, step], check=False)
    assert done.returncode == 9, "the writer came to its end"


BEFORE = ["chunk 0", "chunk 1", "chunk 4", "fsync before", "fsync after", "rename before"]
AFTER = ["rename after", "directory before", "directory after"]


@pytest.mark.parametrize("step", [*BEFORE, *AFTER])
@pytest.mark.parametrize("there", [True, False])
def test_a_writing_that_is_broken_off_leaves_the_old_or_the_new(
    tmp_path: Path, step: str, there: bool
) -> None:
    path = tmp_path / "plan.jsonl"
    if there:
        path.write_bytes(OLD)
    broken_off(path, step)
    if step in AFTER:
        assert path.read_bytes() == NEW
    elif there:
        assert path.read_bytes() == OLD
    else:
        assert not path.exists()
    durable.write(path, [NEW])
    assert [each.name for each in tmp_path.iterdir()] == ["plan.jsonl"]
    assert path.read_bytes() == NEW
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_new_is_synced_before_it_gets_its_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    real_fsync, real_replace = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        kind = os.fstat(descriptor).st_mode
        steps.append("sync directory" if stat.S_ISDIR(kind) else "sync file")
        real_fsync(descriptor)

    def replace(self: Path, target: Path) -> Path:
        steps.append("rename")
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    durable.write(tmp_path / "x", [NEW])
    assert steps == ["sync file", "rename", "sync directory"]


def test_an_error_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    """A half-written plan holds locators: it does not stay."""
    path = tmp_path / "plan.jsonl"
    path.write_bytes(OLD)

    def chunks() -> object:
        yield NEW
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        durable.write(path, chunks())  # type: ignore[arg-type]
    assert [each.name for each in tmp_path.iterdir()] == ["plan.jsonl"]
    assert path.read_bytes() == OLD


def test_an_error_destroys_what_was_written_and_nothing_that_came_in_its_place(
    tmp_path: Path,
) -> None:
    partial, away = tmp_path / "plan.jsonl.partial", tmp_path / "away"

    def chunks() -> Iterator[bytes]:
        yield NEW * 10_000
        partial.rename(away)
        partial.write_bytes(OLD)
        raise OSError("disk full")

    for write in (durable.write, durable.hand_over):
        with pytest.raises(OSError, match="disk full"):
            write(tmp_path / "plan.jsonl", chunks())
        assert partial.read_bytes() == OLD
        assert away.stat().st_size > 0
        assert set(away.read_bytes()) == {0}
        partial.unlink()
    assert not (tmp_path / "plan.jsonl").exists()


def test_a_symlink_in_the_place_of_the_new_file_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(OLD)
    (tmp_path / "plan.jsonl.partial").symlink_to(other)
    with pytest.raises(OSError, match="symbolic link"):
        durable.write(tmp_path / "plan.jsonl", [NEW])
    assert other.read_bytes() == OLD


def test_a_private_directory_is_private_and_made_once(tmp_path: Path) -> None:
    for _ in range(2):
        durable.make_private_directory(tmp_path / "state")
        assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
