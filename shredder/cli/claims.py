"""A bundle's claims, in the order in which an auditor reads them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attestations import Destruction, Plan, Report, Target, TimeVerdict
from attestations.schema import encode
from shredder.cli.console import Console, counted, shown
from shredder.errors import ExitCode


def render(
    out: Console,
    plan: Plan,
    result: Destruction,
    verified: Report | None,
    renew_before: datetime | None,
    code: ExitCode,
) -> None:
    """Show who claims what, what was looked at, what became of it, and what remains."""
    out.result(
        {
            "verified": verified is not None,
            "time": verified.time.value if verified else TimeVerdict.INDETERMINATE.value,
            "renew_before": renew_before and renew_before.isoformat(),
            "plan": encode(plan),
            "result": encode(result),
        },
        code,
    )
    if verified is None:
        out.say("NOT VERIFIED: nobody has checked who claims this. `shredder verify` does.")
    else:
        names = ", ".join(shown(signer.name) for signer in verified.signers)
        out.say(f"verified: signed by {names}; time: {verified.time}")
    out.say()
    out.say(f"dataset:     {shown(result.dataset.label)} ({shown(result.dataset.title or '')})")
    out.say(f"controller:  {shown(result.controller.name)}")
    out.say(f"operator:    {result.operator.role}, {result.operator.reference}")
    for who in result.approvers:
        out.say(f"approved by: {who.role}, {who.reference}")
    out.say(f"basis:       {result.request.basis}")
    out.say(f"outcome:     {result.outcome}")
    _times(out, result)
    _coverage(out, result)
    _targets(out, result)
    _remains(out, plan, result)


def _times(out: Console, result: Destruction) -> None:
    times = result.times
    for name, moment in (
        ("planned", times.planned),
        ("approved", times.approved),
        ("started", times.started),
        ("finished", times.finished),
        ("verified", times.verified),
        ("issued", result.issued_at),
    ):
        out.say(f"{name + ':':12} {moment.isoformat() if moment else 'never'}")


def _coverage(out: Console, result: Destruction) -> None:
    out.say()
    if result.sweep is None:
        out.say("no store was swept after the destruction")
        return
    out.say("looked at after the destruction:")
    out.table(
        ("store", "identity", "coverage", "examined", "of"),
        [
            (s.store, s.identity, s.status, s.units_examined, s.units_total)
            for s in result.sweep.coverage
        ],
    )


def _targets(out: Console, result: Destruction) -> None:
    out.say()
    out.say(f"holdings: {result.inventory.size:,}")
    _groups(out, result.targets)
    for what, left in (("undecided", result.undecided), ("dismissed", result.dismissed)):
        if left.total:
            out.say(f"  {what}: {left.likely} likely, {left.maybe} maybe")
    if result.settled:
        out.say()
        out.say("what the replaced attestation left pending:")
        _groups(out, result.settled)
    _erasures(out, [target for target in result.groups if target.erasure])


def _groups(out: Console, groups: Sequence[Target]) -> None:
    out.table(
        ("store", "kind", "holdings", "records", "technique", "method", "status", "looked in"),
        [
            (
                t.store,
                t.kind,
                t.holdings,
                t.records,
                t.technique or "",
                t.method or "",
                t.status,
                " ".join(t.verification.looked),
            )
            for t in groups
        ],
    )


def _erasures(out: Console, groups: Sequence[Target]) -> None:
    """The conditions of what ended by a key, one by one."""
    if not groups:
        return
    out.say()
    out.say("conditions of the erasures by key:")
    out.table(
        (
            "store", "kind", "in the clear", "escrowed", "backed up", "strength", "entropy",
            "keys", "destroyed", "scheduled",
        ),
        [
            (
                t.store,
                t.kind,
                e.ever_in_clear,
                e.escrowed,
                e.backed_up,
                e.strength_bits,
                e.entropy_bits,
                e.keys_total,
                e.keys_destroyed,
                e.keys_scheduled,
            )
            for t in groups
            if (e := t.erasure)
        ],
    )  # fmt: skip


def _remains(out: Console, plan: Plan, result: Destruction) -> None:
    out.say()
    dataset = result.dataset
    out.say(
        f"recognisable: {dataset.records_recognisable:,} of {dataset.records_enrolled:,} records"
    )
    if result.limitations:
        out.say(f"limitations: {' '.join(result.limitations)}")
    until = result.fingerprint.until
    out.say(f"fingerprint: {result.fingerprint.status}{f' until {until.date()}' if until else ''}")
    out.say(f"where nobody looked: {' '.join(risk.code for risk in result.residual_risks)}")
    told = [recipient.status for recipient in result.recipients]
    if told:
        out.say(f"recipients: {counted(len(told), 'recipient')}: {', '.join(told)}")
    out.say(f"tool: {result.tool.name} {result.tool.version} {result.tool.digest or ''}")
    out.say(f"found before: {plan.sweep.found.total:,} holdings")
