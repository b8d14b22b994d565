"""What stands against destroying a file: others at work, rights, locks, full disks."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.contract import Finding, Order, Result, Store, Technique
from backends.fsops import condemn, linux
from backends.fsops.condemn import Names
from tests.backends.trees import (
    RECORDS,
    another_user,
    destroy,
    finding,
    holdings,
    let_others_near,
    line,
    mounted,
    names_in,
    order,
    outcome,
    stranger,
)
from tests.support.mounts import unmount

Opener = Callable[..., Store]


def test_a_file_that_somebody_writes_to_is_left_alone(
    place: Path, planned: Order, open_store: Opener
) -> None:
    with place.open("ab"):
        (answer,) = destroy(open_store(), planned)
        assert (Result.FAILED, "in-use") == outcome(answer)
        assert RECORDS == place.read_bytes()
    assert [Result.DESTROYED] == [a.result for a in destroy(open_store(), planned)]


def test_a_reader_does_not_save_a_file(place: Path, planned: Order, open_store: Opener) -> None:
    with place.open("rb") as file:
        (answer,) = destroy(open_store(), planned)
        assert Result.DESTROYED is answer.result
        assert "open-elsewhere" in answer.limitations
        assert b"" == file.read()


def test_somebody_s_lease_is_respected(place: Path, planned: Order, open_store: Opener) -> None:
    fd = os.open(place, os.O_RDWR)
    fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    (answer,) = destroy(open_store(), planned)
    os.close(fd)
    assert (Result.FAILED, "in-use") == outcome(answer)
    assert RECORDS == place.read_bytes()


def test_who_opens_the_file_meanwhile_waits_and_does_not_write_into_it(
    place: Path, planned: Order, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The appender resolved the name before; the lease holds its open() until all is done."""
    real = linux.rename_to_free
    done: list[int] = []

    def append() -> None:
        with place.open("ab") as file:
            done.append(os.fstat(file.fileno()).st_size)

    appender = threading.Thread(target=append)

    def late(old: bytes, new: bytes, folder: int) -> None:
        if not appender.is_alive() and not done:
            appender.start()
            appender.join(0.3)
            assert not done
        real(old, new, folder)

    monkeypatch.setattr(linux, "rename_to_free", late)
    (answer,) = destroy(open_store(), planned)
    appender.join()
    assert Result.DESTROYED is answer.result
    assert [0] == done  # opened the emptied, nameless file, or a new one of the name


def _appends_once(share: Path, piece: bytes) -> Callable[[], None]:
    """Somebody who has the file of whatever name in the share, and adds something to its end."""
    pieces = iter([piece])

    def append() -> None:
        if piece := next(pieces, b""):
            (place,) = set(share.iterdir()) - {share / "neighbour.csv"}
            with place.open("ab") as file:
                file.write(piece)

    return append


def test_what_is_added_while_it_is_overwritten_does_not_go_unwritten_over(
    share: Path, place: Path, planned: Order, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody reads it, so that there is no lease, and others can open it to write."""
    append, real, seen = _appends_once(share, line(7)), os.fdatasync, b""
    truncate = os.ftruncate

    def fdatasync(fd: int) -> None:
        append()
        real(fd)

    def ftruncate(fd: int, size: int) -> None:
        nonlocal seen
        seen += os.pread(fd, 1 << 20, 0)
        truncate(fd, size)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    monkeypatch.setattr(os, "ftruncate", ftruncate)
    with place.open("rb"):
        (answer,) = destroy(open_store(), planned)
        assert (Result.FAILED, "in-use") == outcome(answer)
        assert len(RECORDS) == answer.numbers["bytes-overwritten"]
        assert Finding.ABSENT is not finding(open_store(), planned)
        (answer,) = destroy(open_store(), planned)
    assert Result.DESTROYED is answer.result
    assert len(RECORDS) + len(line(7)) == answer.numbers["bytes-overwritten"] == len(seen)
    assert line(7) not in seen


def test_what_is_added_between_the_look_and_the_renaming_is_a_change(
    share: Path, place: Path, planned: Order, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, real = _appends_once(share, line(7)), linux.rename_to_free

    def late(old: bytes, new: bytes, folder: int) -> None:
        append()
        real(old, new, folder)

    monkeypatch.setattr(linux, "rename_to_free", late)
    with place.open("rb"):
        (answer,) = destroy(open_store(), planned)
    assert (Result.CHANGED, "content-changed") == outcome(answer)
    assert RECORDS + line(7) == place.read_bytes()


def test_an_unknown_lease_is_a_limitation(
    planned: Order, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File servers have no leases; the answer is a double's, no such server is here."""
    monkeypatch.setattr(linux, "take_lease", lambda _: linux.Lease.UNKNOWN)
    (answer,) = destroy(open_store(), planned)
    assert Result.DESTROYED is answer.result
    assert "writers-not-excluded" in answer.limitations


def test_without_renameat2_names_are_still_not_overwritten(
    share: Path, planned: Order, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(linux, "_renameat2", unsupported)
    names = Names.of(b"export-x.csv", planned.id, planned.holding.version)
    (share / os.fsdecode(names.blank)).write_bytes(stranger(4))
    assert [Result.DESTROYED] == [a.result for a in destroy(open_store(), planned)]
    assert stranger(4) == (share / os.fsdecode(names.blank)).read_bytes()


@pytest.mark.needs("root", "chattr")
@pytest.mark.parametrize(("flag", "reason"), [("i", "immutable"), ("a", "append-only")])
def test_a_locked_inode_is_a_failure_with_its_reason(
    place: Path, planned: Order, open_store: Opener, flag: str, reason: str
) -> None:
    subprocess.run(["chattr", f"+{flag}", place], check=True)
    try:
        (answer,) = destroy(open_store(), planned)
        assert (Result.FAILED, reason) == outcome(answer)
        assert RECORDS == place.read_bytes()
        assert Finding.RESIDUE is finding(open_store(), planned)
    finally:
        subprocess.run(["chattr", f"-{flag}", place], check=True)


@pytest.mark.needs("root", "chattr")
@pytest.mark.parametrize("at", ["", "export-x.csv"])
@pytest.mark.parametrize(("flag", "reason"), [("i", "immutable"), ("a", "append-only")])
def test_a_locked_file_or_folder_is_told_of_before(
    share: Path, place: Path, open_store: Opener, at: str, flag: str, reason: str
) -> None:
    planned = order(holdings(open_store())["share/export-x.csv"])
    subprocess.run(["chattr", f"+{flag}", share / at], check=True)
    try:
        holding = holdings(open_store())["share/export-x.csv"]
        (answer,) = destroy(open_store(), planned)
    finally:
        subprocess.run(["chattr", f"-{flag}", share / at], check=True)
    assert (None, None, reason) == (holding.whole, holding.partial, holding.obstacle)
    assert (Result.FAILED, reason) == outcome(answer)
    assert RECORDS == place.read_bytes()


@pytest.mark.needs("root")
def test_a_read_only_mount_is_told_of_before(share: Path, open_store: Opener) -> None:
    with mounted("tmpfs", share / "disk") as disk:
        (disk / "x").write_bytes(RECORDS)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        (holding,) = holdings(open_store(cross_filesystems=True)).values()
    assert (None, "read-only-filesystem") == (holding.whole, holding.obstacle)


def test_a_file_that_is_sealed_by_the_kernel_is_told_of(
    place: Path, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fs-verity is not in every kernel: the flag is a double's."""
    real, number = fcntl.ioctl, place.stat().st_ino

    def ioctl(fd: int, request: int, *rest: Any) -> int:
        if request != 0x80086601 or os.fstat(fd).st_ino != number:
            return int(real(fd, request, *rest))
        rest[0][:] = (0x100000).to_bytes(8, "little")
        return 0

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    holding = holdings(open_store())["share/export-x.csv"]
    assert (None, "fs-verity") == (holding.whole, holding.obstacle)


@pytest.fixture
def everybody_s(share: Path) -> Iterator[Path]:
    """The share, where another user may do everything."""
    let_others_near(share)
    (share.parent / ".state").mkdir()
    os.chown(share, 65534, 65534)
    yield share
    os.chown(share, 0, 0)


@pytest.mark.needs("root")
def test_a_read_only_file_is_left_to_whoever_made_it_so(
    everybody_s: Path, open_store: Opener
) -> None:
    place = everybody_s / "export-x.csv"
    place.write_bytes(RECORDS)
    os.chown(place, 65534, 65534)
    place.chmod(0o400)
    one = order(holdings(open_store())["share/export-x.csv"])
    with another_user():
        (answer,) = destroy(open_store(), one)
    assert (Result.FAILED, "read-only-file") == outcome(answer)
    assert RECORDS == place.read_bytes()


@pytest.mark.needs("root")
def test_a_folder_without_the_right_to_write_saves_its_files_untouched(
    everybody_s: Path, open_store: Opener
) -> None:
    """The renaming comes first: not a byte is overwritten of a file that could not be unlinked."""
    place = everybody_s / "export-x.csv"
    place.write_bytes(RECORDS)
    os.chown(place, 65534, 65534)
    everybody_s.chmod(0o555)
    one = order(holdings(open_store())["share/export-x.csv"])
    with another_user():
        (answer,) = destroy(open_store(), one)
    assert (Result.FAILED, "access-denied") == outcome(answer)
    assert RECORDS == place.read_bytes()


@pytest.mark.needs("root")
def test_a_read_only_mount_is_a_failure_with_its_reason(share: Path, open_store: Opener) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "none", share], check=True)
    try:
        (share / "export-x.csv").write_bytes(RECORDS)
        one = order(holdings(open_store())["share/export-x.csv"])
        subprocess.run(["mount", "-o", "remount,ro", share], check=True)
        (answer,) = destroy(open_store(), one)
        assert (Result.FAILED, "read-only-filesystem") == outcome(answer)
    finally:
        unmount(share)


def test_a_full_disk_in_mid_work_is_told_and_can_be_gone_on_from(
    share: Path, place: Path, planned: Order, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only file systems that write elsewhere refuse here: the refusal is a double's."""
    place.write_bytes(RECORDS * 1000)
    one = order(holdings(open_store())["share/export-x.csv"])
    real, room = os.pwrite, iter(range(2))

    def pwrite(fd: int, piece: Any, at: int) -> int:
        if next(room, None) is None:
            raise OSError(28, "No space left on device")
        return real(fd, piece, at)

    monkeypatch.setattr(os, "pwrite", pwrite)
    (answer,) = destroy(open_store(), one)
    assert (Result.FAILED, "disk-full") == outcome(answer)
    assert 2 << 20 == answer.numbers["bytes-overwritten"]
    assert Finding.RESIDUE is finding(open_store(), one)
    monkeypatch.undo()
    assert [Result.DESTROYED] == [a.result for a in destroy(open_store(), one)]
    assert ["neighbour.csv"] == names_in(share)


def test_a_refusal_before_the_first_byte_gives_the_name_back(
    share: Path, place: Path, planned: Order, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pwrite(fd: int, piece: Any, at: int) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", pwrite)
    (answer,) = destroy(open_store(), planned)
    assert (Result.FAILED, "disk-full") == outcome(answer)
    assert ["export-x.csv", "neighbour.csv"] == names_in(share)
    assert RECORDS == place.read_bytes()


def test_orders_that_make_no_sense_touch_nothing(
    place: Path, planned: Order, open_store: Opener
) -> None:
    holding = planned.holding
    for wrong in (
        replace(planned, holding=replace(holding, locator="share/../../etc/passwd")),
        replace(planned, holding=replace(holding, locator="other/x.csv")),
        replace(planned, holding=replace(holding, locator="share")),
        replace(planned, holding=replace(holding, version="x")),
        replace(planned, holding=replace(holding, scope="other")),
        replace(planned, technique=Technique.TRUNCATE),
        replace(planned, technique=Technique.REWRITE_WITHOUT_RECORDS),
        replace(planned, holding=replace(holding, foreign_records=None)),
    ):
        (answer,) = destroy(open_store(), wrong)
        assert Result.FAILED is answer.result
        assert RECORDS == place.read_bytes()
    assert condemn.Names.of(b"x", "1", "v") != condemn.Names.of(b"x", "2", "v")
