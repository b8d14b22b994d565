"""What is listed of a tree, what is not, and that nothing leads out of it."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.contract import Context, CoverageStatus, Store
from backends.errors import AccessDenied, CouldNotTell, SettingError, Unreachable
from backends.files import BACKEND
from backends.fsops import tree
from backends.fsops.tree import Found, Walk
from backends.locator import escape, unescape
from tests.backends import trees
from tests.backends.trees import (
    HEADER,
    MATCHER,
    RECORDS,
    another_user,
    gaps,
    holdings,
    let_others_near,
    line,
    units,
)
from tests.support.mounts import unmount


@pytest.fixture
def share(tmp_path: Path) -> Path:
    (tmp_path / "share").mkdir()
    return tmp_path / "share"


def open_store(share: Path, **more: object) -> Store:
    state = share.parent / ".state"
    state.mkdir(exist_ok=True)
    return BACKEND.open("share", {"roots": ["share"], **more}, Context(share.parent, state))


def test_a_scope_tells_file_system_mount_and_time_and_no_place(share: Path) -> None:
    (scope,) = open_store(share).scopes()
    mounted = subprocess.run(
        ["findmnt", "-n", "-o", "FSTYPE,OPTIONS", "-T", share], capture_output=True, text=True,
        check=True,
    ).stdout.split()  # fmt: skip
    assert scope.as_of.startswith(f"{mounted[0]} (")
    told = scope.as_of.partition("(")[2].partition(")")[0].split(",")
    assert set(told) <= set(mounted[1].split(","))
    assert {"rw", "relatime", "noatime"} & set(told)
    when = datetime.fromisoformat(scope.as_of.rpartition(", ")[2])
    assert abs(datetime.now(UTC) - when).total_seconds() < 60
    assert "/" not in scope.as_of


def test_locators_begin_with_the_root_as_configured(share: Path) -> None:
    (share / "a" / "b").mkdir(parents=True)
    (share / "a" / "b" / "x.csv").write_bytes(RECORDS)
    assert ["share/a/b/x.csv"] == [u.locator for u in units(open_store(share))]
    for root in (str(share), "./share", "share/", "a/../share"):
        store = BACKEND.open("s", {"roots": [root]}, Context(share.parent, share.parent / "no"))
        if not root.startswith("a"):
            assert [root.rstrip("/") + "/a/b/x.csv"] == list(holdings(store))


def test_any_name_is_listed_and_read(share: Path) -> None:
    names = [
        b"plain",
        b"\xff\xfe.csv",
        b"100%",
        b"new\nline",
        b"tab\t",
        "zürich".encode(),
        b" ",
        b"%41",
        b"-",
    ]
    for name in names:
        (share / os.fsdecode(name)).write_bytes(line(1))
    store = open_store(share)
    found = holdings(store)
    assert sorted(f"share/{escape(name)}" for name in names) == sorted(found)
    assert all(locator.isprintable() for locator in found)
    assert {"share/%FF%FE.csv", "share/100%25", "share/new%0Aline", "share/zürich"} <= set(found)


@given(st.binary(max_size=40).filter(lambda name: b"\0" not in name))
def test_escaped_names_come_back(name: bytes) -> None:
    text = escape(name)
    assert name == unescape(text)
    assert not {"Cc", "Cs", "Zl", "Zp"} & set(map(unicodedata.category, text))
    assert len(text.splitlines()) <= 1


@pytest.mark.parametrize("text", ["%", "%4", "%zz", "%ff", "%41", "a\n", "%E2%82%AC"])
def test_what_escape_never_writes_is_no_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        unescape(text)


def test_what_holds_no_bytes_is_neither_opened_nor_listed(share: Path) -> None:
    """A FIFO would block whoever opens it, a symlink lead away, a loop never end."""
    os.mkfifo(share / "fifo")
    (share / "loop").symlink_to("loop")
    (share / "up").symlink_to("..")
    outside = share.parent / "outside.csv"
    outside.write_bytes(RECORDS)
    (share / "link.csv").symlink_to(outside)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(share / "socket"))
        (share / "empty").write_bytes(b"")
        store = open_store(share)
        assert ["share/empty"] == [u.locator for u in units(store)]
        assert [] == gaps(store)
        assert {} == holdings(store)


def test_a_root_may_not_be_a_symlink_or_a_file(share: Path) -> None:
    (share.parent / "link").symlink_to("share")
    (share.parent / "file").write_bytes(RECORDS)
    for root in ("link", "link/", "file"):
        store = BACKEND.open("s", {"roots": [root]}, Context(share.parent, share.parent / "no"))
        assert ["root-not-a-folder"] == [scope.problem for scope in store.scopes()]
        with pytest.raises(Unreachable, match="not a folder"):
            list(store.units(root))


def test_a_missing_root_is_unreachable(share: Path) -> None:
    share.rmdir()
    store = open_store(share)
    assert ["root-missing"] == [scope.problem for scope in store.scopes()]
    with pytest.raises(Unreachable, match="store share, root share: the root is not there"):
        list(store.units("share"))


def test_roots_may_not_overlap(share: Path) -> None:
    (share / "sub").mkdir()
    (share.parent / "alias").symlink_to("share")
    for roots in (["share", "share/sub"], ["share", "share"], ["share", "alias"], []):
        with pytest.raises(SettingError, match="root"):
            BACKEND.open("s", {"roots": roots}, Context(share.parent, share.parent / "no"))


@pytest.mark.needs("root")
def test_what_may_not_be_read_is_a_gap(share: Path) -> None:
    for name in ("closed", "open"):
        (share / name).mkdir()
        (share / name / "x.csv").write_bytes(RECORDS)
    (share / "closed").chmod(0)
    (share / "open" / "x.csv").chmod(0)
    let_others_near(share)
    store = open_store(share)
    with another_user():
        (gap,) = gaps(store)
        (unit,) = units(store)
        with pytest.raises(AccessDenied, match="store share, root share: reading was refused"):
            store.examine(unit, MATCHER)
    assert (CoverageStatus.FAILED, "access-denied", "share/closed") == (
        gap.status,
        gap.reason,
        gap.locator,
    )
    share.chmod(0)
    with another_user():
        assert ["access-denied"] == [scope.problem for scope in store.scopes()]
        with pytest.raises(AccessDenied, match="store share, root share: the root may not be read"):
            list(store.units("share"))


def test_patterns_exclude_names_and_paths_and_say_so(share: Path) -> None:
    for place in ("a.iso", "cache/x", "sub/cache/y", "sub/a.iso", "sub/keep"):
        (share / place).parent.mkdir(parents=True, exist_ok=True)
        (share / place).write_bytes(RECORDS)
    store = open_store(share, exclude=["*.iso", "sub/cache*"])
    assert ["share/cache/x", "share/sub/keep"] == [u.locator for u in units(store)]
    assert [
        ("share/a.iso", "excluded-by-setting"),
        ("share/sub/a.iso", "excluded-by-setting"),
        ("share/sub/cache", "excluded-by-setting"),
    ] == [(gap.locator, gap.reason) for gap in gaps(store)]


def test_the_state_directory_is_never_a_holding(tmp_path: Path) -> None:
    (tmp_path / ".state").mkdir()
    (tmp_path / ".state" / "catalogue").write_bytes(RECORDS)
    store = BACKEND.open("s", {"roots": ["."]}, Context(tmp_path, tmp_path / ".state"))
    assert [] == units(store)
    assert [("./.state", "state-directory")] == [(g.locator, g.reason) for g in gaps(store)]


def test_deep_trees_are_walked_to_the_bottom(share: Path) -> None:
    """Far deeper than a path may be long, with more levels than descriptors are held."""
    fd = os.open(share, os.O_RDONLY)
    depth = 300
    for _ in range(depth):
        os.mkdir("d" * 30, dir_fd=fd)
        below = os.open("d" * 30, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    file = os.open("x", os.O_CREAT | os.O_WRONLY, dir_fd=fd)
    os.write(file, RECORDS)
    os.close(file)
    os.close(fd)
    (share / "e").mkdir()
    (share / "e" / "y").write_bytes(RECORDS)
    store = open_store(share)
    found = holdings(store)
    assert 2 == len(found)
    assert depth * 31 + 7 == len(min(found))


_NAME = st.sampled_from(["a", "b", "a.b", "ab", "a-", "é", "\udcff"])
_PATHS = st.lists(st.lists(_NAME, min_size=1, max_size=4), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None)
@given(_PATHS)
def test_the_order_is_total_and_any_place_in_it_resumes(paths: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path in paths:
            place = root.joinpath(*path)
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.touch()
            except (FileExistsError, NotADirectoryError):
                continue
        expected = sorted(
            Path(os.fsdecode(p)).relative_to(root).parts for p in root.rglob("*") if p.is_file()
        )
        expected_bytes = sorted(tuple(map(os.fsencode, parts)) for parts in expected)
        walk = Walk()
        found = [f.parts for f in walk.files(root) if isinstance(f, Found)]
        assert expected_bytes == found
        for number, parts in enumerate(found):
            rest = [f.parts for f in walk.files(root, parts) if isinstance(f, Found)]
            assert found[number + 1 :] == rest


def test_a_cursor_cannot_lead_out(share: Path) -> None:
    store = open_store(share)
    for cursor in ("../x", "/etc/passwd", "a//b", "."):
        with pytest.raises(ValueError, match=r"."):
            list(store.units("share", cursor))


def test_a_folder_swapped_for_a_symlink_in_mid_walk_is_not_followed(
    share: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at a name and its opening the folder becomes a symlink to a foreign one."""
    (share / "sub").mkdir()
    foreign = share.parent / "foreign"
    foreign.mkdir()
    (foreign / "x.csv").write_bytes(RECORDS)
    real = tree._Frame.open

    def swap(frame: tree._Frame, name: bytes, folder: int) -> None:
        (share / "sub").rmdir()
        (share / "sub").symlink_to(foreign)
        real(frame, name, folder)

    monkeypatch.setattr(tree._Frame, "open", swap)
    store = open_store(share)
    found = list(store.units("share"))
    assert ["path-replaced"] == [getattr(f, "reason", f) for f in found]


def test_a_folder_that_goes_in_mid_walk_is_no_gap_but_one_that_moves_is(share: Path) -> None:
    for name in ("a", "b", "c"):
        (share / name).mkdir()
        (share / name / "x").touch()
    walk = iter(open_store(share).units("share"))
    next(walk)
    (share / "b" / "x").unlink()
    (share / "b").rmdir()
    assert ["share/c/x"] == [getattr(u, "locator", u) for u in walk]


def test_a_parent_swapped_for_a_symlink_before_examining_is_not_followed(share: Path) -> None:
    (share / "sub").mkdir()
    (share / "sub" / "x.csv").write_bytes(RECORDS)
    store = open_store(share)
    (unit,) = units(store)
    (share / "sub").rename(share / "old")
    (share / "sub").symlink_to("old")
    with pytest.raises(CouldNotTell) as caught:
        store.examine(unit, MATCHER)
    assert caught.value.code == "path-replaced"


@pytest.fixture
def mounted(share: Path) -> Iterator[Path]:
    with trees.mounted("tmpfs", share / "mnt") as place:
        yield place


@pytest.mark.needs("root")
def test_other_file_systems_are_entered_only_if_asked(share: Path, mounted: Path) -> None:
    (mounted / "x.csv").write_bytes(RECORDS)
    store = open_store(share)
    assert [] == units(store)
    assert [("share/mnt", CoverageStatus.EXCLUDED, "other-filesystem")] == [
        (g.locator, g.status, g.reason) for g in gaps(store)
    ]
    crossing = open_store(share, cross_filesystems=True)
    assert ["share/mnt/x.csv"] == list(holdings(crossing))
    assert [] == gaps(crossing)


@pytest.mark.needs("root")
@pytest.mark.parametrize("crossing", [False, True])
@pytest.mark.parametrize("beneath", ["file", "deep", "empty", "link"])
def test_files_beneath_a_mount_are_a_gap(share: Path, beneath: str, *, crossing: bool) -> None:
    (share / "mnt").mkdir()
    if beneath == "file":
        (share / "mnt" / "x.csv").write_bytes(RECORDS)
    elif beneath == "deep":
        (share / "mnt" / "a" / "b").mkdir(parents=True)
        (share / "mnt" / "a" / "b" / "x.csv").write_bytes(RECORDS)
    elif beneath == "empty":
        (share / "mnt" / "a").mkdir()
        (share / "mnt" / "nothing").touch()
    else:
        (share / "mnt" / "a").symlink_to("/etc/passwd")
    subprocess.run(["mount", "-t", "tmpfs", "none", share / "mnt"], check=True)
    try:
        found = gaps(open_store(share, cross_filesystems=crossing))
        with trees.without_mounting():
            unseen = gaps(open_store(share, cross_filesystems=crossing))
    finally:
        subprocess.run(["umount", share / "mnt"], check=True)
    hidden = [("share/mnt", CoverageStatus.FAILED, "beneath-a-mount")]
    excluded = [("share/mnt", CoverageStatus.EXCLUDED, "other-filesystem")]
    assert [(each.locator, each.status, each.reason) for each in found] == [
        *(hidden if beneath in {"file", "deep"} else []),
        *([] if crossing else excluded),
    ]
    assert len(unseen) == (not crossing)


@pytest.mark.needs("root")
def test_a_file_beneath_a_file_that_is_mounted_is_a_gap(share: Path, mounted: Path) -> None:
    for place, content in ((mounted / "x", b"theirs"), (share / "x", RECORDS)):
        place.write_bytes(content)
    subprocess.run(["mount", "--bind", mounted / "x", share / "x"], check=True)
    try:
        found = gaps(open_store(share))
    finally:
        subprocess.run(["umount", share / "x"], check=True)
    assert ("share/x", "beneath-a-mount") in [(each.locator, each.reason) for each in found]


@pytest.mark.needs("root")
def test_the_same_file_system_mounted_again_is_another_one(share: Path) -> None:
    """A bind mount can lead anywhere, also on the same device."""
    outside = share.parent / "outside"
    outside.mkdir()
    (outside / "x.csv").write_bytes(RECORDS)
    (share / "bound").mkdir()
    subprocess.run(["mount", "--bind", outside, share / "bound"], check=True)
    try:
        store = open_store(share)
        assert [] == units(store)
        assert ["other-filesystem"] == [g.reason for g in gaps(store)]
    finally:
        unmount(share / "bound")


def test_a_file_that_keeps_changing_is_not_clean(
    share: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = share / "x.csv"
    place.write_bytes(RECORDS)
    store = open_store(share)
    (unit,) = units(store)
    changes = iter(range(2))
    real = os.fstat

    def fstat(fd: int) -> os.stat_result:
        status = real(fd)
        if status.st_ino == place.stat().st_ino and next(changes, None) is not None:
            place.write_bytes(RECORDS + b"more\n")
        return status

    monkeypatch.setattr(os, "fstat", fstat)
    (found,) = store.examine(unit, MATCHER).holdings
    assert 1 == found.foreign_records  # what it holds after the changes, not before

    def always(fd: int) -> os.stat_result:
        status = real(fd)
        if status.st_ino == place.stat().st_ino:
            place.write_bytes(RECORDS + b"x" * (status.st_size % 7) + b"\n")
        return status

    monkeypatch.setattr(os, "fstat", always)
    with pytest.raises(CouldNotTell) as caught:
        store.examine(unit, MATCHER)
    assert caught.value.code == "changed-while-read"


def test_a_file_replaced_while_it_is_read_is_read_again(
    share: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Editors save by renaming: the descriptor still shows the old file, unchanged."""
    place = share / "x.csv"
    place.write_bytes(HEADER + b"".join(line(n) for n in range(3)))
    store = open_store(share)
    (unit,) = units(store)
    real, once = os.fstat, iter([1])

    def fstat(fd: int) -> os.stat_result:
        status = real(fd)
        if status.st_ino == place.stat().st_ino and next(once, None):
            (share / "new").write_bytes(RECORDS)
            (share / "new").rename(place)
        return status

    monkeypatch.setattr(os, "fstat", fstat)
    (found,) = store.examine(unit, MATCHER).holdings
    assert 100 == found.records


def test_content_that_cannot_be_opened_is_a_gap_beside_what_was_found(share: Path) -> None:
    (share / "disk").write_bytes(b"KDMV\x01\x00\x00\x00\n" + RECORDS)
    store = open_store(share)
    (unit,) = units(store)
    result = store.examine(unit, MATCHER)
    assert result.gap is not None
    assert ("container-not-opened", CoverageStatus.FAILED) == (result.gap.reason, result.gap.status)
    assert result.holdings[0].foreign_records is None
    assert result.holdings[0].mixed
