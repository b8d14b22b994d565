"""The result's statement, and the bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attestations import (
    AttestationError,
    Bundle,
    Destruction,
    Fingerprint,
    FingerprintStatus,
    KeyUnusable,
    Outcome,
    Plan,
    Recipient,
    Risk,
    Sealed,
    Times,
    TimestampUnavailable,
    Told,
    compute,
    issue_result,
)
from shredder import answers, clock
from shredder.config.names import whole
from shredder.errors import Refused, UsageError
from shredder.evidence import parts
from shredder.evidence.announce import read_announced, timestamps
from shredder.evidence.groups import targets
from shredder.evidence.logged import log_bundle
from shredder.evidence.tool import tool
from shredder.evidence.trees import RESULTS, begun, committer, tree
from shredder.journal import Phase, Run
from shredder.plan import read_header, read_items
from shredder.run.again import again_file
from shredder.run.ended import as_foreseen, ended, every_result_line
from shredder.run.results import read_result_lines, read_results
from shredder.run.settled import read_settled, replaced
from shredder.run.work import Work
from shredder.sealed import read_plan, read_result
from shredder.signing import signers


def bundle_file(work: Work, run: Run) -> Path:
    """Where the bundle of a run is left."""
    return work.state.attestations / f"{run.dataset}.{run.id}.json"


def attest(work: Work, run: Run) -> dict[str, Any]:
    """State what became of a run, sign it, timestamp it, leave the bundle; returns facts.

    Repeatable: a bundle that stands is the attestation, whatever the journal knows of it. That
    no authority answers, or the log cannot be written, does not stop it: the holdings are gone,
    and the bundle says that its time is not proved, and that it is not logged.
    """
    path = bundle_file(work, run)
    if path.exists():
        bundle = Bundle.load(path)
    else:
        bundle = _issue(work, run)
        bundle.write(path)
    result = read_result(bundle.result)
    if result.attestation_id != run.id:
        raise Refused(f"the bundle that stands for run {run.id} is another run's")
    return {
        "attested": clock.now(),
        "outcome": result.outcome.value,
        "bundle": path.name,
        "bundle_digest": bundle.result.digest,
        "previous": result.previous,
        "result_timestamps": len(bundle.result.timestamps),
        **_log(work, run, path, bundle),
    }


def _log(work: Work, run: Run, path: Path, bundle: Bundle) -> dict[str, Any]:
    """Log the bundle's envelopes and put the proofs into it, where a log is configured.

    The bundle stands already: killed here, the same envelopes are logged by the repetition.
    """
    if work.config.log is None:
        return {}
    try:
        return log_bundle(work, path, bundle)
    except (AttestationError, UsageError) as error:
        work.observer.event("log-unavailable", run=run.id, reason=error.message)
        return {}


def _issue(work: Work, run: Run) -> Bundle:
    announced = read_announced(work, run.id)
    stated = _predicate(work, run, read_plan(announced), announced)
    try:
        result = issue_result(stated, plan=announced, signers=signers(work.config, work.state))
    except KeyUnusable as error:
        # The holdings are gone, and the journal has all that is to be said of it.
        hint = f"{error.hint}; then `shredder resume` signs it".removeprefix("; then ")
        raise KeyUnusable(f"the result is not signed: {error.message}", hint=hint) from error
    try:
        result = result.with_timestamps(timestamps(work, result))
    except TimestampUnavailable as error:
        result = result.with_timestamps(error.got)
        work.observer.event("timestamp-unavailable", run=run.id, reason=error.message)
    return Bundle(plan=announced, result=result)


def foreseen(work: Work, run: Run) -> Outcome:
    """The outcome that the result will have, computed as an auditor will."""
    announced = read_announced(work, run.id)
    plan = read_plan(announced)
    return compute(plan, _predicate(work, run, plan, announced)).outcome


def _predicate(work: Work, run: Run, plan: Plan, announced: Sealed) -> Destruction:
    facts = run.facts
    first = read_header(work.plan_file(run.id))
    after = read_header(again_file(work, run.id))
    made_by = committer(work.state.run(run.id))
    ends = ended(work, run.id)
    groups = targets(
        zip(read_items(work.plan_file(run.id)), read_results(work, run.id), strict=True), ends
    )
    settled = targets((each.item, each.outcome) for each in read_settled(work, run.id))
    told = {code for group in (*groups, *settled) for code in group.limitations}
    before = replaced(work, run.dataset)
    told |= {"pending-not-known"} if before and before.forgotten else set()
    gone = "fingerprint_destroyed" in facts
    told |= set() if gone else {"fingerprint-kept"}
    return Destruction(
        attestation_id=run.id,
        plan=announced.digest,
        previous=_previous(work, run),
        supersedes=before.facts["bundle_digest"] if before else None,
        issued_at=parts.moment(clock.now(after=facts["verified"])),
        controller=plan.controller,
        operator=parts.operator(work.config),
        approvers=plan.approvers,
        tool=tool(),
        request=plan.request,
        dataset=plan.dataset,
        inventory=plan.inventory,
        results=(
            tree(made_by, RESULTS, read_result_lines(work, run.id), begun(first.by_key, RESULTS))
            if as_foreseen(ends)
            else tree(made_by, RESULTS, every_result_line(work, run.id))
        ),
        targets=groups,
        undecided=plan.undecided,
        dismissed=plan.dismissed,
        sweep=parts.sweep(after, made_by),
        limitations=answers.codes(told, parts.MOST_CODES),
        residual_risks=tuple(Risk(code=code) for code in parts.blind_spots([first, after])),
        recipients=tuple(
            Recipient(
                recipient=made_by.name("recipient", each.name),
                label=None,
                status=Told.ANSWERED
                if each.answered
                else Told.TOLD
                if each.told
                else Told.NOT_TOLD,
            )
            for each in work.config.recipients
            if whole(run.dataset) in each.datasets
        ),
        times=Times(
            planned=plan.times.planned,
            approved=plan.times.approved,
            started=parts.moment(facts["started"]),
            finished=parts.moment(facts["finished"]),
            verified=parts.moment(facts["verified"]),
        ),
        outcome=Outcome.FAILED,  # issue_result() computes it, as an auditor will
        fingerprint=Fingerprint(
            FingerprintStatus.DESTROYED if gone else FingerprintStatus.KEPT, plan.fingerprint.until
        ),
        annex=plan.annex,
        manifest=facts["plan_digest"],
        settled=settled,
    )


def _previous(work: Work, run: Run) -> str | None:
    """The digest of the last attestation before this one: a gap in the chain shows.

    The last is the one that no other names. A run that was killed between its bundle and the
    journal counts: its bundle stands, and two that named one before them would be a fork.
    """
    links = [
        (each.facts["bundle_digest"], each.facts["previous"]) for each in work.journal.attested()
    ]
    for each in work.journal.runs():
        path = bundle_file(work, each)
        if each.phase is Phase.VERIFIED and each.id != run.id and path.exists():
            result = Bundle.load(path).result
            links.append((result.digest, read_result(result).previous))
    named = {previous for _, previous in links}
    ends = [digest for digest, _ in links if digest not in named]
    return ends[-1] if ends else None
