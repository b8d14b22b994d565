"""kill -9 and lost connections at the points where it matters."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.conformance import Row, records, strangers
from backends.contract import Finding, Matcher, Order, Result
from backends.errors import Unreachable
from backends.postgres import _destroy
from backends.postgres._session import Connection
from backends.reference import ReferenceMatcher, ReferenceScan
from tests.backends.postgres.place import (
    DATASET,
    Place,
    destroyed,
    holding,
    order,
    result,
    unit,
    verified,
)

MIXED = [*records(9), *strangers(9)]

# Carries out one order in a process that kills itself where a function would be called.
CHILD = """
import os, pickle, signal, sys
from pathlib import Path
from backends.contract import Context
from backends.postgres import BACKEND, _aftercare, _destroy
settings, order, matcher, where = pickle.loads(Path(sys.argv[1]).read_bytes())
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
setattr({"_destroy": _destroy, "_aftercare": _aftercare}[where[0]], where[1], die)
store = BACKEND.open("warehouse", settings, Context(Path(), Path()))
store.destroy([order], matcher)
"""


def killed(place: Place, wanted: Order, where: tuple[str, str]) -> None:
    """Carry out an order in a process that gets SIGKILL on the way."""
    brief = place.scratch / "brief"
    brief.write_bytes(pickle.dumps((dict(place.settings()), wanted, DATASET, where)))
    done = subprocess.run(
        [sys.executable, "-c", CHILD, brief], check=False, cwd=Path(__file__).parents[3]
    )
    assert -signal.SIGKILL == done.returncode


@pytest.mark.parametrize("rows", [records(9), MIXED], ids=["pure", "mixed"])
def test_killed_before_the_commit_nothing_has_happened(any_place: Place, rows: list[Row]) -> None:
    at = any_place.plant("t", rows)
    before = any_place.dump()
    with any_place.store() as store:
        wanted = order(holding(store, at))
        killed(any_place, wanted, ("_destroy", "_commit"))
        assert before == any_place.dump()
        assert (Result.DESTROYED, "") == result(store, wanted)


@pytest.mark.parametrize("rows", [records(9), MIXED], ids=["pure", "mixed"])
def test_killed_after_the_commit_it_is_absent_already(any_place: Place, rows: list[Row]) -> None:
    at = any_place.plant("t", rows)
    any_place.sql("ANALYZE")
    with any_place.store() as store:
        wanted = order(holding(store, at))
        killed(any_place, wanted, ("_aftercare", "after_rows"))
        assert len(rows) - 9 == len(any_place.rows("t"))
        before = any_place.dump()
        assert (Result.ALREADY_ABSENT, "") == result(store, wanted)
        assert before == any_place.dump()
        assert Finding.ABSENT is verified(store, wanted).finding


def test_what_a_crash_kept_from_being_followed_up_is_followed_up(any_place: Place) -> None:
    """Another tool's DELETE stands for a crash before statistics were taken anew."""
    at = any_place.plant("t", MIXED * 8)
    any_place.sql("ANALYZE")
    with any_place.store() as store:
        wanted = order(holding(store, at))
        any_place.sql("DELETE FROM t WHERE email LIKE 'member%'")
        assert "statistics-left" == verified(store, wanted).reason
        assert (Result.ALREADY_ABSENT, "") == result(store, wanted)
        assert Finding.ABSENT is verified(store, wanted).finding
    assert [(0,)] == any_place.sql("SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 't'")


def terminate(place: Place) -> None:
    """End every session in the place but our own, as an administrator would."""
    place.sql(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def test_a_connection_that_ends_in_the_commit_leaves_an_unknown(
    any_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = any_place.plant("t", records(3))
    commit: Callable[[Connection], str] = _destroy._commit

    def cut(connection: Connection) -> str:
        terminate(any_place)
        return commit(connection)

    with any_place.store() as store:
        wanted = order(holding(store, at))
        with monkeypatch.context() as patched:
            patched.setattr(_destroy, "_commit", cut)
            assert (Result.FAILED, "commit-unknown") == result(store, wanted)
        assert (Result.DESTROYED, "") == result(store, wanted)


def test_a_connection_that_ends_after_the_commit_makes_no_failure(
    any_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = any_place.plant("t", records(3))
    commit: Callable[[Connection], str] = _destroy._commit

    def cut(connection: Connection) -> str:
        failure = commit(connection)
        terminate(any_place)
        return failure

    with any_place.store() as store:
        wanted = order(holding(store, at))
        monkeypatch.setattr(_destroy, "_commit", cut)
        outcome = destroyed(store, wanted)
    assert Result.DESTROYED is outcome.result
    assert "not-followed-up" in outcome.limitations


class Cutting(ReferenceMatcher):
    """A matcher in whose first look the server's session ends."""

    def __init__(self, place: Place, inner: Matcher) -> None:
        self.place = place
        super().__init__([], [], inner.columns)

    def scan(self, *, promoted: bool = False) -> ReferenceScan:
        place, plain = self.place, super().scan(promoted=promoted)

        class Scan(ReferenceScan):
            def feed(self, block: bytes, ends: object) -> bytes:
                terminate(place)
                return super().feed(block, ends)  # type: ignore[arg-type]

        return Scan(plain.private, plain.person, plain.trace)


def test_a_session_that_ends_in_mid_scan_leaves_the_unit_unknown(any_place: Place) -> None:
    at = any_place.plant("t", [])
    any_place.sql("INSERT INTO t SELECT NULL, repeat('x', 2000), '' FROM generate_series(1, 20000)")
    with any_place.store() as store:
        listed = unit(store, at)
        with pytest.raises(Unreachable):
            store.examine(listed, Cutting(any_place, DATASET))
        assert () == store.examine(listed, DATASET).holdings  # and it recovers


def test_after_a_lost_connection_the_rest_of_a_batch_is_not_tried(
    any_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = [any_place.plant(f"t{n}", records(3)) for n in range(3)]
    with any_place.store() as store:
        orders = [order(holding(store, locator)) for locator in at]
        tried: list[object] = []
        real = _destroy._destroy

        def losing(*arguments: object) -> object:
            tried.append(arguments)
            if len(tried) == 2:
                raise Unreachable("made up")
            return real(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(_destroy, "_destroy", losing)
        outcomes = [outcome.result for outcome in store.destroy(orders, DATASET)]
    assert [Result.DESTROYED, Result.FAILED, Result.FAILED] == outcomes
    assert 2 == len(tried)
