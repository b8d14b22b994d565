"""propose and approve: a plan signed by other people before it is carried out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shredder.cli import options, render
from shredder.cli.console import console, counted, shown
from shredder.errors import ExitCode, Refused, UsageError

if TYPE_CHECKING:
    from attestations import Plan
    from shredder.cli.console import Console

Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="Where it is written.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(propose)
    app.command()(approve)


def propose(
    dataset: options.Dataset,
    plan: Annotated[
        Path, typer.Option("--plan", metavar="FILE", help="The plan that `shredder plan` made.")
    ],
    output: Output,
    approver: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Ask this one; repeatable. Else all that there are."),
    ] = None,
    challenge: Annotated[
        str, typer.Option(help="An auditor's challenge, to stand in the attestation.")
    ] = "",
    config: options.Config = None,
    as_json: options.Json = False,
) -> int:
    """Sign a plan, and put it before its approvers.

    They sign it before it is carried out.
    """
    from attestations import Plan
    from attestations.statement import from_payload
    from shredder.cli.session import changing
    from shredder.evidence import approvals
    from shredder.outputs import hand_over
    from shredder.run import machine

    options.check_challenge(challenge)
    _refuse_to_replace(output)
    with console(as_json, None) as out, changing(config, out) as work:
        options.refuse_held(work, dataset)
        run = machine.planned_in(work, dataset, plan)
        machine.check_possible(work, run)
        envelope = approvals.propose(work, run, approver or (), challenge)
        hand_over(output.absolute(), [envelope.raw], mode=0o644)
        asked = from_payload(envelope.payload, Plan).approvers
        answer = {
            "proposal": str(output),
            "dataset": dataset,
            "run": run.id,
            "digest": run.facts["plan_digest"],
            "approvers": [{"role": who.role, "reference": who.reference} for who in asked],
        }
        out.result(answer, ExitCode.COMPLETE)
        out.say(f"wrote {shown(output)}, for {counted(len(asked), 'approver')}:")
        for who in asked:
            out.say(f"  {who.reference} ({who.role})")
        out.say(f"give each of them {shown(output)} and {shown(plan)}, which names places,")
        out.say(f"and by another way the plan's digest: {run.facts['plan_digest']}")
        out.say("an earlier proposal of this plan, and what was signed of it, counts no more")
    return ExitCode.COMPLETE


def approve(
    proposal: Annotated[Path, typer.Argument(metavar="PROPOSAL", help="What was proposed.")],
    plan: Annotated[
        Path, typer.Option("--plan", metavar="FILE", help="The plan, as the operator gave it.")
    ],
    operator: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="The operator's public key, got by another way."),
    ],
    key: Annotated[Path, typer.Option(metavar="FILE", help="Your private key: PKCS#8 or OpenSSH.")],
    by_role: Annotated[str, typer.Option(metavar="CODE", help="Your role, never a name.")],
    reference: Annotated[str, typer.Option(metavar="ID", help="Your staff reference.")],
    output: Output,
    digest: Annotated[
        str, typer.Option(help="The plan's digest, as you were told it by another way.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, for scripts.")] = False,
    as_json: options.Json = False,
) -> int:
    """See a proposed plan; sign that it may be carried out."""
    from attestations import Actor, Unreadable
    from attestations.text import sha256
    from shredder.evidence import approver
    from shredder.keys import load_key_file
    from shredder.outputs import hand_over
    from shredder.signing import read_public_key

    options.check_actor(by_role, reference)
    _refuse_to_replace(output)
    operators = [read_public_key(path, "--operator") for path in operator]
    try:
        proposed = approver.read_proposal(proposal, operators)
    except Unreadable as error:
        raise UsageError(error.message) from error
    approver.check_file(proposed, plan, digest)
    signer = load_key_file(key)
    signed = approver.approve(proposed, Actor(role=by_role, reference=reference), signer)
    with console(as_json, None) as out:
        _show(out, proposed.plan, plan)
        label = proposed.plan.dataset.label
        if not yes:
            _ask(out, label)
        hand_over(output.absolute(), [signed.raw], mode=0o644)
        answer = {
            "approval": str(output),
            "dataset": label,
            "run": proposed.plan.attestation_id,
            "digest": proposed.plan.manifest,
            "statement": sha256(signed.payload),
            "keyid": signer.public_key.keyid,
        }
        out.result(answer, ExitCode.COMPLETE)
        out.say(f"approved: {shown(output)}; give it to the operator")
    return ExitCode.COMPLETE


def _ask(out: Console, dataset: str) -> None:
    if not out.can_ask:
        raise Refused(f"the plan for {dataset} is not approved", hint="approve it with --yes")
    out.note("")
    if out.ask("Type the dataset's name to approve this plan: ") != dataset:
        raise Refused(f"the plan for {dataset} was not approved; nothing was signed")


def _show(out: Console, plan: Plan, path: Path) -> None:
    """The plan as the operator saw it, and what its statement says beside it."""
    from shredder import report
    from shredder.plan import read_header

    header = read_header(path)
    shows = {
        "dataset": plan.dataset.label,
        "holdings": report.items_json(path),
        "by_key": report.groups_json(header.by_key),
        "not_by_key": header.not_by_key,
        "coverage": report.coverage_json(header.coverage),
    }
    render.looked(out, shows)
    out.say()
    out.say(f"controller:  {shown(plan.controller.name)}")
    out.say(f"proposed by: {plan.operator.reference} ({plan.operator.role})")
    for who in plan.approvers:
        out.say(f"asked:       {who.reference} ({who.role})")
    out.say(f"basis:       {plan.request.basis}")
    out.say(f"proposed:    {plan.times.approved.isoformat()}")
    out.say(f"digest:      {plan.manifest}")
    until = plan.fingerprint.until
    after = f"kept until {until.date()}" if until else render.AFTER[plan.fingerprint.decision]
    out.say(f"fingerprint: {after}")


def _refuse_to_replace(output: Path) -> None:
    if output.exists():
        raise UsageError(f"{output} exists already; it is not replaced unasked")
