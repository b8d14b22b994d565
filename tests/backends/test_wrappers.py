"""The wrappers keep the contract, retry what may be retried, and destroy what may be destroyed."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backends import memory
from backends.conformance import (
    BackendConformance,
    Harness,
    Looking,
    records,
    strangers,
)
from backends.contract import (
    Context,
    CoverageStatus,
    Finding,
    Gap,
    Holding,
    Order,
    Result,
    SourceSpec,
    Store,
    Technique,
    Unit,
    Verdict,
)
from backends.errors import AccessDenied, CouldNotTell, Unreachable
from backends.reference import ReferenceMatcher
from backends.wrappers import DryRun, Patience, Retrying, Selected, Wrapper
from tests.backends.test_memory import MemoryHarness, as_csv
from tests.support.faulty import Fault, Faulty, kill
from tests.upper.scripted import holding

MATCHER = ReferenceMatcher(private=[row.respondent_id for row in records()])
AT_ONCE = Patience(attempts=3, sleep=lambda _: None)


class WrappedHarness(MemoryHarness):
    """Opens the store with wrappers laid round it."""

    wrap: Callable[[Store], Store]

    def open(self) -> Store:
        return self.wrap(super().open())


def wrapped(tmp_path: Path, wrap: Callable[[Store], Store]) -> Iterator[Harness]:
    harness = WrappedHarness(tmp_path)
    harness.wrap = wrap
    yield harness
    memory.discard(harness.space.name)


NO_RIGHTS = {"deny": "a process may read all of its own memory"}


class TestRetrying(BackendConformance, cannot=NO_RIGHTS):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> Iterator[Harness]:
        yield from wrapped(tmp_path, lambda store: Retrying(store, AT_ONCE))


class TestRetryingRoundFaulty(BackendConformance, cannot=NO_RIGHTS):
    """Every first answer is lost, and nobody notices."""

    @pytest.fixture
    def harness(self, tmp_path: Path) -> Iterator[Harness]:
        faults = [
            Fault(method, call=1)
            for method in ("scopes", "units", "examine", "companions", "verify", "source")
        ]
        yield from wrapped(tmp_path, lambda store: Retrying(Faulty(store, *faults), AT_ONCE))


class TestFaultyWithoutFaults(BackendConformance, cannot=NO_RIGHTS):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> Iterator[Harness]:
        yield from wrapped(tmp_path, Faulty)


class TestDryRun(Looking, cannot=NO_RIGHTS):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> Iterator[Harness]:
        yield from wrapped(tmp_path, DryRun)

    def test_it_touches_nothing_and_says_so(self, harness: Harness, store: Store) -> None:
        orders = planted_orders(harness, store)
        before = dict(harness.state())
        answers = store.destroy(orders, MATCHER)
        assert [(order.id, Result.FAILED, "dry-run") for order in orders] == [
            (answer.order, answer.result, answer.reason) for answer in answers
        ]
        assert before == dict(harness.state())

    def test_it_keeps_the_limit_of_the_batch(self, harness: Harness, store: Store) -> None:
        orders = planted_orders(harness, store)
        with pytest.raises(ValueError, match="order"):
            store.destroy(orders * store.traits.batch, MATCHER)


def planted_orders(harness: Harness, store: Store, count: int = 3) -> list[Order]:
    for number in range(count):
        harness.plant(f"planted-{number}", records(2))
    units = [u for s in store.scopes() for u in store.units(s.name) if isinstance(u, Unit)]
    holdings = [h for unit in units for h in store.examine(unit, MATCHER).holdings]
    return [Order(f"o-{n}", h, Technique.FORGET, whole=False) for n, h in enumerate(holdings)]


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[MemoryHarness]:
    harness = MemoryHarness(tmp_path)
    yield harness
    memory.discard(harness.space.name)


def test_a_store_that_answers_at_last_is_heard(harness: MemoryHarness) -> None:
    harness.plant("heard", records(2))
    faulty = Faulty(harness.open(), Fault("scopes", times=2))
    assert [scope.name for scope in Retrying(faulty, AT_ONCE).scopes()] == ["desk"]
    assert faulty.calls.counts == {"scopes": 3}


def test_patience_ends(harness: MemoryHarness) -> None:
    faulty = Faulty(harness.open(), Fault("scopes", times=99))
    with pytest.raises(Unreachable):
        Retrying(faulty, AT_ONCE).scopes()
    assert faulty.calls.counts == {"scopes": 3}


def test_a_refusal_is_not_asked_again(harness: MemoryHarness) -> None:
    """Asking a server again and again with a wrong password locks accounts."""

    def refuse() -> None:
        raise AccessDenied("no")

    faulty = Faulty(harness.open(), Fault("scopes", refuse, times=99))
    with pytest.raises(AccessDenied):
        Retrying(faulty, AT_ONCE).scopes()
    assert faulty.calls.counts == {"scopes": 1}


def test_a_destruction_is_never_repeated_behind_the_journals_back(harness: MemoryHarness) -> None:
    orders = planted_orders(harness, harness.open())
    faulty = Faulty(harness.open(), Fault("destroy", done=True))
    with pytest.raises(CouldNotTell):
        Retrying(faulty, AT_ONCE).destroy(orders, MATCHER)
    assert faulty.calls.counts == {"destroy": 1}


@pytest.mark.parametrize("after_items", range(6))
def test_a_listing_goes_on_where_it_broke_off(harness: MemoryHarness, after_items: int) -> None:
    for number in range(5):
        harness.plant(f"listed-{number}", strangers(1))
    expected = list(harness.open().units("desk"))
    faulty = Faulty(harness.open(), Fault("units", after_items=after_items))
    assert expected == list(Retrying(faulty, AT_ONCE).units("desk"))
    assert faulty.calls.counts == {"units": 2}


def test_progress_renews_patience(harness: MemoryHarness) -> None:
    """A long listing over a bad line fails many times in all, and never often at one place."""
    for number in range(9):
        harness.plant(f"listed-{number}", strangers(1))
    expected = list(harness.open().units("desk"))
    faulty = Faulty(harness.open(), Fault("units", after_items=1, times=9))
    assert expected == list(Retrying(faulty, AT_ONCE).units("desk"))


def test_gaps_are_neither_lost_nor_told_twice(harness: MemoryHarness) -> None:
    """Gaps have no cursor: after a break the listing tells those behind the last unit again."""

    class WithGaps(Wrapper):
        def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
            for unit in super().units(scope, after):
                yield Gap(scope, CoverageStatus.FAILED, "made-up")
                yield Gap(scope, CoverageStatus.FAILED, "made-up")
                yield unit

    for number in range(2):
        harness.plant(f"listed-{number}", strangers(1))
    expected = list(WithGaps(harness.open()).units("desk"))
    for after_items in range(7):
        faulty = Faulty(WithGaps(harness.open()), Fault("units", after_items=after_items))
        assert expected == list(Retrying(faulty, AT_ONCE).units("desk"))


@pytest.mark.parametrize("after_items", range(4))
def test_a_verification_goes_on_where_it_broke_off(
    harness: MemoryHarness, after_items: int
) -> None:
    orders = planted_orders(harness, harness.open())
    faulty = Faulty(harness.open(), Fault("verify", after_items=after_items))
    answers = list(Retrying(faulty, AT_ONCE).verify(orders, MATCHER))
    assert [(order.id, Finding.RESIDUE) for order in orders] == [
        (answer.order, answer.finding) for answer in answers
    ]


def test_companions_are_told_once(harness: MemoryHarness) -> None:
    found = [
        Holding("place", "desk", f"desk/{n}", "1", "bytes", Verdict.COPY, None, 0, None, None)
        for n in range(3)
    ]

    class WithCompanions(Wrapper):
        def companions(self, *_: object) -> Iterator[Holding]:
            return iter(found)

    faulty = Faulty(WithCompanions(harness.open()), Fault("companions", after_items=2))
    assert found == list(Retrying(faulty, AT_ONCE).companions(found, MATCHER))


def test_waiting_grows_and_is_bounded() -> None:
    slept: list[float] = []
    patience = Patience(first=1.0, longest=5.0, sleep=slept.append)
    for failures in range(1, 8):
        patience.wait(failures)
    for longest, delay in zip([1, 2, 4, 5, 5, 5, 5], slept, strict=True):
        assert longest / 2 <= delay <= longest


def test_a_source_is_opened_again(harness: MemoryHarness) -> None:
    locator = harness.plant("sourced", records(2))
    faulty = Faulty(harness.open(), Fault("source"))
    rows = Retrying(faulty, AT_ONCE).source(SourceSpec("place", key=locator))
    assert records(2) == list(rows)


def test_a_kill_ends_the_process_without_clean_up() -> None:
    """The fault that crash tests rely on is the real one."""
    child = multiprocessing.get_context("spawn").Process(target=_die_destroying)
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL


def _die_destroying() -> None:
    place = memory.space("doomed")
    place.put("desk", "unit", as_csv(records(1)))
    store = memory.BACKEND.open("desk", {"space": "doomed"}, Context(Path(), Path()))
    Faulty(store, Fault("destroy", kill)).destroy([], MATCHER)


def test_what_is_selected_is_gone_through_again_and_again_and_never_held() -> None:
    every = [holding(f"{number}") for number in range(5)]
    some = Selected(every, lambda each: each.locator != "2")
    assert [each.locator for each in some] == [each.locator for each in some] == list("0134")
    assert (len(some), some[2].locator, some[-1].locator) == (4, "3", "4")
    assert [each.locator for each in some[1:3]] == ["1", "3"]
    assert not Selected(every, lambda _: False)
