"""The fingerprint at the end of a run: kept, or destroyed with the dataset, as the plan has it.

It goes only once the outcome is complete: after any other, the next run needs it. The result is
signed after that, so that what it says of the fingerprint is done. Order of writes, and what a
crash between them leaves::

    note destroying   crash: it is destroyed by the repetition
    destroy files     crash: the same; it counts as destroyed from the first on
    note destroyed    crash: the result is signed
"""

from __future__ import annotations

from attestations import AttestationError, Bundle, Outcome
from shredder import clock
from shredder.config import DESTROY, KEEP, DatasetConfig
from shredder.enrolment import destroy_fingerprint
from shredder.evidence.attest import bundle_file, foreseen
from shredder.journal import Phase, Run
from shredder.plan import read_header
from shredder.run.work import Work
from shredder.sealed import read_result


def settle_fingerprint(work: Work, run: Run) -> Run:
    """Destroy a fingerprint where that was decided and the outcome is complete; repeatable."""
    if (
        read_header(work.plan_file(run.id)).fingerprint_after != DESTROY
        or bundle_file(work, run).exists()
    ):
        return run
    if not begun(run):
        if foreseen(work, run) is not Outcome.COMPLETE:
            return run
        work.journal.note(run.id, "destroying fingerprint", destroying_fingerprint=clock.now())
    if "fingerprint_destroyed" not in run.facts:
        # Plans that wait could not be carried out: what is in them is gone, or not recognised.
        for other in work.journal.runs(run.dataset):
            if other.id != run.id and other.phase.untouched:
                work.journal.enter(other.id, Phase.ABANDONED, why="no fingerprint")
        destroy_fingerprint(work, run.dataset)
        work.journal.note(run.id, "fingerprint destroyed", fingerprint_destroyed=clock.now())
    return work.journal.run(run.id)


def begun(run: Run) -> bool:
    """Whether its destruction was begun, so that nothing is recognised any more."""
    return "destroying_fingerprint" in run.facts


def overdue(work: Work, dataset: DatasetConfig) -> str:
    """The day until which a fingerprint that is there was to be kept, if it has come.

    As the last attestation states it, or the configuration; empty, where no day has come.
    """
    state = work.state
    if state.fingerprint_destroyed(dataset.name).exists():
        return ""
    if not state.fingerprint_key(dataset.name).exists():
        return ""
    days = [] if dataset.fingerprint in {KEEP, DESTROY} else [dataset.fingerprint]
    for run in work.journal.attested(dataset.name)[-1:]:
        try:
            until = read_result(Bundle.load(bundle_file(work, run)).result).fingerprint.until
        except AttestationError:
            continue  # it was taken away: then the configuration has to do
        days += [until.date().isoformat()] if until else []
    return min((day for day in days if day <= clock.today().isoformat()), default="")
