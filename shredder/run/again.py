"""The second sweep: fresh, of everything, trusting nothing that destruction said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.contract import Holding, Verdict
from shredder.config import DatasetConfig
from shredder.plan import Decision, Item, decide, read_header, read_items
from shredder.run.look import look, write_down
from shredder.run.residue import SAID_GONE
from shredder.run.work import Work

Place = tuple[str, str]  # store, locator
_STRONGEST_FIRST = (Verdict.COPY, Verdict.LIKELY, Verdict.MAYBE)


@dataclass(frozen=True, slots=True)
class Again:
    """What the second sweep says of the plan's holdings, and beyond them."""

    resurfaced: frozenset[str]  # ids of orders whose holding was found again
    appeared: tuple[Item, ...]  # holdings that stand in no plan, and what would become of them
    digest: str  # of the file that it was written to
    finished: str


def again_file(work: Work, run: str) -> Path:
    """Where the second sweep is written, in the form of a plan."""
    return work.state.run(run) / "again.jsonl"


def sweep_again(work: Work, run: str, dataset: DatasetConfig) -> Again:
    """Sweep all stores, hold what is found against the plan, and write it down; repeatable."""
    before = read_header(work.plan_file(run)).coverage
    units = sum(entry.units_total for entry in before)
    seen = look(work, dataset, expected={entry.store for entry in before}, units=units)
    options = work.options(run)
    left, gone = _planned(work, run)
    resurfaced: set[str] = set()
    appeared: list[Item] = []
    for number, holding in enumerate(seen.sweep.holdings, start=1):
        place = (holding.store, holding.locator)
        if (place, holding.version) in left:
            continue  # as the plan or the outcome of its destruction says
        if back := _back(gone.get(place, ()), holding):
            resurfaced.update(back)
        else:
            item_id = f"{run}-again-{number:07d}"
            appeared.append(decide(item_id, holding, options, dataset.locations))
    digest = write_down(work, again_file(work, run), run, dataset, seen, appeared)
    return Again(frozenset(resurfaced), tuple(appeared), digest, seen.sweep.finished)


def _planned(work: Work, run: str) -> tuple[set[tuple[Place, str]], dict[Place, list[Item]]]:
    """What the plan left or could not destroy, by place and version; what is said to be gone."""
    left: set[tuple[Place, str]] = set()
    gone: dict[Place, list[Item]] = {}
    for item in read_items(work.plan_file(run)):
        place = (item.holding.store, item.holding.locator)
        entry = work.journal.entry(run, item.id) if item.decision is Decision.DESTROY else None
        if entry and entry.destruction and entry.destruction.result in SAID_GONE:
            gone.setdefault(place, []).append(item)
        else:
            left.add((place, item.holding.version))
    return left, gone


def _back(gone: Sequence[Item], found: Holding) -> list[str]:
    """Which of the holdings destroyed at one place a holding found there is.

    That of its version, if there is one. A rewritten file has another version, and what may
    stay in it is a weaker sign of the dataset: so it is any of them that said no more than this.
    """
    same = [item.id for item in gone if item.holding.version == found.version]
    strength = _STRONGEST_FIRST.index
    return same or [
        item.id for item in gone if strength(found.verdict) <= strength(item.holding.verdict)
    ]
