"""When, and who vouches for it."""

from __future__ import annotations

from attestations import Destruction, Plan, Report, TimeVerdict
from shredder.certificate.content import (
    Cell,
    Column,
    Group,
    Paragraph,
    Section,
    Table,
    cell,
    lines,
    moment,
    mono,
    strong,
)

_OPERATOR = "the operator's clock"


def glance(result: Destruction) -> Cell:
    """From approval to the last look."""
    times = result.times
    return lines(
        cell("Planned ", moment(times.planned), ", approved ", moment(times.approved)),
        cell("Destroyed from ", moment(times.started), " to ", moment(times.finished)),
        cell("Verified ", moment(times.verified, "never")),
    )


def section(report: Report, plan: Plan, result: Destruction) -> Section:
    """Each time that is stated, by whom, and what the authorities prove."""
    times, after = result.times, result.sweep
    stated = (
        ("First examination begun", moment(plan.sweep.started)),
        ("First examination ended", moment(plan.sweep.finished)),
        ("Plan fixed", moment(times.planned)),
        ("Plan approved", moment(times.approved)),
        ("Plan signed", moment(plan.issued_at)),
        ("Destruction begun", moment(times.started)),
        ("Destruction ended, and durable", moment(times.finished)),
        ("Last look for residue", moment(times.verified, "never")),
        ("Second examination begun", moment(after.started if after else None, "never")),
        ("Second examination ended", moment(after.finished if after else None, "never")),
        ("Result signed", moment(result.issued_at)),
    )
    rows = [(cell(what), cell(when), cell(_OPERATOR)) for what, when in stated]
    if report.no_later_than is not None:
        independent = report.time is TimeVerdict.VALID
        whose = "trusted authorities" if independent else "an authority that the operator runs"
        rows.append(
            (cell("Result existed no later than"), cell(moment(report.no_later_than)), cell(whose))
        )
    before = (
        "It is proven that the plan is older than the start of the destruction."
        if report.plan_before_start
        else "It is not proven that the plan is older than the start of the destruction."
    )
    table = Table(
        "Times, and who vouches for them",
        (Column("What"), Column("When"), Column("By the word of")),
        (Group(tuple(rows)),),
    )
    told = [cell(line) for line in report.findings]
    if report.codes:
        told.append(cell("What lowers the verdict: ", *(mono(f"{each} ") for each in report.codes)))
    checked = lines(cell(strong("What the check of the bundle says")), cell(before), *told)
    return Section("Times", (table, Paragraph(checked)))
