"""Files that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from attestations import Bundle, Code, Refused, Unreadable, Verdict, check_file
from attestations.storage import read_limited, write_atomically
from tests.attestations import made


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "bundle.json"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert [path] == list(tmp_path.iterdir())


def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bundle.json"
    write_atomically(path, b"old")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(Unreadable, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [path] == list(tmp_path.iterdir())


def test_content_is_durable_before_the_name_and_the_name_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def spy_fsync(fd: int) -> None:
        done.append("directory" if Path(f"/proc/self/fd/{fd}").is_dir() else "file")
        fsync(fd)

    def spy_replace(self: Path, target: Path) -> Path:
        done.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(Path, "replace", spy_replace)
    write_atomically(tmp_path / "bundle.json", b"new")
    assert done == ["file", "rename", "directory"]


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "bundle.json"
    with path.open("wb") as file:
        file.truncate(2**30)  # a sparse gigabyte
    with pytest.raises(Refused) as caught:
        Bundle.load(path)
    assert caught.value.verdict == Code.E_LIMIT
    assert check_file(path, made.policy()).codes == (Code.E_LIMIT,)


def test_a_bundle_is_checked_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "bundle.json"
    made.bundle().write(path)
    assert made.bundle() == Bundle.load(path)
    assert check_file(path, made.policy(), now=made.NOW).authentic is Verdict.VALID
    path.write_bytes(path.read_bytes()[:-100])
    assert check_file(path, made.policy(), now=made.NOW).codes == (Code.E_JSON,)
    with pytest.raises(Unreadable):
        check_file(tmp_path / "absent", made.policy())


def test_what_is_no_file_cannot_be_told(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="No such file"):
        read_limited(tmp_path / "absent", 10, "bundle")
    with pytest.raises(Unreadable):
        read_limited(tmp_path, 10, "bundle")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(Unreadable, match="regular"):
        read_limited(tmp_path / "fifo", 10, "bundle")
