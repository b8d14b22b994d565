"""What the three parts of the suite share: declared inabilities, fixtures, short words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, TypeVar

import pytest

from backends.conformance._harness import Harness, Row, matcher
from backends.contract import (
    CoverageStatus,
    Destruction,
    Examination,
    Finding,
    Gap,
    Holding,
    Matcher,
    Order,
    Result,
    Store,
    Technique,
    Unit,
    Verification,
    is_code,
)
from backends.errors import BackendError, CouldNotTell
from backends.reference import ReferenceMatcher

HOOKS: Mapping[str, str] = {
    "partial": "take the dataset's records out of a planted mixed unit and leave the rest",
    "alter": "alter a unit in place (declare it where a version can never change)",
    "sever": "make the place unreachable",
    "deny": "refuse a store one unit's content",
    "source": "serve a planted unit as a source",
}

_Test = TypeVar("_Test", bound=Callable[..., None])


def needs(hook: str) -> Callable[[_Test], _Test]:
    """Collect the test unless `hook` is declared impossible."""
    return _mark(hook, wanted=True)


def lacks(hook: str) -> Callable[[_Test], _Test]:
    """Collect the test only where `hook` is declared impossible."""
    return _mark(hook, wanted=False)


def _mark(hook: str, *, wanted: bool) -> Callable[[_Test], _Test]:
    if hook not in HOOKS:
        raise ValueError(hook)

    def mark(test: _Test) -> _Test:
        marks = [*getattr(test, "conformance_hooks", ()), (hook, wanted)]
        setattr(test, "conformance_hooks", marks)  # noqa: B010  # a function has no such attribute
        return test

    return mark


class Suite:
    """The base of the parts. A subclass overrides the fixture `harness` and declares `cannot`."""

    cannot: ClassVar[Mapping[str, str]] = {}  # hook -> why

    def __init_subclass__(cls, *, cannot: Mapping[str, str] | None = None) -> None:
        """Leave out the tests that do not apply, by what is declared; see HOOKS."""
        super().__init_subclass__()
        if cannot is None:
            return
        if set(cannot) - set(HOOKS) or not all(cannot.values()):
            raise TypeError(f"{cls.__name__}, cannot: names of HOOKS, each with a reason")
        cls.cannot = dict(cannot)
        for name in dir(cls):
            marks = getattr(getattr(cls, name), "conformance_hooks", ())
            if any((hook in cls.cannot) is wanted for hook, wanted in marks):
                setattr(cls, name, None)

    @pytest.fixture
    def harness(self) -> Harness:
        """Return a harness on a fresh place."""
        raise NotImplementedError("override the fixture `harness`")

    @pytest.fixture
    def store(self, harness: Harness) -> Iterator[Store]:
        """Open the store on the harness's place; whatever it tells meanwhile is fitting."""
        store = harness.open()
        yield store
        store.close()
        for step in harness.told:
            assert is_code(step.name), "a step is a code, and names nothing that it works on"
            assert step.done >= 0
            assert step.total == 0 or step.done <= step.total

    @pytest.fixture
    def dataset(self) -> ReferenceMatcher:
        """Return the matcher of the planted dataset."""
        return matcher()


def every_unit(store: Store) -> list[Unit | Gap]:
    """List all scopes in full."""
    return [unit for scope in store.scopes() for unit in store.units(scope.name)]


def unit_at(store: Store, locator: str) -> Unit:
    """Return the unit at a locator."""
    found = [u for u in every_unit(store) if isinstance(u, Unit) and u.locator == locator]
    assert len(found) == 1, f"{len(found)} units at the planted locator {locator!r}"
    return found[0]


def examined(store: Store, locator: str, dataset: Matcher) -> Examination:
    """Examine the unit at a locator."""
    return store.examine(unit_at(store, locator), dataset)


def holding_at(store: Store, locator: str, dataset: Matcher) -> Holding:
    """Return the one holding that the unit at a locator is."""
    (holding,) = examined(store, locator, dataset).holdings
    return holding


def order_for(holding: Holding, number: int = 0) -> Order:
    """Return what a plan would order by default: all of it, or the records out of it."""
    technique = holding.partial if holding.mixed else holding.whole
    assert technique is not None, "no technique for a planted holding"
    return Order(f"order-{number}", holding, technique, whole=False)


def orders_at(store: Store, locators: Sequence[str], dataset: Matcher) -> list[Order]:
    """Return a plan for the holdings at these locators."""
    return [order_for(holding_at(store, at, dataset), n) for n, at in enumerate(locators)]


def destroyed(store: Store, orders: Sequence[Order], dataset: Matcher) -> list[Destruction]:
    """Carry out orders in batches that the store takes, and check each answer's form."""
    answers: list[Destruction] = []
    for start in range(0, len(orders), store.traits.batch):
        batch = orders[start : start + store.traits.batch]
        some = store.destroy(batch, dataset)
        assert [order.id for order in batch] == [answer.order for answer in some]
        answers += some
    for answer in answers:
        assert all(map(is_code, (*answer.limitations, *answer.numbers)))
        assert answer.reason == "" or is_code(answer.reason)
        if answer.result is Result.FAILED:
            assert answer.reason, "a failure has a reason"
        if answer.result is Result.PENDING:
            assert answer.until, "a waiting period has an end"
    return answers


def results(store: Store, orders: Sequence[Order], dataset: Matcher) -> list[Result]:
    """Carry out orders and return the bare results."""
    return [answer.result for answer in destroyed(store, orders, dataset)]


def verified(store: Store, orders: Sequence[Order], dataset: Matcher) -> list[Finding]:
    """Look for residue, check each answer's form, and return the bare findings."""
    answers: list[Verification] = list(store.verify(orders, dataset))
    assert [order.id for order in orders] == [answer.order for answer in answers]
    for answer in answers:
        assert all(map(is_code, (*answer.looked, *answer.numbers)))
        if answer.finding is Finding.ABSENT:
            assert answer.looked, "absence says where was looked"
        else:
            assert is_code(answer.reason), "residue and doubt have a reason"
    return [answer.finding for answer in answers]


def foreign_technique(store: Store) -> Technique:
    """Return a technique that the store does not offer."""
    return next(technique for technique in Technique if technique not in store.traits.techniques)


def admits_doubt(store: Store, dataset: Matcher) -> bool:
    """Sweep, and return whether the store said anywhere that it does not know."""
    try:
        for scope in store.scopes():
            if scope.problem:
                assert is_code(scope.problem)
                return True
            for unit in store.units(scope.name):
                gap = unit if isinstance(unit, Gap) else store.examine(unit, dataset).gap
                if gap is not None and gap.status is not CoverageStatus.EXCLUDED:
                    assert is_code(gap.reason)
                    return True
    except CouldNotTell:
        return True
    return False


def say(error: BackendError) -> str:
    """Return everything that an error says, after a look at its code."""
    assert is_code(error.code)
    return " ".join((str(error), error.message, error.hint, error.code, repr(error)))


def assert_discreet(
    text: str, harness: Harness, locators: Sequence[str], rows: Sequence[Row]
) -> None:
    """Check that a text has no locator, no value of a record and no secret."""
    for value in (*locators, *harness.secrets, *(value for row in rows for value in row)):
        assert value not in text, f"{text!r} tells {value!r}"
    assert "\n" not in text
