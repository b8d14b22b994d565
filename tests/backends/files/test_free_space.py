"""The free space of file systems as holdings of a store on directory trees."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest

from backends import csv, files
from backends.contract import (
    CheckStatus,
    Context,
    CoverageStatus,
    Finding,
    Gap,
    Holding,
    Order,
    Result,
    Step,
    Store,
    Technique,
    Unit,
    Verdict,
)
from backends.errors import SettingError
from backends.fsops.filesystem import file_system_of
from backends.fsops.space import Space, space_of
from backends.reference import ReferenceMatcher
from tests.forensic.images import KINDS, Image, canary, mounted
from tests.support.mounts import unmount

MANY = 12  # the reference matcher looks for each by itself
loop = pytest.mark.needs("root", "loop")
MATCHER = ReferenceMatcher([canary(1, n) for n in range(MANY)], ["person1@dataset.example"])
LINES = "".join(f"{canary(1, n)}\n" for n in range(MANY))


def opened(image: Image, *roots: str, **more: object) -> Store:
    settings = {"roots": list(roots or ("mnt/share",)), "scrub": True, "scrub_reserve": "0%"}
    return files.BACKEND.open(
        "share", {**settings, **more}, Context(image.file.parent, Path("/none"))
    )


def seen(store: Store) -> tuple[list[Holding], list[Gap]]:
    """What a sweep finds of free space, without companions."""
    held: list[Holding] = []
    gaps: list[Gap] = []
    for scope in store.scopes():
        for unit in store.units(scope.name):
            if isinstance(unit, Unit):
                answer = store.examine(unit, MATCHER)
                held += answer.holdings
                gaps += [answer.gap] if answer.gap else []
            else:
                gaps.append(unit)
    return [each for each in held if each.kind == "free-space"], gaps


def files_in(store: Store) -> list[Holding]:
    return [
        held
        for scope in store.scopes()
        for unit in (() if scope.problem else store.units(scope.name))
        if isinstance(unit, Unit) and unit.kind == "file"
        for held in store.examine(unit, MATCHER).holdings
    ]


def scrubbing(held: Holding) -> Order:
    assert held.whole is Technique.SCRUB_FREE_SPACE
    return Order("order-1", held, held.whole, whole=False)


@pytest.fixture
def image(tmp_path: Path) -> Iterator[Image]:
    with mounted(KINDS["ext4"], tmp_path) as made:
        yield made


def remove(image: Image) -> None:
    """Leave a file's content in free blocks."""
    place = image.place / "old"
    place.write_text(LINES)
    subprocess.run(["sync", "-f", image.mount], check=True)
    place.unlink()
    subprocess.run(["sync", "-f", image.mount], check=True)


@loop
def test_what_was_removed_is_found_and_goes(image: Image) -> None:
    store = opened(image)
    assert seen(store) == ([], [])
    remove(image)
    ((held,), gaps) = seen(store)
    assert (held.verdict, held.records, held.mixed, held.residue) == (
        Verdict.COPY, MANY, False, True,
    )  # fmt: skip
    assert held.cost
    assert held.size
    assert held.cost.writes == held.size > 40 << 20
    assert held.cost.seconds
    assert 10 <= held.cost.seconds < 60
    assert gaps == []
    order = scrubbing(held)
    (before,) = store.verify([order], MATCHER)
    assert (before.finding, before.reason) == (Finding.RESIDUE, "records-left")
    assert before.numbers == {"records": MANY, "records-on-device": 0}
    (done,) = store.destroy([order], MATCHER)
    assert (done.result, done.limitations) == (
        Result.DESTROYED,
        ("names-in-folders", "blocks-set-aside"),
    )
    assert done.numbers["bytes-filled"] > 40 << 20
    (after,) = store.verify([order], MATCHER)
    assert (after.finding, after.looked, after.numbers["records"]) == (
        Finding.ABSENT, ("device",), 0,
    )  # fmt: skip
    assert seen(store) == ([], [])
    image.unmount()
    assert image.canaries() == {}


@loop
def test_what_the_cache_shows_is_not_what_is_looked_at(image: Image) -> None:
    """The device is written to behind the kernel's back: only the medium has it."""
    store = opened(image)
    with Path("/dev", image.device).open("rb") as cached:
        cached.seek(30 << 20)
        assert cached.read(4096) == bytes(4096)
        with image.file.open("r+b") as raw:
            raw.seek(30 << 20)
            raw.write(LINES.encode())
            os.fsync(raw.fileno())
        cached.seek(30 << 20)
        assert cached.read(4096) == bytes(4096), "the cache does not know of it"
        ((held,), _) = seen(store)
    assert held.records == MANY


@loop
def test_a_holding_brings_the_free_space_of_its_file_system_along(image: Image) -> None:
    (image.place / "one").write_text(LINES)
    (image.place / "two").write_text(LINES)
    store = opened(image)
    held = files_in(store)
    assert len(held) == 2
    (free,) = store.companions(held, MATCHER)
    assert (free.kind, free.verdict, free.records) == ("free-space", Verdict.COPY, None)
    assert list(store.companions([], MATCHER)) == []
    elsewhere = replace(held[0], details={"folder-device": 1})
    assert list(store.companions([elsewhere], MATCHER)) == []


@loop
def test_several_roots_and_stores_on_one_file_system_name_it_alike(image: Image) -> None:
    (image.mount / "more").mkdir()
    (image.place / "one").write_text(LINES)
    (image.mount / "more" / "two.csv").write_text(LINES)
    both = opened(image, "mnt/share", "mnt/more")
    assert len(both.scopes()) == 3
    (free,) = both.companions(files_in(both), MATCHER)
    other = csv.BACKEND.open(
        "exports", {"roots": ["mnt/more"], "scrub": True}, Context(image.file.parent, Path("/none"))
    )
    (same,) = other.companions(files_in(other), MATCHER)
    assert (same.locator, same.version) == (free.locator, free.version)


@loop
def test_a_file_system_that_is_mounted_below_a_root_has_its_own(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    with (
        mounted(KINDS["ext4"], tmp_path) as image,
        mounted(KINDS["ext4"], tmp_path / "inner") as inner,
    ):
        below = image.place / "below"
        below.mkdir()
        subprocess.run(["mount", "--bind", inner.mount, below], check=True)
        try:
            (below / "deep").write_text(LINES)
            crossing = opened(image, cross_filesystems=True)
            assert len(crossing.scopes()) == 3
            (free,) = crossing.companions(files_in(crossing), MATCHER)
            fd = os.open(below, os.O_RDONLY)
            assert free.version == file_system_of(fd).name
            os.close(fd)
            assert len(opened(image).scopes()) == 2
        finally:
            unmount(below)


@loop
def test_two_of_one_name_are_not_taken_for_one(tmp_path: Path) -> None:
    """A copy of the whole file system, as a snapshot of its volume is, mounted below it."""
    with mounted(KINDS["ext4"], tmp_path) as image:
        (image.place / "one").write_text(LINES)
        (image.place / "below").mkdir()
        subprocess.run(["sync", "-f", image.mount], check=True)
        shutil.copy(image.file, tmp_path / "copy")
        below = image.place / "below"
        subprocess.run(["mount", "-o", "loop", tmp_path / "copy", below], check=True)
        try:
            store = opened(image, cross_filesystems=True)
            assert [each.problem for each in store.scopes()] == ["", "file-system-twice"]
            found = files_in(store)
            assert len(found) == 2
            assert list(store.companions(found, MATCHER)) == []
            alone = opened(image)
            (free,) = alone.companions(files_in(alone), MATCHER)
            (done,) = store.destroy([scrubbing(free)], MATCHER)
            assert (done.result, done.reason) == (Result.FAILED, "file-system-twice")
        finally:
            unmount(below)


@loop
def test_records_in_files_outside_of_the_roots_are_told_apart(image: Image) -> None:
    remove(image)
    (image.mount / "elsewhere").write_text(LINES)
    store = opened(image)
    ((held,), gaps) = seen(store)
    assert (held.records, gaps) == (MANY, [])
    order = scrubbing(held)
    store.destroy([order], MATCHER)
    (after,) = store.verify([order], MATCHER)
    assert (after.finding, after.numbers) == (
        Finding.ABSENT, {"records": 0, "records-on-device": MANY},
    )  # fmt: skip
    assert (image.mount / "elsewhere").read_text() == LINES


@loop
@pytest.mark.needs("xfs")
def test_where_they_cannot_be_told_apart_that_is_said(tmp_path: Path) -> None:
    """xfs without a reverse map tells free blocks, and nothing of the others."""
    with mounted(KINDS["xfs"], tmp_path) as image:
        (image.mount / "elsewhere").write_text(LINES)
        store = opened(image)
        held, (gap,) = seen(store)
        assert held == []
        assert (gap.status, gap.reason) == (CoverageStatus.FAILED, "records-on-device")
        (image.place / "one").write_text(LINES)
        (free,) = store.companions(files_in(store), MATCHER)
        (found,) = store.verify([scrubbing(free)], MATCHER)
        assert (found.finding, found.reason) == (Finding.INCONCLUSIVE, "records-on-device")
        (image.mount / "elsewhere").unlink()
        (image.place / "one").unlink()
        ((held_now,), _) = seen(store)
        assert held_now.records == MANY


@loop
def test_an_identifier_within_a_longer_word_leaves_it_open(image: Image) -> None:
    (image.place / "mail").write_text("from person1@dataset.example to nobody\n" * 200)
    subprocess.run(["sync", "-f", image.mount], check=True)
    (image.place / "mail").unlink()
    (image.place / "one").write_text(LINES)
    store = opened(image)
    (free,) = store.companions(files_in(store), MATCHER)
    (found,) = store.verify([scrubbing(free)], MATCHER)
    assert (found.finding, found.reason) == (Finding.INCONCLUSIVE, "traces-on-device")


@loop
def test_a_reserve_that_is_larger_than_what_is_free_is_no_scrubbing(image: Image) -> None:
    remove(image)
    ((held,), _) = seen(opened(image))
    store = opened(image, scrub_reserve="1TiB")
    (done,) = store.destroy([scrubbing(held)], MATCHER)
    assert "scrubbed-in-part" in done.limitations or done.result is Result.FAILED
    assert {"reserve-left", "inodes-left"} <= {*done.limitations, done.reason}


@loop
def test_another_file_system_in_its_place_is_left_alone(tmp_path: Path) -> None:
    with mounted(KINDS["ext4"], tmp_path) as image:
        remove(image)
        ((held,), _) = seen(opened(image))
    shutil.rmtree(tmp_path / "mnt")
    (tmp_path / "image").unlink()
    with mounted(KINDS["ext4"], tmp_path) as image:
        store = opened(image)
        (done,) = store.destroy([scrubbing(held)], MATCHER)
        assert (done.result, done.reason) == (Result.FAILED, "other-filesystem")
        (found,) = store.verify([scrubbing(held)], MATCHER)
        assert (found.finding, found.reason) == (Finding.INCONCLUSIVE, "other-filesystem")


@loop
def test_it_tells_how_far_it_is(image: Image) -> None:
    remove(image)
    told: list[Step] = []
    context = Context(image.file.parent, Path("/none"), told.append)
    settings = {"roots": ["mnt/share"], "scrub": True, "scrub_reserve": "0%"}
    store = files.BACKEND.open("share", settings, context)
    ((held,), _) = seen(store)
    assert {each.name for each in told} == {"reading-device"}
    assert {each.total for each in told} == {image.file.stat().st_size}
    told.clear()
    store.destroy([scrubbing(held)], MATCHER)
    assert [name for name, _ in groupby(each.name for each in told)] == [
        "writing-journal", "taking-inodes", "filling", "handing-back",
    ]  # fmt: skip
    for name, steps in groupby(told, key=lambda each: each.name):
        done = [each.done for each in steps]
        assert done == sorted(done), name
    assert all(each.done <= each.total for each in told)


@loop
def test_killed_in_the_middle_it_is_repeated(image: Image) -> None:
    remove(image)
    ((held,), _) = seen(opened(image))
    code = textwrap.dedent("""
        import os, pickle, signal, sys
        from pathlib import Path
        from backends import files
        from backends.contract import Context
        def dying(step):
            if step.name == "filling" and step.done:
                os.kill(os.getpid(), signal.SIGKILL)
        base, order = pickle.load(sys.stdin.buffer)
        settings = {"roots": ["mnt/share"], "scrub": True, "scrub_reserve": "0%"}
        store = files.BACKEND.open("share", settings, Context(base, Path("/none"), dying))
        store.destroy([order], None)
    """)
    died = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps((image.file.parent, scrubbing(held))),
        check=False,
    )
    assert died.returncode == -signal.SIGKILL
    store = opened(image)
    (done,) = store.destroy([scrubbing(held)], MATCHER)
    assert done.result is Result.DESTROYED
    (found,) = store.verify([scrubbing(held)], MATCHER)
    assert found.finding is Finding.ABSENT
    assert list(image.place.iterdir()) == []


@pytest.mark.needs("root")
def test_a_file_system_that_cannot_be_scrubbed_is_a_gap(tmp_path: Path) -> None:
    place = tmp_path / "mnt"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
    try:
        (place / "one").write_text(LINES)
        store = files.BACKEND.open(
            "share", {"roots": ["mnt"], "scrub": True}, Context(tmp_path, Path("/none"))
        )
        assert [gap.reason for gap in seen(store)[1]] == ["file-system-not-known"]
        assert list(store.companions(files_in(store), MATCHER)) == []
        assert CheckStatus.FAILED in {check.status for check in store.check()}
    finally:
        unmount(place)


@loop
def test_doctor_says_what_is_scrubbed_and_looked_at(
    image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(store: Store) -> list[tuple[CheckStatus, str]]:
        return [
            (check.status, check.detail)
            for check in store.check()
            if check.what.startswith("free space of ext4")
        ]

    assert told(opened(image)) == [(CheckStatus.OK, "scrubbed, and looked at on its device")]
    assert told(_plain(image)) == []

    def refused(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr("backends.files.free.open_device", refused)
    assert told(opened(image)) == [(CheckStatus.MISSING, "scrubbed; its device may not be read")]


def _plain(image: Image) -> Store:
    return files.BACKEND.open(
        "share", {"roots": ["mnt/share"]}, Context(image.file.parent, Path("/none"))
    )


@loop
def test_without_the_setting_nothing_is_scrubbed(image: Image) -> None:
    remove(image)
    ((held,), _) = seen(opened(image))
    store = _plain(image)
    assert len(store.scopes()) == 1
    assert Technique.SCRUB_FREE_SPACE not in store.traits.techniques
    assert "earlier-versions-in-free-space" in store.traits.blind_spots
    assert "earlier-versions-in-free-space" not in opened(image).traits.blind_spots
    (done,) = store.destroy([scrubbing(held)], MATCHER)
    assert (done.result, done.reason) == (Result.FAILED, "technique-not-offered")
    image.unmount()
    assert image.canaries()


@pytest.mark.parametrize(
    "settings",
    [
        {"scrub_reserve": "5%"},
        {"scrub_seconds": 10},
        {"scrub": True, "scrub_reserve": "5"},
        {"scrub": True, "scrub_reserve": "-5%"},
        {"scrub": True, "scrub_seconds": 0},
    ],
)
def test_settings_that_make_no_sense_are_refused(
    tmp_path: Path, settings: dict[str, object]
) -> None:
    with pytest.raises(SettingError, match="scrub_"):
        files.BACKEND.open("share", {"roots": ["."], **settings}, Context(tmp_path, tmp_path))


@loop
@pytest.mark.needs("xfs")
@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_the_map_has_as_much_free_as_the_file_system_says(tmp_path: Path, kind: str) -> None:
    with mounted(KINDS[kind], tmp_path) as image:
        for number in range(50):
            (image.place / f"{number}").write_bytes(bytes([number]) * 30_000)
            if number % 2:
                (image.place / f"{number - 1}").unlink()
        subprocess.run(["sync", "-f", image.mount], check=True)
        fd = os.open(image.mount, os.O_RDONLY)
        stretches = list(space_of(fd))
        space = os.fstatvfs(fd)
        os.close(fd)
    free = sum(end - start for start, end, use in stretches if use is Space.FREE)
    stated = space.f_bfree * space.f_frsize
    assert stretches == sorted(stretches, key=lambda each: each[0])
    if kind == "ext4":
        assert free == stated
    else:  # xfs keeps some back that it does not count as free
        assert 0 <= free - stated < 32 << 20
