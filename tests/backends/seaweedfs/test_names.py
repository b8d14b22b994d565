"""Names, tags and metadata in the filer's store and log; readers of both held to other readers."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.contract import CheckStatus, Context, Finding, Holding, Result, Technique, Verdict
from backends.errors import CouldNotTell, SettingError
from backends.s3 import BACKEND
from backends.seaweedfs import _churn, _places
from backends.seaweedfs._http import Server
from backends.seaweedfs._leveldb import Entry, entries
from backends.seaweedfs._look import in_store
from backends.seaweedfs._snappy import NotSnappy, unpacked
from shredder.fingerprint import FingerprintMatcher, enrol
from tests.backends.seaweedfs.conftest import IDS, MATCHER, Place, orders, swept


def store_of(place: Place) -> list[Path]:
    return sorted(place.data.glob("filerldb2/*"))


def named(place: Place, number: int) -> None:
    place.put(f"{IDS[number]}.csv", b"nothing\n", Metadata={"note": IDS[number]})


def of_kind(kind: str, found: list[Holding]) -> list[Holding]:
    return [each for each in found if each.kind == kind]


@given(st.binary(max_size=3000), st.integers(1, 40))
def test_snappy_unpacks_what_another_packs(piece: bytes, times: int) -> None:
    data = piece * times
    assert data == unpacked(bytes(cramjam.snappy.compress_raw(data)))


@given(st.binary(max_size=300))
def test_snappy_of_nonsense_is_refused_or_unpacked(data: bytes) -> None:
    try:
        ours = unpacked(data)
    except NotSnappy:
        return
    assert ours == bytes(cramjam.snappy.decompress_raw(data)) if data else True


def test_every_entry_of_the_store_is_read(place: Place) -> None:
    for number in range(20):
        named(place, number)
    found = [e for folder in store_of(place) for file in folder.iterdir() for e in entries(file)]
    puts = {e.key[16:].decode("utf-8", "replace") for e in found if e.put}
    assert {f"{IDS[number]}.csv" for number in range(20)} <= puts
    assert all(e.value for e in found if e.key[16:].startswith(IDS[7].encode()) and e.put)


def test_what_is_there_is_told_from_what_was_deleted(place: Place, tmp_path: Path) -> None:
    for number in (21, 22):
        named(place, number)
    place.client.delete_object(Bucket=place.name, Key=f"{IDS[21]}.csv")
    copies = [shutil.copytree(f, tmp_path / f.name) for f in store_of(place)]
    seen = in_store(copies, MATCHER, "store lake")
    assert seen.live
    every = [e for folder in copies for file in folder.iterdir() for e in entries(file)]

    def last(number: int) -> Entry:
        return max((e for e in every if IDS[number].encode() in e.key), key=lambda e: e.number)

    assert (False, True) == (last(21).put, last(22).put)
    assert seen.verdict is not None


def test_a_name_is_told_from_the_digest_before_it(place: Place, tmp_path: Path) -> None:
    """Keys of the store begin with an MD5, whose last bytes can be letters."""
    folders = (f"/buckets/{place.name}/{number}" for number in itertools.count())
    folder = next(f for f in folders if hashlib.md5(f.encode()).digest()[-4:].isalnum())
    name = "KqZwHIsWScRVO51339"
    key = f"{folder.rpartition('/')[2]}/{name}.csv"
    place.put(key, b"nothing\n")
    place.client.delete_object(Bucket=place.name, Key=key)
    copies = [shutil.copytree(f, tmp_path / f.name) for f in store_of(place)]
    enrol([_Row(name)], roles={}, key=bytes(32), path=tmp_path / "fingerprint")
    matcher = FingerprintMatcher(tmp_path / "fingerprint", bytes(32))
    assert Verdict.COPY is in_store(copies, matcher, "store lake").verdict


class _Row:
    """A source of a single record."""

    columns = ("id", "answer")
    locator = ""

    def __init__(self, name: str) -> None:
        self._name = name

    def __iter__(self) -> Iterator[tuple[str | None, ...]]:
        return iter([(self._name, "7")])


def test_the_store_is_found_and_merged_without_touching_others(place: Place) -> None:
    for number in range(30, 40):
        named(place, number)
        place.put(f"kept/{number}.csv", b"theirs\n", Metadata={"n": str(number)}, Tagging="a=b")
        place.client.delete_object(Bucket=place.name, Key=f"{IDS[number]}.csv")
    store = place.seeing(filer=place.server.filer_url)
    (holding,) = of_kind("filer-store", swept(store))
    (order,) = orders([holding])
    (answer,) = store.destroy([order], MATCHER)
    assert answer.numbers["tables-churned"] >= 5
    assert {"merging-tables"} == {each.name for each in place.told}
    assert all(each.done < each.total for each in place.told)
    (told,) = place.seeing(filer=place.server.filer_url).verify([order], MATCHER)
    assert told.finding is not Finding.RESIDUE
    assert [] == of_kind("filer-store", swept(store))
    listed = place.client.list_objects_v2(Bucket=place.name)["Contents"]
    assert [f"kept/{number}.csv" for number in range(30, 40)] == [each["Key"] for each in listed]
    for number, each in zip(range(30, 40), listed, strict=True):
        head = place.client.head_object(Bucket=place.name, Key=each["Key"])
        assert {"n": str(number)} == head["Metadata"]
        tags = place.client.get_object_tagging(Bucket=place.name, Key=each["Key"])["TagSet"]
        assert [{"Key": "a", "Value": "b"}] == tags


def test_merging_that_takes_its_time_is_waited_for(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy host tables are merged later: no more is put before that has been seen."""
    filled: list[int] = []
    looks = iter([[4], [4], [4], []])
    monkeypatch.setattr(_churn, "_MERGING", (0.0,) * 4)
    monkeypatch.setattr(_churn, "_fill", lambda *_: filled.append(1))
    server = Server("lake", place.server.master_url, place.server.filer_url)
    assert 5 == _churn.churn(server, lambda: next(looks))
    assert [1] == filled


def test_a_store_that_does_not_merge_is_said(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    named(place, 41)
    place.client.delete_object(Bucket=place.name, Key=f"{IDS[41]}.csv")
    store = place.seeing(filer=place.server.filer_url)
    (order,) = orders(of_kind("filer-store", swept(store)))
    monkeypatch.setattr(_places, "churn", lambda *_: 15)
    (answer,) = store.destroy([order], MATCHER)
    assert (Result.FAILED, "records-left") == (answer.result, answer.reason)


def test_where_nobody_tells_of_emptied_folders_it_is_said(place: Place) -> None:
    """The server removes them two minutes later, which is waited for: see test_emptied.py."""
    named(place, 49)

    def said(**settings: str) -> dict[str, tuple[bool, int]]:
        store = place.seeing(**settings)
        objects = [each for each in swept(store) if each.kind == "object"]
        there = [c for c in store.companions(objects, MATCHER) if c.scope == "(server)"]
        told = {
            c.kind: ("emptied-folders-removed-later" in c.limitations, c.cost and c.cost.seconds)
            for c in there
        }
        assert not told.pop("volumes")[0]
        return {kind: (later, seconds or 0) for kind, (later, seconds) in told.items()}

    filer = place.server.filer_url
    seen = said(filer=filer)
    assert (False, False) == (seen["filer-log"][0], seen["filer-store"][0])
    place.server.keep_folders(place.name)
    assert said(filer=filer)["filer-log"][1] < seen["filer-log"][1], "nothing is waited for"
    assert {"filer-log": (True, 0), "filer-store": (True, 0)} == said(), "without a filer"


def test_names_without_a_filer_have_no_technique(place: Place) -> None:
    named(place, 50)
    store = place.seeing()
    found = swept(store)
    objects = [each for each in found if each.kind == "object"]
    assert "names-in-server-log" in objects[0].limitations
    told = {c.kind: c for c in store.companions(objects, MATCHER) if c.scope == "(server)"}
    assert (None, "filer-not-configured") == (
        told["filer-log"].whole,
        told["filer-log"].obstacle,
    )
    assert "filer-not-configured" == told["filer-store"].obstacle
    assert Technique.COMPACT is told["volumes"].whole


def test_names_without_records_leave_the_filer_alone(place: Place) -> None:
    place.put("plain.csv", f"id\n{IDS[51]}\n".encode())
    store = place.open(filer=place.server.filer_url)
    objects = [each for each in swept(store) if each.kind == "object"]
    told = [c.locator for c in store.companions(objects, MATCHER) if c.scope == "(server)"]
    assert [f"(server)/volumes/{place.name}"] == told


def test_what_is_no_filer_has_no_empty_log(place: Place) -> None:
    store = place.open(filer=place.server.master_url)
    (unit,) = store.units("(server)")
    assert unit is not None
    with pytest.raises(CouldNotTell):
        store.examine(unit, MATCHER)  # type: ignore[arg-type]
    failed = [c.what for c in store.check() if c.status is CheckStatus.FAILED]
    assert ["read the filer's log"] == failed


def test_a_filer_that_does_not_answer_is_not_clean(place: Place) -> None:
    named(place, 52)
    store = place.open(filer="http://127.0.0.1:1")
    objects = [h for unit in store.units(place.name) for h in store.examine(unit, MATCHER).holdings]  # type: ignore[arg-type]
    places = [c for c in store.companions(objects, MATCHER) if c.kind == "filer-log"]
    (answer,) = store.destroy(orders(places), MATCHER)
    assert "unreachable" == answer.reason
    (told,) = store.verify(orders(places), MATCHER)
    assert (Finding.INCONCLUSIVE, "unreachable") == (told.finding, told.reason)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"server": "minio"}, "no such server"),
        ({"server": "seaweedfs"}, "master is not named"),
        ({"master": "http://a:1"}, "need a server"),
        ({"scrub": True}, "need a server"),
        ({"server": "seaweedfs", "master": "http://a:1", "scrub": True}, "where the server"),
        ({"server": "seaweedfs", "master": "a:1"}, "not an http"),
        ({"server": "seaweedfs", "master": "http://a:1", "filer": "ftp://a"}, "not an http"),
        (
            {"server": "seaweedfs", "master": "http://a:1", "data_directory": "nowhere"},
            "not a folder",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    tmp_path: Path, settings: dict[str, object], why: str
) -> None:
    with pytest.raises(SettingError, match=why):
        BACKEND.open("lake", {"buckets": ["b"], **settings}, Context(tmp_path, tmp_path))
