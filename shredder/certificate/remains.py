"""What the destruction does not reach, what may survive, and who was told."""

from __future__ import annotations

from attestations import Destruction, FingerprintStatus, Status
from shredder.certificate.content import (
    Block,
    Cell,
    Column,
    Group,
    Paragraph,
    Section,
    Table,
    cell,
    counted,
    lines,
    moment,
    mono,
    name,
)
from shredder.certificate.words import STATUSES, TOLD, meaning

_NEVER_PROVEN = (
    "Of this, no attestation is a proof: that no other copy exists outside of the stores that were "
    "examined; that every record can be recognised; that the operator measured honestly; that "
    "media are clean below what the method claims."
)


def glance(result: Destruction) -> Cell:
    """The numbers of what is left."""
    left = [
        cell(sum(t.holdings for t in result.groups if t.status is status), f" {STATUSES[status]}")
        for status in Status
        if status is not Status.DESTROYED_VERIFIED
        and any(t.status is status for t in result.groups)
    ]
    if result.undecided.total:
        left.append(cell(result.undecided.total, " undecided"))
    if result.dismissed.total:
        left.append(cell(result.dismissed.total, " left alone, decided to be no copy"))
    codes = {code for target in result.groups for code in target.limitations}
    return lines(
        *(left or [cell("No holding that was found.")]),
        cell(
            "Named below: ",
            counted(len(codes | set(result.limitations)), "limitation"),
            " and ",
            counted(len(result.residual_risks), "residual risk"),
        ),
    )


def section(result: Destruction) -> Section:
    """Limitations and residual risks, each with its meaning."""
    blocks: list[Block] = [Paragraph(cell(_NEVER_PROVEN))]
    applies: dict[str, list[str]] = {}
    for number, target in enumerate(result.groups, 1):
        for code in target.limitations:
            applies.setdefault(code, []).append(str(number))
    everywhere = dict.fromkeys(result.limitations)
    rows = [
        (cell(mono(code)), _meaning(code), cell(", ".join([*applies.get(code, ()), *also])))
        for code, also in (
            *((code, []) for code in applies if code not in everywhere),
            *((code, ["the stores"]) for code in everywhere),
        )
    ]
    if rows:
        columns = (Column("Code"), Column("Meaning", 4), Column("Holds for No.", 1))
        blocks.append(Table("Limitations", columns, (Group(tuple(rows)),)))
    else:
        blocks.append(Paragraph(cell("No limitation is named.")))
    blocks.append(Paragraph(_fingerprint(result)))
    if result.residual_risks:
        risks = tuple(
            (cell(mono(risk.code)), _meaning(risk.code), cell(moment(risk.due, "no date known")))
            for risk in result.residual_risks
        )
        columns = (Column("Code"), Column("What may survive, and where", 4), Column("Gone by", 0))
        blocks.append(Table("Residual risks", columns, (Group(risks),)))
    else:
        blocks.append(Paragraph(cell("No residual risk is named.")))
    return Section("What remains", tuple(blocks))


def _fingerprint(result: Destruction) -> Cell:
    kept = result.fingerprint.status is FingerprintStatus.KEPT
    until = result.fingerprint.until
    return cell(
        "The fingerprint, by which records were recognised, ",
        "is kept" if kept else "was destroyed",
        f" until {until.date().isoformat()}." if until else ".",
    )


def _meaning(code: str) -> Cell:
    return cell(meaning(code) or "no explanation here: the code stands for itself")


def recipients(result: Destruction) -> Section:
    """Third parties that had received a copy (GDPR, Article 19)."""
    if not result.recipients:
        none = "The attestation names no third party that had received a copy."
        return Section("Recipients told", (Paragraph(cell(none)),))
    rows = tuple(
        (
            cell(name(each.label)) if each.label else cell("not named"),
            cell(TOLD[each.status]),
            cell(mono(each.recipient.removeprefix("sha256:")[:16])),
        )
        for each in result.recipients
    )
    columns = (Column("Recipient"), Column("Status"), Column("Commitment"))
    table = Table("Third parties that had received a copy", columns, (Group(rows),))
    return Section("Recipients told", (table,))
