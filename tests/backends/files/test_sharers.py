"""Files that have a holding's blocks: reflinks and snapshots, on file systems in files."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backends.contract import Context, Finding, Holding, Result, Store, Verdict
from backends.errors import CouldNotTell
from backends.files import BACKEND, _look, _offers
from backends.fsops import extents
from backends.fsops.btrfs import TOP, extents_in
from backends.fsops.sharing import _xfs
from tests.backends.trees import (
    MATCHER,
    RECORDS,
    another_user,
    destroy,
    finding,
    holdings,
    let_others_near,
    order,
    outcome,
    stranger,
    without_passage,
)
from tests.forensic.images import KINDS, Image, Kind, mounted
from tests.support.mounts import unmount

pytestmark = [pytest.mark.needs("root", "loop")]

BTRFS = Kind(("mkfs.btrfs", "-q"), size=120 << 20)
XFS = KINDS["xfs"]
MAPPED = Kind(("mkfs.xfs", "-q", "-m", "rmapbt=1"), size=320 << 20)
MANY = RECORDS * 4  # more than lies in an inode


@pytest.fixture
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Image]:
    with mounted(request.param, tmp_path) as image:
        yield image


btrfs = pytest.mark.parametrize(
    "disk", [pytest.param(BTRFS, marks=pytest.mark.needs("btrfs"))], indirect=True, ids=["btrfs"]
)
xfs = pytest.mark.parametrize(
    "disk",
    [pytest.param(kind, marks=pytest.mark.needs("xfs")) for kind in (XFS, MAPPED)],
    indirect=True,
    ids=["xfs", "xfs with a map"],
)

sharing = pytest.mark.parametrize(
    "disk",
    [
        pytest.param(BTRFS, marks=pytest.mark.needs("btrfs")),
        *(pytest.param(kind, marks=pytest.mark.needs("xfs")) for kind in (XFS, MAPPED)),
    ],
    indirect=True,
    ids=["btrfs", "xfs", "xfs with a map"],
)


def store_on(disk: Image, **more: object) -> Store:
    context = Context(disk.file.parent, disk.file.parent / ".state")
    return BACKEND.open("share", {"roots": ["mnt/share"], **more}, context)


def near(store: Store) -> dict[str, Holding]:
    return {each.locator: each for each in store.companions([*holdings(store).values()], MATCHER)}


def run(*words: str | Path) -> None:
    subprocess.run(words, check=True, capture_output=True)


def plant(disk: Image, name: str = "export.csv", content: bytes = MANY) -> Path:
    place = disk.place / name
    place.write_bytes(content)
    run("sync", "-f", place)
    return place


def reflink(one: Path, other: Path) -> Path:
    run("cp", "--reflink=always", one, other)
    return other


def snapshot(disk: Image, name: str, *words: str) -> Path:
    run("btrfs", "subvolume", "snapshot", *words, disk.mount, disk.mount / name)
    return disk.mount / name


def open_to_writing(subvolume: Path) -> None:
    run("btrfs", "property", "set", "-ts", subvolume, "ro", "false")


# --- Reflinks -----------------------------------------------------------------------------


@sharing
def test_a_reflink_outside_of_the_roots_waits_for_a_decision(disk: Image) -> None:
    place = plant(disk)
    plant(disk, "innocent.csv", stranger(1) * 200)
    reflink(place, disk.place / "within.csv")
    (disk.mount / "a\nb").mkdir()
    other = reflink(place, disk.mount / "a\nb" / "c\udcff.txt")
    reflink(disk.place / "innocent.csv", disk.mount / "innocent")
    (disk.mount / "copy").write_bytes(MANY)
    store = store_on(disk)
    assert len(holdings(store)) == 2
    (found,) = near(store).values()
    assert (found.kind, found.verdict, found.records) == ("reflink", Verdict.LIKELY, 100)
    assert (found.scope, found.foreign_records) == ("mnt/share", 0)
    planned = order(found)
    assert outcome(destroy(store, planned)[0]) == (Result.DESTROYED, "")
    assert not other.exists()
    assert finding(store, planned) is Finding.ABSENT
    assert place.read_bytes() == MANY


@sharing
def test_what_is_left_out_within_the_roots_is_a_neighbour_no_less(disk: Image) -> None:
    place = plant(disk)
    other = reflink(place, disk.place / "left-out.csv")
    reflink(place, disk.place / "found.csv")
    store = store_on(disk, exclude=["left-out*"])
    assert set(holdings(store)) == {"mnt/share/export.csv", "mnt/share/found.csv"}
    (found,) = near(store).values()
    assert (found.locator, found.kind, found.verdict) == (str(other), "reflink", Verdict.LIKELY)
    assert outcome(destroy(store, order(found))[0]) == (Result.DESTROYED, "")
    assert not other.exists()


@xfs
def test_a_reflink_that_was_written_to_is_found_by_what_it_still_shares(disk: Image) -> None:
    other = reflink(plant(disk, content=MANY * 10), disk.mount / "other")
    with other.open("r+b") as file:
        file.write(stranger(1) * 100)
    run("sync", "-f", other)
    (found,) = near(store_on(disk)).values()
    assert found.mixed
    assert found.verdict is Verdict.LIKELY


@pytest.mark.needs("btrfs")
@pytest.mark.parametrize("at", ["piece", "share/piece"])
@btrfs
def test_what_keeps_a_piece_of_an_extent_keeps_all_of_it(disk: Image, at: str) -> None:
    """It shows no record, and the blocks of the records are freed only when it goes, too."""
    place = plant(disk, content=stranger(1) * 200 + MANY)
    other = disk.mount / at
    run("xfs_io", "-f", "-c", f"reflink {place} 4096 0 4096", other)
    assert set(other.read_bytes()) - set(b"\0") <= set(stranger(1))
    run("sync", "-f", place)
    (found,) = near(store_on(disk)).values()
    assert (found.kind, found.verdict, found.records) == ("reflink", Verdict.MAYBE, 0)
    assert found.mixed, "it is somebody's, and does not go by its verdict"


@pytest.mark.needs("btrfs")
@btrfs
def test_each_of_adjoining_extents_is_asked_for(disk: Image) -> None:
    """The kernel's map tells them as one, where nothing but their ends parts them."""
    place = plant(disk, content=(stranger(1) * 400)[:8192])
    with place.open("ab") as file:
        file.write(MANY)
    run("sync", "-f", place)
    reflink(place, disk.place / "whole.csv")  # else the map parts those that are shared
    other = disk.mount / "second"
    run("xfs_io", "-f", "-c", f"reflink {place} 8192 0 4096", other)
    run("sync", "-f", place)
    with place.open("rb") as file:
        assert len(extents.extents_of(file.fileno()) or ()) == 1
    assert str(other) in near(store_on(disk))


@xfs
def test_what_has_no_name_any_more_is_not_passed_over(disk: Image) -> None:
    place = plant(disk)
    other = reflink(place, disk.mount / "other")
    with other.open("rb"):
        other.unlink()
        store = store_on(disk)
        (holding,) = holdings(store).values()
        if "sharers-not-counted" in holding.limitations:
            assert near(store) == {}
            return
        with pytest.raises(CouldNotTell) as raised:
            near(store)
    assert raised.value.code == "sharer-without-name"


@btrfs
def test_a_file_open_without_a_name_is_not_passed_over(disk: Image) -> None:
    other = reflink(plant(disk), disk.mount / "other")
    with other.open("rb"):
        other.unlink()
        with pytest.raises(CouldNotTell) as raised:
            near(store_on(disk))
    assert raised.value.code == "sharer-without-name"


# --- Snapshots ----------------------------------------------------------------------------


@btrfs
def test_files_in_a_snapshot_go_by_decision(disk: Image) -> None:
    """Also a small one, which lies in the trees, and one that was written anew since."""
    plant(disk)
    plant(disk, "small.csv", b"".join(RECORDS.splitlines(keepends=True)[:6]))
    plant(disk, "altered.csv", MANY)
    snapshot(disk, "then")
    (disk.place / "altered.csv").write_bytes(MANY[:2000])
    run("sync", "-f", disk.place)
    store = store_on(disk)
    found = near(store)
    assert set(found) == {
        str(disk.mount / "then" / "share" / name)
        for name in ("export.csv", "small.csv", "altered.csv")
    }
    assert {(each.kind, each.verdict) for each in found.values()} == {
        ("snapshot-file", Verdict.LIKELY)
    }
    answers = destroy(store, *(order(each, id_=at) for at, each in found.items()))
    assert {each.result for each in answers} == {Result.DESTROYED}
    assert list((disk.mount / "then" / "share").iterdir()) == []


@btrfs
def test_another_file_of_the_same_number_is_none_of_it(disk: Image) -> None:
    run("btrfs", "subvolume", "create", disk.mount / "theirs")
    plant(disk)
    numbers = {disk.place.stat().st_ino: 0, (disk.place / "export.csv").stat().st_ino: 0}
    for number in range(4):
        place = disk.mount / "theirs" / str(number)
        place.write_bytes(RECORDS)
        numbers.pop(place.stat().st_ino, None)
    run("sync", "-f", disk.mount)
    assert not numbers, "one of them has the holding's number"
    assert near(store_on(disk)) == {}


@btrfs
def test_a_read_only_snapshot_stands_in_the_way_until_it_is_opened(disk: Image) -> None:
    plant(disk)
    then = snapshot(disk, "then", "-r")
    (found,) = near(store_on(disk)).values()
    assert (found.whole, found.obstacle) == (None, "read-only-snapshot")
    open_to_writing(then)
    (found,) = near(store_on(disk)).values()
    planned = order(found)
    run("btrfs", "property", "set", "-ts", then, "ro", "true")
    assert outcome(destroy(store_on(disk), planned)[0]) == (Result.FAILED, "read-only-snapshot")
    assert (then / "share" / "export.csv").read_bytes() == MANY


@btrfs
def test_a_holding_in_a_read_only_snapshot_has_no_technique(disk: Image) -> None:
    plant(disk)
    snapshot(disk, "share/then", "-r")
    found = holdings(store_on(disk))
    assert {at: (each.whole is None, each.obstacle) for at, each in found.items()} == {
        "mnt/share/export.csv": (False, "no-record-rewrite"),
        "mnt/share/then/share/export.csv": (True, "read-only-snapshot"),
    }


@btrfs
def test_a_small_file_in_the_tree_has_no_extent_however_long(disk: Image) -> None:
    """One is so long that the kernel's answer has no room for it, and gives it as empty."""
    run("mount", "-o", "remount,max_inline=4095", disk.mount)
    for size in (1, 2000, 4000):
        with plant(disk, str(size), b"x" * size).open("rb") as file:
            told = extents.extents_of(file.fileno()) or []
            assert [extents.Kind.INLINE in each.kind for each in told] == [True]
            found = extents_in(file.fileno(), TOP, os.fstat(file.fileno()).st_ino)
        assert found == set()


@btrfs
def test_a_snapshot_that_is_mounted_below_the_root_is_seen(disk: Image) -> None:
    """It is another mount, which the sweep enters only where it is asked to."""
    run("btrfs", "subvolume", "create", disk.mount / "main")
    place = disk.mount / "main" / "export.csv"
    place.write_bytes(MANY)
    (disk.mount / "main" / "snapshots").mkdir()
    run("sync", "-f", place)
    run("btrfs", "subvolume", "snapshot", disk.mount / "main", disk.mount / "then")
    device, main = f"/dev/{disk.device}", disk.file.parent / "main"
    main.mkdir()
    run("mount", "-o", "subvol=main", device, main)
    unmount(disk.mount)
    run("mount", "-o", "subvol=then", device, main / "snapshots")
    try:
        store = BACKEND.open("share", {"roots": ["main"]}, Context(main.parent, Path("/none")))
        assert set(holdings(store)) == {"main/export.csv"}
        assert set(near(store)) == {str(main / "snapshots" / "export.csv")}
    finally:
        run("mount", device, disk.mount)
        unmount(main / "snapshots")
        unmount(main)


@btrfs
def test_a_subvolume_that_is_mounted_nowhere_is_named(disk: Image) -> None:
    run("btrfs", "subvolume", "create", disk.mount / "main")
    place = disk.mount / "main" / "export.csv"
    place.write_bytes(MANY)
    run("sync", "-f", place)
    run("btrfs", "subvolume", "snapshot", disk.mount / "main", disk.mount / "then")
    main = disk.file.parent / "main"
    main.mkdir()
    run("mount", "-o", "subvol=main", f"/dev/{disk.device}", main)
    device = f"/dev/{disk.device}"
    unmount(disk.mount)
    try:
        store = BACKEND.open("share", {"roots": ["main"]}, Context(main.parent, Path("/none")))
        (found,) = near(store).values()
        assert (found.kind, found.whole, found.obstacle) == (
            "subvolume",
            None,
            "subvolume-not-mounted",
        )
        assert found.locator.endswith("(then)")
        run("mount", "-o", "subvol=then", device, disk.mount)
        assert set(near(store)) == {str(disk.mount / "export.csv")}
    finally:
        unmount(main)


def _found_and_refused(store: Store) -> tuple[set[str], str]:
    found = set[str]()
    with pytest.raises(CouldNotTell) as raised:
        found.update(
            each.locator for each in store.companions([*holdings(store).values()], MATCHER)
        )
    return found, raised.value.code


@sharing
def test_what_lies_where_nobody_is_let_in_is_told_of(disk: Image) -> None:
    place = plant(disk)
    other = reflink(place, disk.mount / "other")
    closed = disk.mount / "closed"
    closed.mkdir()
    reflink(place, closed / "third")
    os.chown(closed, 65534, 65534)
    closed.chmod(0o700)
    store = store_on(disk)
    with without_passage():
        assert _found_and_refused(store) == ({str(other)}, "access-denied")
    assert len(near(store)) == 2


@btrfs
def test_what_nobody_is_let_in_to_any_more_is_told_of(
    disk: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is closed when the neighbour was found, before it is looked at."""
    place = plant(disk)
    closed = disk.mount / "closed"
    closed.mkdir()
    reflink(place, closed / "other")
    os.chown(closed, 65534, 65534)
    real = _look.look

    def late(*args: Any) -> object:
        closed.chmod(0o700)
        return real(*args)

    monkeypatch.setattr(_offers, "look", late)
    with without_passage():
        assert _found_and_refused(store_on(disk)) == (set(), "access-denied")


# --- What could not be looked for ---------------------------------------------------------


@xfs
def test_what_is_not_told_of_the_sharers_is_said(
    disk: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = reflink(plant(disk), disk.mount / "other")
    (holding,) = holdings(store_on(disk)).values()
    mapped = "xfs with a map" in os.environ["PYTEST_CURRENT_TEST"]
    assert ("sharers-not-counted" in holding.limitations) is not mapped
    (holding,) = holdings(store_on(disk, neighbours=False)).values()
    assert "sharers-not-told" in holding.limitations
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    store = store_on(disk)
    (holding,) = holdings(store).values()
    assert "sharers-not-told" in holding.limitations
    assert near(store) == {}
    other.unlink()
    disk.settle()  # else xfs has blocks shared for a while with a file that is gone
    (holding,) = holdings(store).values()
    assert "sharers-not-told" not in holding.limitations


@btrfs
def test_so_it_is_where_a_snapshot_may_have_the_file_as_it_was(disk: Image) -> None:
    """No block of the holding is shared any more, and nobody but root is told of the other."""
    place = plant(disk)
    snapshot(disk, "then")
    place.unlink()
    place = plant(disk, content=RECORDS * 5)
    (holding,) = holdings(store_on(disk)).values()
    assert not {"blocks-shared", "sharers-not-told"} & {*holding.limitations}
    (holding,) = holdings(store_on(disk, neighbours=False)).values()
    assert "sharers-not-told" in holding.limitations
    let_others_near(place)
    with another_user():
        (holding,) = holdings(store_on(disk)).values()
        assert near(store_on(disk)) == {}
    assert "blocks-shared" not in holding.limitations
    assert "sharers-not-told" in holding.limitations


@pytest.mark.needs("xfs")
@pytest.mark.parametrize("disk", [XFS], indirect=True)
@pytest.mark.parametrize("whose", ["export.csv", "other"])
def test_a_file_of_which_nobody_tells_where_it_lies_is_not_said_to_share_nothing(
    disk: Image, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    """As one of more than a million pieces; the double has one of none."""
    place = plant(disk)
    other = reflink(place, disk.mount / "other")
    number = (place if whose == "export.csv" else other).stat().st_ino
    real = extents.each_extent

    def each_extent(fd: int) -> Iterator[extents.Extent]:
        if os.fstat(fd).st_ino == number:
            raise extents.NotMapped
        yield from real(fd)

    monkeypatch.setattr(_xfs, "each_extent", each_extent)
    assert _found_and_refused(store_on(disk)) == (set(), "sharers-not-told")
