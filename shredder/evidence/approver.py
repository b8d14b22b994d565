"""The approver's side: what was proposed, held against the plan file, and signed.

An approver has the operator's public key, the plan file and its proposal, and neither
configuration nor state. What a statement says of the plan is computed anew from the file; only
the salted commitments cannot be, and the file's digest stands beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from attestations import (
    Actor,
    Code,
    Committer,
    Envelope,
    Plan,
    PublicKey,
    Signer,
    Sweep,
    seal,
)
from attestations.consistency import check_personal_data, check_plan
from attestations.envelope import LIMITS
from attestations.errors import Contradiction, Untrusted
from attestations.schema import encode
from attestations.statement import from_payload
from attestations.storage import read_limited
from shredder.errors import Refused, UsageError
from shredder.evidence import parts
from shredder.evidence.groups import planned_targets
from shredder.plan import Decision, digest_of, read_header, read_items
from shredder.plan.by_key import Sums, by_key_items, every_item
from shredder.plan.model import ByKeyGroup

_NO_SALT = Committer(bytes(32))  # what it commits to is left out of every comparison
_NOTHING = f"sha256:{'0' * 64}"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan that an operator has signed, for others to sign."""

    envelope: Envelope
    plan: Plan


def read_proposal(path: Path, operators: Sequence[PublicKey]) -> Proposal:
    """Read a proposal that one of these keys signed.

    Raises Unreadable, and Refused of the attestations: not of its form, E_SIG.
    """
    envelope = Envelope.from_bytes(read_limited(path, LIMITS.size, "proposal"), "proposal")
    if not set(envelope.made_by(operators)) & set(operators):
        raise Untrusted(Code.E_SIG, "proposal: not signed by a key of the operator's")
    plan = from_payload(envelope.payload, Plan)
    check_personal_data(encode(plan), "proposal")
    check_plan(plan)
    return Proposal(envelope, plan)


def check_file(proposal: Proposal, path: Path, digest: str = "") -> None:
    """Refuse a plan file that is not the proposed one, or of which the proposal does not tell.

    `digest` is what the approver was told by another way. Raises UsageError, Refused; E_PLAN.
    """
    try:
        found = digest_of(path)
    except OSError as error:
        raise UsageError(f"the plan file cannot be read: {error.strerror}") from error
    if digest and digest != found:
        raise Refused("the plan file has another digest than you were told")
    plan = proposal.plan
    if plan.manifest != found:
        raise Refused(
            "the plan file is not the one that is proposed",
            hint="ask the operator for both files again",
        )
    header = read_header(path)
    dataset = plan.dataset
    verdicts = parts.Verdicts()
    targets = planned_targets(verdicts.through(read_items(path)), header.by_key)
    told = (
        (header.run, plan.attestation_id, "run"),
        (header.dataset, dataset.label, "dataset"),
        (header.fingerprint, dataset.fingerprint_commitment, "fingerprint"),
        (header.records_enrolled, dataset.records_enrolled, "records"),
        (header.records_recognisable, dataset.records_recognisable, "recognisable records"),
        (_bare(parts.sweep(header, _NO_SALT)), _bare(plan.sweep), "sweep"),
        (sum(1 for _ in every_item(path)), plan.inventory.size, "number of holdings"),
        (targets, plan.targets, "targets"),
        (_summed_up(path), header.by_key.groups if header.by_key else (), "sums of the list"),
        (verdicts.of(Decision.UNDECIDED), plan.undecided, "undecided holdings"),
        (verdicts.of(Decision.DISMISSED), plan.dismissed, "dismissed holdings"),
        (parts.blind_spots([header]), plan.limitations, "limitations"),
        (parts.planned_fingerprint(header), plan.fingerprint, "decision on the fingerprint"),
    )
    for in_file, stated, what in told:
        if in_file != stated:
            raise Contradiction(Code.E_PLAN, f"proposal: not the plan file's {what}")


def _summed_up(path: Path) -> tuple[ByKeyGroup, ...]:
    """What ends with the key, summed up anew from the list beside the plan."""
    sums = Sums()
    for item in by_key_items(path):
        sums.add(item)
    return sums.groups()


def approve(proposal: Proposal, approver: Actor, signer: Signer) -> Envelope:
    """Sign as one who is asked; returns an envelope with this signature alone.

    Raises Refused of ours for somebody who is not asked, Untrusted for the operator's own key.
    """
    if approver not in proposal.plan.approvers:
        raise Refused(
            f"the plan does not ask {approver.reference} ({approver.role}) to approve it",
            hint="the operator names approvers in the configuration, and in `shredder propose`",
        )
    if signer.public_key in proposal.envelope.made_by([signer.public_key]):
        raise Untrusted(Code.E_ROLE, "proposal: nobody approves with a key that proposed it")
    return seal(proposal.envelope.payload, [signer])


def _bare(sweep: Sweep) -> Sweep:
    """A sweep without the commitments to the names of its scopes."""
    return replace(
        sweep, coverage=tuple(replace(scope, scope=_NOTHING) for scope in sweep.coverage)
    )
