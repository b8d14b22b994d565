"""A plan's approval by other people, each with a key of their own, before anything is touched.

The operator *proposes* the plan: its statement, signed by the operator's signers, names who is
asked. Each approver signs the same statement, elsewhere, and returns an envelope with that one
signature. All of them joined are the plan's envelope, which is then timestamped. Nothing of a
statement changes after the first signature::

    proposal-….json   crash: an earlier proposal stands until the journal names this one
    journal: proposed
    approved.json     crash: nothing counts yet; the approvals are given once more, and joined
    journal: adopted  crash: `resume` finds the joined envelope, and signs nothing again
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from attestations import Actor, AttestationError, Envelope, Plan, PublicKey, issue_plan
from attestations.envelope import MAX_SIGNATURES, joined
from attestations.statement import from_payload
from shredder import clock, durable
from shredder.config import Approver
from shredder.errors import Refused, UsageError
from shredder.evidence.names import check_annex_stands
from shredder.evidence.planned import plan_statement
from shredder.journal import Run
from shredder.run.work import Work
from shredder.signing import known_keys, read_public_key, signers

_AGAIN = "propose the plan again with `shredder propose`, and have it approved"


def propose(work: Work, run: Run, names: Sequence[str], challenge: str = "") -> Envelope:
    """Sign a plan's statement for the named approvers to sign, too; all of them if none is named.

    The new proposal takes the place of an earlier one, whose approvals count no more. Raises
    UsageError for a name that is none, and Refused for too few of them.
    """
    asked = _asked(work, run, names)
    own = signers(work.config, work.state)
    _keys(work, asked)
    if len(own) + len(asked) > MAX_SIGNATURES:
        raise UsageError(f"an envelope holds {MAX_SIGNATURES} signatures: ask fewer approvers")
    now = clock.now(after=run.facts["planned"])
    actors = [_actor(each) for each in asked]
    run = replace(run, facts={**run.facts, "challenge": challenge})
    statement = plan_statement(work, run, approved=now, issued=now, approvers=actors)
    envelope = Envelope.from_bytes(issue_plan(statement, signers=own).envelope)
    path = _proposal_file(work, run.id, envelope.digest)
    durable.write(path, [envelope.raw])
    work.journal.note(
        run.id, "proposed", proposed=now, proposed_digest=envelope.digest, approved_digest=""
    )
    work.observer.event("plan-proposed", run=run.id, approvers=len(asked))
    return envelope


def collect(work: Work, run: Run, given: Iterable[bytes]) -> str:
    """Join approvals with the proposal, durably; returns the digest of the whole.

    Repeatable: an approver's signature is taken once, however often it is given. Raises Refused
    for a signature of nobody who is asked, or if one is missing.
    """
    proposal = _proposal(work, run)
    plan = _plan(proposal, run)
    keys = _keys(work, _configured(work, plan.approvers))
    found: dict[str, Envelope] = {}
    for number, data in enumerate(given, start=1):
        for key, one in _signed(proposal, data, [*keys.values(), *known_keys(work.state)], number):
            if key in keys.values():
                found.setdefault(key.keyid, one)
    whole = joined(proposal, found.values())
    _check(work, run, whole)
    durable.write(_approved_file(work, run.id), [whole.raw])
    return whole.digest


def approved_plan(work: Work, run: Run) -> Envelope | None:
    """The envelope that the approvers have signed; None where nobody else needs to.

    Raises Refused if approvals are missing, or what was joined has changed since.
    """
    wanted = work.dataset(run.dataset).approvals
    digest = run.facts.get("approved_digest")
    if not digest:
        if wanted:
            raise needs_approvals(run.dataset, wanted)
        return None
    try:
        data = _approved_file(work, run.id).read_bytes()
    except FileNotFoundError:
        data = b""
    if _digest(data) != digest:
        raise Refused(
            f"the approved plan of run {run.id} has changed since it was approved",
            hint="give the approvals again: `shredder destroy --plan FILE --approval FILE`",
        )
    whole = Envelope.from_bytes(data, "approved plan")
    _check(work, run, whole)
    return whole


def needs_approvals(dataset: str, wanted: int) -> Refused:
    """What is said of a dataset that nobody destroys alone."""
    approvers = "1 approver" if wanted == 1 else f"{wanted} approvers"
    return Refused(
        f"a plan for {dataset} must be signed by {approvers} first; nothing was touched",
        hint="`shredder plan`, `propose` it, have it signed with `shredder approve`, then "
        "`destroy --plan FILE --approval FILE`",
    )


def _asked(work: Work, run: Run, names: Sequence[str]) -> list[Approver]:
    known = {each.name: each for each in work.config.approvers}
    if not known:
        raise UsageError("no approver is configured", hint="add [approvers.NAME] to the file")
    for name in names:
        if name not in known:
            hint = f"configured: {', '.join(sorted(known))}"
            raise UsageError(f"no approver is called {name!r}", hint=hint)
    asked = [known[name] for name in dict.fromkeys(names or known)]
    if len(asked) < (wanted := work.dataset(run.dataset).approvals):
        raise UsageError(f"{run.dataset} wants {wanted} approvers, and fewer are named")
    return asked


def _configured(work: Work, actors: Iterable[Actor]) -> list[Approver]:
    """Those of the configuration whom a statement names. Raises Refused if one is none."""
    known = {_actor(each): each for each in work.config.approvers}
    found = []
    for actor in actors:
        if actor not in known:
            raise Refused(
                f"{actor.reference} ({actor.role}) is no approver in the configuration any more",
                hint=_AGAIN,
            )
        found.append(known[actor])
    return found


def _keys(work: Work, asked: Iterable[Approver]) -> Mapping[str, PublicKey]:
    """The approvers' keys, by their names; none is another's, or one of the operator's.

    Raises Refused, and UsageError for one that cannot be read.
    """
    own = known_keys(work.state)
    keys: dict[str, PublicKey] = {}
    for each in asked:
        where = f"[approvers.{each.name}] public_key"
        key = read_public_key(work.config.base / each.public_key, where)
        if key in own:
            raise Refused(
                f"{where} is a key of the operator's own: nobody approves alone",
                hint="the key must be another person's",
            )
        if key in keys.values():
            raise Refused(f"{where} is another approver's, too", hint="each has a key of their own")
        keys[each.name] = key
    return keys


def _signed(
    proposal: Envelope, data: bytes, keys: Sequence[PublicKey], number: int
) -> list[tuple[PublicKey, Envelope]]:
    """The signatures of one approval, each with the key that made it, in an envelope alone."""
    try:
        given = Envelope.from_bytes(data, f"approval {number}")
    except AttestationError as error:
        raise Refused(f"{error.message}; nothing was touched", hint="ask for it again") from error
    if given.payload != proposal.payload:
        raise Refused(
            f"approval {number} is of another plan than the one that was proposed last",
            hint="have this one signed with `shredder approve`",
        )
    signed = []
    for signature, key in zip(given.signatures, given.made_by(keys), strict=True):
        if key is None:
            raise Refused(
                f"approval {number} is signed by nobody who was asked",
                hint="compare the approver's public key with the one in the configuration",
            )
        signed.append((key, replace(given, signatures=(signature,))))
    return signed


def _check(work: Work, run: Run, whole: Envelope) -> None:
    """Refuse an envelope that is not signed by the operator and all who are asked, or too few."""
    plan = _plan(whole, run)
    check_annex_stands(work, run.id, plan.annex)
    keys = _keys(work, _configured(work, plan.approvers))
    own = known_keys(work.state)
    makers = whole.made_by([*keys.values(), *own])
    if not set(makers) & set(own):
        raise Refused("the proposed plan is not signed by the operator", hint=_AGAIN)
    wanted = max(work.dataset(run.dataset).approvals, len(plan.approvers))
    if wanted > len(plan.approvers):
        raise Refused(
            f"{run.dataset} wants {wanted} approvers, and the proposal asks fewer", hint=_AGAIN
        )
    names = zip(keys.values(), plan.approvers, strict=True)
    missing = [f"{who.reference} ({who.role})" for key, who in names if key not in makers]
    if missing:
        raise Refused(
            f"{wanted - len(missing)} of {wanted} approvals are there, and nothing was touched: "
            f"missing {', '.join(missing)}",
            hint="have it signed with `shredder approve`, and name each file with --approval",
        )


def _plan(envelope: Envelope, run: Run) -> Plan:
    plan = from_payload(envelope.payload, Plan)
    if (plan.attestation_id, plan.manifest) != (run.id, run.facts["plan_digest"]):
        raise Refused("the proposal is of another plan", hint=_AGAIN)
    return plan


def _proposal(work: Work, run: Run) -> Envelope:
    """What was proposed last. Raises Refused if nothing was, or it has changed since."""
    digest = run.facts.get("proposed_digest", "")
    if not digest:
        raise Refused("this plan was not proposed to any approver", hint=_AGAIN)
    try:
        data = _proposal_file(work, run.id, digest).read_bytes()
    except FileNotFoundError:
        data = b""
    if _digest(data) != digest:
        raise Refused(f"the proposal of run {run.id} has changed since", hint=_AGAIN)
    return Envelope.from_bytes(data, "proposal")


def _proposal_file(work: Work, run: str, digest: str) -> Path:
    return work.state.run(run) / f"proposal-{digest.removeprefix('sha256:')[:16]}.json"


def _approved_file(work: Work, run: str) -> Path:
    return work.state.run(run) / "approved.json"


def _actor(approver: Approver) -> Actor:
    return Actor(role=approver.role, reference=approver.reference)


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
