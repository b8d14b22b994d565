"""What was pending, when the wait is over: looked at once more, and attested anew.

Nothing is destroyed by it. What is still there after its date, because the provider has yet to
delete it or somebody cancelled the deletion, is told and left to another day or to a new plan.
"""

from __future__ import annotations

from dataclasses import dataclass

from shredder import clock
from shredder.errors import ShredderError
from shredder.journal import Run
from shredder.plan import Decision
from shredder.plan.by_key import every_item
from shredder.plan.keyed import CANCELLED, UNTIL
from shredder.run import machine
from shredder.run.desk import Desk
from shredder.run.settled import pending_of, replaced
from shredder.run.work import Work
from shredder.spool import Spool
from shredder.stores import settle_keys


@dataclass(frozen=True, slots=True)
class Pending:
    """A dataset whose last attestation waits for a provider."""

    run: Run
    until: str  # RFC 3339 UTC, the latest; empty: nobody has said, or it was forgotten

    @property
    def dataset(self) -> str:
        """Its name."""
        return self.run.dataset

    @property
    def over(self) -> bool:
        """Whether the wait is over, as far as anybody has said how long it is."""
        return self.until <= clock.now()


@dataclass(frozen=True, slots=True)
class Finalized:
    """What came of it: either the run that attests the end, or how much is still there."""

    run: Run | None
    there: int = 0  # holdings that can be destroyed
    until: str = ""  # RFC 3339 UTC: nothing but what waits on is there, until then
    cancelled: int = 0  # of those there, whose deletion somebody cancelled


def pending(work: Work, dataset: str) -> Pending | None:
    """What a dataset waits for; None: its last attestation is not pending."""
    if (last := replaced(work, dataset)) is None:
        return None
    ends = (each.outcome.until for each in pending_of(work, last))
    return Pending(last, max(ends, default=""))


def finalize(
    work: Work, waits: Pending, desk: Desk, spool: Spool, untold: dict[str, ShredderError]
) -> Finalized:
    """Sweep, and attest that nothing is left, in place of the attestation that is pending.

    `untold` gets, by the key's id, why nobody could tell whether it is gone. Repeatable. Raises
    Refused, Undecided or Inconclusive as a run does that touches nothing.
    """
    dataset = waits.dataset
    machine.clear_way(work, dataset)
    options = work.options(waits.run.id)
    run = machine.begin(work, dataset, options, destroying=True, finalizing=waits.run.id)
    there = cancelled = 0
    until: list[str] = []
    try:
        untold |= settle_keys(work.config, work.state, dataset)
        machine.plan(work, run, spool)
        for item in every_item(work.plan_file(run)):
            if item.decision is Decision.DESTROY:
                there += 1
                until += filter(None, [str(item.holding.details.get(UNTIL, ""))])
                cancelled += CANCELLED in item.holding.limitations
        if not there:
            return Finalized(machine.drive(work, run, desk))
    except BaseException:
        _give_up(work, run, "not-final")
        raise
    _give_up(work, run, "still-there")
    return Finalized(None, there, max(until) if len(until) == there else "", cancelled)


def _give_up(work: Work, run: str, why: str) -> None:
    """End the run, unless it came so far that it is to be resumed."""
    known = work.journal.run(run)
    if known.phase.untouched and not known.phase.ended:
        machine.abandon(work, run, why)
