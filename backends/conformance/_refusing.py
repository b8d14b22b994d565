"""Rules for bad days: a place that does not answer, a right that is missing."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from backends.conformance._harness import Harness, records, strangers
from backends.conformance._suite import (
    Suite,
    admits_doubt,
    assert_discreet,
    every_unit,
    needs,
    orders_at,
    results,
    say,
    unit_at,
    verified,
)
from backends.contract import CheckStatus, CoverageStatus, Finding, Gap, Result, Store, Unit
from backends.errors import CouldNotTell
from backends.reference import ReferenceMatcher

_T = TypeVar("_T")


def attempt(action: Callable[[], _T]) -> _T | CouldNotTell:
    """Return what an action gives, or that it could not tell. Any other error is the test's."""
    try:
        return action()
    except CouldNotTell as error:
        return error


class Refusing(Suite):
    """No error, refusal or silence may read as absence."""

    @needs("sever")
    def test_an_unreachable_place_is_not_empty(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """A sweep admits that it does not know, on a store opened before and on one opened now."""
        harness.plant("out-of-reach", records(3))
        store.scopes()
        with harness.sever():
            assert admits_doubt(store, dataset)
            fresh = attempt(harness.open)
            if not isinstance(fresh, CouldNotTell):
                assert admits_doubt(fresh, dataset)
                fresh.close()

    @needs("sever")
    def test_an_unreachable_unit_is_not_clean(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """Examining it says that nothing is known, whether there were records or not."""
        for name, rows in (("zebra-records", records(3)), ("zebra-strangers", strangers(3))):
            at = harness.plant(name, rows)
            unit = unit_at(store, at)
            with harness.sever():
                answer = attempt(lambda unit=unit: store.examine(unit, dataset))  # type: ignore[misc]
            if isinstance(answer, CouldNotTell):
                assert_discreet(say(answer), harness, [at, name], rows)
            else:
                assert answer.gap is not None

    @needs("sever")
    def test_an_unreachable_place_destroys_nothing(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """Neither success nor absence is reported, and the holding is still there."""
        at = harness.plant("zebra-to-destroy", records(3))
        orders = orders_at(store, [at], dataset)
        before = dict(harness.state())
        with harness.sever():
            answer = attempt(lambda: results(store, orders, dataset))
        if isinstance(answer, CouldNotTell):
            assert_discreet(say(answer), harness, [at, "zebra-to-destroy"], records(3))
        else:
            assert [Result.FAILED] == answer
        assert before == dict(harness.state())

    @needs("sever")
    def test_an_unreachable_place_is_not_verified(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """Looking for residue in vain is inconclusive, before a destruction and after it."""
        at = [harness.plant(f"zebra-verify-{word}", records(3)) for word in ("one", "two")]
        orders = orders_at(store, at, dataset)
        results(store, orders[:1], dataset)
        with harness.sever():
            answer = attempt(lambda: verified(store, orders, dataset))
        if isinstance(answer, CouldNotTell):
            assert_discreet(say(answer), harness, at, records(3))
        else:
            assert [Finding.INCONCLUSIVE] * 2 == answer

    @needs("sever")
    def test_the_doctor_sees_an_unreachable_place(self, harness: Harness, store: Store) -> None:
        """A check fails, or says that it could not be made."""
        with harness.sever():
            answer = attempt(lambda: list(store.check()))
        if not isinstance(answer, CouldNotTell):
            assert CheckStatus.FAILED in {check.status for check in answer}

    @needs("sever")
    def test_the_place_is_whole_again(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """An outage leaves no false knowledge behind in a store that is opened afterwards."""
        at = harness.plant("back-again", records(3))
        with harness.sever():
            admits_doubt(store, dataset)
        fresh = harness.open()
        assert at in {unit.locator for unit in every_unit(fresh)}
        fresh.close()

    @needs("deny")
    def test_a_refused_unit_is_not_clean(self, harness: Harness, dataset: ReferenceMatcher) -> None:
        """A missing right shows: as an error, as a scope's problem, or as a gap."""
        at = harness.plant("zebra-refused", records(3))
        with harness.deny(at):
            store = attempt(harness.open)
            if isinstance(store, CouldNotTell):
                assert_discreet(say(store), harness, [at, "zebra-refused"], records(3))
                return
            assert admits_doubt_about(store, at, dataset)
            store.close()

    @needs("deny")
    def test_a_refused_unit_is_neither_destroyed_nor_verified(
        self, harness: Harness, dataset: ReferenceMatcher
    ) -> None:
        """A refusal is no outcome but a failure, and no finding but doubt."""
        at = harness.plant("zebra-refused-to-destroy", records(3))
        allowed = harness.open()
        orders = orders_at(allowed, [at], dataset)
        allowed.close()
        before = dict(harness.state())
        with harness.deny(at):
            store = attempt(harness.open)
            if not isinstance(store, CouldNotTell):
                findings = attempt(lambda: verified(store, orders, dataset))
                assert isinstance(findings, CouldNotTell) or [Finding.INCONCLUSIVE] == findings
                outcome = attempt(lambda: results(store, orders, dataset))
                assert isinstance(outcome, CouldNotTell) or [Result.FAILED] == outcome
                store.close()
        assert before == dict(harness.state())


def admits_doubt_about(store: Store, locator: str, dataset: ReferenceMatcher) -> bool:
    """Sweep, and return whether the store said of this very unit that it does not know."""
    scopes = attempt(store.scopes)
    if isinstance(scopes, CouldNotTell) or any(scope.problem for scope in scopes):
        return True
    for scope in scopes:
        units = attempt(lambda scope=scope: list(store.units(scope.name)))  # type: ignore[misc]
        if isinstance(units, CouldNotTell):
            return True
        for unit in units:
            if isinstance(unit, Gap):
                if unit.locator == locator and unit.status is not CoverageStatus.EXCLUDED:
                    return True
            elif unit.locator == locator:
                return _examination_fails(store, unit, dataset)
    return False


def _examination_fails(store: Store, unit: Unit, dataset: ReferenceMatcher) -> bool:
    answer = attempt(lambda: store.examine(unit, dataset))
    return isinstance(answer, CouldNotTell) or answer.gap is not None
