"""Step 9: both envelopes are in a log that the policy names, under a head that was witnessed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from attestations.bundle import Bundle, Sealed
from attestations.commitment import leaf_hash
from attestations.errors import Code, LogRefused
from attestations.log.checkpoint import Checkpoint, open_checkpoint
from attestations.log.proof import verify_inclusion
from attestations.log.tlogproof import LogProof
from attestations.policy import Policy, Trust, TrustedLog, TrustedWitness
from attestations.report import LogVerdict
from attestations.text import shown


@dataclass(frozen=True, slots=True)
class Logged:
    """What the logs say, as a verdict and as lines for people."""

    verdict: LogVerdict
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where one envelope stands, and who signed the head above it."""

    log: TrustedLog
    index: int
    head: Checkpoint
    witnesses: tuple[TrustedWitness, ...]


def check_log(bundle: Bundle, policy: Policy, trust: Trust, now: datetime) -> Logged:
    """Carry out step 9. A proof is read strictly even where the policy names no log. E_LOG_…."""
    proofs = [
        (what, sealed, None if sealed.log is None else LogProof.from_text(sealed.log))
        for what, sealed in (("plan", bundle.plan), ("result", bundle.result))
    ]
    if not trust.logs:
        return Logged(LogVerdict.NOT_ASKED, ("log: not asked",))
    plan, result = (
        _check(sealed, proof, policy, trust, now, what) for what, sealed, proof in proofs
    )
    if plan.head.origin == result.head.origin:
        if plan.index >= result.index:
            raise LogRefused(Code.E_LOG_INCLUSION, "the plan was logged after the result")
        if plan.head.size == result.head.size and plan.head.root != result.head.root:
            raise LogRefused(Code.E_LOG_INCLUSION, "the log shows two histories of one length")
    quorum = policy.log.quorum
    witnessed = quorum > 0 and all(
        sum(not each.operator_run for each in entry.witnesses) >= quorum for entry in (plan, result)
    )
    findings = [_finding(what, entry) for what, entry in (("plan", plan), ("result", result))]
    if not witnessed:
        findings.append("log: nobody but the operator vouches that all were shown the same log")
    verdict = LogVerdict.WITNESSED if witnessed else LogVerdict.LOGGED
    return Logged(verdict, tuple(findings))


def _check(
    sealed: Sealed, proof: LogProof | None, policy: Policy, trust: Trust, now: datetime, what: str
) -> _Entry:
    if proof is None:
        raise LogRefused(
            Code.E_LOG_INCLUSION, f"{what}: the policy asks for a log, the bundle has no proof"
        )
    origin = Checkpoint.from_text(proof.head.text).origin
    known = next(((log, keys) for log, keys in trust.logs if log.origin == origin), None)
    if known is None:
        raise LogRefused(
            Code.E_LOG_ORIGIN, f"{what}: logged by a log that the policy does not name"
        )
    log, keys = known
    by_key = {key: witness for witness, key in trust.witnesses}
    head, signed = open_checkpoint(proof.head, keys, tuple(by_key))
    if any(each.at > (now + trust.skew).timestamp() for each in signed):
        raise LogRefused(Code.E_LOG_SIG, f"{what}: a cosignature of the future")
    leaf = leaf_hash(hashlib.sha256(sealed.envelope).digest())
    if not verify_inclusion(leaf, proof.index, head.size, proof.path, head.root):
        raise LogRefused(Code.E_LOG_INCLUSION, f"{what}: the proof does not lead to the log's head")
    witnesses = tuple(by_key[each.key] for each in signed)
    if len(witnesses) < policy.log.quorum:
        raise LogRefused(Code.E_LOG_QUORUM, f"{what}: fewer witnesses than are asked for")
    return _Entry(log, proof.index, head, witnesses)


def _finding(what: str, entry: _Entry) -> str:
    names = ", ".join(shown(each.name) for each in entry.witnesses) or "nobody"
    return (
        f"{what}: entry {entry.index} of {entry.head.size} in the log {shown(entry.log.origin)}, "
        f"witnessed by {names}"
    )
