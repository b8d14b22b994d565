"""Stores round a store: the same interface, with one habit added.

:class:`Retrying` asks again where a store did not answer; :class:`DryRun` destroys nothing. Both
keep the contract, so they can be laid round any store and round each other.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar, overload

from backends.contract import (
    Check,
    Destruction,
    Examination,
    Gap,
    Holding,
    Matcher,
    Order,
    Result,
    Scope,
    SourceRows,
    SourceSpec,
    Store,
    Traits,
    Unit,
    Verification,
)
from backends.errors import Unreachable

_T = TypeVar("_T")


class Wrapper:
    """Passes everything on; a subclass changes what it must."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    @property
    def name(self) -> str:
        """The inner store's name."""
        return self.inner.name

    @property
    def identity(self) -> str:
        """The inner store's identity: a habit is no other place."""
        return self.inner.identity

    @property
    def traits(self) -> Traits:
        """The inner store's traits."""
        return self.inner.traits

    def scopes(self) -> Sequence[Scope]:
        """Pass on; see :class:`backends.contract.Store`, as for all that follows."""
        return self.inner.scopes()

    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        """Pass on."""
        return self.inner.units(scope, after)

    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        """Pass on."""
        return self.inner.examine(unit, matcher)

    def glance(self, unit: Unit, matcher: Matcher) -> bool:
        """Pass on."""
        return self.inner.glance(unit, matcher)

    def companions(self, holdings: Sequence[Holding], matcher: Matcher) -> Iterator[Holding]:
        """Pass on."""
        return self.inner.companions(holdings, matcher)

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        """Pass on."""
        return self.inner.destroy(orders, matcher)

    def verify(self, orders: Sequence[Order], matcher: Matcher) -> Iterator[Verification]:
        """Pass on."""
        return self.inner.verify(orders, matcher)

    def source(self, spec: SourceSpec) -> SourceRows:
        """Pass on."""
        return self.inner.source(spec)

    def check(self) -> Iterator[Check]:
        """Pass on."""
        return self.inner.check()

    def close(self) -> None:
        """Pass on."""
        self.inner.close()


class Selected(Sequence[Holding]):
    """Those of a sequence's holdings that are to be passed on; they are never all in memory."""

    def __init__(self, holdings: Sequence[Holding], wanted: Callable[[Holding], bool]) -> None:
        self._holdings = holdings
        self._wanted = wanted

    def __iter__(self) -> Iterator[Holding]:
        return filter(self._wanted, self._holdings)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @overload
    def __getitem__(self, index: int) -> Holding: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Holding]: ...
    def __getitem__(self, index: int | slice) -> Holding | Sequence[Holding]:
        return list(self)[index]


class DryRun(Wrapper):
    """Looks like the inner store, and leaves every holding alone."""

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        """Report each order as failed with the reason ``dry-run``; touch nothing."""
        del matcher
        if len(orders) > self.traits.batch:
            raise ValueError(f"{len(orders)} orders in one call; {self.traits.batch} at the most")
        return [Destruction(order.id, Result.FAILED, reason="dry-run") for order in orders]


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to ask and how long to wait: `first` seconds, then twice as long each time.

    Each wait is cut by a random share of up to a half, so that many callers that failed
    together do not come back together.
    """

    attempts: int = 4
    first: float = 0.25
    longest: float = 10.0
    sleep: Callable[[float], None] = time.sleep

    def wait(self, failures: int) -> None:
        """Sleep after so many failures in a row."""
        delay = min(self.longest, self.first * 2 ** (failures - 1))
        self.sleep(delay * random.uniform(0.5, 1))  # noqa: S311  # spreads load, guards nothing


class Retrying(Wrapper):
    """Asks again when the store did not answer, as often as `patience` says, then raises.

    Only what reads is repeated here, and only after :class:`backends.errors.Unreachable`: a
    refusal stays a refusal. ``destroy`` is repeated by the journal alone, which knows what was
    intended. A listing or a verification that breaks off goes on where it stopped, and
    progress makes the count of failures start anew.
    """

    def __init__(self, inner: Store, patience: Patience | None = None) -> None:
        super().__init__(inner)
        self.patience = patience or Patience()

    def scopes(self) -> Sequence[Scope]:
        """Ask again."""
        return self._again(self.inner.scopes)

    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        """Ask again; examining a unit twice gives what examining it once does."""
        return self._again(lambda: self.inner.examine(unit, matcher))

    def source(self, spec: SourceSpec) -> SourceRows:
        """Ask again for the opening; a stream that breaks off is not repeated."""
        return self._again(lambda: self.inner.source(spec))

    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        """Go on after the last unit's cursor; gaps told since then are not told twice."""
        failures = 0
        told: list[Gap] = []  # since the last unit: a gap has no cursor of its own
        while True:
            again = list(told)
            try:
                for unit in self.inner.units(scope, after):
                    if isinstance(unit, Gap):
                        if unit in again:
                            again.remove(unit)
                            continue
                        told.append(unit)
                    else:
                        after = unit.cursor
                        told.clear()
                        again.clear()
                    failures = 0
                    yield unit
            except Unreachable as error:
                failures = self._failed_again(failures, error)
            else:
                return

    def companions(self, holdings: Sequence[Holding], matcher: Matcher) -> Iterator[Holding]:
        """Begin anew; what was told is not told twice."""
        failures = 0
        told: set[tuple[str, str, str]] = set()
        while True:
            try:
                for holding in self.inner.companions(holdings, matcher):
                    key = (holding.scope, holding.locator, holding.version)
                    if key not in told:
                        told.add(key)
                        failures = 0
                        yield holding
            except Unreachable as error:
                failures = self._failed_again(failures, error)
            else:
                return

    def verify(self, orders: Sequence[Order], matcher: Matcher) -> Iterator[Verification]:
        """Go on with the first order that has no answer."""
        failures = done = 0
        while True:
            try:
                for verification in self.inner.verify(orders[done:], matcher):
                    done += 1
                    failures = 0
                    yield verification
            except Unreachable as error:
                failures = self._failed_again(failures, error)
            else:
                return

    def _again(self, ask: Callable[[], _T]) -> _T:
        failures = 0
        while True:
            try:
                return ask()
            except Unreachable as error:
                failures = self._failed_again(failures, error)

    def _failed_again(self, failures: int, error: Unreachable) -> int:
        """Wait and return the count of failures, or give up."""
        failures += 1
        if failures >= self.patience.attempts:
            raise error
        self.patience.wait(failures)
        return failures
