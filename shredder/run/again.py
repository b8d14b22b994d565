"""The second sweep: fresh, of everything, trusting nothing that destruction said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backends.contract import Holding, Verdict
from shredder.config import DatasetConfig
from shredder.plan import Decision, Item, decide, read_items
from shredder.run.look import look, write_down
from shredder.run.residue import SAID_GONE
from shredder.run.work import Work

Place = tuple[str, str]  # store, locator


@dataclass(frozen=True, slots=True)
class Again:
    """What the second sweep says of the plan's holdings, and beyond them."""

    resurfaced: frozenset[str]  # ids of orders whose holding was found again
    appeared: tuple[Item, ...]  # holdings that stand in no plan, and what would become of them


def again_file(work: Work, run: str) -> Path:
    """Where the second sweep is written, in the form of a plan."""
    return work.state.run(run) / "again.jsonl"


def sweep_again(work: Work, run: str, dataset: DatasetConfig) -> Again:
    """Sweep all stores, hold what is found against the plan, and write it down; repeatable."""
    seen = look(work, dataset)
    options = work.options(run)
    expected, destroyed = _planned(work, run)
    resurfaced: set[str] = set()
    appeared: list[Item] = []
    for number, holding in enumerate(seen.sweep.holdings, start=1):
        place = (holding.store, holding.locator)
        if (place, holding.version) in expected:
            continue  # left alone, as the plan or the outcome of its destruction says
        if place in destroyed and holding.verdict is Verdict.COPY:
            resurfaced.update(destroyed[place])
        else:
            item_id = f"{run}-again-{number:07d}"
            appeared.append(decide(item_id, holding, options, dataset.locations))
    write_down(work, again_file(work, run), run, dataset, seen, appeared)
    return Again(frozenset(resurfaced), tuple(appeared))


def _planned(work: Work, run: str) -> tuple[set[tuple[Place, str]], dict[Place, list[str]]]:
    """What the plan left or could not destroy, by place and version; what is said to be gone."""
    expected: set[tuple[Place, str]] = set()
    destroyed: dict[Place, list[str]] = {}
    for item, place in _places(read_items(work.plan_file(run))):
        entry = work.journal.entry(run, item.id) if item.decision is Decision.DESTROY else None
        if entry and entry.destruction and entry.destruction.result in SAID_GONE:
            destroyed.setdefault(place, []).append(item.id)
        else:
            expected.add((place, item.holding.version))
    return expected, destroyed


def _places(items: Iterator[Item]) -> Iterator[tuple[Item, Place]]:
    for item in items:
        holding: Holding = item.holding
        yield item, (holding.store, holding.locator)
