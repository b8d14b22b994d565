"""What lies in a volume's file, and that compacting takes what was deleted and nothing else."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from backends.contract import (
    Finding,
    Gap,
    Holding,
    Result,
    Scope,
    Store,
    Technique,
    Unit,
    Verdict,
)
from backends.seaweedfs._volumes import Volume
from backends.seaweedfs.settings import ServerSettings
from backends.seaweedfs.store import ResidueStore
from backends.wrappers import Wrapper
from tests.backends.seaweedfs.conftest import IDS, MATCHER, Place, orders, swept, swept_in_part


class Shut(Wrapper):
    """A store whose scopes cannot be listed."""

    def __init__(self, inner: Store, shut: list[Scope]) -> None:
        super().__init__(inner)
        self._shut = shut

    def scopes(self) -> list[Scope]:
        return self._shut


def needles(place: Place) -> dict[bool, list[bytes]]:
    """The contents in the bucket's volumes, by whether they are live."""
    found: dict[bool, list[bytes]] = {True: [], False: []}
    for path in sorted(place.data.glob(f"{place.name}_*.dat")):
        with Volume(path) as volume:
            for needle in volume.needles(live=True, dead=True):
                found[needle.live].append(needle.content)
            assert not volume.broken
    return found


def until_deleted(place: Place, number: int) -> None:
    """Wait until the filer has handed so many deletions on."""
    end = time.monotonic() + 20
    while len(needles(place)[False]) < number and time.monotonic() < end:
        time.sleep(0.2)
    assert number == len(needles(place)[False])


def in_volumes(store: Store) -> list[Holding]:
    """What a sweep finds there: names of keys that other tests deleted are in the server's store."""
    return [each for each in swept(store) if each.kind == "volumes"]


def test_packed_and_plain_needles_are_read_and_deleted_ones_told_apart(place: Place) -> None:
    bodies = {
        f"k{number}.{kind}": content * 40
        for number, (kind, content) in enumerate(
            [("csv", b"a,b,c\n"), ("bin", bytes(range(256))), ("txt", IDS[1].encode() + b"\n")]
        )
    }
    for key, body in bodies.items():
        place.put(key, body)
    assert sorted(bodies.values()) == sorted(needles(place)[True])
    place.client.delete_object(Bucket=place.name, Key="k2.txt")
    until_deleted(place, 1)
    assert [bodies["k2.txt"]] == needles(place)[False]
    assert sorted([bodies["k0.csv"], bodies["k1.bin"]]) == sorted(needles(place)[True])


def test_what_was_deleted_before_is_found_and_compacted_away(place: Place) -> None:
    for number in range(30):
        place.put(f"gone/{number}.csv", f"id\n{IDS[number]}\n".encode())
        place.put(f"kept/{number}.csv", f"theirs {number}\n".encode(), Metadata={"n": str(number)})
    for number in range(30):
        place.client.delete_object(Bucket=place.name, Key=f"gone/{number}.csv")
    until_deleted(place, 30)

    def kept() -> list[tuple[object, ...]]:
        listed = place.client.list_objects_v2(Bucket=place.name)["Contents"]
        found: list[tuple[object, ...]] = []
        for each in listed:
            answer = place.client.get_object(Bucket=place.name, Key=each["Key"])
            digest = hashlib.sha256(answer["Body"].read()).hexdigest()
            found.append((each["Key"], each["LastModified"], digest, answer["Metadata"]))
        return found

    before = kept()
    store = place.seeing()
    (holding,) = in_volumes(store)
    assert (f"(server)/volumes/{place.name}", Verdict.COPY) == (holding.locator, holding.verdict)
    assert (Technique.COMPACT, False) == (holding.whole, holding.mixed)
    (order,) = orders([holding])
    assert [(Finding.RESIDUE, "records-left")] == [
        (v.finding, v.reason) for v in store.verify([order], MATCHER)
    ]
    (answer,) = store.destroy([order], MATCHER)
    assert Result.DESTROYED is answer.result
    assert ["compacting"] == [each.name for each in place.told]
    assert answer.numbers["bytes-compacted"] > 0
    assert [Finding.ABSENT] == [v.finding for v in place.seeing().verify([order], MATCHER)]
    assert [] == in_volumes(store)
    assert before == kept()
    assert 30 == len(needles(place)[True])


def test_an_object_that_stays_keeps_it_from_being_called_gone(place: Place) -> None:
    place.put("stays.csv", f"id\n{IDS[3]}\n".encode())
    store = place.seeing()
    found = swept(store)
    volumes = [c for c in store.companions(found, MATCHER) if c.kind == "volumes"]
    (told,) = store.verify(orders(volumes), MATCHER)
    assert (Finding.INCONCLUSIVE, "records-in-live-data") == (told.finding, told.reason)


def test_volumes_that_are_nowhere_are_not_gone(place: Place) -> None:
    place.put("k.csv", f"id\n{IDS[4]}\n".encode())
    empty = place.data.parent / "empty"
    empty.mkdir(exist_ok=True)
    store = place.open(data_directory=str(empty))
    examined = [
        store.examine(unit, MATCHER)
        for scope in (place.name, "(server)")
        for unit in store.units(scope)
        if isinstance(unit, Unit) and unit.locator != "(server)/filer-store"
    ]
    found = [holding for each in examined for holding in each.holdings]
    gaps = [each.gap for each in examined if each.unit.locator.endswith(f"/{place.name}")]
    assert ["volumes-on-other-hosts"] == [gap.reason for gap in gaps if gap is not None]
    volumes = [c for c in store.companions(found, MATCHER) if c.kind == "volumes"]
    (told,) = store.verify(orders(volumes), MATCHER)
    assert (Finding.INCONCLUSIVE, "volumes-on-other-hosts") == (told.finding, told.reason)


def test_without_the_files_nothing_is_claimed(place: Place) -> None:
    place.put("k.csv", f"id\n{IDS[5]}\n".encode())
    store = place.open()
    assert "s3-freed-blocks" in store.traits.blind_spots
    found = swept(store)
    (volumes,) = store.companions(found, MATCHER)
    (told,) = store.verify(orders([volumes]), MATCHER)
    assert (Finding.INCONCLUSIVE, "data-directory-not-configured") == (told.finding, told.reason)


@pytest.mark.parametrize("cut", [5, 30, 1])
def test_a_file_that_breaks_off_is_looked_through_and_said_to_be_broken(
    tmp_path: Path, place: Place, cut: int
) -> None:
    place.put("k.bin", bytes(range(256)) * 3)
    (path,) = place.data.glob(f"{place.name}_*.dat")
    copy = tmp_path / "copy_1.dat"
    copy.write_bytes(path.read_bytes()[:-cut])
    with Volume(copy) as volume:
        assert [] == list(volume.needles(live=True, dead=True))
        assert volume.broken
        assert bytes(range(200)) in b"".join(volume.rest())


def number_of(place: Place) -> str:
    """The number of the bucket's only volume."""
    ((path,),) = [list(place.data.glob(f"{place.name}_*.dat"))]
    return path.stem.rpartition("_")[2]


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [
        (
            "volume-read-only",
            "volume.mark -node {server} -volumeId {number} -readonly",
            "volume.mark -node {server} -volumeId {number} -writable",
        ),
        (
            "erasure-coded-volume",
            "ec.encode -collection {name} -volumeId {number} -force",
            "ec.decode -collection {name} -volumeId {number}",
        ),
    ],
    ids=["read-only", "erasure-coded"],
)
def test_what_the_server_does_not_compact_is_named_before_and_cleaned_once_it_does(
    place: Place, code: str, before: str, after: str
) -> None:
    for number in range(8):
        place.put(f"gone/{number}.csv", f"id\n{IDS[number]}\n".encode())
        place.put(f"there/{number}.csv", f"id\n{IDS[100 + number]}\n".encode())
    for number in range(8):
        place.client.delete_object(Bucket=place.name, Key=f"gone/{number}.csv")
    until_deleted(place, 8)
    names = {
        "server": place.server.volume_server,
        "number": number_of(place),
        "name": place.name,
    }
    place.server.shell(before.format(**names))
    store = place.seeing()
    live = [each for each in swept_in_part(store) if each.scope == place.name]
    (volumes,) = (each for each in store.companions(live, MATCHER) if each.kind == "volumes")
    assert code in volumes.limitations
    (order,) = orders([volumes])
    (answer,) = store.destroy([order], MATCHER)
    assert (Result.FAILED, code) == (answer.result, answer.reason)
    assert Finding.ABSENT not in {each.finding for each in store.verify([order], MATCHER)}
    place.server.shell(after.format(**names))
    (volumes,) = (each for each in store.companions(live, MATCHER) if each.kind == "volumes")
    assert code not in volumes.limitations
    (answer,) = store.destroy([order], MATCHER)
    assert Result.DESTROYED is answer.result
    assert [] == [content for content in needles(place)[False] if IDS[0][:8].encode() in content]
    assert 8 == sum(IDS[0][:8].encode() in content for content in needles(place)[True])


def test_the_volumes_of_buckets_that_may_not_be_listed_are_looked_at(place: Place) -> None:
    """Those that are named; buckets of which not even the names are told are a gap."""
    for number in range(4):
        place.put(f"gone/{number}.csv", f"id\n{IDS[number]}\n".encode())
        place.client.delete_object(Bucket=place.name, Key=f"gone/{number}.csv")
    until_deleted(place, 4)
    problems = {
        place.name: "access-denied",
        "no-*": "access-denied",
        "x*": "no-matching-bucket",
        "none": "no-such-bucket",
    }
    store = ResidueStore(
        Shut(place.open(), [Scope(name, problem=why) for name, why in problems.items()]),
        ServerSettings(place.server.master_url, data_directory=place.data),
    )
    units = list(store.units("(server)"))
    gaps = [(each.reason, each.locator) for each in units if isinstance(each, Gap)]
    assert [("access-denied", "(server)/volumes/no-*")] == gaps
    (unit,) = (
        each for each in units if isinstance(each, Unit) and each.locator.endswith(place.name)
    )
    (holding,) = store.examine(unit, MATCHER).holdings
    assert 4 == holding.records
    assert not [each for each in units if each.locator.endswith(("/none", "/x*"))]
