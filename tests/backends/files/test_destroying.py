"""Destroying files: what goes, what stays, and what is said of it."""

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

from backends.contract import Destruction, Finding, Method, Order, Result, Store, Technique
from backends.fsops import condemn, linux, overwrite
from backends.fsops.condemn import Names
from tests.backends.dying import Recorder, dies_at
from tests.backends.trees import MATCHER, RECORDS, another_user, holdings, line, order, stranger

Opener = Callable[..., Store]


def destroy(store: Store, *orders: Order) -> list[Destruction]:
    return list(store.destroy(orders, MATCHER))


def outcome(answer: Destruction) -> tuple[Result, str]:
    return answer.result, answer.reason


def finding(store: Store, one: Order) -> Finding:
    (answer,) = store.verify([one], MATCHER)
    return answer.finding


@pytest.fixture
def place(share: Path) -> Path:
    """The holding, with a neighbour that must stay."""
    (share / "neighbour.csv").write_bytes(stranger(1))
    (share / "export-x.csv").write_bytes(RECORDS)
    return share / "export-x.csv"


@pytest.fixture
def planned(place: Path, open_store: Opener) -> Order:
    return order(holdings(open_store())["share/export-x.csv"])


def names_in(share: Path) -> list[str]:
    return sorted(path.name for path in share.iterdir())


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
    assert Method.LOGICAL_DELETE is answer.method
    assert "overwrite-not-proved-physical" in answer.limitations
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


@pytest.mark.needs("root")
def test_an_unmounted_share_is_not_absence(share: Path, open_store: Opener) -> None:
    """What is left of it is its mount point: a folder, readable and empty."""
    subprocess.run(["mount", "-t", "tmpfs", "none", share], check=True)
    (share / "export-x.csv").write_bytes(RECORDS)
    one = order(holdings(open_store())["share/export-x.csv"])
    subprocess.run(["umount", share], check=True)
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
    assert overwrite.Overwritten(size, size) == overwrite.overwrite(fd, size)
    os.close(fd)
    content = place.read_bytes()
    assert size == len(content)
    if size > 1000:
        assert content.count(0) < size // 100
        assert b"\0" * 8 not in content[-64:]


def test_the_keystream_is_aes_in_counter_mode_at_any_offset() -> None:
    """Compared with the library's own stream from the beginning."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    stream = overwrite.Keystream()
    whole = (
        Cipher(algorithms.AES(stream._key), modes.CTR(bytes(16))).encryptor().update(bytes(5 << 20))
    )
    for start, end in ((0, 5 << 20), (5, 100), (4096, 9000), ((1 << 20) - 3, (3 << 20) + 7)):
        pieces = b"".join(bytes(piece) for _, piece in stream.blocks(start, end))
        assert whole[start:end] == pieces
    assert stream._key != overwrite.Keystream()._key


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


@pytest.fixture
def everybody_s(share: Path) -> Iterator[Path]:
    """The share, where another user may do everything."""
    for folder in (share.parent, share.parent.parent, share.parent.parent.parent):
        folder.chmod(0o755)
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
        subprocess.run(["umount", share], check=True)


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
