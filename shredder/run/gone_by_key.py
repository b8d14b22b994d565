"""What is sealed, was in a plan, and ended with its key: it may lie where it was, and is shut."""

from __future__ import annotations

from backends.contract import Result
from shredder.plan import read_header, to_destroy
from shredder.plan.by_key import by_key_items
from shredder.plan.keyed import has_sealed
from shredder.run.residue import SAID_GONE
from shredder.run.work import Work
from shredder.spool import Spool, SpooledSet
from shredder.sweep.found import listed_place

OPENED = "by_key_opened"
"""A fact of a run: its second sweep could open something that had ended with the key."""
_SHUT = SAID_GONE | {Result.PENDING}  # a key that waits to be deleted opens nothing


def gone_by_key(work: Work, dataset: str, spool: Spool) -> SpooledSet | None:
    """The places of what ended so in any run, as listings have them; None: none did.

    A run whose manifest is destroyed does not tell of it any more, nor one that saw something
    opened afterwards: whoever did that has a key, and what is shut now need not stay so.
    """
    found = None
    for run in work.journal.runs(dataset):
        if run.forgotten or not run.facts.get("by_key") or run.facts.get(OPENED):
            continue
        found = found or spool.new_set()
        if came_of_key(work, run.id) in _SHUT:
            for item in by_key_items(work.plan_file(run.id)):
                found.add(*listed_place(item.holding))
    return found


def came_of_key(work: Work, run: str) -> Result | None:
    """The result of destroying the key that others end with; None: there is none, or no others."""
    by_key = read_header(work.plan_file(run)).by_key
    entry = work.journal.entry(run, by_key.order) if by_key else None
    return entry.destruction.result if entry and entry.destruction else None


def sealed_left(work: Work, run: str) -> bool:
    """Whether something sealed was to be destroyed where it lies, and was not.

    The key must live then: who looks for it the next time could not look into it.
    """
    for item in to_destroy(work.plan_file(run)):
        if has_sealed(item.holding):
            entry = work.journal.entry(run, item.id)
            done = entry.destruction if entry else None
            if done is None or done.result not in SAID_GONE:
                return True
    return False
