"""The plan's statement, of the plan file and the configuration."""

from __future__ import annotations

from collections.abc import Sequence

from attestations import Actor, Plan, PlanTimes
from shredder.evidence import parts
from shredder.evidence.groups import planned_targets
from shredder.evidence.names import write_annex
from shredder.evidence.tool import tool
from shredder.evidence.trees import INVENTORY, begun, committer, kept_committer, tree
from shredder.journal import Run
from shredder.plan import Decision, read_header, read_items, read_lines
from shredder.run.work import Work


def plan_statement(
    work: Work, run: Run, *, approved: str, issued: str, approvers: Sequence[Actor] = ()
) -> Plan:
    """What is to be signed. Without other approvers, the operator alone has approved."""
    path = work.plan_file(run.id)
    header, dataset = read_header(path), work.dataset(run.dataset)
    # With another secret nobody could open the leaves of what ends with the key, made before.
    made_by = (kept_committer if header.by_key else committer)(work.state.run(run.id))
    operator = parts.operator(work.config)
    verdicts = parts.Verdicts()
    targets = planned_targets(verdicts.through(read_items(path)), header.by_key)
    return Plan(
        attestation_id=run.id,
        issued_at=parts.moment(issued),
        controller=parts.controller(work.config),
        operator=operator,
        approvers=tuple(approvers) or (operator,),
        tool=tool(),
        request=parts.request(dataset, made_by, run.facts.get("challenge", "")),
        dataset=parts.described(dataset, header),
        inventory=tree(made_by, INVENTORY, read_lines(path), begun(header.by_key, INVENTORY)),
        sweep=parts.sweep(header, made_by),
        targets=targets,
        undecided=verdicts.of(Decision.UNDECIDED),
        dismissed=verdicts.of(Decision.DISMISSED),
        limitations=parts.blind_spots([header]),
        times=PlanTimes(
            planned=parts.moment(run.facts["planned"]), approved=parts.moment(approved)
        ),
        fingerprint=parts.planned_fingerprint(header),
        annex=write_annex(work, run.id, [operator, *approvers]),
        manifest=run.facts["plan_digest"],
    )
