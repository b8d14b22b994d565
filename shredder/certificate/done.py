"""What became of each holding, and why."""

from __future__ import annotations

from collections.abc import Sequence

from attestations import Destruction, KeyErasure, Status, Tally, Target
from shredder.certificate.content import (
    Block,
    Cell,
    Column,
    Group,
    Paragraph,
    Section,
    Table,
    cell,
    figures,
    lines,
    moment,
    mono,
    name,
)
from shredder.certificate.words import STATUSES, TECHNIQUES, meaning

_COLUMNS = (
    Column("No.", 0),
    Column("Store and kind", 4),
    Column("Technique", 5),
    Column("Method", 0),
    Column("Status", 4),
    figures("Holdings"),
    figures("Records"),
    figures("Records of others"),
)
_SETTLED = (
    "It was to go by an earlier plan, which this one does not list again, and its provider had a "
    "waiting period. It was looked for anew, after this plan was carried out."
)


def section(result: Destruction) -> Section:
    """Holdings that fared alike, with what was done and what they held."""
    rows = [_target(number, each) for number, each in enumerate(result.groups, 1)]
    table = Table(
        "Holdings by store, technique, method and status",
        _COLUMNS,
        (Group(tuple(rows[: len(result.targets)])),),
        (
            cell("All"),
            *([cell("")] * 4),
            cell(sum(t.holdings for t in result.targets)),
            _known(
                sum(t.records for t in result.targets),
                sum(t.holdings_unknown_records for t in result.targets),
            ),
            _known(
                sum(t.foreign_records_destroyed for t in result.targets),
                sum(t.holdings_unknown_foreign for t in result.targets),
            ),
        ),
    )
    text = (
        "A record is counted in each holding that it is in. Records of others stand here only "
        "where they were destroyed, too."
    )
    words = [
        cell(mono(status), ": ", STATUSES[status], ".")
        for status in Status
        if any(target.status is status for target in result.groups)
    ]
    blocks: list[Block] = [table, Paragraph(lines(*words, cell(text)))]
    if settled := tuple(rows[len(result.targets) :]):
        blocks.append(
            Table("What the replaced attestation left pending", _COLUMNS, (Group(settled),))
        )
        blocks.append(Paragraph(cell(_SETTLED)))
    why = [
        (number, target)
        for number, target in enumerate(result.groups, 1)
        if target.reasons or target.until or target.status is not Status.DESTROYED_VERIFIED
    ]
    if why:
        blocks.append(_left(why))
    left = [
        cell(each.likely, " likely copies and ", each.maybe, f" that may be one {words}.")
        for each, words in (
            (result.undecided, "wait for a decision and were left alone"),
            (result.dismissed, "were decided to be none, and were left alone"),
        )
        if each.total
    ]
    if left:
        blocks.append(Paragraph(lines(*left)))
    in_all = cell("The plan's inventory lists ", result.inventory.size, " holdings.")
    blocks.append(Paragraph(in_all))
    erased = [(n, t.erasure) for n, t in enumerate(result.groups, 1) if t.erasure]
    blocks += [_erasures(erased)] if erased else []
    return Section("What was done", tuple(blocks))


def _target(number: int, of: Target) -> tuple[Cell, ...]:
    technique = lines(
        cell(mono(of.technique)) if of.technique else cell("none"),
        *([cell(TECHNIQUES[of.technique])] if of.technique in TECHNIQUES else []),
        *([cell("as a whole, records of others included")] if of.whole else []),
    )
    return (
        cell(number),
        lines(cell(name(of.store)), cell(mono(of.kind))),
        technique,
        cell(mono(of.method)) if of.method else cell("none"),
        cell(mono(of.status)),
        cell(of.holdings),
        _known(of.records, of.holdings_unknown_records),
        _known(of.foreign_records_destroyed, of.holdings_unknown_foreign),
    )


def _known(number: int, unknown: int) -> Cell:
    if not unknown:
        return cell(number)
    return lines(cell(number), cell("and unknown in ", unknown))


def _left(rows: Sequence[tuple[int, Target]]) -> Table:
    return Table(
        "Why holdings are not destroyed and verified",
        (Column("No.", 0), Column("Status", 4), Column("Reason", 5), Column("Until", 0)),
        (
            Group(
                tuple(
                    (
                        cell(number),
                        cell(STATUSES[of.status]),
                        lines(*(_reason(each) for each in of.reasons)) or cell("none given"),
                        cell(moment(of.until, "no date known")),
                    )
                    for number, of in rows
                )
            ),
        ),
    )


def _reason(tally: Tally) -> Cell:
    told = meaning(tally.code)
    return cell(mono(tally.code), f" ({tally.count:,})", f": {told}" if told else "")


def _erasures(rows: Sequence[tuple[int, KeyErasure]]) -> Table:
    titles = (
        "Ever in the clear",
        "Escrowed",
        "Backed up",
        "Strength, bits",
        "Entropy, bits",
        "Keys",
        "destroyed",
        "scheduled",
    )
    return Table(
        "Conditions of the erasures by key",
        (Column("No.", 0), *(Column(title, 2, number=n > 2) for n, title in enumerate(titles))),
        (
            Group(
                tuple(
                    (
                        cell(number),
                        cell(str(of.ever_in_clear)),
                        cell(str(of.escrowed)),
                        cell(str(of.backed_up)),
                        cell(of.strength_bits),
                        cell(of.entropy_bits),
                        cell(of.keys_total),
                        cell(of.keys_destroyed),
                        cell(of.keys_scheduled),
                    )
                    for number, of in rows
                )
            ),
        ),
    )
