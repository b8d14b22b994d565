"""What lies on the disk while a command works: its order, its privacy, and its end."""

from __future__ import annotations

import os
import signal
import stat
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shredder.errors import Inconclusive
from shredder.evidence.forget import forget
from shredder.spool import Spool, sort_key, spooled
from tests.upper.made import texts
from tests.upper.place import Place, rows

names = texts | st.text("\0\x01a\xff\U0010ffff", max_size=4)
places = st.tuples(names, names)


@dataclass(frozen=True, slots=True)
class Thing:
    name: str
    number: int


def memory() -> Spool:
    return Spool(Path(":memory:"))


@given(places, places)
def test_keys_sort_as_the_texts_do(one: tuple[str, str], other: tuple[str, str]) -> None:
    keys = sort_key(*one), sort_key(*other)
    assert (keys[0] < keys[1]) == (one < other)
    assert (keys[0] == keys[1]) == (one == other)
    assert sort_key(*one).startswith(sort_key(other[0])) == (one[0] == other[0])


@given(st.lists(places, max_size=12))
def test_a_list_is_sorted_and_of_equals_the_first_comes_first(found: list[tuple[str, str]]) -> None:
    kept = memory().new_list(Thing)
    for number, place in enumerate(found):
        kept.append(Thing(place[1], number), sort_key(*place))
    every = list(enumerate(found))
    wanted = [Thing(place[1], n) for n, place in sorted(every, key=lambda pair: pair[1])]
    assert list(kept) == wanted
    assert [kept[n] for n in range(len(kept))] == wanted
    assert kept[1:3] == tuple(wanted[1:3])
    for first in {place[0] for place in found}:
        under = [place[1] for place in sorted(found) if place[0] == first]
        assert [each.name for each in kept.under(sort_key(first))] == under


def test_a_list_is_read_while_it_is_written_and_by_pages() -> None:
    kept = memory().new_list(Thing)
    for number in range(600):
        kept.append(Thing("a", number))
    seen = []
    for each in kept:
        seen.append(each.number)
        if each.number < 600:
            kept.append(Thing("b", 600 + each.number))
    assert seen == list(range(1200))
    with pytest.raises(IndexError):
        kept[1200]


@given(st.lists(places, max_size=8), places)
def test_a_set_has_what_was_added(found: list[tuple[str, str]], other: tuple[str, str]) -> None:
    spool = memory()
    kept, empty = spool.new_set(), spool.new_set()
    for place in [*found, *found]:
        kept.add(*place)
    assert all(kept.has(*place) for place in found)
    assert kept.has(*other) == (other in found)
    assert not empty.has(*other)


def test_it_is_private_and_nothing_of_it_stays(tmp_path: Path) -> None:
    with spooled(tmp_path) as spool, spooled(tmp_path):
        spool.new_set().add("mem", "desk/a.csv")
        files = sorted(tmp_path.iterdir())
        assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600, 0o600]
        held = os.open(files[0], os.O_RDONLY), os.open(files[1], os.O_RDONLY)
    assert list(tmp_path.iterdir()) == []
    for descriptor in held:  # unlinked, and its content is gone, too
        assert set(os.read(descriptor, 2**20)) <= {0}
        os.close(descriptor)


def _killed_with_a_spool(folder: Path) -> None:
    """A process that dies in mid-work, with what it has found on the disk."""
    if (pid := os.fork()) == 0:
        with spooled(folder) as spool:
            kept = spool.new_list(Thing)
            for number in range(20_000):
                kept.append(Thing("desk/a.csv" * 20, number))  # more than is kept in memory
            (folder / "ready").touch()
            time.sleep(60)
        os._exit(1)
    while not (folder / "ready").exists():
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    (folder / "ready").unlink()


def test_what_a_killed_process_left_is_destroyed_by_the_next(tmp_path: Path) -> None:
    _killed_with_a_spool(tmp_path)
    (left,) = tmp_path.iterdir()
    assert b"desk/a.csv" in left.read_bytes()
    kept = os.open(left, os.O_RDONLY)
    with spooled(tmp_path):
        assert not left.exists()
    assert list(tmp_path.iterdir()) == []
    assert set(os.read(kept, 2**20)) == {0}
    os.close(kept)


def test_what_a_killed_process_left_is_forgotten_with_the_manifest(place: Place) -> None:
    place.space.put("desk", "a.csv", rows(0))
    ended = place.destroy()
    _killed_with_a_spool(place.state.root)
    assert len(list(place.state.root.glob("spool-*"))) == 1
    forget(place.work, ended)
    assert list(place.state.root.glob("spool-*")) == []


def test_a_full_disk_is_told_and_no_defect() -> None:
    spool = memory()
    kept = spool.new_list(Thing)
    spool.rows("PRAGMA max_page_count = 5", ())
    with pytest.raises(Inconclusive, match="full"):
        kept.append(Thing("x" * 100_000, 1))
