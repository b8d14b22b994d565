"""Examining every unit of every store, stores side by side, results in cursor order.

A store that fails does not stop the others: it ends in the coverage. Whatever a backend raises
while a unit is examined makes that unit a gap; nothing raised is ever read as "not there".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
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
from shredder.observer import Observer
from shredder.sweep.coverage import WHOLE_STORE, Coverage, ScopeCoverage

_GIVE_UP_AFTER = 3  # units in a row that a store did not answer for: it is gone
_AHEAD = 4  # units under way for each worker


@dataclass(frozen=True, slots=True)
class Problem:
    """A gap, and whose. Holds a locator: for the operator's eyes only."""

    store: str
    gap: Gap


@dataclass(frozen=True, slots=True)
class Sweep:
    """All that a sweep found."""

    holdings: tuple[Holding, ...]
    coverage: tuple[ScopeCoverage, ...]
    problems: tuple[Problem, ...]
    bytes_read: int
    records_read: int
    started: str
    finished: str


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
    total: Callable[[], int] = lambda: 0,
) -> Sweep:
    """Sweep all stores. One that could not be opened is given as the error that told so.

    `total` tells how many units there will be, for the progress; 0 as long as nobody knows.
    """
    started = clock.now()
    meter = _Meter(observer, total)
    sweeps = [_StoreSweep(name, store, matcher, observer, meter) for name, store in stores.items()]
    with ThreadPoolExecutor(max_workers=max(1, len(sweeps))) as pool:
        for done in [pool.submit(each.run) for each in sweeps]:
            done.result()
    return Sweep(
        holdings=tuple(h for each in sweeps for h in each.holdings),
        coverage=tuple(c for each in sweeps for c in each.coverage),
        problems=tuple(p for each in sweeps for p in each.problems),
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
    ) -> None:
        self._name, self._store = name, store
        self._matcher, self._observer, self._meter = matcher, observer, meter
        self.holdings: list[Holding] = []
        self.coverage: list[ScopeCoverage] = []
        self.problems: list[Problem] = []

    def run(self) -> None:
        if isinstance(self._store, BackendError):
            self._blind("", answers.code_of(self._store))
            return
        store = self._store
        identity = ""
        try:
            identity = answers.identity(store.identity)
            workers = max(1, store.traits.concurrency)
            scopes = _each_once(answers.scope(scope) for scope in store.scopes())
        except Exception as error:  # noqa: BLE001 - a third party's defect must not end the sweep
            self._blind(identity, answers.code_of(error))
            return
        if not scopes:
            # An empty answer is not absence: nothing of this store was looked at.
            self._blind(identity, "no-scopes")
            return
        with ThreadPoolExecutor(max_workers=workers) as pool:
            for scope in scopes:
                self._scope(store, identity, scope, pool, ahead=workers * _AHEAD)
        self._companions(store, identity)

    def _blind(self, identity: str, reason: str) -> None:
        coverage = Coverage(self._name, identity, WHOLE_STORE)
        coverage.broken_off(reason)
        self.coverage.append(coverage.stated())
        gap = Gap(WHOLE_STORE, CoverageStatus.UNREACHABLE, reason)
        self.problems.append(Problem(self._name, gap))
        self._observer.event("store-unreachable", store=self._name, reason=reason)

    def _scope(
        self, store: Store, identity: str, scope: Scope, pool: ThreadPoolExecutor, *, ahead: int
    ) -> None:
        coverage = Coverage(self._name, identity, scope.name, scope.as_of)
        reason = scope.problem or self._examine_all(store, scope.name, coverage, pool, ahead)
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
        )

    def _examine_all(
        self, store: Store, scope: str, coverage: Coverage, pool: ThreadPoolExecutor, ahead: int
    ) -> str:
        """Examine a scope's units; returns why it had to be broken off, or nothing."""
        silent = 0
        window: deque[Future[Examination]] = deque()
        for entry in _listed(store, scope):
            if isinstance(entry, str):
                self._drain(window, coverage, 0)
                return entry
            if isinstance(entry, Gap):
                self._gap(answers.gap(entry, scope), coverage)
                continue
            window.append(pool.submit(self._examine, store, entry))
            silent = self._drain(window, coverage, silent, keep=ahead)
            if silent >= _GIVE_UP_AFTER:
                self._drain(window, coverage, 0)
                return Unreachable.reason
        self._drain(window, coverage, 0)
        return ""

    def _drain(
        self, window: deque[Future[Examination]], coverage: Coverage, silent: int, *, keep: int = 0
    ) -> int:
        """Take in the oldest examinations; returns how many in a row the store was silent."""
        while len(window) > keep:
            examination = window.popleft().result()
            self.holdings.extend(examination.holdings)
            gap = examination.gap
            if gap is None:
                coverage.count(CoverageStatus.EXAMINED)
            else:
                self._gap(gap, coverage)
            unreachable = gap is not None and gap.status is CoverageStatus.UNREACHABLE
            silent = silent + 1 if unreachable else 0
        return silent

    def _gap(self, gap: Gap, coverage: Coverage) -> None:
        coverage.count(gap.status, gap.reason)
        self.problems.append(Problem(self._name, gap))

    def _examine(self, store: Store, unit: Unit) -> Examination:
        try:
            examination = _fitting(store.examine(unit, self._matcher), unit, self._name)
        except Exception as error:  # noqa: BLE001 - a third party's defect must not end the sweep
            silent = isinstance(error, Unreachable)
            status = CoverageStatus.UNREACHABLE if silent else CoverageStatus.FAILED
            code, kind = answers.code_of(error), type(error).__name__
            self._observer.event("unit-not-examined", store=self._name, reason=code, error=kind)
            examination = Examination(unit, gap=Gap(unit.scope, status, code, unit.locator))
        self._meter.add(examination)
        return examination

    def _companions(self, store: Store, identity: str) -> None:
        known = {(each.scope, each.locator, each.version) for each in self.holdings}
        found = []
        try:
            for companion in store.companions(tuple(self.holdings), self._matcher):
                fitting = answers.holding(companion, self._name)
                # What was recognised by its content already stands as what it was found to be.
                place = (fitting.scope, fitting.locator, fitting.version)
                if place not in known:
                    known.add(place)
                    found.append(fitting)
        except Exception as error:  # noqa: BLE001 - a third party's defect must not end the sweep
            self._blind(identity, answers.code_of(error))
        self.holdings.extend(found)


def _fitting(answer: Examination, unit: Unit, store: str) -> Examination:
    """An examination whose holdings and gap can be planned and signed. Raises otherwise."""
    holdings = tuple(answers.holding(each, store) for each in answer.holdings)
    gap = answer.gap and answers.gap(answer.gap, unit.scope)
    return Examination(unit, holdings, gap, answer.bytes_read, answer.records_read)


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
