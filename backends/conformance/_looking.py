"""Rules for what only reads: scopes, units, examine, companions, source, check."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import pickle
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest

from backends.conformance._harness import (
    ROWS,
    Harness,
    Row,
    acquaintances,
    excerpts,
    records,
    strangers,
)
from backends.conformance._suite import (
    Suite,
    assert_discreet,
    every_unit,
    examined,
    holding_at,
    needs,
    order_for,
    say,
    unit_at,
)
from backends.contract import (
    Backend,
    CheckStatus,
    Context,
    CoverageStatus,
    Examination,
    Gap,
    Holding,
    Setting,
    Signs,
    SourceSpec,
    Store,
    Unit,
    Verdict,
    is_code,
)
from backends.errors import BackendError, CouldNotTell
from backends.reference import ReferenceMatcher


class Looking(Suite):
    """What a sweep relies on."""

    def test_it_keeps_the_protocols(self, harness: Harness, store: Store) -> None:
        """The objects have the members that the contract names, with values of their types."""
        assert isinstance(harness.backend, Backend)
        assert isinstance(store, Store)
        assert harness.backend.required <= set(harness.backend.settings)
        assert all(isinstance(kind, Setting) for kind in harness.backend.settings.values())
        assert "backend" not in harness.backend.settings
        assert store.name == "place"

    def test_its_traits_make_sense(self, store: Store) -> None:
        """Limits are positive, and what it cannot see is told in codes."""
        assert store.traits.batch >= 1
        assert store.traits.concurrency >= 1
        assert store.traits.techniques
        assert store.traits.blind_spots, "no store sees everything"
        assert all(map(is_code, store.traits.blind_spots))

    def test_its_identity_is_stable_and_tells_no_secret(self, harness: Harness) -> None:
        """The identity gets signed: it is the same each time, one line, free of secrets."""
        first, second = harness.open(), harness.open()
        assert first.identity == second.identity
        assert first.identity.isprintable()
        assert first.identity.strip()
        for secret in harness.secrets:
            assert secret not in first.identity
            assert secret not in repr(first)
        first.close()
        second.close()

    def test_closing_twice_is_closing_once(self, harness: Harness) -> None:
        """Clean-up code may run more than once."""
        store = harness.open()
        store.close()
        store.close()
        harness.open().close()

    def test_a_listing_names_every_unit_once(self, harness: Harness, store: Store) -> None:
        """Each planted unit is listed, in a scope that exists, with a cursor of its own."""
        planted = [
            harness.plant(f"listed-{word}", strangers(2)) for word in ("one", "two", "three")
        ]
        scopes = [scope.name for scope in store.scopes()]
        assert len(scopes) == len(set(scopes))
        units = [unit for unit in every_unit(store) if isinstance(unit, Unit)]
        assert set(planted) <= {unit.locator for unit in units}
        assert len(units) == len({(unit.locator, unit.version) for unit in units})
        assert len(units) == len({(unit.scope, unit.cursor) for unit in units})
        assert {unit.scope for unit in units} <= set(scopes)
        assert all(unit.cursor for unit in units), "an empty cursor means the beginning"
        assert all(unit.size is None or unit.size >= 0 for unit in units)

    def test_listing_twice_gives_the_same(self, harness: Harness, store: Store) -> None:
        """Units keep their locator, version and order while nobody writes."""
        for word in ("one", "two", "three"):
            harness.plant(f"steady-{word}", records(3))
        again = harness.open()
        assert every_unit(store) == every_unit(again)
        again.close()

    def test_a_listing_resumes_after_any_cursor(self, harness: Harness, store: Store) -> None:
        """What comes after a cursor is what came after it before, no more and no less."""
        at = [harness.plant(f"resumed-{word}", strangers(1)) for word in ("one", "two", "three")]
        scope = unit_at(store, at[0]).scope
        units = [unit for unit in store.units(scope) if isinstance(unit, Unit)]
        for number in (index for index, unit in enumerate(units) if unit.locator in at):
            rest = [u for u in store.units(scope, units[number].cursor) if isinstance(u, Unit)]
            assert units[number + 1 :] == rest

    def test_a_listing_resumes_where_the_unit_is_gone(self, harness: Harness, store: Store) -> None:
        """A cursor is a place in the order, not a unit that must still be there."""
        at = [harness.plant(f"resumed-{word}", strangers(1)) for word in ("one", "two", "three")]
        scope = unit_at(store, at[0]).scope
        units = [unit for unit in store.units(scope) if isinstance(unit, Unit)]
        first = next(index for index, unit in enumerate(units) if unit.locator in at)
        harness.remove(units[first].locator)
        rest = [u for u in store.units(scope, units[first].cursor) if isinstance(u, Unit)]
        assert [u.locator for u in units[first + 1 :]] == [u.locator for u in rest]

    def test_an_unknown_scope_is_not_an_empty_one(self, store: Store) -> None:
        """A scope that is not there cannot be told to hold nothing."""
        with pytest.raises(BackendError):
            list(store.units("no-such-scope"))

    def test_a_pure_holding_is_counted(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """Every record is counted once, and no foreign one where there is none."""
        at = harness.plant("counted-pure", records())
        result = examined(store, at, dataset)
        (holding,) = result.holdings
        assert (ROWS, 0) == (holding.records, holding.foreign_records)
        assert Verdict.COPY is holding.verdict
        assert not holding.mixed
        assert holding.whole is not None
        assert result.gap is None
        assert result.bytes_read > 0
        assert result.records_read >= ROWS

    def test_a_mixed_holding_is_counted(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """Whoever only shares an e-mail address with the dataset is foreign."""
        rows = [*strangers(5), *records(7), *acquaintances(3)]
        holding = holding_at(store, harness.plant("counted-mixed", rows), dataset)
        assert (7, 8) == (holding.records, holding.foreign_records)
        assert holding.mixed

    def test_excerpts_count_once_there_are_enough(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """What is evidence only together is judged by the whole unit, wherever it stands."""
        rows = [*excerpts(2), *strangers(5), *excerpts(4)[2:]]
        holding = holding_at(store, harness.plant("excerpts-four", rows), dataset)
        assert (Verdict.COPY, 4, 5) == (holding.verdict, holding.records, holding.foreign_records)
        assert holding.signs == Signs(passages=4)

    def test_few_excerpts_are_foreign(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """Two of them are shown, and nothing is destroyed for them."""
        rows = [*strangers(5), *excerpts(2)]
        holding = holding_at(store, harness.plant("excerpts-two", rows), dataset)
        assert (Verdict.MAYBE, 0, 7) == (holding.verdict, holding.records, holding.foreign_records)

    def test_a_record_that_occurs_twice_is_counted_once(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """`records` are distinct ones."""
        holding = holding_at(store, harness.plant("counted-twice", records(4) * 2), dataset)
        assert (4, 0) == (holding.records, holding.foreign_records)

    def test_nothing_found_is_no_holding(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """A unit of strangers was examined and gives nothing."""
        result = examined(store, harness.plant("not-a-holding", strangers(9)), dataset)
        assert () == result.holdings
        assert result.gap is None
        assert result.bytes_read > 0

    def test_a_shared_address_is_no_copy(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """A mailing list with people of the dataset is never destroyed by plan."""
        result = examined(store, harness.plant("mailing-list", acquaintances(9)), dataset)
        assert Verdict.COPY not in {holding.verdict for holding in result.holdings}

    def test_holdings_are_well_formed(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """A holding names its store, scope, unit, version and techniques rightly."""
        for rows in (records(3), [*records(3), *strangers(3)]):
            at = harness.plant(f"formed-{len(rows)}-rows".replace("3", "three"), rows)
            unit = unit_at(store, at)
            (holding,) = store.examine(unit, dataset).holdings
            assert (store.name, unit.scope, at) == (holding.store, holding.scope, holding.locator)
            offered = {holding.whole, holding.partial} - {None}
            assert offered <= store.traits.techniques
            assert all(map(is_code, holding.limitations))
            assert holding.obstacle == "" or is_code(holding.obstacle)
            if holding.whole is None or (holding.mixed and holding.partial is None):
                assert holding.obstacle, "a missing technique has a reason"

    @needs("alter")
    def test_a_state_that_is_told_moves_with_the_content(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """A sweep does not read again what is in the state in which it held nothing."""
        place = harness.plant("moving", strangers(3))
        before = unit_at(store, place)
        assert before.state == unit_at(store, place).state
        assert not before.state or store.glance(before, dataset)
        harness.alter(place, records(3))
        after = unit_at(store, place)
        assert not after.state or after.state != before.state

    def test_a_portable_store_is_the_same_in_another_process(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """A worker opens it by its settings, and sees what is seen here."""
        place = harness.plant("elsewhere", records(4))
        if not store.traits.portable:
            return
        context = Context(base=harness.scratch, state=harness.scratch / ".shredder")
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            unit = unit_at(store, place)
            asked = pool.submit(
                _examined_there, harness.backend, dict(harness.settings()), context, unit, dataset
            )
            assert asked.result() == store.examine(unit, dataset)

    def test_examining_only_reads(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """A sweep leaves everything as it was, and so does looking for companions."""
        harness.plant("read-pure", records(5))
        harness.plant("read-mixed", [*records(5), *strangers(5)])
        harness.plant("read-foreign", strangers(5))
        before = dict(harness.state())
        holdings: list[Holding] = []
        for unit in every_unit(store):
            if isinstance(unit, Unit):
                holdings += store.examine(unit, dataset).holdings
        list(store.companions(holdings, dataset))
        list(store.check())
        assert before == dict(harness.state())

    def test_a_unit_that_vanished_is_not_clean(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """Between the listing and the examination a unit can go: then nothing is known of it."""
        at = harness.plant("zebra-gone", records(3))
        unit = unit_at(store, at)
        harness.remove(at)
        try:
            result = store.examine(unit, dataset)
        except CouldNotTell as error:
            assert_discreet(say(error), harness, [at], records(3))
        else:
            assert result.gap is not None
            assert is_code(result.gap.reason)

    @needs("alter")
    def test_a_unit_that_changed_is_not_examined_as_what_it_was(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """Records that came after the listing are not overlooked in silence."""
        at = harness.plant("zebra-grown", strangers(3))
        unit = unit_at(store, at)
        harness.alter(at, [*strangers(3), *records(3)])
        try:
            result = store.examine(unit, dataset)
        except CouldNotTell as error:
            assert_discreet(say(error), harness, [at], records(3))
        else:
            assert result.gap is not None or result.holdings

    def test_threads_see_what_one_thread_sees(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """As many examinations as the traits allow run at once on one store object."""
        sizes: dict[str, list[Row]] = {
            "at-once-one": records(3),
            "at-once-two": [*records(6), *strangers(1)],
            "at-once-three": strangers(9),
        }
        units = [unit_at(store, harness.plant(name, rows)) for name, rows in sizes.items()]
        alone = [store.examine(unit, dataset) for unit in units]
        with ThreadPoolExecutor(min(store.traits.concurrency, 8)) as pool:
            together = list(pool.map(lambda unit: store.examine(unit, dataset), units * 4))
        assert alone * 4 == together

    def test_what_it_gives_can_travel(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """Units, holdings, examinations and orders survive pickling: they cross processes."""
        at = harness.plant("travels", records(3))
        unit = unit_at(store, at)
        result = store.examine(unit, dataset)
        order = order_for(result.holdings[0])
        for value in (unit, result, result.holdings[0], order):
            assert value == pickle.loads(pickle.dumps(value))  # noqa: S301  # made here

    def test_companions_are_never_what_was_not_found(
        self, harness: Harness, store: Store, dataset: ReferenceMatcher
    ) -> None:
        """What goes along with a holding is not another unit's foreign content."""
        at = harness.plant("company", records(3))
        foreign = harness.plant("company-of-others", strangers(3))
        holding = holding_at(store, at, dataset)
        companions = list(store.companions([holding], dataset))
        assert foreign not in {companion.locator for companion in companions}
        assert holding not in companions
        assert [] == list(store.companions([], dataset))

    @needs("source")
    def test_a_source_gives_back_what_was_planted(self, harness: Harness, store: Store) -> None:
        """Rows come as text in the order of the columns, and the unit is named."""
        at = harness.plant("sourced", records(5))
        rows = store.source(harness.source(at))
        assert Row._fields == tuple(rows.columns)
        assert at == rows.locator
        assert sorted(map(tuple, records(5))) == sorted(rows)

    def test_a_source_that_is_not_there_is_an_error(self, store: Store) -> None:
        """An enrolment of nothing would recognise nothing."""
        nowhere = "no-such/place"
        for spec in (
            SourceSpec(store.name, table=nowhere),
            SourceSpec(store.name, path=nowhere),
            SourceSpec(store.name, key=nowhere),
        ):
            with pytest.raises(BackendError):
                list(store.source(spec))

    def test_the_doctor_finds_a_healthy_store(self, store: Store) -> None:
        """A place that can be swept has no failed check."""
        checks = list(store.check())
        assert checks
        assert CheckStatus.FAILED not in {check.status for check in checks}

    def test_gaps_are_well_formed(self, store: Store) -> None:
        """A gap says which status it has and why, in a code."""
        for gap in every_unit(store):
            if isinstance(gap, Gap):
                assert gap.status is not CoverageStatus.EXAMINED
                assert is_code(gap.reason)


def _examined_there(
    backend: Backend,
    settings: Mapping[str, object],
    context: Context,
    unit: Unit,
    dataset: ReferenceMatcher,
) -> Examination:
    store = backend.open("place", settings, context)
    try:
        return store.examine(unit, dataset)
    finally:
        store.close()
