"""What was deleted by other means, and what a scrubbing leaves of it in the raw image."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import subprocess
import sys
import textwrap
import time
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import pytest

from backends.contract import untold
from backends.errors import SettingError
from backends.scrub import Limits, _reserved, _trees, _xfs_inodes, scrub
from backends.scrub._fill import fill, take_inodes
from backends.scrub._journal import journal_size
from backends.scrub._room import Room
from tests.forensic.images import KINDS, Image, Kind, canary, mounted
from tests.support.mounts import unmount

pytestmark = [pytest.mark.needs("root", "loop")]

WHOLE = Limits(reserve=0, seconds=120)
NAMES = {50, 99}


def _needs(kind: str) -> object:
    tools = [tool for tool in ("xfs", "btrfs") if kind.startswith(tool)]
    more = ["chattr"] if kind == "btrfs-nocow" else []
    return pytest.param(kind, marks=[pytest.mark.needs(each) for each in (*tools, *more)])


def _plant_and_delete(image: Image) -> None:
    """Contents of every size (files 0 to 5), names (50, 99), attributes (80, 97), all deleted."""
    for file, size in enumerate((1, 3, 40, 400, 4000, 60_000)):
        place = image.place / canary(50, file)
        place.write_text("".join(f"{canary(file, n)}\n" for n in range(size)))
        os.setxattr(place, "user.note", canary(80, file).encode())
    for file in range(200):
        place = image.place / canary(99, file)
        place.write_text(canary(98, file))
        os.setxattr(place, "user.note", canary(97, file).encode())
    image.settle()
    for place in image.place.glob("c*"):
        place.unlink()
    subprocess.run(["sync", "-f", image.mount], check=True)


@pytest.mark.parametrize("kind", [_needs(kind) for kind in KINDS])
def test_nothing_deleted_is_left_but_what_is_said(tmp_path: Path, kind: str) -> None:
    with mounted(KINDS[kind], tmp_path) as image:
        for number in range(100):
            (image.place / f"stays{number:05}").write_text(canary(77, number))
        _plant_and_delete(image)
        done = scrub(image.place, WHOLE, lambda *_: None)
        staying = sorted(each.name for each in image.place.iterdir())
        assert staying == [f"stays{number:05}" for number in range(100)]
        assert (image.place / "stays00007").read_text() == canary(77, 7)
        image.unmount()
    left = image.canaries()
    assert left.pop(77) == set(range(100))
    assert done.codes == ()
    assert done.complete
    trusted = ("trim-trusted",) if kind.startswith(("xfs", "btrfs")) else ()
    assert done.limitations == ("names-in-folders", "blocks-set-aside", *trusted)
    assert set(left) <= NAMES


@pytest.mark.needs("xfs")
def test_free_inodes_beside_those_in_use_keep_nothing(tmp_path: Path) -> None:
    """xfs keeps a chunk of inodes while one is in use; folders lie in all parts of it."""
    with mounted(KINDS["xfs"], tmp_path) as image:
        for number in range(640):
            folder = image.place / f"folder{number % 8}"
            folder.mkdir(exist_ok=True)
            name = f"stays{number:05}" if number % 3 == 0 else canary(99, number)
            (folder / name).write_text("theirs\n" if number % 3 == 0 else canary(98, number))
            os.setxattr(folder / name, "user.note", canary(97 - (number % 3 == 0), number).encode())
            if number % 3 == 1:
                (folder / f"{name}d").mkdir()
                (folder / f"{name}d" / canary(95, number)).touch()
        image.settle()
        for place in sorted(image.place.rglob("c*"), reverse=True):
            place.rmdir() if place.is_dir() else place.unlink()
        image.settle()
        done = scrub(image.place, WHOLE)
        kept = {path: os.getxattr(path, "user.note") for path in image.place.rglob("stays*")}
        assert len(kept) == 214
        image.unmount()
    left = image.canaries()
    assert left.pop(96) == {n for n in range(640) if n % 3 == 0}
    assert (set(left) <= NAMES, done.codes) == (True, ()), left.keys()
    assert done.inodes > 0


@pytest.mark.needs("btrfs")
def test_trees_that_have_no_room_to_move_to_are_told_of(tmp_path: Path) -> None:
    with mounted(KINDS["btrfs"], tmp_path) as image:
        space = os.statvfs(image.place)
        subprocess.run(
            ["fallocate", "-l", str(space.f_bavail * space.f_frsize), image.place / "stays"],
            check=True,
        )
        done = scrub(image.place, WHOLE)
        assert (image.place / "stays").stat().st_size == space.f_bavail * space.f_frsize
        again = scrub(image.place, Limits(reserve=0, seconds=-1))
    assert "metadata-slack" in done.codes
    assert "metadata-slack" in again.codes


def test_trees_that_take_too_long_are_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A balance that is asked to end: on so small an image none takes long."""
    asked = Event()
    begun = iter([False, True])

    def ioctl(fd: int, request: int, argument: object) -> int:
        del fd, argument
        if request == _trees._CONTROL:
            if not next(begun):
                raise OSError(errno.ENOTCONN, "none is under way yet")
            asked.set()
            return 0
        assert asked.wait(10)
        raise OSError(errno.ECANCELED, "")

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    monkeypatch.setattr(_trees, "_LEAST", 0.01)
    fd = os.open(tmp_path, os.O_RDONLY)
    assert _trees.move_trees(fd, Room(fd, 0, 0.2), untold) == "metadata-slack"
    os.close(fd)
    assert asked.is_set()


def test_trees_that_were_not_moved_are_told_of_whatever_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel refuses by a number above 0 while something else is done to the file system."""
    fd = os.open(tmp_path, os.O_RDONLY)
    for answer in (8, 0):
        monkeypatch.setattr(fcntl, "ioctl", lambda *_, answer=answer: answer)
        assert _trees.move_trees(fd, Room(fd, 0, 10), untold) == "metadata-slack"
    os.close(fd)


@pytest.mark.needs("btrfs")
def test_trees_that_share_their_blocks_with_files_are_told_of(tmp_path: Path) -> None:
    with mounted(Kind(("mkfs.btrfs", "-q", "--mixed"), size=64 << 20), tmp_path) as image:
        done = scrub(image.place, WHOLE)
    assert "metadata-slack" in done.codes
    assert done.filled > 0


def test_only_lack_of_room_is_no_fault_of_the_filling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = errno.ENOSPC

    def failing(_: int) -> None:
        raise OSError(number, "at last")

    monkeypatch.setattr(os, "fdatasync", failing)
    with mounted(KINDS["ext4"], tmp_path) as image:
        fd = os.open(image.place, os.O_RDONLY)
        try:
            room = Room(fd, Room(fd, 0, 120).free() - (1 << 20), 120)
            assert fill(fd, room, untold)[0] > 0
            number = errno.EIO
            with pytest.raises(OSError, match="at last"):
                fill(fd, room, untold)
        finally:
            os.close(fd)


def test_only_lack_of_room_is_no_fault_of_an_inode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = errno.ENOSPC

    def failing(*_: object) -> int:
        raise OSError(number, "at last")

    with mounted(Kind(("mkfs.ext4", "-q", "-N", "1024")), tmp_path) as image:
        fd = os.open(image.place, os.O_RDONLY)
        room = Room(fd, 0, 120)
        free = os.fstatvfs(fd).f_ffree
        monkeypatch.setattr(os, "write", failing)
        try:
            assert take_inodes(fd, room, untold) == (free, "")
            number = errno.EIO
            with pytest.raises(OSError, match="at last"):
                take_inodes(fd, room, untold)
        finally:
            os.close(fd)


def test_blocks_that_were_lent_are_given_back_without_the_other_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_reserved, "_GUARDIAN", "cat >/dev/null; false")
    with mounted(KINDS["ext4"], tmp_path) as image:
        fd = os.open(image.place, os.O_RDONLY)
        (kept,) = Path("/sys/fs/ext4", image.device).glob("reserved_clusters")
        before = kept.read_text()
        with _reserved.lent(fd, "ext4"):
            assert int(kept.read_text()) == 0 < int(before)
        os.close(fd)
        assert kept.read_text() == before


def test_blocks_are_lent_to_one_scrubbing_at_a_time(tmp_path: Path) -> None:
    """Two that overlap, of which the one that began last ends last, too."""
    with mounted(KINDS["ext4"], tmp_path) as image:
        fd = os.open(image.place, os.O_RDONLY)
        (kept,) = Path("/sys/fs/ext4", image.device).glob("reserved_clusters")
        before = kept.read_text()
        first, second = ExitStack(), ExitStack()
        for each in (first, second):
            each.enter_context(_reserved.lent(fd, "ext4"))
            assert int(kept.read_text()) == 0 < int(before)
        for each in (first, second):
            each.close()
            assert kept.read_text() == before
        with _reserved.lent(fd, "ext4"):
            assert int(kept.read_text()) == 0
        os.close(fd)
        assert kept.read_text() == before


@pytest.mark.parametrize("kind", [_needs(kind) for kind in ("ext4", "btrfs")])
def test_what_is_set_aside_for_a_file_is_not_reached_and_said(tmp_path: Path, kind: str) -> None:
    """It reads as zeros; below them is what had been deleted."""
    with mounted(KINDS[kind], tmp_path) as image:
        deleted = image.place / "deleted"
        space = os.statvfs(image.place)
        size = space.f_bavail * space.f_frsize // 2 >> 20 << 20
        line = f"{canary(5, 0)}\n".encode() * 74_899  # a megabyte, almost
        with deleted.open("wb") as file:
            for _ in range(size >> 20):
                file.write(line)
        subprocess.run(["sync", "-f", image.mount], check=True)
        deleted.unlink()
        subprocess.run(["sync", "-f", image.mount], check=True)
        with (image.place / "stays").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size * 3 // 2)
        done = scrub(image.place, WHOLE, lambda *_: None)
        assert not (image.place / "stays").read_bytes().strip(b"\0")
        image.unmount()
    assert "blocks-set-aside" in done.limitations
    assert image.canaries()[5] == {0}


def test_without_it_everything_is_left(tmp_path: Path) -> None:
    with mounted(KINDS["ext4"], tmp_path) as image:
        _plant_and_delete(image)
        image.unmount()
    left = image.canaries()
    assert {file: len(left[file]) for file in (0, 1, 5, 97, 98, 99)} == {
        0: 1, 1: 3, 5: 60_000, 97: 200, 98: 200, 99: 200,
    }  # fmt: skip


def test_a_reserve_is_kept_free_and_what_is_not_reached_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = 20 << 20
    least = [1 << 40, 1 << 40]
    with mounted(KINDS["ext4"], tmp_path) as image:
        real = os.write

        def write(fd: int, data: bytes) -> int:
            space = os.statvfs(image.place)
            least[:] = (
                min(least[0], space.f_bfree * space.f_frsize),
                min(least[1], space.f_ffree),
            )
            return real(fd, data)

        monkeypatch.setattr(os, "write", write)
        space = os.statvfs(image.place)
        done = scrub(image.place, Limits(reserve, 120), lambda *_: None)
    kept = space.f_files * reserve // (space.f_blocks * space.f_frsize)
    assert kept <= least[1] < kept + 200
    assert least[0] >= reserve - (1 << 20)  # metadata of the file itself
    assert {"reserve-left", "inodes-left"} <= set(done.codes)
    assert not done.complete
    assert 0 < done.filled <= done.free - reserve


def test_inodes_take_no_more_blocks_than_the_reserve_lets_them(tmp_path: Path) -> None:
    """A file of few bytes takes a block where inodes have no room for it."""
    many = Kind(("mkfs.ext4", "-q", "-b", "4096", "-N", "60000"))
    with mounted(many, tmp_path) as image:
        space = os.statvfs(image.place)
        assert space.f_ffree > space.f_bfree
        room = Room(os.open(image.place, os.O_RDONLY), 20 << 20, 120)
        taken, problem = take_inodes(room.fd, room, lambda *_: None)
        os.close(room.fd)
    most = (space.f_bfree * space.f_frsize - (20 << 20)) // space.f_frsize
    assert (problem, 0 < taken <= most + 256) == ("inodes-left", True)


def test_free_inodes_that_are_not_shown_are_not_called_used(tmp_path: Path) -> None:
    """Also not by root, who may be without its rights, or on a kernel that does not list them."""
    with mounted(KINDS["ext4"], tmp_path) as image:
        fd = os.open(image.place, os.O_RDONLY)
        with _xfs_inodes.taken(fd, Room(fd, 0, 120), untold) as taken:
            os.close(fd)
    assert taken == (0, "inodes-left")


def test_a_file_system_without_a_journal_has_none_to_come_round(tmp_path: Path) -> None:
    with mounted(Kind(("mkfs.ext4", "-q", "-O", "^has_journal")), tmp_path) as image:
        fd = os.open(image.place, os.O_RDONLY)
        assert journal_size(fd, "ext4") == 0
        os.close(fd)


def test_time_that_is_up_ends_it(tmp_path: Path) -> None:
    with mounted(KINDS["ext4"], tmp_path) as image:
        done = scrub(image.place, Limits(reserve=0, seconds=0), lambda *_: None)
    assert {"journal-not-written-over", "inodes-left"} <= set(done.codes)
    assert (done.filled, done.complete) == (0, False)


def test_killed_in_the_middle_it_leaves_no_file_and_all_room(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from backends.scrub import Limits, scrub
        def told(step):
            if step.name == "filling" and step.done:
                os.kill(os.getpid(), signal.SIGKILL)
        scrub(Path(sys.argv[1]), Limits(0, 60), told)
    """)
    with mounted(KINDS["ext4"], tmp_path) as image:
        before = os.statvfs(image.place)
        (kept,) = Path("/sys/fs/ext4", image.device).glob("reserved_clusters")
        reserved = kept.read_text()
        assert int(reserved) > 0
        done = subprocess.run([sys.executable, "-c", code, image.place], check=False)
        assert done.returncode == -9
        subprocess.run(["sync", "-f", image.mount], check=True)
        after = os.statvfs(image.place)
        assert list(image.place.iterdir()) == []
        assert (after.f_bfree, after.f_ffree) == (before.f_bfree, before.f_ffree)
        deadline = time.monotonic() + 30
        while kept.read_text() != reserved and time.monotonic() < deadline:
            time.sleep(0.05)
        assert kept.read_text() == reserved


@pytest.mark.needs("xfs")
@pytest.mark.parametrize(
    ("kind", "command", "pattern"),
    [
        ("ext4", "dumpe2fs -h", r"Total journal size:\s+(\d+)k"),
        ("xfs", "xfs_info", r"log\s+=internal.*\n?.*bsize=(\d+)\s+blocks=(\d+)"),
    ],
)
def test_the_size_of_the_journal_is_what_the_tools_say(
    tmp_path: Path, kind: str, command: str, pattern: str
) -> None:
    with mounted(KINDS[kind], tmp_path) as image:
        told = subprocess.run(
            [*command.split(), image.file if kind == "ext4" else image.mount],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        found = re.search(pattern, told)
        assert found
        wanted = int(found[1]) << 10 if kind == "ext4" else int(found[1]) * int(found[2])
        fd = os.open(image.place, os.O_RDONLY)
        assert journal_size(fd, kind) == wanted
        os.close(fd)


def test_a_file_system_that_it_is_not_known_for_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "memory"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
    try:
        with pytest.raises(SettingError, match="tmpfs"):
            scrub(place, WHOLE, lambda *_: None)
    finally:
        unmount(place)
