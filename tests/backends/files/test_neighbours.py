"""Copies that editors and desktops make of a file by themselves, beside it and elsewhere."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from hashlib import md5
from pathlib import Path
from urllib.parse import quote

import pytest

from backends.contract import Finding, Holding, Result, Store, Verdict
from backends.files._neighbours import opaque, readable, thumbnail
from tests.backends.trees import (
    MATCHER,
    RECORDS,
    destroy,
    finding,
    holdings,
    order,
    outcome,
    stranger,
)

Opener = Callable[..., Store]
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of this user's, with nothing in it."""
    place = tmp_path / "home"
    for variable, name in (("XDG_DATA_HOME", "data"), ("XDG_CACHE_HOME", "cache")):
        (place / name).mkdir(parents=True)
        monkeypatch.setenv(variable, str(place / name))
    monkeypatch.setenv("HOME", str(place))
    return place


def near(store: Store) -> dict[str, Holding]:
    found = list(store.companions(list(holdings(store).values()), MATCHER))
    assert len({each.locator for each in found}) == len(found)
    return {each.locator: each for each in found}


def throw_away(home: Path, path: Path, content: bytes, name: str = "") -> Path:
    """As a desktop does: the file under some name, and a note of where it was."""
    trash = home / "data" / "Trash"
    for part in ("files", "info"):
        (trash / part).mkdir(parents=True, exist_ok=True)
    at = trash / "files" / (name or path.name)
    at.write_bytes(content)
    note = f"[Trash Info]\nPath={quote(bytes(path))}\nDeletionDate=2018-05-01T12:00:00\n"
    (trash / "info" / f"{at.name}.trashinfo").write_text(note)
    return at


def kinds(found: dict[str, Holding]) -> dict[str, tuple[str, Verdict]]:
    return {Path(at).name: (each.kind, each.verdict) for at, each in found.items()}


# --- Beside a holding ---------------------------------------------------------------------


def test_what_editors_keep_for_themselves_is_offered(place: Path, open_store: Opener) -> None:
    for name in (".export-x.csv.un~", ".export-x.csv.swp", ".~lock.export-x.csv#"):
        (place.parent / name).write_bytes(b"\0\1\2 of no known form")
    (place.parent / ".another.csv.un~").write_bytes(b"\0\1\2")
    (place.parent / ".export-x.csv.swo").touch()
    found = near(open_store())
    assert kinds(found) == {
        ".export-x.csv.un~": ("editor-undo", Verdict.MAYBE),
        ".export-x.csv.swp": ("editor-swap", Verdict.MAYBE),
        ".~lock.export-x.csv#": ("editor-lock", Verdict.MAYBE),
    }
    assert {each.foreign_records for each in found.values()} == {None}


@pytest.mark.needs("vim")
def test_what_vim_itself_leaves(place: Path, open_store: Opener) -> None:
    commands = ["set undofile undodir=. backup backupdir=. backupskip=", "1delete", "write", "quit"]
    subprocess.run(
        ["vim", "-N", "-u", "NONE", "-es", *(f"+{each}" for each in commands), place.name],
        cwd=place.parent,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    store = open_store()
    by_content = {Path(at).name for at in holdings(store)}
    assert "export-x.csv~" in by_content, "a backup is recognised by what is in it"
    assert by_content | set(kinds(near(store))) >= {".export-x.csv.un~", "export-x.csv~"}


def test_a_backup_is_offered_only_where_it_could_not_be_examined(
    place: Path, open_store: Opener
) -> None:
    (place.parent / "export-x.csv.old").write_bytes(stranger(5))
    (place.parent / "export-x.csv.1").write_bytes(RECORDS)
    (place.parent / "export-x.bak").write_bytes(b"Rar!\x1a\x07\x01\x00" + bytes(100))
    (place.parent / "other.bak").write_bytes(b"Rar!\x1a\x07\x01\x00" + bytes(100))
    store = open_store()
    assert "share/export-x.csv.1" in holdings(store)
    assert kinds(near(store)) == {"export-x.bak": ("editor-backup", Verdict.MAYBE)}


@pytest.mark.parametrize("many", [1, 40])
def test_links_pipes_folders_and_what_is_excluded_are_not_offered(
    share: Path, open_store: Opener, many: int
) -> None:
    for number in range(many):
        (share / f"{number}.csv").write_bytes(RECORDS)
    (share / ".0.csv.un~").symlink_to("0.csv")
    os.mkfifo(share / ".0.csv.swp")
    (share / ".~lock.0.csv#").mkdir()
    (share / ".0.csv.swo").write_bytes(b"\0\1")
    (share / ".0.csv.swn").write_bytes(b"\0\1")
    assert set(near(open_store(exclude=["*.swo"]))) == {"share/.0.csv.swn"}


def test_names_are_of_the_file_and_no_other() -> None:
    made = [name for name, _ in opaque(b"a.csv")] + list(readable(b"a.csv"))
    assert len(set(made)) == len(made)
    assert b"a.csv" not in made
    assert {b".a.csv.swp", b"a.csv~", b"#a.csv#", b"a (copy).csv", b"a.bak", b"a_old.csv"} <= {
        *made
    }
    assert {b".a.swp", b"..a.un~"} <= {name for name, _ in opaque(b".a")}
    assert b"a_old" in set(readable(b"a"))


# --- In the trash -------------------------------------------------------------------------


def test_what_was_thrown_away_waits_for_a_decision(
    place: Path, open_store: Opener, home: Path
) -> None:
    """A certain copy outside of the roots is not called one: nothing goes without a word."""
    at = throw_away(home, place, RECORDS, "export-x.2.csv")
    store = open_store()
    (found,) = near(store).values()
    assert (found.kind, found.verdict, found.records, found.foreign_records) == (
        "trashed-file",
        Verdict.LIKELY,
        100,
        0,
    )
    assert (found.scope, found.locator) == ("share", str(at))
    planned = order(found, whole=True)
    assert outcome(destroy(store, planned)[0]) == (Result.DESTROYED, "")
    assert not at.exists()
    assert place.exists()
    assert finding(store, planned) is Finding.ABSENT
    assert outcome(destroy(open_store(), planned)[0]) == (Result.ALREADY_ABSENT, "")


def test_of_the_trash_only_what_was_near_is_looked_at(
    place: Path, open_store: Opener, home: Path, tmp_path: Path
) -> None:
    throw_away(home, place.with_name("renamed.csv"), RECORDS)
    throw_away(home, place.with_name("canteen.csv"), stranger(1))
    throw_away(home, place.with_name("unopened.rar"), b"Rar!\x1a\x07\x01\x00" + bytes(100))
    throw_away(home, place.with_name("export-x.csv~"), b"Rar!\x1a\x07\x01\x00" + bytes(100))
    throw_away(home, place, stranger(2), "export-x.3.csv")
    throw_away(home, tmp_path / "elsewhere" / "export-x.csv", RECORDS, "elsewhere.csv")
    throw_away(home, place.parent / "below" / "export.csv", RECORDS, "below.csv")
    assert kinds(near(open_store())) == {
        "renamed.csv": ("trashed-file", Verdict.LIKELY),
        "export-x.csv~": ("trashed-file", Verdict.MAYBE),
    }


def test_a_folder_that_was_thrown_away_is_looked_through(
    share: Path, open_store: Opener, home: Path
) -> None:
    (share / "surveys").mkdir()
    (share / "surveys" / "new.csv").write_bytes(RECORDS)
    at = throw_away(home, share / "surveys", b"", "surveys")
    at.unlink()
    at.mkdir()
    (at / "old.csv").write_bytes(RECORDS)
    assert set(near(open_store())) == {str(at / "old.csv")}


def test_the_trash_of_a_mount_is_looked_at(
    place: Path, open_store: Opener, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its notes name places from the mount's top on."""
    top = place.parent.parent
    monkeypatch.setattr("backends.files._companions.Companions._top", lambda *_: bytes(top))
    trash = top / f".Trash-{os.geteuid()}"
    for part in ("files", "info"):
        (trash / part).mkdir(parents=True)
    (trash / "files" / "x").write_bytes(RECORDS)
    (trash / "info" / "x.trashinfo").write_text("[Trash Info]\nPath=share/export-x.csv\n")
    assert kinds(near(open_store())) == {"x": ("trashed-file", Verdict.LIKELY)}


@pytest.mark.needs("gio")
def test_what_gio_throws_away_is_found(place: Path, open_store: Opener, home: Path) -> None:
    other = place.with_name("früher 50%.csv")
    other.write_bytes(RECORDS)
    subprocess.run(["gio", "trash", other], check=True)
    assert not other.exists()
    assert [(each.kind, each.verdict) for each in near(open_store()).values()] == [
        ("trashed-file", Verdict.LIKELY)
    ]


def test_neighbours_are_not_looked_for_where_the_operator_says_so(
    place: Path, open_store: Opener, home: Path
) -> None:
    throw_away(home, place, RECORDS)
    assert near(open_store(neighbours=False)) == {}


# --- Thumbnails ---------------------------------------------------------------------------


def test_the_name_of_a_thumbnail_is_that_of_the_standard() -> None:
    """The example of the Thumbnail Managing Standard, with the home that it has there."""
    example = b"/" + b"home/jens/photos/me.png"
    assert thumbnail(example) == b"c6ee772d9e49320e97ec29a7eb5b1697.png"


@pytest.mark.needs("gio")
@pytest.mark.parametrize(
    "name", ["a b#c?d.csv", "ä;,:@&=+$!'()*~_-[]{}|^`\"<>%.csv", "b\udcff\udcfe"]
)
def test_a_uri_is_what_gio_makes_of_a_path(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.touch()
    told = subprocess.run(["gio", "info", path], capture_output=True, check=True).stdout
    (uri,) = (line[5:] for line in told.splitlines() if line.startswith(b"uri: "))
    assert thumbnail(bytes(path)) == md5(uri).hexdigest().encode() + b".png"


def test_a_thumbnail_is_offered_and_goes_by_decision(
    place: Path, open_store: Opener, home: Path
) -> None:
    folder = home / "cache" / "thumbnails" / "large"
    folder.mkdir(parents=True)
    at = folder / os.fsdecode(thumbnail(bytes(place)))
    at.write_bytes(PICTURE)
    (folder / os.fsdecode(thumbnail(b"/elsewhere.csv"))).write_bytes(PICTURE)
    store = open_store()
    (found,) = near(store).values()
    assert (found.locator, found.kind, found.verdict) == (str(at), "thumbnail", Verdict.LIKELY)
    assert found.records is None
    assert outcome(destroy(store, order(found, whole=True))[0]) == (Result.DESTROYED, "")
    assert not at.exists()


# --- As if an enemy had made them ---------------------------------------------------------


def test_a_link_in_the_trash_leads_nowhere(
    place: Path, open_store: Opener, home: Path, tmp_path: Path
) -> None:
    treasure = tmp_path / "treasure"
    treasure.write_bytes(RECORDS)
    at = throw_away(home, place, b"")
    at.unlink()
    at.symlink_to(treasure)
    assert near(open_store()) == {}
    trash = home / "data" / "Trash"
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / place.name).write_bytes(RECORDS)
    at.unlink()
    (trash / "files").rmdir()
    (trash / "files").symlink_to(tmp_path / "files")
    assert near(open_store()) == {}


def test_a_second_name_of_somebody_elses_file_is_not_destroyed(
    place: Path, open_store: Opener, home: Path, tmp_path: Path
) -> None:
    treasure = tmp_path / "treasure"
    treasure.write_bytes(RECORDS)
    at = throw_away(home, place, b"")
    at.unlink()
    at.hardlink_to(treasure)
    (found,) = near(open_store()).values()
    assert (found.whole, found.obstacle) == (None, "hard-linked")


def test_what_takes_the_place_of_a_neighbour_is_left_alone(
    place: Path, open_store: Opener, home: Path, tmp_path: Path
) -> None:
    at = throw_away(home, place, RECORDS)
    store = open_store()
    (found,) = near(store).values()
    planned = order(found, whole=True)
    at.rename(tmp_path / "away")
    at.write_bytes(RECORDS)
    assert outcome(destroy(store, planned)[0]) == (Result.CHANGED, "another-file")
    (at.parent).rename(tmp_path / "moved")
    at.parent.symlink_to(tmp_path / "moved")
    assert outcome(destroy(store, planned)[0]) == (Result.CHANGED, "path-replaced")
    assert (tmp_path / "moved" / at.name).read_bytes() == RECORDS


@pytest.mark.parametrize(
    "note",
    [
        b"", b"Path=", b"Path=%00", b"Path=" + b"/" * 20_000, b"\xff\xfe" * 9000,
        b"[Trash Info]\nPath=../../../../etc/passwd\n", b"Path=share/\x00export-x.csv",
    ],
)  # fmt: skip
def test_notes_that_are_none_are_of_nothing(
    place: Path, open_store: Opener, home: Path, note: bytes
) -> None:
    at = throw_away(home, place, RECORDS)
    (home / "data" / "Trash" / "info" / f"{at.name}.trashinfo").write_bytes(note)
    assert near(open_store()) == {}


def test_a_pipe_as_a_note_holds_nobody_up(place: Path, open_store: Opener, home: Path) -> None:
    at = throw_away(home, place, RECORDS)
    note = home / "data" / "Trash" / "info" / f"{at.name}.trashinfo"
    note.unlink()
    os.mkfifo(note)
    assert near(open_store()) == {}


@pytest.mark.needs("root")
def test_the_trash_of_the_files_owner_is_looked_at(
    place: Path, open_store: Opener, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    owner = 54321
    os.chown(place, owner, owner)
    at = throw_away(home, place, RECORDS)
    theirs = tmp_path / "theirs"
    (theirs / ".local" / "share").mkdir(parents=True)
    (home / "data" / "Trash").rename(theirs / ".local" / "share" / "Trash")
    found = {"pw_dir": str(theirs)}
    monkeypatch.setattr(
        "pwd.getpwuid", lambda uid: type("Entry", (), found)() if uid == owner else {}[uid]
    )
    assert set(near(open_store())) == {str(theirs / ".local/share/Trash/files" / at.name)}
