"""Files of a table that are overwritten before the server gives them back, and cut short."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from backends.contract import (
    Context,
    Destruction,
    Finding,
    Holding,
    Order,
    Result,
    Step,
    Store,
    Verification,
)
from backends.errors import CouldNotTell
from backends.postgres import BACKEND
from backends.postgres.raw import overwriting, segments
from backends.postgres.raw.access import Entry, HostFiles
from backends.postgres.raw.overwriting import Held
from backends.postgres.raw.relations import paths
from backends.postgres.residue import look_again
from tests.backends.postgres import leftovers
from tests.backends.postgres.conftest import VERSIONS
from tests.backends.postgres.place import Place, order

RECORDS = 1500
DATASET = leftovers.matcher()


@pytest.fixture(params=VERSIONS, ids="postgres-{}".format)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with leftovers.server(tmp_path, request.param) as place:
        place.sql("CREATE TABLE pure (respondent_id text PRIMARY KEY, email text, long text)")
        place.sql("ALTER TABLE pure ALTER long SET STORAGE EXTERNAL")
        with place.connection.cursor() as cursor, cursor.copy("COPY pure FROM STDIN") as copy:
            for each in leftovers.rows("m", RECORDS):
                copy.write_row((each.respondent_id, each.email, f"T{each.email[1:6]} " * 500))
        yield place


def planned(place: Place, store: Store) -> Order:
    unit = next(
        entry for entry in store.units(place.name) if entry.locator == f"{place.name}/public.pure"
    )
    (held,) = store.examine(unit, DATASET).holdings  # type: ignore[arg-type]
    return order(held)


def destroyed(store: Store, wanted: Order) -> Destruction:
    (outcome,) = store.destroy([wanted], DATASET)
    return outcome


def log_of(store: Store, wanted: Order) -> Holding:
    companions = store.companions([wanted.holding], DATASET)
    (log,) = (each for each in companions if each.kind == "wal")
    return log


def files(place: Place) -> list[Path]:
    found = place.sql(
        "SELECT pg_relation_filepath(c.oid) FROM pg_class t JOIN pg_class c"
        " ON c.oid IN (t.oid, t.reltoastrelid)"
        " OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid IN (t.oid, t.reltoastrelid))"
        " WHERE t.relname = 'pure'"
    )
    return [place.server.data_directory / path for (path,) in found]


def test_every_file_is_zeros_before_the_server_gives_it_back(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(place)
    seen: dict[Path, bytes] = {}
    original = Held.overwrite

    def watched(self: Held) -> tuple[int, tuple[str, ...]]:
        assert sum(path.read_bytes().count(b"Tm") for path in before) > RECORDS
        done = original(self)
        seen.update({path: path.read_bytes() for path in before})
        return done

    monkeypatch.setattr(Held, "overwrite", watched)
    told: list[Step] = []
    context = Context(place.scratch, place.scratch, told.append)
    with closing(BACKEND.open("warehouse", place.settings(residue=True), context)) as store:
        wanted = planned(place, store)
        outcome = destroyed(store, wanted)
        (answer,) = store.verify([wanted], DATASET)
    assert (outcome.result, answer.finding) == (Result.DESTROYED, Finding.ABSENT)
    steps = [each for each in told if each.name == "overwriting"]
    assert [each.done for each in steps] == sorted({each.done for each in steps})
    assert {each.total for each in steps} == {sum(map(len, seen.values()))}
    assert len(steps) >= len(seen) == 4  # the table, its key, its TOAST table and that one's index
    assert not any(any(data) for data in seen.values())
    assert outcome.numbers["bytes-overwritten"] == sum(map(len, seen.values())) > 1 << 20
    assert place.sql("SELECT count(*) FROM pure") == [(0,)]
    assert not list((place.scratch / "postgres").glob("*"))


def test_rows_that_nobody_sees_any_more_are_told_from_none(place: Place) -> None:
    with place.store(residue=True) as store:
        wanted = planned(place, store)
        assert destroyed(store, wanted).result is Result.DESTROYED
        (answer,) = store.verify([wanted], DATASET)
        assert (answer.finding, answer.looked[-1]) == (Finding.ABSENT, "pages")
        place.sql("INSERT INTO pure VALUES (%s, 'x', 'x')", leftovers.row("m", 7).respondent_id)
        place.sql("DELETE FROM pure")
        (answer,) = store.verify([wanted], DATASET)
    assert (answer.finding, answer.numbers) == (Finding.RESIDUE, {"records": 1})


def test_bytes_that_leave_it_open_are_not_outvoted_by_rows(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something compressed that nobody could open, for example: no row tells of that."""
    doubt = Verification("order", Finding.INCONCLUSIVE, ("pages",), "opener-not-installed")
    with place.store(residue=True) as store:
        wanted = planned(place, store)
        assert destroyed(store, wanted).result is Result.DESTROYED
        monkeypatch.setattr(look_again, "_relation", lambda *_: doubt)
        (answer,) = store.verify([wanted], DATASET)
    assert (answer.finding, answer.reason) == (Finding.INCONCLUSIVE, "opener-not-installed")


def test_a_table_that_keeps_rows_keeps_its_files(new_place: Place) -> None:
    new_place.plant("pure", [*leftovers.rows("m", 10), *leftovers.rows("s", 10)])
    with new_place.store(residue=True) as store:
        outcome = destroyed(store, planned(new_place, store))
    assert (outcome.result, outcome.numbers["rows-destroyed"]) == (Result.DESTROYED, 10)
    assert "relation-files-not-overwritten" not in outcome.limitations


class Cut(BaseException):
    """Ends a run as a signal does."""


@pytest.fixture
def cut(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Store, Order]]:
    """A destruction that ended after half of the table's own file."""

    def half(self: Held) -> tuple[int, tuple[str, ...]]:
        size = os.fstat(self.descriptors[0]).st_size // 8192 // 2 * 8192
        os.pwrite(self.descriptors[0], bytes(size), 0)
        raise Cut

    with place.store(residue=True) as store:
        wanted = planned(place, store)
        with monkeypatch.context() as patched:
            patched.setattr(Held, "overwrite", half)
            with pytest.raises(Cut):
                store.destroy([wanted], DATASET)
        yield store, wanted


def test_what_was_cut_short_is_carried_on(place: Place, cut: tuple[Store, Order]) -> None:
    store, wanted = cut
    assert place.sql("SELECT true FROM pure LIMIT 1") == [(True,)]
    outcome = destroyed(store, wanted)
    assert (outcome.result, outcome.numbers["rows-destroyed"]) == (Result.DESTROYED, RECORDS)
    assert outcome.numbers["bytes-overwritten"] > 1 << 20
    assert destroyed(store, wanted).result is Result.ALREADY_ABSENT
    (answer,) = store.verify([wanted], DATASET)
    assert answer.finding is Finding.ABSENT
    place.sql("INSERT INTO pure VALUES ('later', 'later', 'later')")  # its indexes work
    assert place.sql("SELECT email FROM pure WHERE respondent_id = 'later'") == [("later",)]


def test_a_server_that_was_killed_with_it_carries_on(
    place: Place, cut: tuple[Store, Order]
) -> None:
    store, wanted = cut
    place.server.stop("immediate")
    place.server.start()
    assert destroyed(store, wanted).result is Result.DESTROYED
    (answer,) = store.verify([wanted], DATASET)
    assert answer.finding is Finding.ABSENT


def test_a_row_that_was_added_meanwhile_is_not_taken(
    place: Place, cut: tuple[Store, Order]
) -> None:
    store, wanted = cut
    place.sql("INSERT INTO pure VALUES ('of others', 'other@elsewhere.example', 'x')")
    outcome = destroyed(store, wanted)
    assert (outcome.result, outcome.reason) == (Result.FAILED, "half-destroyed")
    found = place.sql("SELECT email FROM pure WHERE email LIKE 'other%'")
    assert found == [("other@elsewhere.example",)]


@pytest.mark.needs("root")
def test_a_file_that_is_not_the_servers_is_never_written_to(place: Place) -> None:
    """Who rules the server can have its links lead anywhere."""
    own = files(place)[0]
    assert own.stat().st_uid != 0
    os.chown(own, 0, -1)
    own.chmod(0o666)
    with place.store(residue=True) as store:
        outcome = destroyed(store, planned(place, store))
    assert outcome.result is Result.DESTROYED
    assert "bytes-overwritten" not in outcome.numbers
    assert "relation-files-not-overwritten" in outcome.limitations
    assert not list((place.scratch / "postgres").glob("*"))  # nor was it about to be


def test_a_file_that_is_not_found_is_not_overwritten(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of a table is left out in silence, were its name another one than is expected."""
    monkeypatch.setattr(
        overwriting,
        "paths",
        lambda *given: [*paths(*given), replace(paths(*given)[0], path="base/1/0")],
    )
    with place.store(residue=True) as store:
        outcome = destroyed(store, planned(place, store))
    assert outcome.result is Result.DESTROYED
    assert "relation-files-not-overwritten" in outcome.limitations
    assert "bytes-overwritten" not in outcome.numbers


def test_a_removed_segment_that_resists_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "segment"
    path.write_bytes(b"Tm0001" * 1000)
    fd = os.open(path, os.O_RDONLY)  # writing to it fails
    path.unlink()
    held = segments.Segments([fd])
    held.overwrite_removed()
    assert (held.kept, held.written) == (1, 0)
    os.close(fd)


@pytest.mark.parametrize("most", [0, 512])
def test_segments_that_are_not_held_are_told(
    new_place: Place, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    new_place.plant("pure", leftovers.rows("m", 10))
    monkeypatch.setattr(segments, "_MOST", most)
    with new_place.store(residue=True) as store:
        outcome = destroyed(store, order(log_of(store, planned(new_place, store))))
    assert outcome.result is Result.DESTROYED
    assert ("wal-segments-not-overwritten" in outcome.limitations) == (most == 0)


def test_segments_that_cannot_be_listed_are_told(
    new_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object) -> Iterator[Entry]:
        raise CouldNotTell("a folder cannot be listed")

    new_place.plant("pure", leftovers.rows("m", 10))
    with new_place.store(residue=True) as store:
        wanted = order(log_of(store, planned(new_place, store)))
        monkeypatch.setattr(HostFiles, "walk", unreadable)
        outcome = destroyed(store, wanted)
    assert outcome.result is Result.DESTROYED
    assert "wal-segments-not-overwritten" in outcome.limitations


def test_without_residue_nothing_is_written_beneath_the_server(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Held, "overwrite", lambda _: pytest.fail("overwritten"))
    with place.store() as store:
        outcome = destroyed(store, planned(place, store))
    assert outcome.result is Result.DESTROYED
    assert "bytes-overwritten" not in outcome.numbers
    assert "relation-files-not-overwritten" not in outcome.limitations


def test_segments_of_the_log_are_overwritten_when_they_are_removed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, held = list[int](), list[int]()
    original = segments.Segments.overwrite_removed

    def removed() -> list[int]:
        return [fd for fd in held if os.fstat(fd).st_nlink == 0]

    def watched(self: segments.Segments) -> None:
        held.extend(os.dup(fd) for fd in self.descriptors)
        kept.extend(removed())
        assert any(b"Tm0001 Tm0001" in os.pread(fd, 1 << 24, 0) for fd in kept)
        original(self)

    monkeypatch.setattr(segments.Segments, "overwrite_removed", watched)
    for name in ("min_wal_size = '32MB'", "max_wal_size = '48MB'", "wal_keep_size = '1GB'"):
        place.sql(f"ALTER SYSTEM SET {name}")
    place.sql("SELECT pg_reload_conf()")
    for _ in range(20):
        place.sql("UPDATE pure SET long = long || 'x'")
    place.sql("ALTER SYSTEM RESET wal_keep_size")
    place.sql("SELECT pg_reload_conf()")
    with place.store(residue=True) as store:
        outcome = destroyed(store, order(log_of(store, planned(place, store))))
    assert outcome.result is Result.DESTROYED
    # The server goes on removing some.
    overwritten, rest = divmod(outcome.numbers["bytes-overwritten"], 1 << 24)
    assert 0 < len(kept) <= overwritten <= len(removed())
    assert rest == 0
    assert not any(b"Tm0001 Tm0001" in os.pread(fd, 1 << 24, 0) for fd in kept)
    for fd in held:
        os.close(fd)
