"""Folders that the server removes by itself once they are empty, and whose names it then logs."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import base64
import time
import urllib.request
from collections.abc import Iterator
from typing import cast

import pytest

from backends.contract import Finding, Order, Result, Step, Store, Unit
from backends.errors import CouldNotTell
from backends.seaweedfs import _emptied
from backends.seaweedfs._changes import NotAChange, Removal, removals
from backends.seaweedfs._emptied import Emptied
from backends.seaweedfs._http import Content, Server
from backends.seaweedfs._places import ChangeLog
from demo.servers.seaweedfs import SeaweedFS
from tests.backends.seaweedfs.conftest import IDS, MATCHER, Place, orders


def written_out(server: Server) -> None:
    """Have the filer write its log out now: it does so once it has some MiB of changes, too."""
    note = base64.b64encode(bytes(300_000)).decode()
    with server.noting() as put:
        for number in range(20):
            put(f"/notes/{number}", note)
    server.remove("/notes", folder=True)
    time.sleep(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """One that removes folders as soon as it looks for them, and in whose store nobody looks."""
    with SeaweedFS(tmp_path_factory.mktemp("seaweedfs-emptied"), folders_stay=1) as server:
        yield server


@pytest.fixture
def filer(place: Place) -> Server:
    return Server("lake", place.server.master_url, place.server.filer_url)


def emptied(place: Place, *keys: str) -> None:
    """Put objects, and have somebody delete them."""
    for key in keys:
        place.put(key, b"nothing\n")
    for key in keys:
        place.client.delete_object(Bucket=place.name, Key=key)


def planned(place: Place, *keys: str) -> tuple[Store, Order]:
    """The order for the filer's log, of a plan made before somebody deleted the objects."""
    for key in keys:
        place.put(key, b"nothing\n")
    store = place.seeing(filer=place.server.filer_url)
    found = [
        holding
        for unit in store.units(place.name)
        if isinstance(unit, Unit)
        for holding in store.examine(unit, MATCHER).holdings
    ]
    (order,) = orders([c for c in store.companions(found, MATCHER) if c.kind == "filer-log"])
    for key in keys:
        place.client.delete_object(Bucket=place.name, Key=key)
    return store, order


def logged(filer: Server) -> bytes:
    """All files of the filer's log, one behind the other."""
    written_out(filer)
    return b"".join(filer.read(path) for path in filer.log_files())


def test_the_filers_log_tells_what_was_taken_out_of_which_folder(
    place: Place, filer: Server
) -> None:
    emptied(place, "a/b/gone.csv")
    place.put("a/stays.csv", b"nothing\n")
    place.put("a/stays.csv", b"something else\n")
    place.put("a/é.csv", b"nothing\n")
    moved = (
        f"{filer.filer}/buckets/{place.name}/a/moved.csv?mv.from=/buckets/{place.name}/a/%C3%A9.csv"
    )
    urllib.request.urlopen(urllib.request.Request(moved, method="POST"), timeout=20).close()
    log = logged(filer)
    ours = [each for each in removals(log) if each.folder.startswith(f"/buckets/{place.name}/")]
    folder = f"/buckets/{place.name}/a"
    assert [Removal(f"{folder}/b", "gone.csv"), Removal(folder, "é.csv")] == [
        each for each in ours if each.name.endswith(".csv")
    ]
    for broken in (log[:-1], log[:-5], log[:-40], log + b"\0\0\0\1", log + b"\0\0"):
        with pytest.raises(NotAChange):
            list(removals(broken))


def test_what_a_folder_has_in_it(place: Place, filer: Server) -> None:
    emptied(place, "empty/one.csv", "both/one.csv")
    place.put("used/one.csv", b"nothing\n")
    place.put("both", b"an object as well\n")
    place.put("both/one.csv", b"nothing\n")
    place.put("marked/", b"")
    place.client.delete_object(Bucket=place.name, Key="both/one.csv")
    told = {
        name: filer.content(f"/buckets/{place.name}/{name}")
        for name in ("empty", "both", "used", "marked", "nowhere", "used/one.csv")
    }
    assert told == {
        "empty": Content.NONE,
        "both": Content.SOME,
        "used": Content.SOME,
        "marked": Content.SOME,
        "nowhere": Content.GONE,
        "used/one.csv": Content.GONE,
    }


class Told:
    """A filer of two buckets, one of which keeps its folders, and what its folders have in them.

    A folder that is empty goes after the first look at it; a double, for a server takes minutes.
    """

    def __init__(self, **content: Content) -> None:
        self.steps: list[Step] = []
        self.tell = self.steps.append
        self.seen = {name.replace("_", "/"): each for name, each in content.items()}
        self.stays = False

    def keeps_folders(self, bucket: str) -> bool:
        return bucket == "keeping"

    def content(self, folder: str) -> Content:
        name = folder.removeprefix("/buckets/")
        found = self.seen.get(name, Content.GONE)
        if found is Content.NONE and not self.stays:
            del self.seen[name]
        return found


def settled(filer: Told, *paths: str) -> Emptied:
    """What comes of a log that tells of these as taken away."""
    found = Emptied(cast("Server", filer), "store lake")
    found.settle(b"".join(record(*path.rsplit("/", 1)) for path in paths), MATCHER)
    return found


def waits(filer: Told, *paths: str) -> int:
    """How often a folder is waited for."""
    settled(filer, *paths)
    return len(filer.steps)


def record(folder: str, name: str) -> bytes:
    """An entry of the log that tells of a removal and of nothing else."""
    entry = field(3, field(1, folder.encode()) + field(2, field(1, field(1, name.encode()))))
    return len(entry).to_bytes(4, "big") + entry


def field(number: int, value: bytes) -> bytes:
    size, length = bytearray(), len(value)
    while length > 127:
        size.append(length & 127 | 128)
        length >>= 7
    return bytes([number << 3 | 2, *size, length]) + value


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_emptied, "_PAUSE", 0.0)


@pytest.mark.usefixtures("no_time")
def test_an_empty_folder_is_waited_for_and_those_it_lies_in() -> None:
    filer = Told(lake_a_b=Content.NONE, lake_a=Content.NONE, lake=Content.NONE)
    assert 2 == waits(filer, f"/buckets/lake/a/b/{IDS[1]}.csv")
    assert ["waiting-for-folders"] * 2 == [step.name for step in filer.steps]
    above = Told(lake_a=Content.NONE)
    assert 1 == waits(above, f"/buckets/lake/a/b/{IDS[1]}.csv"), "one that is gone by now"
    by_name = Told(**{f"lake_{IDS[3]}": Content.NONE})
    assert 1 == waits(by_name, f"/buckets/lake/{IDS[3]}/theirs.csv")


@pytest.mark.usefixtures("no_time")
@pytest.mark.parametrize(
    ("path", "content"),
    [
        (f"/buckets/lake/a/{IDS[1]}.csv", {"lake_a": Content.SOME}),
        ("/buckets/lake/a/theirs.csv", {"lake_a": Content.NONE}),
        (f"/buckets/lake/{IDS[1]}.csv", {"lake": Content.NONE}),
        (f"/buckets/keeping/a/{IDS[1]}.csv", {"keeping_a": Content.NONE}),
        (f"/shared/u/a/{IDS[1]}.csv", {"/shared/u/a": Content.NONE}),
    ],
    ids=["used", "of others", "the bucket's own", "kept", "in no bucket"],
)
def test_nothing_is_waited_for_of_which_no_record_will_be_logged(
    path: str, content: dict[str, Content]
) -> None:
    assert 0 == waits(Told(**content), path)


def test_a_folder_whose_removal_is_not_in_the_log_yet_is_told() -> None:
    """The server has removed it since the log was written out, or has logged it elsewhere."""
    path, above = f"/buckets/lake/a/{IDS[4]}/x.csv", f"/buckets/lake/a/{IDS[4]}"
    assert 2 == settled(Told(), path).gone
    assert 1 == settled(Told(lake_a=Content.SOME), path).gone
    some = Told(lake_a=Content.SOME)
    assert 0 == settled(some, path, above).gone
    assert 1 == settled(some, path, above, path).gone, "made anew since"
    assert 0 == settled(Told(), f"/buckets/keeping/a/{IDS[4]}.csv", f"/buckets/lake/{IDS[4]}").gone


class Logging(Told):
    """One that has removed a folder, and writes that to its log when it is written out again."""

    def __init__(self) -> None:
        super().__init__()
        self.files = {"1": record(f"/buckets/lake/{IDS[5]}", "x.csv")}
        self.comes = iter([b"", record("/buckets/lake", IDS[5])])

    def log_files(self) -> list[str]:
        return list(self.files)

    def read(self, path: str) -> bytes:
        return self.files[path]

    def remove(self, path: str) -> None:
        del self.files[path]

    def flush(self) -> None:
        self.files["2"] = next(self.comes)


def test_a_removal_that_the_log_had_not_told_yet_goes_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    filer = Logging()
    monkeypatch.setattr(ChangeLog, "_flushed", lambda _: filer.flush())
    log = ChangeLog("lake", cast("Server", filer), None, lambda: ["lake"])
    assert {"log-files-removed": 2} == log.clean(MATCHER)
    assert {} == filer.files


@pytest.mark.usefixtures("no_time")
@pytest.mark.parametrize("content", [Content.NONE, None])
def test_what_is_emptied_while_the_log_is_written_out_is_settled(
    monkeypatch: pytest.MonkeyPatch, content: Content | None
) -> None:
    """It may be gone by then, too, and the log not tell of that yet."""
    filer = Logging()
    filer.seen |= {"lake/late": content} if content else {}
    late, then = record("/buckets/lake/late", IDS[6]), record("/buckets/lake", IDS[6])
    later, last = record(f"/buckets/lake/{IDS[7]}", "x"), record("/buckets/lake", IDS[7])
    filer.comes = iter([b"", late, then + later, last])
    monkeypatch.setattr(ChangeLog, "_flushed", lambda _: filer.flush())
    log = ChangeLog("lake", cast("Server", filer), None, lambda: ["lake"])
    assert {"log-files-removed": 4} == log.clean(MATCHER)
    assert {} == filer.files
    assert bool(content) == len(filer.steps)


@pytest.mark.usefixtures("no_time")
def test_of_many_removals_those_with_records_are_found() -> None:
    others = [f"/buckets/lake/{number}/theirs.csv" for number in range(9000)]
    filer = Told(lake_5=Content.NONE, lake_x=Content.NONE)
    assert 1 == waits(filer, *others, f"/buckets/lake/x/{IDS[9]}.csv")


@pytest.mark.usefixtures("no_time")
def test_a_folder_that_stays_is_told_and_the_log_that_tells_of_it_stays_too(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    filer_told = Told(lake_a=Content.NONE)
    filer_told.stays = True
    monkeypatch.setattr(_emptied, "_PATIENCE", 0.01)
    with pytest.raises(CouldNotTell) as error:
        settled(filer_told, f"/buckets/lake/a/{IDS[1]}.csv")
    assert "emptied-folders-stay" == error.value.code
    store, order = planned(place, f"stays/{IDS[74]}.csv")
    monkeypatch.setattr(ChangeLog, "_flushed", lambda self: written_out(self.server))
    monkeypatch.setattr(Server, "content", lambda *_: Content.NONE)
    (answer,) = store.destroy([order], MATCHER)
    assert (Result.FAILED, "emptied-folders-stay") == (answer.result, answer.reason)
    (told,) = store.verify([order], MATCHER)
    assert Finding.RESIDUE is told.finding


def test_a_log_of_another_form_is_said() -> None:
    with pytest.raises(CouldNotTell) as error:
        Emptied(cast("Server", Told()), "store lake").settle(b"\0\0\0\x05\x1e\x0f", MATCHER)
    assert "filer-log-not-understood" == error.value.code


def test_a_run_waits_for_folders_that_anybody_has_emptied(
    place: Place, filer: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the server logs of them is in the logs by then, and is cleaned with the rest."""
    store, order = planned(place, f"exports/{IDS[70]}/{IDS[70]}.csv", f"top/{IDS[71]}.csv")
    monkeypatch.setattr(ChangeLog, "_flushed", lambda self: written_out(self.server))
    (answer,) = store.destroy([order], MATCHER)
    assert Result.DESTROYED is answer.result
    assert "waiting-for-folders" in {each.name for each in place.told}
    base = f"/buckets/{place.name}"
    for folder in (f"exports/{IDS[70]}", "exports", "top"):
        assert Content.GONE is filer.content(f"{base}/{folder}")
    said = place.server.log.read_text()
    assert f"deleting empty folder {base}/top (triggered by {IDS[71]}.csv)" in said
    written_out(filer)
    (told,) = store.verify([order], MATCHER)
    assert (Finding.ABSENT, ("filer-log-files",)) == (told.finding, told.looked)
