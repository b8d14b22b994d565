"""The server's own log: lines with records are written over, and nothing else changes."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import bz2
import errno
import gzip
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backends.contract import (
    CheckStatus,
    Context,
    Destruction,
    Finding,
    Holding,
    Matcher,
    Order,
    Result,
    Store,
    Technique,
    Verification,
)
from backends.errors import SettingError
from backends.s3 import BACKEND
from backends.seaweedfs import _server_log
from tests.backends.seaweedfs.conftest import IDS, MATCHER, Place, orders, swept_in_part
from tests.backends.trees import another_user, let_others_near

KIND = "server-log"
OTHERS = [f"I1126 others.go:1] deleted /buckets/theirs/{n}.csv é\n" for n in range(9000)]


def line(number: int) -> str:
    return f"E1126 s3api.go:2359] Failed to get lake/exports/{IDS[number]}.csv: not found\n"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A folder of logs: one that is large and has records in places of all kinds, others."""
    folder = tmp_path / "logs"
    folder.mkdir()
    lines = list(OTHERS)
    for at in (0, 1, 2000, 4321, 8999):
        lines.insert(at, line(at % 7))
    (folder / "weed.INFO.1").write_text("".join(lines) + line(8).rstrip("\n"))
    (folder / "weed.ERROR.1").write_text("nothing\n")
    (folder / "weed.INFO").symlink_to("weed.INFO.1")
    return folder


@pytest.fixture
def open_store(place: Place, logs: Path) -> Callable[..., Store]:
    del logs
    context = Context(place.data, place.data)

    def opened(*named: Path) -> Store:
        settings = {
            "endpoint_url": place.server.endpoint_url,
            "buckets": [place.name],
            "server": "seaweedfs",
            "master": place.server.master_url,
            "server_logs": [str(each) for each in named],
        }
        return BACKEND.open("lake", settings, context)

    return opened


def held(store: Store) -> list[Holding]:
    return [each for each in swept_in_part(store) if each.kind == KIND]


def carried_out(store: Store, holding: Holding) -> tuple[Destruction, Verification]:
    assert Technique.REMOVE_LOG is holding.whole
    order = Order("order-0", holding, holding.whole, whole=False)
    (answer,) = store.destroy([order], MATCHER)
    (told,) = store.verify([order], MATCHER)
    return answer, told


def test_lines_with_records_become_dashes_and_no_other_byte_changes(
    logs: Path, open_store: Callable[..., Store]
) -> None:
    path = logs / "weed.INFO.1"
    before, status = path.read_bytes(), path.stat()
    store = open_store(logs)
    (holding,) = held(store)
    assert 6 == holding.records
    answer, told = carried_out(store, holding)
    assert (Result.DESTROYED, 6) == (answer.result, answer.numbers["lines-written-over"])
    assert (Finding.ABSENT, ("server-log-files",)) == (told.finding, told.looked)
    after = path.read_bytes()
    assert (status.st_ino, len(before)) == (path.stat().st_ino, len(after))
    for old, new in zip(before.split(b"\n"), after.split(b"\n"), strict=True):
        assert new == (b"-" * len(old) if b"7c1f0000" in old else old)
    assert held(store) == []
    assert 0 == carried_out(store, holding)[0].numbers["lines-written-over"], "repeated"


def test_what_is_appended_meanwhile_stays(logs: Path, open_store: Callable[..., Store]) -> None:
    path = logs / "weed.INFO.1"
    store = open_store(logs)
    (holding,) = held(store)
    with path.open("ab") as server, path.open("r+b") as other:
        os.lseek(other.fileno(), 0, os.SEEK_END)
        carried_out(store, holding)
        server.write(b"\nappended\n")
        server.flush()
        os.write(other.fileno(), b"\nas by one that keeps its place")
    assert path.read_bytes().endswith(b"-\nas by one that keeps its place")


def test_what_took_the_place_of_a_line_is_not_touched(
    logs: Path, open_store: Callable[..., Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is cut, and has grown again, while it is looked through."""
    path = logs / "weed.INFO.1"
    store = open_store(logs)
    (holding,) = held(store)
    grown = "".join(OTHERS) * 2
    looked_for = _server_log._lines_with_records

    def cut(piece: bytes, matcher: Matcher) -> Iterator[tuple[int, int]]:
        found = list(looked_for(piece, matcher))
        if found:
            path.write_text(grown)
        yield from found

    monkeypatch.setattr(_server_log, "_lines_with_records", cut)
    answer, _ = carried_out(store, holding)
    assert (Result.FAILED, "changed-while-read") == (answer.result, answer.reason)
    assert path.read_text() == grown


@pytest.mark.parametrize("way", ["packed", "packed otherwise", "hard-linked", "gone"])
def test_what_cannot_be_written_over_is_said(
    logs: Path, open_store: Callable[..., Store], way: str, tmp_path: Path
) -> None:
    store = open_store(logs)
    (holding,) = held(store)
    if way == "packed":
        (logs / "weed.INFO.0.gz").write_bytes(gzip.compress(line(3).encode()))
    elif way == "packed otherwise":
        (logs / "weed.INFO.0.bz2").write_bytes(bz2.compress(b"nothing\n"))
    elif way == "hard-linked":
        (tmp_path / "theirs").write_text(line(3))
        (logs / "weed.INFO.2").hardlink_to(tmp_path / "theirs")
    else:
        logs.rename(tmp_path / "elsewhere")
    answer, told = carried_out(store, holding)
    code = {"gone": "log-not-there"}.get(way, f"log-{way.split(maxsplit=1)[0]}")
    assert (Result.FAILED, code) == (answer.result, answer.reason)
    assert told.finding is not Finding.ABSENT
    if way == "hard-linked":
        assert line(3) == (tmp_path / "theirs").read_text()


@pytest.mark.parametrize("way", ["folder", "link", "link to a folder"])
def test_where_a_folder_of_logs_leads_elsewhere_nothing_is_called_clean(
    logs: Path, open_store: Callable[..., Store], way: str, tmp_path: Path
) -> None:
    away = tmp_path / "away"
    away.mkdir()
    (away / "weed.INFO.2").write_text(line(3))
    if way == "folder":
        away = away.rename(logs / "away")
    else:
        (logs / "away").symlink_to(away if way.endswith("folder") else away / "weed.INFO.2")
    (logs / "dangling").symlink_to("nowhere")
    store = open_store(logs)
    (holding,) = held(store)
    answer, told = carried_out(store, holding)
    assert Result.DESTROYED is answer.result
    assert (Finding.INCONCLUSIVE, "log-elsewhere") == (told.finding, told.reason)
    named = away / "weed.INFO.2" if way == "link" else away
    store = open_store(logs, named)
    (holding,) = held(store)
    _, told = carried_out(store, holding)
    assert Finding.ABSENT is told.finding
    assert line(3) not in (away / "weed.INFO.2").read_text()


def test_a_log_that_the_disk_does_not_give_is_said(
    logs: Path, open_store: Callable[..., Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(logs)
    (holding,) = held(store)

    def failing(*_: object) -> bytes:
        raise OSError(errno.EIO, "nothing to read")

    monkeypatch.setattr(os, "pread", failing)
    answer, told = carried_out(store, holding)
    assert (Result.FAILED, "input-output-error") == (answer.result, answer.reason)
    assert (Finding.INCONCLUSIVE, "input-output-error") == (told.finding, told.reason)


def test_a_log_that_is_not_there_is_refused(tmp_path: Path) -> None:
    given = {"buckets": ["b"], "server": "seaweedfs", "master": "http://a:1"}
    with pytest.raises(SettingError, match="server_logs"):
        BACKEND.open("lake", {**given, "server_logs": ["no"]}, Context(tmp_path, tmp_path))
    with pytest.raises(SettingError, match="need a server"):
        BACKEND.open("lake", {"buckets": ["b"], "server_logs": ["no"]}, Context(tmp_path, tmp_path))


@pytest.mark.needs("root")
@pytest.mark.parametrize("key", ["data_directory", "server_logs"])
def test_what_lies_where_this_user_may_not_look_is_refused(tmp_path: Path, key: str) -> None:
    closed = tmp_path / "closed"
    (closed / "inside").mkdir(parents=True)
    closed.chmod(0)
    let_others_near(closed)
    value = [str(closed / "inside")] if key == "server_logs" else str(closed / "inside")
    given = {"buckets": ["b"], "server": "seaweedfs", "master": "http://a:1", key: value}
    with another_user(), pytest.raises(SettingError, match=f"{key} lies where"):
        BACKEND.open("lake", given, Context(tmp_path, tmp_path))


def test_verification_puts_no_key_into_the_log(place: Place) -> None:
    """The fault is there: asking for a version that is gone is logged with its key."""
    on = {"Status": "Enabled"}
    place.client.put_bucket_versioning(Bucket=place.name, VersioningConfiguration=on)  # type: ignore[arg-type]

    def planted(number: int) -> None:
        place.put(f"exports/{IDS[number]}.csv", b"nothing\n")

    def gone(store: Store, number: int) -> None:
        found = [each for each in swept_in_part(store) if IDS[number] in each.locator]
        wanted = orders([each for each in found if each.kind == "object"])
        assert [Result.DESTROYED] == [a.result for a in store.destroy(wanted, MATCHER)]
        assert [Finding.ABSENT] == [v.finding for v in store.verify(wanted, MATCHER)]

    planted(60)
    gone(place.open(), 60)
    assert IDS[60] in place.server.log.read_text()
    planted(61)
    gone(place.seeing(), 61)
    assert IDS[61] not in place.server.log.read_text()


def test_the_doctor_tells_whether_the_log_can_be_cleaned(
    place: Place, logs: Path, open_store: Callable[..., Store]
) -> None:
    what = "clean the server's own log"
    told = {each.what: each.status for each in place.open().check()}
    assert CheckStatus.MISSING is told[what]
    store = open_store(logs)
    assert "seaweedfs-server-log" not in store.traits.blind_spots
    assert CheckStatus.OK is {each.what: each.status for each in store.check()}[what]
    (logs / "twice").hardlink_to(logs / "weed.ERROR.1")
    assert CheckStatus.FAILED is {each.what: each.status for each in store.check()}[what]
