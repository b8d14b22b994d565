"""The sweep: every unit is accounted for, and nothing that raises is read as "not there"."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.contract import (
    CoverageStatus,
    Examination,
    Gap,
    Holding,
    Scope,
    Store,
    Traits,
    Unit,
    Verdict,
)
from backends.errors import AccessDenied, BackendError, SettingError, Unreachable
from backends.memory import MemoryStore, Space, register
from backends.reference import ReferenceMatcher
from shredder.observer import Nobody
from shredder.spool import Spool, spooled
from shredder.sweep import Means, Problem, ScopeCoverage, Sweep, could_look, sweep
from shredder.sweep.coverage import WHOLE_STORE, Coverage
from tests.support.faulty import Fault, Faulty, unreachable
from tests.upper.kept import kept
from tests.upper.place import ADDRESSES, IDS, Watcher, rows
from tests.upper.scripted import Breaks, Scripted, View, holding

MATCHER = ReferenceMatcher(IDS, ADDRESSES)


@dataclass
class Swept:
    """A sweep, and all that was in its spool."""

    sweep: Sweep
    holdings: list[Holding]
    problems: list[Problem]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sweep, name)


def swept(*stores: Any, watcher: Watcher | None = None) -> Swept:
    named: dict[str, Store | BackendError] = {
        getattr(store, "name", f"store-{n}"): store for n, store in enumerate(stores)
    }
    with TemporaryDirectory() as folder, spooled(Path(folder)) as spool:
        found = sweep(named, MATCHER, watcher or Nobody(), spool)
        return Swept(found, list(found.holdings), list(found.problems))


def filled(name: str, **scopes: int) -> MemoryStore:
    """A store with so many units in each scope, all holdings."""
    place = Space(f"sweep-{name}")
    register(place)
    for scope, number in scopes.items():
        for n in range(number):
            place.put(scope, f"{n:03}.csv", rows(n % 8))
    return MemoryStore(name, place.name)


def one(found: Swept) -> ScopeCoverage:
    (entry,) = found.sweep.coverage
    return entry


def test_every_unit_of_every_scope_is_examined() -> None:
    found = swept(filled("a", desk=20, shelf=3), filled("b", desk=2))
    assert [(c.store, c.scope, c.listed, c.examined, c.units_total) for c in found.coverage] == [
        ("a", "desk", True, 20, 20), ("a", "shelf", True, 3, 3), ("b", "desk", True, 2, 2),
    ]  # fmt: skip
    assert len(found.holdings) == 25
    assert found.problems == []
    assert could_look(found.coverage)
    assert found.started <= found.finished


def test_holdings_stand_in_the_order_of_a_plan_whatever_takes_longest() -> None:
    late = threading.Event()

    def examine(unit: Unit) -> Examination:
        number = int(unit.cursor)
        if number == 0:
            late.wait(2)
        if number == 3:
            late.set()
        phase = {"phase": 1} if number == 4 else {}
        return Examination(unit, (holding(f"{11 - number:02}", details=phase),))

    traits = Traits(10, 8, frozenset(), ())
    store = Scripted(View(units={"desk": [[]] * 12}, examine=examine), traits=traits)
    last = f"{11 - 4:02}"
    assert [h.locator for h in swept(store).holdings] == [
        *(f"{n:02}" for n in range(12) if f"{n:02}" != last), last,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (AccessDenied("no"), CoverageStatus.FAILED, "access-denied"),
        (Unreachable("no"), CoverageStatus.UNREACHABLE, "unreachable"),
        (ValueError("ann@example.org"), CoverageStatus.FAILED, "backend-defect"),
        (AccessDenied("no", reason="No Code"), CoverageStatus.FAILED, "backend-defect"),
    ],
)
def test_a_unit_that_raises_is_a_gap_and_the_rest_is_examined(
    error: Exception, status: CoverageStatus, code: str
) -> None:
    watcher = Watcher()
    found = swept(Scripted(View(units={"desk": [[], error, [holding()]]})), watcher=watcher)
    entry = one(found)
    assert (entry.examined, entry.units_total, entry.status, entry.reason) == (2, 3, status, code)
    assert [(p.gap.status, p.gap.reason, p.gap.locator) for p in found.problems] == [
        (status, code, "unit-1")
    ]
    assert len(found.holdings) == 1
    assert not could_look(found.coverage)
    assert "ann@example.org" not in repr(watcher.events)


def test_gaps_that_are_listed_are_counted_by_what_they_say() -> None:
    gaps = [
        Gap("desk", CoverageStatus.EXCLUDED, "excluded-by-setting", "a"),
        Gap("desk", CoverageStatus.FAILED, "immutable", "b"),
    ]
    entry = one(swept(Scripted(View(units={"desk": [[], *gaps]}))))
    assert (entry.examined, entry.failed, entry.excluded, entry.listed) == (1, 1, 1, True)
    assert dict(entry.reasons) == {"excluded-by-setting": 1, "immutable": 1}


def test_what_is_excluded_does_not_keep_from_looking_and_is_not_examined() -> None:
    gap = Gap("desk", CoverageStatus.EXCLUDED, "excluded-by-setting", "a")
    found = swept(Scripted(View(units={"desk": [[], gap]})))
    assert could_look(found.coverage)
    assert one(found).status is CoverageStatus.EXCLUDED


def test_an_examination_that_does_not_fit_is_a_gap() -> None:
    strange = holding(store="another")
    found = swept(Scripted(View(units={"desk": [[strange], [holding("b")]]})))
    assert [h.locator for h in found.holdings] == ["b"]
    assert (one(found).failed, one(found).reason) == (1, "backend-defect")


@pytest.mark.parametrize("error", [Unreachable("gone"), ValueError("defect")])
def test_a_store_that_cannot_name_its_scopes_was_not_looked_at(error: Exception) -> None:
    found = swept(Scripted(View(scopes=error)), filled("b", desk=1))
    blind, other = found.coverage
    assert (blind.store, blind.scope, blind.listed, blind.units_total) == (
        "mem", WHOLE_STORE, False, 0,
    )  # fmt: skip
    assert blind.status is CoverageStatus.UNREACHABLE
    assert other.status is CoverageStatus.EXAMINED
    assert len(found.problems) == 1


def test_a_store_that_names_no_scope_was_not_looked_at() -> None:
    found = swept(Scripted(View(scopes=[])))
    assert (one(found).status, one(found).reason) == (CoverageStatus.UNREACHABLE, "no-scopes")
    assert not could_look(found.coverage)


def test_a_store_that_could_not_be_opened_was_not_looked_at() -> None:
    found = swept(SettingError("wrong"))
    assert (one(found).store, one(found).reason) == ("store-0", "setting")
    assert not could_look(found.coverage)


@pytest.mark.parametrize("broken", ["traits", "identity"])
def test_a_store_whose_properties_raise_was_not_looked_at(broken: str) -> None:
    class Broken(Scripted):
        @property
        def traits(self) -> Any:
            raise ValueError

        @traits.setter
        def traits(self, value: Any) -> None:
            """Not kept."""

    class Nameless(Scripted):
        @property
        def identity(self) -> Any:
            raise ValueError

        @identity.setter
        def identity(self, value: Any) -> None:
            """Not kept."""

    store = (Broken if broken == "traits" else Nameless)(View(units={"desk": [[]]}))
    assert one(swept(store)).reason == "backend-defect"


def test_a_scope_with_a_problem_is_not_examined() -> None:
    store = Scripted(View(scopes=[Scope("desk"), Scope("vault", problem="access-denied")]))
    desk, vault = swept(store).coverage
    assert (desk.status, desk.listed) == (CoverageStatus.EXAMINED, True)
    assert (vault.status, vault.reason, vault.listed) == (
        CoverageStatus.UNREACHABLE, "access-denied", False,
    )  # fmt: skip


def test_a_scope_named_twice_is_examined_once() -> None:
    store = Scripted(View(scopes=[Scope("desk"), Scope("desk")], units={"desk": [[holding()]]}))
    found = swept(store)
    assert (one(found).examined, len(found.holdings)) == (1, 1)


def test_a_listing_that_dies_leaves_what_came_before_and_no_claim_beyond() -> None:
    entries = [[holding("a")], [], Breaks(AccessDenied("no more")), [holding("b")]]
    found = swept(Scripted(View(units={"desk": entries})))
    entry = one(found)
    assert (entry.examined, entry.listed, entry.status) == (2, False, CoverageStatus.UNREACHABLE)
    assert entry.reason == "access-denied"
    assert [h.locator for h in found.holdings] == ["a"]


def test_a_listing_that_cannot_begin_is_told() -> None:
    class NoListing(Scripted):
        def units(self, scope: str, after: str = "") -> Any:
            raise ValueError

    assert one(swept(NoListing(View()))).reason == "backend-defect"


def test_a_store_that_goes_silent_is_not_asked_for_every_unit() -> None:
    store = Faulty(filled("a", desk=500), Fault("examine", unreachable, call=5, times=10_000))
    found = swept(store)
    entry = one(found)
    assert entry.status is CoverageStatus.UNREACHABLE
    assert not entry.listed
    assert entry.units_total < 100
    assert store.calls.counts["examine"] < 100


def test_silence_that_ends_is_no_end() -> None:
    """Two units in a row, and later two more: the store is there."""
    faults = [Fault("examine", unreachable, call=call, times=2) for call in (5, 200)]
    store = Faulty(filled("a", desk=400), *faults)
    entry = one(swept(store))
    assert (entry.examined, entry.unreachable, entry.listed) == (396, 4, True)


def test_companions_join_the_holdings_once() -> None:
    upload = holding("upload", verdict=Verdict.LIKELY, records=None, foreign_records=None)
    view = View(units={"desk": [[holding("a")]]}, companions=[upload, holding("a"), upload])
    assert [h.locator for h in swept(Scripted(view)).holdings] == ["a", "upload"]


@pytest.mark.parametrize("said", [Unreachable("gone"), holding("b", store="another")])
def test_companions_that_cannot_be_named_leave_a_gap(said: Any) -> None:
    view = View(units={"desk": [[holding("a")]]}, companions=[holding("c"), said])
    found = swept(Scripted(view))
    assert [h.locator for h in found.holdings] == ["a", "c"]
    assert not could_look(found.coverage)
    assert [c.scope for c in found.coverage] == ["desk", WHOLE_STORE]


def test_one_store_does_not_stop_another() -> None:
    found = swept(Scripted(View(scopes=ValueError())), filled("b", desk=4), SettingError("x"))
    assert [(c.store, c.status.value) for c in found.coverage] == [
        ("mem", "unreachable"), ("b", "examined"), ("store-2", "unreachable"),
    ]  # fmt: skip
    assert len(found.holdings) == 4


def test_nothing_is_lost_of_what_was_read() -> None:
    watcher = Watcher()
    found = swept(filled("a", desk=30), watcher=watcher)
    assert found.records_read == 30
    assert found.bytes_read == 30 * len(rows(0))
    assert max(units for _, units, _ in watcher.steps) == 30


entries = st.lists(
    st.sampled_from(
        ["holding", "nothing", "raises", "silent", "partial", "excluded", "failed"]
    ),
    max_size=30,
)  # fmt: skip


@settings(deadline=None)
@given(entries)
def test_the_coverage_adds_up(kinds: list[str]) -> None:
    """Every unit that the listing named is in one column, and every gap has its reason."""
    said: dict[str, Any] = {
        "holding": [holding()],
        "nothing": [],
        "raises": AccessDenied("no"),
        "silent": Unreachable("no"),
        "partial": Examination(
            Unit("", "", "", "", 0, ""), (), Gap("", CoverageStatus.FAILED, "x")
        ),
        "excluded": Gap("desk", CoverageStatus.EXCLUDED, "excluded-by-setting"),
        "failed": Gap("desk", CoverageStatus.FAILED, "immutable"),
    }

    def examine(unit: Unit) -> Any:
        answer = said[kinds[int(unit.cursor)]]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Examination):
            return answer
        return Examination(unit, tuple(answer))

    gaps = {"excluded", "failed"}
    units = [said[kind] if kind in gaps else [] for kind in kinds]
    found = swept(Scripted(View(units={"desk": units}, examine=examine)))
    entry = one(found)
    if entry.listed:
        assert entry.units_total == len(kinds)
        assert entry.examined == sum(kind in {"holding", "nothing"} for kind in kinds)
        assert entry.excluded == kinds.count("excluded")
        assert entry.unreachable == kinds.count("silent")
    else:
        assert kinds.count("silent") >= 3
    gaps_told = entry.failed + entry.unreachable + entry.excluded
    assert sum(number for _, number in entry.reasons) == gaps_told + (not entry.listed)
    assert len(found.problems) == gaps_told + (not entry.listed)
    assert could_look(found.coverage) == (entry.listed and not entry.failed + entry.unreachable)


def test_the_worst_of_a_scope_is_its_status() -> None:
    statuses = [CoverageStatus.EXAMINED, CoverageStatus.EXCLUDED, CoverageStatus.FAILED]
    coverage = Coverage("s", "i", "desk")
    coverage.listing_ended()
    for status in [*statuses, CoverageStatus.UNREACHABLE]:
        coverage.count(status, "" if status is CoverageStatus.EXAMINED else "why")
        assert coverage.stated().status is status


@pytest.mark.parametrize("raised", [False, True])
def test_what_ended_with_its_key_is_no_gap_once_it_was_seen_to_be_shut(*, raised: bool) -> None:
    gap = Gap("desk", CoverageStatus.FAILED, "encrypted", "unit-0")
    seen = Examination(Unit("desk", "", "", "", None, ""), gap=gap)
    entry = BackendError("not to be opened", reason="encrypted") if raised else seen
    over = Spool(Path(":memory:")).new_set()
    over.add("mem", "unit-0", "1")
    store = Scripted(View(units={"desk": [entry, seen]}))
    (coverage,) = kept({"mem": store}, MATCHER, means=Means(over=over)).coverage
    assert (coverage.examined, coverage.failed) == ((0, 2) if raised else (1, 1))
