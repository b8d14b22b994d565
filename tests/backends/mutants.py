"""Stores that break one rule each. Run by test_conformance.py; the suite must tell on all.

Each names the tests that must fail. Collected only when this file is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

from backends import memory
from backends.conformance import BackendConformance, Harness
from backends.contract import (
    Backend,
    Check,
    CheckStatus,
    Context,
    Destruction,
    Examination,
    Finding,
    Gap,
    Holding,
    Matcher,
    Order,
    Result,
    Scope,
    Setting,
    SourceRows,
    SourceSpec,
    Store,
    Traits,
    Unit,
    Verdict,
    Verification,
)
from backends.errors import CouldNotTell
from backends.memory import MemoryStore
from tests.backends.test_memory import MemoryHarness


@dataclass(frozen=True)
class Mutant(MemoryStore):
    """A store on a space; subclasses break one rule."""

    @property
    def place(self) -> memory.Space:
        return self._space()


class MutantHarness(MemoryHarness):
    """Opens the mutant where the honest store would be opened."""

    kind: type[MemoryStore]

    @property
    def backend(self) -> Backend:
        kind = self.kind

        class MutantBackend:
            settings: Mapping[str, Setting] = memory.BACKEND.settings
            required = memory.BACKEND.required

            def open(self, name: str, settings: Mapping[str, object], context: Context) -> Store:
                return kind(name, str(settings["space"]))

        return MutantBackend()

    @property
    def secrets(self) -> Sequence[str]:
        return ["hunter2"]


class Broken(BackendConformance, cannot={"deny": "a process may read all of its own memory"}):
    kind: ClassVar[type[MemoryStore]]
    must_fail: ClassVar[tuple[str, ...]]

    @pytest.fixture
    def harness(self, tmp_path: Path) -> Iterator[Harness]:
        harness = MutantHarness(tmp_path)
        harness.kind = self.kind
        yield harness
        memory.discard(harness.space.name)


def breaks(*must_fail: str) -> Callable[[type[MemoryStore]], type[MemoryStore]]:
    """Make a test class of a mutant, and name the tests that must fail."""

    def enter(kind: type[MemoryStore]) -> type[MemoryStore]:
        name = f"Test{kind.__name__}"
        globals()[name] = type(name, (Broken,), {"kind": kind, "must_fail": must_fail})
        return kind

    return enter


@breaks("test_an_unreachable_place_is_not_empty")
class EmptyWhenUnreachable(Mutant):
    def scopes(self) -> Sequence[Scope]:
        try:
            return super().scopes()
        except CouldNotTell:
            return []


@breaks("test_an_unreachable_unit_is_not_clean", "test_a_unit_that_vanished_is_not_clean")
class CleanWhenUnreachable(Mutant):
    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        try:
            return super().examine(unit, matcher)
        except CouldNotTell:
            return Examination(unit)


@breaks("test_an_unreachable_place_is_not_verified")
class AbsentWhenUnreachable(Mutant):
    def verify(self, orders: Sequence[Order], matcher: Matcher) -> Iterator[Verification]:
        try:
            yield from super().verify(orders, matcher)
        except CouldNotTell:
            for order in orders:
                yield Verification(order.id, Finding.ABSENT, ("unit",))


@breaks("test_verification_tells_before_from_after")
class TrustsItself(Mutant):
    """Says absent without having looked."""

    def verify(self, orders: Sequence[Order], matcher: Matcher) -> Iterator[Verification]:
        return iter([Verification(order.id, Finding.ABSENT, ("unit",)) for order in orders])


@breaks("test_an_unreachable_place_destroys_nothing")
class DoneWhenUnreachable(Mutant):
    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        try:
            return super().destroy(orders, matcher)
        except CouldNotTell:
            return [Destruction(order.id, Result.ALREADY_ABSENT) for order in orders]


@breaks("test_a_pure_holding_goes_and_nothing_else")
class ClaimsOnly(Mutant):
    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        return [Destruction(order.id, Result.DESTROYED) for order in orders]


@breaks("test_what_changed_since_the_plan_is_left_alone")
class IgnoresVersions(Mutant):
    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        now = {
            f"{s}/{k}": e.version
            for s in self.place.scopes()
            for k, e in (self.place.listing(s) or {}).items()
        }
        return super().destroy(
            [
                replace(o, holding=replace(o.holding, version=now.get(o.holding.locator, "")))
                for o in orders
            ],
            matcher,
        )


@breaks("test_what_changed_since_the_plan_is_left_alone")
class ComparesSizes(Mutant):
    """Takes a unit of the same size for the same version."""

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        return super().destroy([self.updated(order) for order in orders], matcher)

    def updated(self, order: Order) -> Order:
        entry = self._entry(order.holding.locator)
        if entry is None or len(entry.content) != order.holding.size:
            return order
        return replace(order, holding=replace(order.holding, version=entry.version))


@breaks("test_a_pure_holding_goes_and_nothing_else")
class TakesNeighbours(Mutant):
    """Destroys by prefix."""

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        answers = super().destroy(orders, matcher)
        for order in orders:
            for scope, key in list(self.place.contents()):
                if f"{scope}/{key}".startswith(order.holding.locator):
                    self.place.remove(scope, key)
        return answers


@breaks("test_a_mixed_holding_is_not_destroyed_whole_by_default")
class AlwaysWhole(Mutant):
    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        return super().destroy([replace(order, whole=True) for order in orders], matcher)


@breaks("test_a_mixed_holding_is_counted")
class LosesAcquaintances(Mutant):
    """Takes whoever shares an e-mail address for a record."""

    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        result = super().examine(unit, matcher)
        entry = self._entry(unit.locator)
        assert entry is not None
        person = entry.content.count(b"newsletter")
        holdings = tuple(
            replace(h, foreign_records=(h.foreign_records or 0) - person) for h in result.holdings
        )
        return replace(result, holdings=holdings)


@breaks("test_excerpts_are_taken_out_where_they_count")
class LeavesExcerpts(Mutant):
    """Takes out what is certain window by window, and no more."""

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        entries = [self._entry(order.holding.locator) for order in orders]
        answers = super().destroy(orders, matcher)
        for order, entry in zip(orders, entries, strict=True):
            left = self._entry(order.holding.locator)
            if entry is not None and left is not None:
                lines = entry.content.splitlines(keepends=True)
                kept = [line for line in lines if line in left.content or b"passage-" in line]
                self.place.put(
                    order.holding.scope, self._key(order.holding.locator), b"".join(kept)
                )
        return answers


@breaks("test_a_mixed_holding_loses_its_records_and_no_foreign_one")
class DropsALine(Mutant):
    """Loses the last line of what it rewrites."""

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        answers = super().destroy(orders, matcher)
        for order in orders:
            entry = self._entry(order.holding.locator)
            if entry is not None:
                lines = entry.content.splitlines(keepends=True)
                self.place.put(
                    order.holding.scope, self._key(order.holding.locator), b"".join(lines[:-1])
                )
        return answers


@breaks("test_examining_only_reads")
class WritesWhileLooking(Mutant):
    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        self.place.put(".cache", "seen", unit.locator.encode())
        return super().examine(unit, matcher)


@breaks("test_a_listing_resumes_after_any_cursor")
class ForgetsTheCursor(Mutant):
    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        return super().units(scope)


@breaks("test_a_listing_resumes_where_the_unit_is_gone")
class SkipsTheNext(Mutant):
    """Resumes one unit too far where the cursor's own unit is gone."""

    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        units = iter(super().units(scope, after))
        if after and self.place.entry(scope, after) is None:
            next(units, None)
        return units


@breaks("test_an_unknown_scope_is_not_an_empty_one")
class UnknownScopeIsEmpty(Mutant):
    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        return super().units(scope, after) if scope in self.place.scopes() else iter(())


@breaks("test_its_identity_is_stable_and_tells_no_secret")
class TellsItsSecret(Mutant):
    @property
    def identity(self) -> str:
        return f"memory://admin:hunter2@{self.space_name}"


@breaks("test_an_unreachable_unit_is_not_clean")
class TellsTheLocator(Mutant):
    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        try:
            return super().examine(unit, matcher)
        except CouldNotTell as error:
            raise type(error)(f"cannot read {unit.locator}") from error


@breaks("test_more_orders_than_the_batch_are_refused")
class TakesAnyBatch(Mutant):
    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        return [
            answer
            for order in orders
            for answer in super(TakesAnyBatch, self).destroy([order], matcher)
        ]


@breaks("test_a_technique_that_is_not_offered_is_refused")
class GuessesTheTechnique(Mutant):
    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        news = []
        for order in orders:
            offered = order.technique in self.traits.techniques
            whole = order.holding.whole
            news.append(order if offered or whole is None else replace(order, technique=whole))
        return super().destroy(news, matcher)


@breaks("test_outcomes_come_one_by_one_in_order")
class AnswersOutOfOrder(Mutant):
    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        return list(reversed(super().destroy(orders, matcher)))


@breaks("test_destroying_again_finds_it_absent")
class FailsWhatIsGone(Mutant):
    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        return [
            Destruction(a.order, Result.FAILED, reason="not-there")
            if a.result is Result.ALREADY_ABSENT
            else a
            for a in super().destroy(orders, matcher)
        ]


@breaks("test_taking_records_out_again_finds_them_absent")
class AlarmsAfterRewriting(Mutant):
    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        return [
            Destruction(a.order, Result.CHANGED)
            if a.result is Result.ALREADY_ABSENT and self._entry(o.holding.locator)
            else a
            for a, o in zip(super().destroy(orders, matcher), orders, strict=True)
        ]


@breaks("test_what_it_gives_can_travel")
class CannotTravel(Mutant):
    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        result = super().examine(unit, matcher)
        holdings = tuple(replace(h, details={"lock": lambda: 0}) for h in result.holdings)  # type: ignore[dict-item]
        return replace(result, holdings=holdings)


@breaks("test_a_record_that_occurs_twice_is_counted_once")
class CountsLines(Mutant):
    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        result = super().examine(unit, matcher)
        holdings = tuple(replace(h, records=result.records_read - 1) for h in result.holdings)
        return replace(result, holdings=holdings)


@breaks("test_nothing_found_is_no_holding")
class FindsEverywhere(Mutant):
    """Takes every unit for a holding."""

    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        result = super().examine(unit, matcher)
        if result.holdings or not self._entry(unit.locator):
            return result
        made_up = Holding(
            "place",
            unit.scope,
            unit.locator,
            unit.version,
            unit.kind,
            Verdict.COPY,
            1,
            0,
            1,
            None,
        )
        return replace(result, holdings=(made_up,))


@breaks("test_a_listing_names_every_unit_once")
class ListsTwice(Mutant):
    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        for unit in super().units(scope, after):
            yield unit
            yield unit


@breaks("test_companions_are_never_what_was_not_found")
class BringsOthers(Mutant):
    """Names every other unit of the scope as a companion."""

    def companions(self, holdings: Sequence[Holding], matcher: Matcher) -> Iterator[Holding]:
        for holding in holdings:
            for key, entry in (self.place.listing(holding.scope) or {}).items():
                locator = f"{holding.scope}/{key}"
                if locator != holding.locator:
                    yield replace(holding, locator=locator, version=entry.version)


@breaks("test_a_source_that_is_not_there_is_an_error")
class EmptySource(Mutant):
    def source(self, spec: SourceSpec) -> SourceRows:
        try:
            return super().source(spec)
        except Exception:
            return memory.MemoryRows(spec.key, "respondent_id,email,answer\n")


@breaks("test_a_source_gives_back_what_was_planted")
class ShortSource(Mutant):
    """Loses the last record of a source."""

    def source(self, spec: SourceSpec) -> SourceRows:
        rows = super().source(spec)
        text = "\n".join([",".join(rows.columns), *[",".join(map(str, row)) for row in rows][:-1]])
        return memory.MemoryRows(rows.locator, text)


@breaks("test_the_doctor_sees_an_unreachable_place")
class HealthyDoctor(Mutant):
    def check(self) -> Iterator[Check]:
        yield Check("space", CheckStatus.OK)


@breaks("test_closing_twice_is_closing_once")
class ClosesOnce(Mutant):
    def close(self) -> None:
        if "closed" in self.__dict__:
            raise RuntimeError("closed already")
        self.__dict__["closed"] = True


@breaks("test_a_state_that_is_told_moves_with_the_content")
class StuckState(Mutant):
    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        for unit in super().units(scope, after):
            yield replace(unit, state="as ever") if isinstance(unit, Unit) else unit


_PORTABLE = replace(MemoryStore.traits, portable=True)


@breaks("test_a_portable_store_is_the_same_in_another_process")
@dataclass(frozen=True)
class BoundToThisProcess(Mutant):
    """What it holds is in the memory of this process, and it says that it can travel."""

    traits: Traits = _PORTABLE
