"""Directory trees that refuse, are full, or hold what is no plain file."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.servers.tsa import TimestampAuthority
from demo.survey import as_csv, other_records, records
from tests.cli.operating import SURVEY, Done, HereOperator, Operator
from tests.needs import WITHOUT_OVERRIDE
from tests.support.mounts import unmount

MINE, THEIRS = records(60), other_records(300)
SURVEYED = as_csv(MINE).encode()
MIXED = as_csv([*THEIRS[:200], *MINE[:20], *THEIRS[200:]]).encode()
KEPT = as_csv(THEIRS).encode()

CONFIGURATION = """
[stores.share]
backend = "files"
roots = ["share"]

[stores.exports]
backend = "csv"
roots = ["exports"]

[datasets.survey-2018-05]
sources = [{{ store = "exports", path = "exports/survey.csv" }}]
[datasets.survey-2018-05.columns]
respondent_id = "private"

[timestamp]
authorities = ["{url}"]
"""


def furnish(operator: Operator, authority: TimestampAuthority) -> None:
    """Two trees with a holding in each, and a decoy."""
    share, exports = operator.folder / "share", operator.folder / "exports"
    share.mkdir(exist_ok=True)
    exports.mkdir()
    (exports / "survey.csv").write_bytes(SURVEYED)
    (share / "copy.txt").write_bytes(as_csv(MINE[:30]).encode())
    (share / "canteen.csv").write_bytes(KEPT)
    operator.config.write_text(CONFIGURATION.format(url=authority.url))


def begun(operator: Operator) -> Operator:
    for words in (["init"], ["enroll", SURVEY]):
        done = operator.run(*words)
        assert done.code == 0, done.err
    return operator


@pytest.fixture
def trees(tmp_path: Path, authority: TimestampAuthority) -> Operator:
    operator = HereOperator(tmp_path / "desk")
    operator.folder.mkdir()
    furnish(operator, authority)
    return begun(operator)


def destroy(operator: Operator, *words: str) -> Done:
    return operator.run("destroy", SURVEY, "--yes", "--json", *words)


def came(answer: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {h["locator"]: (h["status"], h["reason"]) for h in answer["holdings"]}


def coverage(answer: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {entry["store"]: (entry["status"], entry["reason"]) for entry in answer["coverage"]}


def test_trees_are_swept_and_cleared(trees: Operator) -> None:
    (trees.folder / "exports" / "mixed.csv").write_bytes(MIXED)
    done = destroy(trees)
    assert (done.code, done.json["outcome"]) == (0, "complete")
    assert set(came(done.json).values()) == {("destroyed-verified", None)}
    assert (trees.folder / "exports" / "mixed.csv").read_bytes() == KEPT
    assert [p.name for p in (trees.folder / "share").iterdir()] == ["canteen.csv"]


# --- Refusals -----------------------------------------------------------------------------


class Unprivileged:
    """A desk of somebody whom the kernel refuses what it refuses to all but root."""

    def __init__(self, operator: Operator) -> None:
        self.operator = Operator(operator.folder)
        self._prefix = WITHOUT_OVERRIDE if os.geteuid() == 0 else ()

    def run(self, *words: str) -> Done:
        return self.operator.run(*words, "--json", prefix=self._prefix)


@pytest.fixture
def unprivileged(trees: Operator) -> Iterator[Unprivileged]:
    yield Unprivileged(trees)
    (trees.folder / "share").chmod(0o700)  # so that it can be removed


@pytest.mark.needs("unprivileged")
def test_an_unreadable_root(unprivileged: Unprivileged) -> None:
    """A folder that cannot be opened is not an empty one."""
    share = unprivileged.operator.folder / "share"
    share.chmod(0)
    for words in (["locate", SURVEY], ["destroy", SURVEY, "--yes"]):
        done = unprivileged.run(*words)
        assert (done.code, done.json["outcome"]) == (8, "inconclusive")
        assert coverage(done.json)["share"] == ("unreachable", "access-denied")
        assert coverage(done.json)["exports"] == ("examined", None)
    assert done.error.startswith("not all of the stores could be examined, so nothing of")
    doctor = unprivileged.run("doctor")
    assert doctor.code == 8
    share.chmod(0o700)
    assert sorted(p.name for p in share.iterdir()) == ["canteen.csv", "copy.txt"]


@pytest.mark.needs("unprivileged")
def test_what_is_unreadable_below_a_root(unprivileged: Unprivileged) -> None:
    folder = unprivileged.operator.folder
    (folder / "share" / "canteen.csv").chmod(0)
    done = unprivileged.run("locate", SURVEY)
    assert (done.code, done.json["outcome"]) == (8, "inconclusive")
    assert coverage(done.json)["share"] == ("failed", "access-denied")
    (problem,) = done.json["problems"]
    assert (problem["store"], problem["locator"]) == ("share", "share/canteen.csv")
    # The operator may decide to go on; what was not looked at stays named.
    gone = unprivileged.run("destroy", SURVEY, "--yes", "--despite-gaps")
    assert (gone.code, gone.json["outcome"]) == (8, "partial")
    assert set(came(gone.json).values()) == {("destroyed-verified", None)}


@pytest.mark.needs("unprivileged")
def test_a_read_only_file_in_a_read_only_folder(unprivileged: Unprivileged) -> None:
    share = unprivileged.operator.folder / "share"
    (share / "copy.txt").chmod(0o400)
    share.chmod(0o500)
    done = unprivileged.run("destroy", SURVEY, "--yes")
    assert (done.code, done.json["outcome"]) == (4, "partial")
    assert came(done.json) == {
        "share/copy.txt": ("failed", "read-only-file"),
        "exports/survey.csv": ("destroyed-verified", None),
    }
    assert (share / "copy.txt").read_bytes() == as_csv(MINE[:30]).encode()
    share.chmod(0o700)
    (share / "copy.txt").chmod(0o600)
    again = unprivileged.run("destroy", SURVEY, "--yes")
    assert (again.code, again.json["outcome"]) == (0, "complete")


@pytest.mark.needs("root", "chattr")
def test_an_immutable_file(trees: Operator) -> None:
    path = trees.folder / "share" / "copy.txt"
    subprocess.run(["chattr", "+i", path], check=True)
    try:
        done = destroy(trees)
        assert (done.code, done.json["outcome"]) == (4, "partial")
        assert came(done.json)["share/copy.txt"] == ("failed", "immutable")
        assert path.read_bytes() == as_csv(MINE[:30]).encode()
        look = trees.run("recheck", SURVEY, "--json")
        assert (look.code, look.json["outcome"]) == (4, "partial")
    finally:
        subprocess.run(["chattr", "-i", path], check=True)
    again = destroy(trees)
    assert (again.code, again.json["outcome"]) == (0, "complete")


# --- What is no plain file, or has no plain name ------------------------------------------


def test_things_that_are_no_plain_files(trees: Operator, tmp_path: Path) -> None:
    """Empty files, FIFOs, loops and links that lead out: none stops a sweep, none is touched."""
    share = trees.folder / "share"
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "survey.csv").write_bytes(SURVEYED)
    (share / "empty").touch()
    os.mkfifo(share / "fifo")
    (share / "loop").symlink_to("loop")
    (share / "here").symlink_to(".")
    (share / "out").symlink_to(outside)
    (share / "file").symlink_to(outside / "survey.csv")
    strange = Path(os.fsdecode(os.fsencode(share) + b"/umfrage_f\xfcr_sp\xe4ter.csv"))
    strange.write_bytes(SURVEYED)
    # As a command of its own: a name that is not UTF-8 has to come out of real streams.
    operator = Operator(trees.folder)
    listed = operator.run("locate", SURVEY)
    assert listed.code == 0
    located = operator.run("locate", SURVEY, "--json")
    assert (located.code, len(located.json["holdings"])) == (0, 3)
    locators = {h["locator"] for h in located.json["holdings"]}
    assert all(locator.isprintable() for locator in locators)
    done = operator.run("destroy", SURVEY, "--yes", "--json")
    assert (done.code, done.json["outcome"]) == (0, "complete")
    assert set(came(done.json)) == locators
    assert not strange.exists()
    assert (outside / "survey.csv").read_bytes() == SURVEYED
    assert sorted(p.name for p in share.iterdir()) == [
        "canteen.csv", "empty", "fifo", "file", "here", "loop", "out",
    ]  # fmt: skip


def test_a_root_that_is_gone_or_is_a_link(trees: Operator) -> None:
    share = trees.folder / "share"
    share.rename(trees.folder / "moved")
    for reason in ("root-missing", "root-not-a-folder"):
        done = destroy(trees)
        assert (done.code, done.json["outcome"]) == (8, "inconclusive")
        assert coverage(done.json)["share"] == ("unreachable", reason)
        if reason == "root-missing":
            share.symlink_to("moved")
    assert len(list((trees.folder / "moved").iterdir())) == 2


# --- A full disk --------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB of its own."""
    image, place = tmp_path / "image", tmp_path / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(2 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, place], check=True)
    try:
        yield place
    finally:
        unmount(place)


def fill(disk: Path, *, but: int = 0) -> Path:
    """Take all the room there is, but so many bytes."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1024))
        except OSError:
            pass
        file.truncate(max(0, file.tell() - but))
    return ballast


@pytest.mark.needs("root", "loop")
def test_a_full_disk_under_a_store(trees: Operator, small_disk: Path) -> None:
    """A rewriting that has no room leaves every byte; a whole file needs none to be destroyed."""
    exports = small_disk / "exports"
    exports.mkdir()
    (exports / "survey.csv").write_bytes(SURVEYED)
    (exports / "mixed.csv").write_bytes(MIXED)
    trees.edit('roots = ["exports"]', f'roots = ["{exports}"]')
    ballast = fill(small_disk)
    done = destroy(trees)
    assert (done.code, done.json["outcome"]) == (4, "partial")
    assert came(done.json) == {
        "share/copy.txt": ("destroyed-verified", None),
        f"{exports}/mixed.csv": ("failed", "disk-full"),
        f"{exports}/survey.csv": ("destroyed-verified", None),
    }
    assert (exports / "mixed.csv").read_bytes() == MIXED
    assert [p.name for p in exports.iterdir()] == ["mixed.csv"]
    ballast.unlink()
    assert destroy(trees).code == 0
    assert (exports / "mixed.csv").read_bytes() == KEPT


@pytest.mark.needs("root", "loop")
def test_a_full_disk_under_the_state_directory(
    tmp_path: Path, authority: TimestampAuthority, small_disk: Path
) -> None:
    """No room for a plan or the journal: nothing is touched, or what was begun can go on."""
    operator = HereOperator(tmp_path / "desk")
    operator.folder.mkdir()
    furnish(operator, authority)
    text = operator.config.read_text()
    operator.config.write_text(f'state = "{small_disk}/state"\n{text}')
    begun(operator)
    ballast = fill(small_disk)
    done = destroy(operator)
    assert done.code == 8
    assert done.error.startswith(("the journal cannot be used: ", "the system refused: No space"))
    assert sorted(p.name for p in (operator.folder / "share").iterdir()) == [
        "canteen.csv",
        "copy.txt",
    ]
    ballast.unlink()
    assert destroy(operator).code == 0
