"""What is sealed, was in a plan, and ended with its key: it may lie where it was, and is shut."""

from __future__ import annotations

from backends.contract import Result, Technique
from shredder.plan import to_destroy
from shredder.plan.keyed import by_anothers_key, has_sealed
from shredder.run.residue import SAID_GONE
from shredder.run.work import Work
from shredder.spool import Spool, SpooledSet

_BY_KEY = Technique.CRYPTOGRAPHIC_ERASE
_SHUT = SAID_GONE | {Result.PENDING}  # a key that waits to be deleted opens nothing


def number_by_key(work: Work, run: str) -> int:
    """How many of a plan's holdings the end of the key is to destroy, in other stores."""
    items = to_destroy(work.plan_file(run))
    return sum(by_anothers_key(item.holding, item.technique) for item in items)


def gone_by_key(work: Work, dataset: str, spool: Spool) -> SpooledSet | None:
    """The places of what ended so in any run, each by store, locator and version; None: none did.

    A run whose manifest is destroyed does not tell of it any more.
    """
    found = None
    for run in work.journal.runs(dataset):
        if run.forgotten or not run.facts.get("by_key"):
            continue
        found = found or spool.new_set()
        for item in to_destroy(work.plan_file(run.id)):
            if not by_anothers_key(item.holding, item.technique):
                continue
            entry = work.journal.entry(run.id, item.id)
            if entry and entry.destruction and entry.destruction.result in _SHUT:
                found.add(item.holding.store, item.holding.locator, item.holding.version)
    return found


def sealed_left(work: Work, run: str) -> bool:
    """Whether something sealed was to be destroyed where it lies, and was not.

    The key must live then: who looks for it the next time could not look into it.
    """
    for item in to_destroy(work.plan_file(run)):
        if has_sealed(item.holding) and item.technique is not _BY_KEY:
            entry = work.journal.entry(run, item.id)
            done = entry.destruction if entry else None
            if done is None or done.result not in SAID_GONE:
                return True
    return False
