"""What was looked for after the destruction, and what was found."""

from __future__ import annotations

from attestations import Destruction
from shredder.certificate.content import (
    Column,
    Group,
    Paragraph,
    Section,
    Table,
    cell,
    codes,
    lines,
    moment,
    mono,
    name,
    plain,
    tallies,
)
from shredder.certificate.words import FINDINGS, meaning


def section(result: Destruction) -> Section:
    """Where was looked for each group of holdings, and what was found."""
    table = Table(
        "What was looked for afterwards, numbered as above",
        (
            Column("No.", 0),
            Column("Store and kind", 4),
            Column("Finding", 3),
            Column("Looked in", 4),
            Column("Measured", 5),
        ),
        (
            Group(
                tuple(
                    (
                        cell(number),
                        lines(cell(name(of.store)), cell(mono(of.kind))),
                        lines(
                            cell(mono(of.verification.finding)),
                            cell(FINDINGS[of.verification.finding]),
                        ),
                        codes(of.verification.looked),
                        tallies(of.verification.numbers),
                    )
                    for number, of in enumerate(result.groups, 1)
                )
            ),
        ),
    )
    swept = (
        cell(
            "After that, the stores were examined again, from ",
            moment(result.sweep.started),
            " to ",
            moment(result.sweep.finished),
            ": see Stores and coverage for how far.",
        )
        if result.sweep
        else cell("No store was examined again after the destruction.")
    )
    said = {t.code for each in result.groups for t in each.verification.numbers}
    said |= {code for each in result.groups for code in each.verification.looked}
    explained = [(code, meaning(code)) for code in sorted(said) if meaning(code)]
    notes = [Paragraph(lines(*(cell(mono(c), ": ", plain(m)) for c, m in explained)))]
    return Section("Verification", (table, Paragraph(swept), *(notes if explained else [])))
