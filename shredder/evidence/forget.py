"""Destroying a run's private manifest: its secret, and the files that name holdings or people.

Without the secret no commitment of the attestation can be opened any more, and no guess tried.
What stays: the bundle, the sealed plan with what approvers signed, and the journal, none of which
holds a locator or a name.
"""

from __future__ import annotations

from shredder import clock, durable
from shredder.errors import Refused
from shredder.evidence.names import annex_files
from shredder.journal import Run
from shredder.run.work import Work
from shredder.spool import destroy_abandoned

# The secret first: with it gone, what a crash leaves of the others can be tied to no commitment.
_PRIVATE = (
    "secret",
    "plan.jsonl",
    "plan.jsonl.by-key",
    "results.jsonl",
    "again.jsonl",
    "settled.jsonl",
)


def forget(work: Work, run: Run) -> int:
    """Destroy the private manifest; returns how many files were there. Repeatable.

    Raises Refused for a run that is not at its end.
    """
    if not run.phase.ended:
        raise Refused(
            f"run {run.id} is not at its end, and needs its private files",
            hint="bring it there first: `shredder resume`",
        )
    if not run.forgotten:
        work.journal.note(run.id, "forgetting", forgetting=clock.now())
    # Killed from here on: the run counts as forgotten, and the command repeated ends it.
    folder = work.state.run(run.id)
    gone = 0
    for name in _PRIVATE:
        for path in (folder / name, folder / f"{name}.partial"):
            gone += durable.destroy(path)
    for path in annex_files(work, run.id):
        gone += durable.destroy(path)
    gone += destroy_abandoned(work.state.root)
    if "forgotten" not in run.facts:
        work.journal.note(run.id, "forgotten", forgotten=clock.now())
    work.observer.event("manifest-forgotten", run=run.id, files=gone)
    return gone
