"""Looking: a sweep of all configured stores for one dataset, and the plan made of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from backends.contract import CoverageStatus, Holding, Store, Verdict
from backends.errors import BackendError
from shredder import answers, clock
from shredder.config import DESTROY, KEEP, DatasetConfig
from shredder.errors import UsageError
from shredder.plan import (
    Decision,
    Header,
    Item,
    Options,
    Ruling,
    Sealed,
    decide,
    read_items,
    read_rulings,
    write_plan,
)
from shredder.plan.keyed import Keyed, foresee, settle
from shredder.plan.model import ByKey
from shredder.plan.rulings import place_of
from shredder.run.gone_by_key import gone_by_key
from shredder.run.means import means
from shredder.run.work import Work, stores_or_errors
from shredder.spool import Spool, SpooledSet
from shredder.sweep import Opening, Problem, Sweep, counted_ahead, sweep

_OPERATORS_FAULT = 2  # the exit code of what the configuration is to blame for


@dataclass(frozen=True, slots=True)
class Look:
    """What a sweep found, and each store's blind spots."""

    sweep: Sweep
    blind_spots: dict[str, tuple[str, ...]]


def look(
    work: Work,
    dataset: DatasetConfig,
    spool: Spool,
    *,
    expected: Collection[str] = (),
    units: int = 0,
) -> Look:
    """Sweep for a dataset.

    Raises BackendError where a store's configuration is at fault: that is not a store that
    cannot be reached, and going on would hide it. But a sweep that follows a destruction
    names the stores that are `expected`, and goes on: whichever of them cannot be opened, or
    is configured no more, stands in the coverage as one that was not looked at. `units` is how
    many there were the last time; without it they are counted, if anybody watches.
    """
    matcher = work.matcher(dataset.name)
    work.observer.progress("sweep", units=0, total=units)
    with stores_or_errors(work, dataset.name, work.observer.step) as opened:
        stores = dict(opened)
        for name in expected:
            stores.setdefault(name, BackendError("", reason="store-not-configured"))
        for store in () if expected else opened.values():
            if isinstance(store, BackendError) and store.exit_code == _OPERATORS_FAULT:
                raise store
        opening = partial(stores_or_errors, work, dataset.name)
        over = gone_by_key(work, dataset.name, spool)
        given = means(work, dataset.name, matcher, over)
        with _total(work, units, opening) as total, given as chosen:
            found = sweep(stores, matcher, work.observer, spool, total, chosen)
        return Look(found, _blind_spots(opened))


@contextmanager
def _total(work: Work, units: int, opening: Opening) -> Iterator[Callable[[], int]]:
    if units or not work.observer.watched:
        yield lambda: units
    else:
        with counted_ahead(opening) as total:
            yield total


def _blind_spots(stores: Mapping[str, Store | BackendError]) -> dict[str, tuple[str, ...]]:
    found = {}
    for name, store in stores.items():
        if isinstance(store, BackendError):
            continue
        try:
            found[name] = answers.codes(store.traits.blind_spots)
        except Exception:  # noqa: BLE001 - a third party's defect must not end the run
            found[name] = (answers.DEFECT,)
    return found


def write_down(
    work: Work,
    path: Path,
    run: str,
    dataset: DatasetConfig,
    seen: Look,
    items: Iterable[Item],
    by_key: ByKey | None = None,
    not_by_key: Mapping[str, tuple[str, ...]] | None = None,
) -> str:
    """Write a sweep with the decisions on its holdings, as a plan file; returns its digest."""
    enrolled = work.enrolled(dataset.name)
    header = Header(
        run=run,
        dataset=dataset.name,
        created=clock.now(),
        fingerprint=enrolled.commitment,
        matcher_version=enrolled.matcher_version,
        records_enrolled=enrolled.records,
        records_recognisable=enrolled.recognisable,
        options=work.options(run),
        coverage=seen.sweep.coverage,
        found=dict(seen.sweep.holdings.found),
        blind_spots=seen.blind_spots,
        started=seen.sweep.started,
        finished=seen.sweep.finished,
        fingerprint_after=_after(dataset),
        by_key=by_key,
        not_by_key=not_by_key or {},
    )
    return write_plan(path, header, items)


def _after(dataset: DatasetConfig) -> str:
    """What is to become of a fingerprint: a day until which it was to be kept may have come."""
    day = dataset.fingerprint
    if day in {KEEP, DESTROY}:
        return day
    return day if clock.today() < dt.date.fromisoformat(day) else DESTROY


@dataclass(frozen=True, slots=True)
class Decided:
    """What is decided on what was found, and what is known of the dataset's key for that."""

    items: Iterable[Item]  # in the order of execution; to be gone through once
    keyed: Keyed | None


def decided(
    run: str,
    holdings: Iterable[Holding],
    options: Options,
    dataset: DatasetConfig,
    dismissed: SpooledSet,
    rulings: Rulings,
    *,
    keyed: bool = False,
) -> Decided:
    """Decide on all that was found. Raises UsageError, see `decide`.

    `keyed`: there are keys of the dataset among its holdings, or were.
    """

    def deciding(item_id: str, holding: Holding) -> Item:
        ruling = rulings.on(holding)
        item = decide(item_id, holding, options, dataset.locations, ruling)
        open_to_it = item.decision is Decision.UNDECIDED and holding.verdict is not Verdict.COPY
        if open_to_it and dismissed.has(holding.store, holding.locator, holding.version):
            item = replace(item, decision=Decision.DISMISSED, reason="dismissed-before")
        return item

    def numbered() -> Iterator[tuple[str, Holding]]:
        for number, holding in enumerate(holdings, start=1):
            yield f"{run}-{number:07d}", holding

    sources = {source.store for source in dataset.sources if not source.sealed}
    wanted = options.sealed is Sealed.BY_KEY
    known = foresee(numbered(), sources, deciding, wanted=wanted) if keyed else None

    def settled() -> Iterator[Item]:
        for item_id, holding in numbered():
            rulings.count(holding)
            item = deciding(item_id, holding)
            yield settle(item, known, deciding) if known else item

    return Decided(settled(), known)


class Rulings:
    """What the operator has ruled on single holdings, in a file; without one, on none."""

    def __init__(self, path: Path | None, spool: Spool) -> None:
        """Read the file. Raises UsageError, also where two lines rule on one holding."""
        self._sets = {ruling: spool.new_set() for ruling in Ruling if ruling}
        self.given = self.used = 0
        for place, ruling in read_rulings(path) if path is not None else ():
            if any(known.has(*place) for known in self._sets.values()):
                raise UsageError(f"{path} rules twice on one holding", hint="leave one line out")
            self._sets[ruling].add(*place)
            self.given += 1

    def on(self, holding: Holding) -> Ruling:
        """The ruling on this very version of a holding."""
        place = place_of(holding)
        return next((r for r, known in self._sets.items() if known.has(*place)), Ruling.NONE)

    def count(self, holding: Holding) -> None:
        """Have a ruling on this holding, if there is one, be about something that was found."""
        self.used += self.on(holding) is not Ruling.NONE


def dismissed_before(work: Work, dataset: str, spool: Spool) -> SpooledSet:
    """What the operator has ruled on already, in a run that was attested: these versions.

    Each is a store, a locator and a version.
    """
    ruled = spool.new_set()
    for run in work.journal.attested(dataset)[-1:]:
        if run.forgotten:
            continue  # then what was ruled on is ruled on anew
        for item in read_items(work.plan_file(run.id)):
            if item.decision is Decision.DISMISSED:
                ruled.add(item.holding.store, item.holding.locator, item.holding.version)
    return ruled


def gaps(problems: Sequence[Problem], plan: Iterable[Item], spool: Spool) -> int:
    """How much could not be examined and is not to be destroyed anyway.

    An unfinished upload cannot be read, but it can be aborted: with that decided, it is no gap.
    What the operator has excluded is not one either; the coverage names it.
    """
    going: SpooledSet | None = None
    number = 0
    for problem in problems:
        if problem.gap.status is CoverageStatus.EXCLUDED:
            continue
        going = going or _going(plan, spool)
        number += not going.has(problem.store, problem.gap.locator)
    return number


def _going(plan: Iterable[Item], spool: Spool) -> SpooledSet:
    going = spool.new_set()
    for item in plan:
        if item.decision is Decision.DESTROY:
            going.add(item.holding.store, item.holding.locator)
    return going
