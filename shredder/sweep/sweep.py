"""Examining every unit of every store, stores side by side, holdings in the order of a plan.

A store that fails does not stop the others: it ends in the coverage. Whatever a backend raises
while a unit is examined makes that unit a gap; nothing raised is ever read as "not there".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Lock

from backends.contract import (
    CoverageStatus,
    Examination,
    Gap,
    Holding,
    Matcher,
    Scope,
    Store,
    Unit,
)
from backends.errors import BackendError, Unreachable
from shredder import answers, clock
from shredder.errors import Inconclusive
from shredder.observer import Observer
from shredder.spool import Spool, SpooledSet
from shredder.sweep.coverage import WHOLE_STORE, Coverage, ScopeCoverage
from shredder.sweep.crew import Crew
from shredder.sweep.found import Holdings, Problem, Sweep, as_listed, place, to_come
from shredder.sweep.hands import Hands
from shredder.sweep.ledger import Ledger
from shredder.sweep.worker import Seen, Task

_SHUT = "encrypted"  # the reason of what nobody can look into without its key
_GIVE_UP_AFTER = 3  # units in a row that a store did not answer for: it is gone


@dataclass(frozen=True, slots=True)
class Means:
    """What a sweep may use besides.

    `ledger`: what earlier sweeps examined. `full`: do not trust it, but write it on. `crew`:
    workers, for the stores that have a job in `jobs`; called for when first needed. `settings`:
    by store, in a form that tells them from others. `over`: by store, locator and version, what
    was looked into once and destroyed by the end of its key: that it is shut now is no gap.
    """

    ledger: Ledger | None = None
    full: bool = False
    crew: Crew | None = None
    jobs: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    over: SpooledSet | None = None


class _Meter:
    """Sums up what all workers read, for the progress line."""

    def __init__(self, observer: Observer, total: Callable[[], int]) -> None:
        self._observer, self._total, self._lock = observer, total, Lock()
        self.units = self.bytes_read = self.records_read = 0

    def add(self, examination: Examination) -> None:
        with self._lock:
            self.units += 1
            self.bytes_read += examination.bytes_read
            self.records_read += examination.records_read
            total = self._total()
            self._observer.progress(
                "sweep",
                units=self.units,
                size=self.bytes_read,
                total=total if total >= self.units else 0,
            )


def sweep(
    stores: Mapping[str, Store | BackendError],
    matcher: Matcher,
    observer: Observer,
    spool: Spool,
    total: Callable[[], int] = lambda: 0,
    means: Means | None = None,
) -> Sweep:
    """Sweep all stores. One that could not be opened is given as the error that told so.

    `total` tells how many units there will be, for the progress; 0 as long as nobody knows.
    """
    started = clock.now()
    meter = _Meter(observer, total)
    means = means or Means()
    sweeps = [
        _StoreSweep(name, store, matcher, observer, meter, spool, means)
        for name, store in stores.items()
    ]
    with ThreadPoolExecutor(max_workers=max(1, len(sweeps))) as pool:
        for done in [pool.submit(each.run) for each in sweeps]:
            done.result()
    if means.ledger is not None and all(c.listed for each in sweeps for c in each.coverage):
        means.ledger.forget_others()
    problems = spool.new_list(Problem)
    for each in sweeps:
        for problem in each.problems:
            problems.append(problem)
    found = sum((each.found for each in sweeps), Counter[str]())
    return Sweep(
        holdings=Holdings([each.holdings for each in sweeps], found),
        coverage=tuple(c for each in sweeps for c in each.coverage),
        problems=problems,
        bytes_read=meter.bytes_read,
        records_read=meter.records_read,
        started=started,
        finished=clock.now(after=started),
    )


class _StoreSweep:
    """The sweep of one store, in a thread of its own."""

    def __init__(
        self,
        name: str,
        store: Store | BackendError,
        matcher: Matcher,
        observer: Observer,
        meter: _Meter,
        spool: Spool,
        means: Means,
    ) -> None:
        self._name, self._store = name, store
        self._matcher, self._observer, self._meter = matcher, observer, meter
        self._ledger, self._full = means.ledger, means.full
        self._crew, self._job = means.crew, means.jobs.get(name)
        self._settings = means.settings.get(name, "")
        self._over = means.over
        self._identity = ""
        self._spool = spool
        self.holdings = spool.new_list(Holding)
        self.found: Counter[str] = Counter()
        self.coverage: list[ScopeCoverage] = []
        self.problems = spool.new_list(Problem)

    def run(self) -> None:
        if isinstance(self._store, BackendError):
            self._blind(answers.code_of(self._store))
            return
        store = self._store
        try:
            self._identity = answers.identity(store.identity)
            hands = Hands(store, self._matcher, self._crew, self._job)
            scopes = _each_once(answers.scope(scope) for scope in store.scopes())
        except Exception as error:  # noqa: BLE001 - a third party's defect must not end the sweep
            self._blind(answers.code_of(error))
            return
        if not scopes:
            # An empty answer is not absence: nothing of this store was looked at.
            self._blind("no-scopes")
            return
        with hands:
            for scope in scopes:
                self._scope(store, scope, hands)
        self._companions(store)

    def _blind(self, reason: str) -> None:
        coverage = Coverage(self._name, self._identity, WHOLE_STORE)
        coverage.broken_off(reason)
        self.coverage.append(coverage.stated())
        gap = Gap(WHOLE_STORE, CoverageStatus.UNREACHABLE, reason)
        self.problems.append(Problem(self._name, gap))
        self._observer.event("store-unreachable", store=self._name, reason=reason)

    def _scope(self, store: Store, scope: Scope, hands: Hands) -> None:
        coverage = Coverage(self._name, self._identity, scope.name, scope.as_of)
        reason = scope.problem or self._examine_all(store, scope.name, coverage, hands)
        if reason:
            coverage.broken_off(reason)
            gap = Gap(scope.name, CoverageStatus.UNREACHABLE, reason)
            self.problems.append(Problem(self._name, gap))
        else:
            coverage.listing_ended()
        stated = coverage.stated()
        self.coverage.append(stated)
        self._observer.event(
            "scope-swept",
            store=self._name,
            status=stated.status.value,
            units=stated.units_total,
            examined=stated.examined,
            unchanged=stated.unchanged,
        )

    def _examine_all(self, store: Store, scope: str, coverage: Coverage, hands: Hands) -> str:
        """Examine a scope's units; returns why it had to be broken off, or nothing."""
        broken_off = ""

        def tasks() -> Iterator[Task]:
            nonlocal broken_off
            for entry in _listed(store, scope):
                if broken_off:
                    return
                if isinstance(entry, str):
                    broken_off = entry
                elif isinstance(entry, Gap):
                    self._gap(answers.gap(entry, scope), coverage)
                else:
                    yield Task(entry, known=not self._full and self._known(entry))

        silent = 0
        for seen in hands.examined(tasks()):
            self._take(seen, coverage)
            gap = seen.examination.gap
            unreachable = gap is not None and gap.status is CoverageStatus.UNREACHABLE
            silent = silent + 1 if unreachable else 0
            if silent >= _GIVE_UP_AFTER:
                broken_off = broken_off or Unreachable.reason
        return broken_off

    def _known(self, unit: Unit) -> bool:
        return self._ledger is not None and self._ledger.knows(self._digest(unit))

    def _digest(self, unit: Unit) -> bytes:
        assert self._ledger is not None
        return self._ledger.digest(self._name, self._identity, self._settings, unit)

    def _take(self, seen: Seen, coverage: Coverage) -> None:
        """Take in what came of one unit."""
        examination = seen.examination
        if self._is_over(seen):
            examination = replace(examination, gap=None)
        self._meter.add(examination)
        for holding in examination.holdings:
            self._keep(as_listed(holding, examination.unit.version))
        if examination.gap is None:
            coverage.count(CoverageStatus.EXAMINED)
            coverage.unchanged += seen.unchanged
            shut = seen.examination.gap is not None
            if self._ledger is not None and not examination.holdings and not shut:
                self._ledger.add(self._digest(examination.unit))
        else:
            self._gap(examination.gap, coverage)
        if seen.error:
            assert examination.gap is not None
            self._observer.event(
                "unit-not-examined",
                store=self._name,
                reason=examination.gap.reason,
                error=seen.error,
            )

    def _is_over(self, seen: Seen) -> bool:
        """Whether it was seen to be shut, and ended so. What was raised is nothing seen."""
        gap, unit = seen.examination.gap, seen.examination.unit
        if self._over is None or seen.error or gap is None or gap.reason != _SHUT:
            return False
        return self._over.has(self._name, unit.locator, unit.version)

    def _gap(self, gap: Gap, coverage: Coverage) -> None:
        coverage.count(gap.status, gap.reason)
        self.problems.append(Problem(self._name, gap))

    def _keep(self, holding: Holding) -> None:
        self.holdings.append(holding, place(holding))
        self.found[holding.verdict.value] += 1

    def _companions(self, store: Store) -> None:
        # What was recognised by its content already stands as what it was found to be.
        known: SpooledSet | None = None
        found = self._spool.new_list(Holding)
        try:
            for companion in store.companions(self.holdings, self._matcher):
                fitting = answers.holding(companion, self._name)
                known = known or self._places()
                where = fitting.scope, fitting.locator, fitting.version
                if not known.has(*where):
                    known.add(*where)
                    found.append(to_come(fitting) if fitting.residue else fitting)
        except Inconclusive:
            raise  # the spool's: it is full, and no defect of the store's
        except Exception as error:  # noqa: BLE001 - a third party's defect must not end the sweep
            self._blind(answers.code_of(error))
        for holding in found:
            self._keep(holding)

    def _places(self) -> SpooledSet:
        places = self._spool.new_set()
        for each in self.holdings:
            places.add(each.scope, each.locator, each.version)
        return places


def _each_once(scopes: Iterable[Scope]) -> list[Scope]:
    """Scopes by name; of two of one name, the one with a problem."""
    found: dict[str, Scope] = {}
    for scope in scopes:
        if scope.name not in found or scope.problem:
            found[scope.name] = scope
    return list(found.values())


def _listed(store: Store, scope: str) -> Iterator[Unit | Gap | str]:
    """The units, and last the reason code of whatever broke the listing off."""
    try:
        yield from store.units(scope)
    except Exception as error:  # noqa: BLE001 - a third party's defect must not end the sweep
        yield answers.code_of(error)
