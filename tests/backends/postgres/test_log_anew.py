"""Files of the server's log, written anew by SQL where its host is another one."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backends.conformance import Row
from backends.contract import Destruction, Finding, Holding, Order, Result, Store, Technique, Unit
from backends.postgres.residue import log_anew, log_lines
from backends.reference import ReferenceMatcher
from tests.backends.postgres import leftovers
from tests.backends.postgres.conftest import VERSIONS
from tests.backends.postgres.place import OPERATOR, Place

DATASET = leftovers.matcher()
RECORD, OTHER = leftovers.row("m", 0), leftovers.row("s", 0)
LOGGED = RECORD.respondent_id.encode()
RIGHTS = (
    "pg_read_binary_file(text, bigint, bigint, boolean)",
    "pg_rotate_logfile()",
)


@pytest.fixture(params=VERSIONS, ids="postgres-{}".format)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A server of its own, whose log lies in its data directory."""
    settings = {"log_destination": "stderr,csvlog" + (",jsonlog" if request.param > 15 else "")}
    with leftovers.server(tmp_path_factory.mktemp("server"), request.param, **settings) as made:
        yield made


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's host is another one."""
    monkeypatch.setattr("backends.postgres.raw.access.host_files", lambda *_: None)


def files(place: Place) -> dict[str, Path]:
    return {path.name: path for path in (place.server.data_directory / "log").iterdir()}


def written(place: Place, *, others: int = 50) -> None:
    """Have lines of a record and of others in the log, in all of its forms."""
    for number in range(others):
        place.sql(f"DO $$ BEGIN RAISE LOG 'Zoë says {number}, {OTHER.respondent_id}'; END $$")
    place.sql(f"DO $$ BEGIN RAISE LOG E'two\\n\\tlines, \"{RECORD.respondent_id}\" in one'; END $$")
    leftovers.logged(place)
    place.sql("DO $$ BEGIN RAISE LOG 'the end of it'; END $$")
    deadline = time.monotonic() + 20
    while not all(b"the end of it" in path.read_bytes() for path in files(place).values()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def held(store: Store) -> list[Holding]:
    units = (
        entry
        for scope in store.scopes()
        for entry in store.units(scope.name)
        if isinstance(entry, Unit) and entry.kind == "server-log"
    )
    return [each for unit in units for each in store.examine(unit, DATASET).holdings]


def ordered(found: Sequence[Holding]) -> list[Order]:
    assert {(Technique.REMOVE_LOG, "")} == {(each.whole, each.obstacle) for each in found}
    return [
        Order(f"order-{number}", each, Technique.REMOVE_LOG, whole=False)
        for number, each in enumerate(found)
    ]


def destroyed(store: Store, orders: Sequence[Order]) -> list[Destruction]:
    return [store.destroy([order], DATASET)[0] for order in orders]


def results(outcomes: Sequence[Destruction]) -> set[tuple[Result, str]]:
    return {(each.result, each.reason) for each in outcomes}


def findings(store: Store, orders: Sequence[Order]) -> set[Finding]:
    return {each.finding for each in store.verify(orders, DATASET)}


def objects(place: Place) -> list[Any]:
    return place.sql("SELECT oid FROM pg_largeobject_metadata")


def test_no_line_is_lost_and_no_record_left(place: Place) -> None:
    written(place)
    before = {name: path.read_bytes() for name, path in files(place).items()}
    inodes = {name: path.stat().st_ino for name, path in files(place).items()}
    with place.store(residue=True) as store:
        orders = ordered(held(store))
        orders.sort(key=lambda order: not order.holding.version.endswith(".json"))
        assert len(before) == len(orders)
        assert {Finding.RESIDUE} == findings(store, orders)
        outcomes = destroyed(store, orders[:1])
        assert len(before) == len(files(place).keys() - before.keys()), "all go on in others"
        outcomes += destroyed(store, orders[1:])
        assert {(Result.DESTROYED, "")} == results(outcomes)
        assert {("log-file-not-overwritten",)} == {each.limitations for each in outcomes}
        assert {Finding.ABSENT} == findings(store, orders)
        assert [] == held(store)
        assert {(Result.ALREADY_ABSENT, "")} == results(destroyed(store, orders))
    assert [] == objects(place)
    for order, outcome in zip(orders, outcomes, strict=True):
        name = order.holding.version
        now = files(place)[name]
        assert inodes[name] == now.stat().st_ino
        was, after = before[name].splitlines(), now.read_bytes().splitlines()
        masked = [n for n, line in enumerate(was) if LOGGED in line]
        assert len(masked) == outcome.numbers["lines-written-over"] >= 2
        assert [line for n, line in enumerate(was) if n not in masked] == [
            line for n, line in enumerate(after[: len(was)]) if n not in masked
        ]
        assert [len(was[n]) for n in masked] == [len(after[n]) for n in masked]
        assert LOGGED not in now.read_bytes()
        readable(name, now.read_text(), len(was))


def readable(name: str, text: str, lines: int) -> None:
    """Each form can still be read as what it is, and says when each thing was."""
    if name.endswith(".csv"):
        rows = list(csv.reader(io.StringIO(text, newline="")))
        assert {len(rows[0])} == {len(row) for row in rows}
        heads = [row[0] for row in rows]
    elif name.endswith(".json"):
        heads = [json.loads(line)["timestamp"] for line in text.splitlines()]
    else:
        heads = [line for line in text.splitlines()[:lines] if not line.startswith("\t")]
    assert {"20"} == {head[:2] for head in heads}


@pytest.mark.parametrize("place", [18], indirect=True)
def test_who_is_no_superuser_is_told_what_is_missing(place: Place) -> None:
    written(place, others=1)
    for right in RIGHTS:
        place.sql(f"GRANT EXECUTE ON FUNCTION pg_catalog.{right} TO {OPERATOR}")
    place.sql(f"GRANT pg_monitor, pg_read_server_files TO {OPERATOR}")
    with place.store(OPERATOR, residue=True) as store:
        assert {(None, "needs-lo-export")} == {(e.whole, e.obstacle) for e in held(store)}
        place.sql(f"GRANT EXECUTE ON FUNCTION pg_catalog.lo_export(oid, text) TO {OPERATOR}")
        place.sql("ALTER SYSTEM SET lo_compat_privileges = on")
        place.sql("SELECT pg_reload_conf(), pg_sleep(0.2)")
        assert {"large-objects-open-to-all"} == {each.obstacle for each in held(store)}
        place.sql("ALTER SYSTEM RESET lo_compat_privileges")
        place.sql("SELECT pg_reload_conf(), pg_sleep(0.2)")
        orders = ordered(held(store))
        assert {(Result.DESTROYED, "")} == results(destroyed(store, orders))
        assert {Finding.ABSENT} == findings(store, orders)


@pytest.mark.parametrize("place", [18], indirect=True)
def test_a_crash_anywhere_loses_no_line(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    written(place)
    with place.store(residue=True) as store:
        (order,) = ordered([each for each in held(store) if each.version.endswith(".log")])
        path = files(place)[order.holding.version]
        before = path.read_bytes()

        def ended_at(step: str, *, after: bool) -> None:
            real = getattr(log_anew, step)

            def dying(*arguments: Any) -> None:
                if after:
                    real(*arguments)
                raise psycopg.OperationalError

            with monkeypatch.context() as patched:
                patched.setattr(log_anew, step, dying)
                assert {(Result.FAILED, "unreachable")} == results(destroyed(store, [order]))

        ended_at("_copy", after=True)
        whole = path.read_bytes()
        assert [] == objects(place)
        ended_at("_write", after=False)
        assert whole == path.read_bytes()
        assert whole.startswith(before)
        (copy,) = objects(place)
        path.chmod(0o444)
        assert {(Result.FAILED, "log-not-written-anew")} == results(destroyed(store, [order]))
        path.chmod(0o644)
        # What is left of a file that was being written when the machine died.
        path.write_bytes(whole[:100] + bytes(50))
        ended_at("_export", after=True)
        masked = path.read_bytes()
        assert len(whole) == len(masked)
        assert [copy] == objects(place)
        # Somebody else has written to it: nobody's lines go, here or there.
        path.write_bytes(masked + b"more\n")
        assert {(Result.FAILED, "log-altered-meanwhile")} == results(destroyed(store, [order]))
        path.write_bytes(before[:100].replace(b"20", b"19"))
        assert {(Result.FAILED, "log-altered-meanwhile")} == results(destroyed(store, [order]))
        assert [copy] == objects(place)
        path.write_bytes(whole[: len(whole) // 2])
        assert {(Result.DESTROYED, "")} == results(destroyed(store, [order]))
        assert masked == path.read_bytes()
        assert {Finding.ABSENT} == findings(store, [order])
    assert [] == objects(place)


@pytest.mark.parametrize("place", [18], indirect=True)
def test_a_copy_that_another_run_left_is_not_its_own(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another dataset's is finished first; one of a file that was removed goes with it."""
    written(place, others=1)
    other = ReferenceMatcher([OTHER.respondent_id], columns=Row._fields)
    with place.store(residue=True) as store:
        kept, gone = ordered([e for e in held(store) if not e.version.endswith(".csv")])
        for order in (kept, gone):
            with monkeypatch.context() as patched:
                patched.setattr(log_anew, "_write", lambda *_: 1 / 0)
                with pytest.raises(ZeroDivisionError):
                    store.destroy([order], DATASET)
        assert 2 == len(objects(place))
        path = files(place)[kept.holding.version]
        assert LOGGED in path.read_bytes()
        (outcome,) = store.destroy([kept], other)
        assert (Result.DESTROYED, {"lines-written-over": 1}) == (outcome.result, outcome.numbers)
        assert LOGGED not in path.read_bytes()
        assert OTHER.respondent_id.encode() not in path.read_bytes()
        assert 1 == len(objects(place))
        removed = files(place)[gone.holding.version]
        removed.unlink()
        assert {(Result.DESTROYED, "")} == results(destroyed(store, [gone]))
        assert {Finding.ABSENT} == findings(store, [gone])
    assert not removed.exists()
    assert [] == objects(place)


@pytest.mark.parametrize("place", [18], indirect=True)
def test_the_next_run_finishes_what_a_dead_one_left(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the mark of its file, whatever that holds now: no order comes for it any more."""
    written(place, others=1)
    place.plant("t", leftovers.rows("m", 3))
    with place.store(residue=True) as store:
        orders = ordered(held(store))
        with monkeypatch.context() as patched:
            patched.setattr(log_anew, "_export", lambda *_: 1 / 0)
            for order in orders:
                with pytest.raises(ZeroDivisionError):
                    store.destroy([order], DATASET)
        assert 3 == len(objects(place))
        cut, other, gone = (files(place)[order.holding.version] for order in orders)
        whole = cut.read_bytes()
        cut.write_bytes(whole[:40])
        other.write_bytes(b"theirs\n")
        gone.unlink()
        table = next(
            entry
            for entry in store.units(place.name)
            if isinstance(entry, Unit) and entry.kind == "table"
        )
        found = store.examine(table, DATASET).holdings
        (wal,) = (each for each in store.companions(found, DATASET) if each.kind == "wal")
        recycled = Order("order-wal", wal, Technique.RECYCLE_WAL, whole=False)
        assert 3 == said(store, "copies of the server log")
        with monkeypatch.context() as patched:  # another file has the name now, and is written to
            patched.setattr("backends.postgres.residue.logs.close", lambda *_: False)
            (outcome,) = store.destroy([recycled], DATASET)
        assert (40, 2) == (cut.stat().st_size, outcome.limitations.count("log-copy-left"))
        (outcome,) = store.destroy([recycled], DATASET)
        assert Result.DESTROYED is outcome.result
        assert "log-copy-left" in outcome.limitations
    assert len(whole) == cut.stat().st_size
    assert LOGGED not in cut.read_bytes()
    assert b"theirs\n" == other.read_bytes()
    assert not gone.exists()
    assert 1 == len(objects(place)), "which may have the only copy of its lines"


def said(store: Store, what: str) -> int:
    (check,) = (each for each in store.check() if each.what == what)
    return int(check.detail.partition(" ")[0])


@pytest.mark.parametrize("place", [18], indirect=True)
def test_a_copy_that_cannot_be_vacuumed_away_is_named(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(place, others=1)
    monkeypatch.setattr("backends.postgres._aftercare._TRIES", 1)
    with place.store(residue=True) as store, place.connect() as other:
        orders = ordered(held(store))
        real = log_anew.write_anew

        def then_locked(*arguments: Any) -> Destruction:
            outcome = real(*arguments)
            other.execute("BEGIN; LOCK TABLE pg_largeobject IN SHARE UPDATE EXCLUSIVE MODE")
            return outcome

        monkeypatch.setattr(log_anew, "write_anew", then_locked)
        (outcome,) = store.destroy(orders[:1], DATASET)
        other.execute("ROLLBACK")
    assert (Result.DESTROYED, True) == (outcome.result, "not-vacuumed" in outcome.limitations)


@pytest.mark.parametrize("place", [18], indirect=True)
def test_what_is_not_masked_gets_nowhere(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    written(place, others=1)
    with place.store(residue=True) as store:
        (order,) = ordered([each for each in held(store) if each.version.endswith(".log")])
        path = files(place)[order.holding.version]
        monkeypatch.setattr(log_lines.Masking, "_masked", lambda _, line: line)
        assert {(Result.FAILED, "log-not-masked")} == results(destroyed(store, [order]))
    assert LOGGED in path.read_bytes()
    assert [(0,)] == place.sql("SELECT pg_relation_size('pg_largeobject')"), "not even in passing"


@pytest.mark.parametrize("place", [18], indirect=True)
def test_two_runs_do_not_write_the_same_file(place: Place) -> None:
    written(place, others=1)
    with place.store(residue=True, lock_timeout_s=1) as store:
        (order,) = ordered([each for each in held(store) if each.version.endswith(".log")])
        with place.connect() as other, other.transaction():
            log_anew._locked(other, order.holding.version)
            assert {(Result.FAILED, "lock-timeout")} == results(destroyed(store, [order]))
        assert {(Result.DESTROYED, "")} == results(destroyed(store, [order]))


@pytest.mark.parametrize("place", [18], indirect=True)
def test_what_is_written_to_is_left_alone(place: Place) -> None:
    """Under its own name, and under another."""
    place.sql("ALTER SYSTEM SET log_filename = 'fixed.log'")
    place.sql("ALTER SYSTEM SET log_destination = 'stderr'")
    place.sql("SELECT pg_reload_conf(), pg_sleep(0.2)")
    place.sql("SELECT pg_rotate_logfile(), pg_sleep(0.5)")
    leftovers.logged(place)
    fixed = files(place)["fixed.log"]
    (fixed.parent / "alias").symlink_to(fixed.name)
    with place.store(residue=True, lock_timeout_s=1) as store:
        orders = ordered(held(store))
        assert {"alias", "fixed.log"} == {each.holding.version for each in orders}
        assert {(Result.FAILED, "log-file-not-rotated")} == results(destroyed(store, orders))
    assert LOGGED in fixed.read_bytes()
    assert [] == objects(place)
