"""Destroying files: what goes, what stays, and what is said of it."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.contract import Finding, Method, Order, Result, Store
from backends.fsops import linux, overwrite
from backends.fsops.ground import OBSTACLES
from backends.fsops.keystream import Keystream
from tests.backends.dying import Recorder, dies_at
from tests.backends.trees import (
    MATCHER,
    RECORDS,
    destroy,
    finding,
    holdings,
    line,
    names_in,
    order,
    outcome,
    stranger,
    without_passage,
)
from tests.support.mounts import unmount

Opener = Callable[..., Store]


def test_the_bytes_are_overwritten_before_the_name_goes(
    place: Path, planned: Order, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A descriptor from before shows the file at the moment of its truncation."""
    seen: list[bytes] = []
    real = os.ftruncate

    def ftruncate(fd: int, size: int) -> None:
        seen.append(os.pread(fd, 1 << 20, 0))
        real(fd, size)

    monkeypatch.setattr(os, "ftruncate", ftruncate)
    (answer,) = destroy(open_store(), planned)
    assert (Result.DESTROYED, "") == outcome(answer)
    (content,) = seen
    assert len(RECORDS) == len(content)
    assert b"resp" not in content
    assert len(set(content)) > 200  # a keystream, not zeros
    assert {"bytes-overwritten": len(RECORDS), "bytes-read-back": len(RECORDS)} == answer.numbers
    unproved = not OBSTACLES.isdisjoint(answer.limitations)  # as this file system is
    assert (Method.LOGICAL_DELETE if unproved else Method.CLEAR) is answer.method
    assert ["neighbour.csv"] == names_in(place.parent)
    assert Finding.ABSENT is finding(open_store(), planned)


def test_what_is_not_read_back_as_written_is_a_failure(
    place: Path, planned: Order, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that acknowledges writes and drops them is the fault that only a double gives."""
    monkeypatch.setattr(os, "pwrite", lambda fd, piece, at: len(piece))
    (answer,) = destroy(open_store(), planned)
    assert (Result.FAILED, "read-back-differs") == outcome(answer)
    assert Finding.RESIDUE is finding(open_store(), planned)
    monkeypatch.undo()
    assert [Result.DESTROYED] == [a.result for a in destroy(open_store(), planned)]
    assert ["neighbour.csv"] == names_in(place.parent)


def test_the_order_of_durable_steps(
    planned: Order, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is condemned durably before the first byte goes, the content before the name."""
    recorder = Recorder(monkeypatch)
    destroy(open_store(), planned)
    assert [
        "renameat2",
        "fsync",  # the folder
        "pwrite",
        "fdatasync",
        "ftruncate",
        "fsync",  # the file
        "renameat2",
        "unlink",
        "fsync",  # the folder
    ] == recorder.calls


def test_killed_before_any_step_it_ends_as_if_undisturbed(
    share: Path, place: Path, open_store: Opener
) -> None:
    os.setxattr(place, "user.note", b"about resp00000001")
    store = open_store()
    number = 0
    while True:
        place.write_bytes(RECORDS)
        os.setxattr(place, "user.note", b"about resp00000001")
        one = order(holdings(store)["share/export-x.csv"], id_=f"order-{number}")
        died = dies_at(number, lambda one=one: destroy(open_store(), one))  # type: ignore[misc]
        (answer,) = destroy(open_store(), one)
        assert answer.result in {Result.DESTROYED, Result.ALREADY_ABSENT}
        assert ["neighbour.csv"] == names_in(share), f"killed before step {number}"
        assert Finding.ABSENT is finding(open_store(), one)
        if not died:
            break
        number += 1
    assert number == 11


def test_a_new_file_under_the_name_survives_a_repeated_order(
    share: Path, place: Path, planned: Order, open_store: Opener
) -> None:
    """Killed in the middle; then a program writes a new file of that name; then the order again."""
    assert dies_at(4, lambda: destroy(open_store(), planned))
    place.write_bytes(stranger(2))
    assert Finding.ABSENT is not finding(open_store(), planned)
    assert [Result.DESTROYED] == [a.result for a in destroy(open_store(), planned)]
    assert ["export-x.csv", "neighbour.csv"] == names_in(share)
    assert stranger(2) == place.read_bytes()
    assert Finding.ABSENT is finding(open_store(), planned)
    place.write_bytes(line(3))
    assert Finding.RESIDUE is finding(open_store(), planned)


def test_a_file_put_under_the_name_at_the_last_moment_gets_it_back(
    share: Path, place: Path, planned: Order, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the last look and the renaming an editor saves over the file."""
    real = linux.rename_to_free
    theirs = iter([stranger(9)])

    def late(old: bytes, new: bytes, folder: int) -> None:
        if content := next(theirs, None):
            (share / "saved").write_bytes(content)
            (share / "saved").rename(place)
        real(old, new, folder)

    monkeypatch.setattr(linux, "rename_to_free", late)
    (answer,) = destroy(open_store(), planned)
    assert (Result.CHANGED, "another-file") == outcome(answer)
    assert ["export-x.csv", "neighbour.csv"] == names_in(share)
    assert stranger(9) == place.read_bytes()


def test_even_a_second_file_in_that_moment_loses_nothing(
    share: Path, place: Path, planned: Order, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = linux.rename_to_free
    theirs = iter([stranger(8), stranger(9)])

    def late(old: bytes, new: bytes, folder: int) -> None:
        (share / "saved").write_bytes(next(theirs))
        (share / "saved").rename(place)
        real(old, new, folder)

    monkeypatch.setattr(linux, "rename_to_free", late)
    (answer,) = destroy(open_store(), planned)
    assert (Result.FAILED, "name-taken") == outcome(answer)
    contents = {(share / name).read_bytes() for name in names_in(share)}
    assert {stranger(1), stranger(8), stranger(9)} == contents
    monkeypatch.undo()
    (answer,) = destroy(open_store(), planned)  # and nothing does until somebody has looked
    assert (Result.FAILED, "name-taken") == outcome(answer)
    assert contents == {(share / name).read_bytes() for name in names_in(share)}


@pytest.mark.parametrize("change", ["append", "same-size", "replace", "folder", "symlink", "empty"])
def test_what_changed_is_left_alone(
    place: Path, planned: Order, open_store: Opener, change: str
) -> None:
    if change == "append":
        place.write_bytes(RECORDS + stranger(5))
    elif change == "same-size":
        place.write_bytes(RECORDS[:-2] + b"!\n")
    elif change == "empty":
        os.truncate(place, 0)
    else:
        place.rename(place.with_name("old"))
        if change == "replace":
            place.write_bytes(RECORDS)
        elif change == "folder":
            place.mkdir()
        else:
            place.symlink_to("old")
    before = {n: (place.parent / n).lstat().st_ino for n in names_in(place.parent)}
    (answer,) = destroy(open_store(), planned)
    assert Result.CHANGED is answer.result
    assert before == {n: (place.parent / n).lstat().st_ino for n in names_in(place.parent)}


def test_the_same_content_with_other_times_is_the_planned_version(
    place: Path, planned: Order, open_store: Opener
) -> None:
    place.chmod(0o600)
    os.utime(place, (1, 1))
    assert [Result.DESTROYED] == [a.result for a in destroy(open_store(), planned)]


def test_a_write_within_the_clock_s_tick_of_the_look_is_noticed(
    place: Path, open_store: Opener
) -> None:
    """Same size, written as soon as the examination returns: the times must tell."""
    for number in range(5):
        place.write_bytes(RECORDS)
        one = order(holdings(open_store())["share/export-x.csv"], id_=f"o{number}")
        with place.open("r+b") as file:
            file.write(b"X")
        assert [Result.CHANGED] == [a.result for a in destroy(open_store(), one)]


def test_a_folder_swapped_for_a_symlink_is_not_followed(share: Path, open_store: Opener) -> None:
    (share / "sub").mkdir()
    (share / "sub" / "export-x.csv").write_bytes(RECORDS)
    one = order(holdings(open_store())["share/sub/export-x.csv"])
    (share / "sub").rename(share.parent / "moved")
    (share / "sub").symlink_to(share.parent / "moved")
    (answer,) = destroy(open_store(), one)
    assert (Result.CHANGED, "path-replaced") == outcome(answer)
    assert RECORDS == (share.parent / "moved" / "export-x.csv").read_bytes()
    assert Finding.INCONCLUSIVE is finding(open_store(), one)


def test_a_folder_swapped_while_it_is_opened_is_not_followed(
    share: Path, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The swap comes between the opening of the root and that of the folder below it."""
    (share / "sub").mkdir()
    (share / "sub" / "export-x.csv").write_bytes(RECORDS)
    one = order(holdings(open_store())["share/sub/export-x.csv"])
    foreign = share.parent / "foreign"
    foreign.mkdir()
    os.link(share / "sub" / "export-x.csv", foreign / "export-x.csv")  # even the inode would fit
    real = os.open

    def late(path: Any, flags: int, *args: Any, **more: Any) -> int:
        if path == b"sub" and not (share / "sub").is_symlink():
            (share / "sub").rename(share / "old")
            (share / "sub").symlink_to(foreign)
        return real(path, flags, *args, **more)

    monkeypatch.setattr(os, "open", late)
    (answer,) = destroy(open_store(), one)
    assert (Result.CHANGED, "path-replaced") == outcome(answer)
    assert RECORDS == (foreign / "export-x.csv").read_bytes()


def test_absence_is_seen_not_supposed(
    share: Path, place: Path, planned: Order, open_store: Opener
) -> None:
    place.unlink()
    assert [Result.ALREADY_ABSENT] == [a.result for a in destroy(open_store(), planned)]
    assert Finding.ABSENT is finding(open_store(), planned)
    share.rename(share.with_name("elsewhere"))
    assert [(Result.FAILED, "root-missing")] == [outcome(a) for a in destroy(open_store(), planned)]
    assert Finding.INCONCLUSIVE is finding(open_store(), planned)


@pytest.fixture
def away(share: Path) -> Path:
    """A folder outside of the roots, on their file system."""
    place = share.parent / "away"
    place.mkdir()
    return place


@pytest.mark.needs("root", "handles")
@pytest.mark.parametrize("how", ["file", "folder", "mount", "another"])
def test_a_file_that_was_moved_out_of_the_roots_is_not_absent(
    share: Path, away: Path, open_store: Opener, how: str
) -> None:
    (share / "sub").mkdir()
    (share / "sub" / "export-x.csv").write_bytes(RECORDS)
    one = order(holdings(open_store())["share/sub/export-x.csv"])
    if how == "folder":
        (share / "sub").rename(away / "sub")
    elif how == "mount":  # of the same file system
        subprocess.run(["mount", "--bind", away, share / "sub"], check=True)
    else:
        (share / "sub" / "export-x.csv").rename(away / "theirs")
        if how == "another":
            (share / "sub" / "export-x.csv").write_bytes(stranger(1))
    try:
        (answer,) = destroy(open_store(), one)
        assert Result.DESTROYED is not answer.result
        (seen,) = open_store().verify([one], MATCHER)
        assert (Finding.RESIDUE, "file-moved") == (seen.finding, seen.reason)
        assert {"records": 100} == seen.numbers
    finally:
        if how == "mount":
            unmount(share / "sub")


@pytest.mark.needs("handles")
@pytest.mark.parametrize(("kind", "asked"), [("ext4", True), ("fuse.sshfs", False), ("9p", False)])
def test_only_what_does_not_forget_its_handles_is_asked(
    share: Path, open_store: Opener, monkeypatch: pytest.MonkeyPatch, kind: str, *, asked: bool
) -> None:
    """Of a program's file system a handle that is not known says nothing; its name is a double's."""
    (share / "export-x.csv").write_bytes(RECORDS)
    told = linux.Mount(1, kind, frozenset(), b"/", 0, b"/")
    monkeypatch.setattr(linux, "mount_of", lambda _: told)
    found = holdings(open_store())["share/export-x.csv"]
    assert bool(found.details["handle"]) == asked


@pytest.mark.needs("root")
@pytest.mark.parametrize("other", ["nothing", "file", "folder"])
def test_nothing_is_absent_where_something_is_mounted_over_it(
    share: Path, open_store: Opener, other: str
) -> None:
    (share / "sub").mkdir()
    (share / "sub" / "export-x.csv").write_bytes(RECORDS)
    one = order(holdings(open_store())["share/sub/export-x.csv"])
    subprocess.run(["mount", "-t", "tmpfs", "none", share / "sub"], check=True)
    try:
        if other == "file":
            (share / "sub" / "export-x.csv").write_bytes(stranger(1))
        elif other == "folder":
            (share / "sub" / "export-x.csv").mkdir()
        (seen,) = open_store().verify([one], MATCHER)
    finally:
        subprocess.run(["umount", share / "sub"], check=True)
    assert (Finding.INCONCLUSIVE, "other-filesystem") == (seen.finding, seen.reason)
    assert RECORDS == (share / "sub" / "export-x.csv").read_bytes()


@pytest.mark.needs("root", "handles")
def test_a_file_that_somebody_removed_is_absent_when_nobody_holds_it(
    place: Path, planned: Order, open_store: Opener
) -> None:
    with place.open("rb"):
        place.unlink()
        (seen,) = open_store().verify([planned], MATCHER)
        assert (Finding.RESIDUE, "file-moved") == (seen.finding, seen.reason)
    (seen,) = open_store().verify([planned], MATCHER)
    assert (Finding.ABSENT, ("name", "condemned-name", "inode")) == (seen.finding, seen.looked)


@pytest.mark.needs("root", "handles")
def test_who_may_not_ask_for_a_file_by_its_handle_says_no_more_than_was_seen(
    place: Path, planned: Order, open_store: Opener, away: Path
) -> None:
    place.rename(away / "theirs")
    with without_passage():
        (seen,) = open_store().verify([planned], MATCHER)
    assert (Finding.ABSENT, ("name", "condemned-name")) == (seen.finding, seen.looked)


@pytest.mark.needs("root")
def test_an_unmounted_share_is_not_absence(share: Path, open_store: Opener) -> None:
    """What is left of it is its mount point: a folder, readable and empty."""
    subprocess.run(["mount", "-t", "tmpfs", "none", share], check=True)
    (share / "export-x.csv").write_bytes(RECORDS)
    one = order(holdings(open_store())["share/export-x.csv"])
    unmount(share)
    assert [(Result.FAILED, "other-filesystem")] == [outcome(a) for a in destroy(open_store(), one)]
    assert Finding.INCONCLUSIVE is finding(open_store(), one)


def test_all_names_of_a_file_go_and_the_content_once(share: Path, open_store: Opener) -> None:
    (share / "sub").mkdir()
    (share / "a").write_bytes(RECORDS)
    os.link(share / "a", share / "b")
    os.link(share / "a", share / "sub" / "c")
    found = holdings(open_store())
    assert ["share/a", "share/b", "share/sub/c"] == sorted(found)
    orders = [order(h, id_=f"o{n}") for n, h in enumerate(found.values())]
    assert all("hard-link-outside-roots" not in one.holding.limitations for one in orders)
    answers = destroy(open_store(), *orders)
    assert [Result.DESTROYED] * 3 == [a.result for a in answers]
    assert len(RECORDS) == sum(a.numbers["bytes-overwritten"] for a in answers)
    assert ["sub"] == names_in(share)
    assert [] == names_in(share / "sub")
    assert [Finding.ABSENT] * 3 == [finding(open_store(), one) for one in orders]


def test_names_are_destroyed_one_call_at_a_time_as_well(share: Path, open_store: Opener) -> None:
    """Also when a crash comes between them: the second finds the file in the state of the first."""
    number = 0
    while True:
        (share / "a").write_bytes(RECORDS)
        os.link(share / "a", share / "b")
        orders = [order(h, id_=f"{number}{h.locator[-1]}") for h in holdings(open_store()).values()]
        died = dies_at(number, lambda o=orders: destroy(open_store(), *o))  # type: ignore[misc]
        for one in orders:
            (answer,) = destroy(open_store(), one)
            assert answer.result in {Result.DESTROYED, Result.ALREADY_ABSENT}, number
        assert [] == names_in(share), number
        if not died:
            break
        number += 1
    assert number == 16


def test_no_name_of_an_order_is_another_name_of_the_file(share: Path, open_store: Opener) -> None:
    """A short name has few others of its length: one of them may well be a hard link."""
    (share / "x").write_bytes(RECORDS)
    for name in "0123456789abcdef":
        os.link(share / "x", share / name)
    found = holdings(open_store())
    (answer,) = destroy(open_store(), order(found["share/x"]))
    assert Result.DESTROYED is answer.result
    assert list("0123456789abcdef") == names_in(share)


def test_an_emptied_file_is_ours_only_with_our_mark(share: Path, open_store: Opener) -> None:
    (share / "a").write_bytes(RECORDS)
    os.link(share / "a", share / "b")
    orders = [order(h, id_=h.locator[-1]) for h in holdings(open_store()).values()]
    os.truncate(share / "a", 0)
    assert [Result.CHANGED] * 2 == [a.result for a in destroy(open_store(), *orders)]


def test_a_name_outside_the_roots_loses_the_content_and_is_told_of(
    share: Path, place: Path, open_store: Opener
) -> None:
    outside = share.parent / "outside.csv"
    os.link(place, outside)
    one = order(holdings(open_store())["share/export-x.csv"])
    assert "hard-link-outside-roots" in one.holding.limitations
    (answer,) = destroy(open_store(), one)
    assert Result.DESTROYED is answer.result
    assert "hard-link-outside-roots" in answer.limitations
    assert b"" == outside.read_bytes()


def test_holes_stay_holes(share: Path, open_store: Opener) -> None:
    """Overwriting a sparse file takes no more space than it had."""
    with (share / "sparse").open("wb") as file:
        file.write(RECORDS)
        file.seek(64 << 20)
        file.write(b"\n" + line(1))
    holding = replace(holdings(open_store())["share/sparse"], foreign_records=0)
    used: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        real = os.ftruncate

        def ftruncate(fd: int, size: int) -> None:
            used.append(os.fstat(fd).st_blocks * 512)
            real(fd, size)

        patch.setattr(os, "ftruncate", ftruncate)
        (answer,) = destroy(open_store(), order(holding))
    assert Result.DESTROYED is answer.result
    assert used[0] < 1 << 20
    assert len(RECORDS) <= answer.numbers["bytes-overwritten"] < 1 << 20


@pytest.mark.needs("xattr")
def test_extended_attributes_go_too(share: Path, place: Path, open_store: Opener) -> None:
    os.setxattr(place, "user.respondent", b"resp00000001")
    witness = share.parent / "witness"
    os.link(place, witness)
    destroy(open_store(), order(holdings(open_store())["share/export-x.csv"]))
    assert [] == os.listxattr(witness)


@pytest.mark.parametrize("size", [1, 15, 16, 17, (1 << 20) - 1, 1 << 20, (1 << 20) + 5, 3 << 20])
def test_every_size_is_overwritten_to_its_last_byte(tmp_path: Path, size: int) -> None:
    place = tmp_path / "file"
    place.write_bytes(b"\0" * size)
    fd = os.open(place, os.O_RDWR)
    done = overwrite.overwrite(fd, size)
    os.close(fd)
    assert (size, size) == (done.written, done.read_back)
    content = place.read_bytes()
    assert size == len(content)
    if size > 1000:
        assert content.count(0) < size // 100
        assert b"\0" * 8 not in content[-64:]


def test_the_keystream_is_aes_in_counter_mode_at_any_offset() -> None:
    """Compared with the library's own stream from the beginning."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    stream = Keystream()
    whole = (
        Cipher(algorithms.AES(stream._key), modes.CTR(bytes(16))).encryptor().update(bytes(5 << 20))
    )
    for start, end in ((0, 5 << 20), (5, 100), (4096, 9000), ((1 << 20) - 3, (3 << 20) + 7)):
        pieces = b"".join(bytes(piece) for _, piece in stream.blocks(start, end))
        assert whole[start:end] == pieces
    assert stream._key != Keystream()._key
