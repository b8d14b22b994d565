"""The second sweep: fresh, of everything, trusting nothing that destruction said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backends.contract import Holding, Verdict, strongest
from shredder.config import DatasetConfig
from shredder.plan import Decision, Item, decide, read_header, read_items
from shredder.plan.by_key import by_key_items
from shredder.run.gone_by_key import came_of_key
from shredder.run.look import look, write_down
from shredder.run.residue import SAID_GONE
from shredder.run.work import Work
from shredder.spool import Spool, SpooledList, SpooledSet, sort_key
from shredder.sweep import is_to_come
from shredder.sweep.found import Holdings


@dataclass(frozen=True, slots=True)
class Again:
    """What the second sweep says of the plan's holdings."""

    resurfaced: SpooledSet  # ids of orders whose holding was found again
    digest: str  # of the file that it was written to
    finished: str
    opened: bool  # something that was called ended with its key could be opened


@dataclass(frozen=True, slots=True)
class _Gone:
    """A holding that is said to be destroyed."""

    id: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class _Planned:
    """The plan's holdings as the journal has them, each by store, locator and version."""

    left: SpooledSet  # by the plan, or because it could not be destroyed
    gone: SpooledList[_Gone]


def again_file(work: Work, run: str) -> Path:
    """Where the second sweep is written, in the form of a plan."""
    return work.state.run(run) / "again.jsonl"


def sweep_again(work: Work, run: str, dataset: DatasetConfig, spool: Spool) -> Again:
    """Sweep all stores, hold what is found against the plan, and write it down; repeatable."""
    before = read_header(work.plan_file(run)).coverage
    units = sum(entry.units_total for entry in before)
    seen = look(work, dataset, spool, expected={entry.store for entry in before}, units=units)
    options = work.options(run)
    # What was planned is only gone through if anything was found at all.
    planned = _planned(work, run, spool) if len(seen.sweep.holdings) else None
    sealed = _found_of_list(work.plan_file(run), seen.sweep.holdings, spool)
    key_gone = came_of_key(work, run) in SAID_GONE
    resurfaced = spool.new_set()
    opened = False  # something that had ended with the key

    def appeared() -> Iterator[Item]:
        """Holdings that stand in no plan, and what would become of them."""
        nonlocal opened
        if planned is None:
            return
        for number, holding in enumerate(seen.sweep.holdings, start=1):
            if sealed is not None and _is_of(sealed, holding, whatever_version=key_gone):
                opened |= key_gone
                continue
            if planned.left.has(holding.store, holding.locator, holding.version):
                continue  # as the plan or the outcome of its destruction says
            if is_to_come(holding):
                continue  # what is left by the plan would leave residue; it has not
            back = False
            for each in _back(planned.gone, holding):
                resurfaced.add(each.id)
                back = True
            if not back:
                item_id = f"{run}-again-{number:07d}"
                yield decide(item_id, holding, options, dataset.locations)

    digest = write_down(work, again_file(work, run), run, dataset, seen, appeared())
    by_key = read_header(work.plan_file(run)).by_key
    if opened and by_key:
        resurfaced.add(by_key.order)
    return Again(resurfaced, digest, seen.sweep.finished, opened)


def _found_of_list(plan: Path, found: Holdings, spool: Spool) -> SpooledSet | None:
    """What was found of that which ends with the key; None: nothing.

    Each by store, locator and version; and by store and locator, where what was found is sealed.
    The list is only gone through if anything was found at all.
    """
    if read_header(plan).by_key is None or not len(found):
        return None
    places, open_places, both = spool.new_set(), spool.new_set(), None
    for holding in found:
        places.add(holding.store, holding.locator, holding.version)
        if holding.sealed:
            open_places.add(holding.store, holding.locator)
    for item in by_key_items(plan):
        where = item.holding.store, item.holding.locator
        for known, place in ((places, (*where, item.holding.version)), (open_places, where)):
            if known.has(*place):
                both = both or spool.new_set()
                both.add(*place)
    return both


def _is_of(listed: SpooledSet, holding: Holding, *, whatever_version: bool) -> bool:
    """Whether what was found is of the list: as it was, or sealed at its place, and opened."""
    where = holding.store, holding.locator
    if listed.has(*where, holding.version):
        return True
    return whatever_version and holding.sealed and listed.has(*where)


def _planned(work: Work, run: str, spool: Spool) -> _Planned:
    left, gone = spool.new_set(), spool.new_list(_Gone)
    for item in read_items(work.plan_file(run)):
        place = item.holding.store, item.holding.locator, item.holding.version
        entry = work.journal.entry(run, item.id) if item.decision is Decision.DESTROY else None
        if entry and entry.destruction and entry.destruction.result in SAID_GONE:
            gone.append(_Gone(item.id, item.holding.verdict), sort_key(*place))
        else:
            left.add(*place)
    return _Planned(left, gone)


def _back(gone: SpooledList[_Gone], found: Holding) -> Iterator[_Gone]:
    """Which of the holdings destroyed at one place a holding found there is.

    That of its version, if there is one. A rewritten file has another version, and what may
    stay in it is a weaker sign of the dataset: so it is any of them that said no more than this.
    """
    same = False
    for each in gone.under(sort_key(found.store, found.locator, found.version)):
        same = True
        yield each
    for each in () if same else gone.under(sort_key(found.store, found.locator)):
        if strongest((found.verdict, each.verdict)) is found.verdict:
            yield each
