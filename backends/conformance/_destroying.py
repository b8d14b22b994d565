"""Rules for what destroys, and for looking again afterwards."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

from collections.abc import Sequence

import pytest

from backends.conformance._harness import Harness, Row, acquaintances, excerpts, records, strangers
from backends.conformance._suite import (
    Suite,
    destroyed,
    foreign_technique,
    holding_at,
    lacks,
    needs,
    order_for,
    orders_at,
    results,
    verified,
)
from backends.contract import Finding, Order, Result, Store, is_code
from backends.reference import ReferenceMatcher


def assert_gone(content: bytes | None, rows: Sequence[Row]) -> None:
    """Check that nothing of these records is left."""
    for row in rows:
        for value in row:
            assert value.encode() not in (content or b"")


def without(state: dict[str, bytes], *locators: str) -> dict[str, bytes]:
    """Return the state less some locators."""
    return {at: content for at, content in state.items() if at not in locators}


class Destroying(Suite):
    """What an execution relies on."""

    def test_a_pure_holding_goes_and_nothing_else(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """When destroy() returns, another observer sees the holding gone and the rest in place."""
        at = harness.plant("doomed", records(8))
        harness.plant("doomed-not", strangers(8))
        harness.plant("doomed-with-others", [*records(4), *strangers(4)])
        before = dict(harness.state())
        (order,) = orders_at(store, [at], dataset)
        assert [Result.DESTROYED] == results(store, [order], dataset)
        after = dict(harness.state())
        assert_gone(after.get(at), records(8))
        assert without(before, at) == without(after, at)

    def test_outcomes_come_one_by_one_in_order(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """One batch can hold every fate, and one item's fate is not another's."""
        at = [harness.plant(f"fate-{word}", records(3)) for word in ("one", "two", "three")]
        orders = orders_at(store, at, dataset)
        harness.remove(at[1])
        expected = [Result.DESTROYED, Result.ALREADY_ABSENT, Result.DESTROYED]
        assert expected == results(store, orders, dataset)
        for locator in at:
            assert_gone(harness.state().get(locator), records(3))

    def test_destroying_again_finds_it_absent(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """After a crash the journal repeats an order: a fresh store must see that it was done."""
        at = harness.plant("repeated", records(5))
        orders = orders_at(store, [at], dataset)
        results(store, orders, dataset)
        before = dict(harness.state())
        again = harness.open()
        assert [Result.ALREADY_ABSENT] == results(again, orders, dataset)
        again.close()
        assert before == dict(harness.state())

    def test_no_orders_are_no_work(self, store: Store, dataset: ReferenceMatcher) -> None:
        """Empty in, empty out."""
        assert [] == list(store.destroy([], dataset))
        assert [] == list(store.verify([], dataset))

    def test_more_orders_than_the_batch_are_refused(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """The limit is kept by the store as well, and refusing touches nothing."""
        (order,) = orders_at(store, [harness.plant("too-many", records(3))], dataset)
        before = dict(harness.state())
        with pytest.raises(ValueError, match="order"):
            store.destroy([order] * (store.traits.batch + 1), dataset)
        assert before == dict(harness.state())

    def test_a_technique_that_is_not_offered_is_refused(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """Nothing is destroyed by a guess at what was meant."""
        holding = holding_at(store, harness.plant("wrong-tool", records(3)), dataset)
        before = dict(harness.state())
        order = Order("order-0", holding, foreign_technique(store), whole=False)
        assert [Result.FAILED] == results(store, [order], dataset)
        assert before == dict(harness.state())

    @needs("alter")
    @pytest.mark.parametrize("change", ["grown", "shrunk", "same-size"])
    def test_what_changed_since_the_plan_is_left_alone(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher, change: str
    ) -> None:
        """An order holds for the version that was approved, whoever wrote since."""
        rows = records(6)
        at = harness.plant(f"changed-{change}", rows)
        (order,) = orders_at(store, [at], dataset)
        last = rows[-1]
        harness.alter(
            at,
            {
                "grown": [*rows, *strangers(2)],
                "shrunk": rows[:-1],
                "same-size": [*rows[:-1], last._replace(answer=last.answer[::-1])],
            }[change],
        )
        before = dict(harness.state())
        assert [Result.CHANGED] == results(store, [order], dataset)
        assert before == dict(harness.state())
        assert Finding.ABSENT not in verified(store, [order], dataset)

    @needs("alter")
    def test_what_took_its_place_is_left_alone(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """Foreign content at the locator of a holding that is gone is not the holding."""
        at = harness.plant("replaced", records(4))
        (order,) = orders_at(store, [at], dataset)
        harness.alter(at, strangers(4))
        before = dict(harness.state())
        (result,) = results(store, [order], dataset)
        assert result in {Result.CHANGED, Result.ALREADY_ABSENT}
        assert before == dict(harness.state())

    @lacks("alter")
    def test_what_took_its_place_is_another_version(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """Where versions never change, the ordered one goes and the newer one stays."""
        at = harness.plant("superseded", records(4))
        (order,) = orders_at(store, [at], dataset)
        harness.alter(at, strangers(4))
        before = dict(harness.state())
        assert [Result.DESTROYED] == results(store, [order], dataset)
        assert before[at] == harness.state()[at]

    @needs("partial")
    @pytest.mark.parametrize("place", ["first", "last", "between"])
    def test_a_mixed_holding_loses_its_records_and_no_foreign_one(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher, place: str
    ) -> None:
        """What is left is byte for byte what it would be had the records never been there."""
        others = [*strangers(6), *acquaintances(3)]
        rows = {
            "first": [*records(5), *others],
            "last": [*others, *records(5)],
            "between": [*others[:4], *records(5), *others[4:]],
        }[place]
        twin = harness.plant(f"twin-of-{place}", others)
        at = harness.plant(f"mixed-{place}", rows)
        before = dict(harness.state())
        (order,) = orders_at(store, [at], dataset)
        assert [Result.DESTROYED] == results(store, [order], dataset)
        after = dict(harness.state())
        assert before[twin] == after[at]
        assert without(before, at) == without(after, at)
        assert [Finding.ABSENT] == verified(store, [order], dataset)

    @needs("partial")
    def test_excerpts_are_taken_out_where_they_count(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """What made the unit a holding goes with the records, as it was counted."""
        others = [*strangers(4), *acquaintances(2)]
        twin = harness.plant("twin-of-excerpts", others)
        at = harness.plant("excerpts-mixed", [*others[:3], *excerpts(4), *others[3:]])
        before = dict(harness.state())
        (order,) = orders_at(store, [at], dataset)
        assert [Result.DESTROYED] == results(store, [order], dataset)
        after = dict(harness.state())
        assert before[twin] == after[at]
        assert without(before, at) == without(after, at)
        assert [Finding.ABSENT] == verified(store, [order], dataset)
        assert [Result.ALREADY_ABSENT] == results(store, [order], dataset)

    @needs("partial")
    def test_taking_records_out_again_finds_them_absent(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """Repeating a rewriting whose outcome was lost neither harms nor alarms."""
        at = harness.plant("rewritten-twice", [*strangers(3), *records(3)])
        (order,) = orders_at(store, [at], dataset)
        results(store, [order], dataset)
        before = dict(harness.state())
        assert [Result.ALREADY_ABSENT] == results(store, [order], dataset)
        assert before == dict(harness.state())

    @lacks("partial")
    def test_a_mixed_holding_that_cannot_be_parted_says_why(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """No technique is offered that would not keep its word."""
        at = harness.plant("inseparable", [*strangers(3), *records(3)])
        holding = holding_at(store, at, dataset)
        assert holding.partial is None
        assert is_code(holding.obstacle)

    def test_a_mixed_holding_is_not_destroyed_whole_by_default(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """Without `whole` no technique takes a foreign record."""
        at = harness.plant("mixed-and-safe", [*strangers(3), *records(3)])
        holding = holding_at(store, at, dataset)
        assert holding.whole is not None
        before = dict(harness.state())
        order = Order("order-0", holding, holding.whole, whole=False)
        assert [Result.FAILED] == results(store, [order], dataset)
        assert before == dict(harness.state())

    def test_a_mixed_holding_is_destroyed_whole_by_decision(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """With `whole` the operator has decided, and everything in it goes."""
        rows = [*strangers(3), *records(3)]
        at = harness.plant("mixed-by-decision", rows)
        holding = holding_at(store, at, dataset)
        assert holding.whole is not None
        before = dict(harness.state())
        order = Order("order-0", holding, holding.whole, whole=True)
        assert [Result.DESTROYED] == results(store, [order], dataset)
        after = dict(harness.state())
        assert_gone(after.get(at), rows)
        assert without(before, at) == without(after, at)

    def test_verification_tells_before_from_after(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """The same question finds residue before the destruction and absence after it."""
        at = [harness.plant(f"verified-{word}", records(3)) for word in ("one", "two")]
        orders = orders_at(store, at, dataset)
        assert [Finding.RESIDUE] * 2 == verified(store, orders, dataset)
        destroyed(store, orders[:1], dataset)
        assert [Finding.ABSENT, Finding.RESIDUE] == verified(store, orders, dataset)
        again = harness.open()
        assert [Finding.ABSENT, Finding.RESIDUE] == verified(again, orders, dataset)
        again.close()

    def test_verification_only_reads(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """Looking for residue leaves it where it is."""
        holding = holding_at(store, harness.plant("looked-at", records(3)), dataset)
        before = dict(harness.state())
        verified(store, [order_for(holding)], dataset)
        assert before == dict(harness.state())

    def test_no_limitation_or_number_tells_a_locator(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """What gets attested of a destruction is codes and numbers."""
        at = harness.plant("discreet", records(3))
        (order,) = orders_at(store, [at], dataset)
        (answer,) = destroyed(store, [order], dataset)
        for number in answer.numbers.values():
            assert number >= 0
        for text in (*answer.limitations, *answer.numbers, answer.reason):
            assert "discreet" not in text
