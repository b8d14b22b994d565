"""Where was looked: every scope of every store, before and after the destruction."""

from __future__ import annotations

from collections.abc import Sequence

from attestations import Destruction, Plan, ScopeCoverage
from shredder.certificate.content import (
    Cell,
    Column,
    Group,
    Paragraph,
    Section,
    Table,
    cell,
    counted,
    figures,
    lines,
    listed,
    mono,
    name,
    tallies,
)
from shredder.certificate.words import COVERED


def where(result: Destruction, plan: Plan) -> Cell:
    """The stores, and how far they were examined before and afterwards."""
    before = plan.sweep.coverage
    after = result.sweep.coverage if result.sweep else ()
    told = [cell("Before: ", *_units(before))]
    if result.sweep:
        told.append(cell("Afterwards: ", *_units(after)))
        gone = {(s.store, s.scope) for s in before} - {(s.store, s.scope) for s in after}
        if gone:
            told.append(cell("Not listed afterwards: ", counted(len(gone), "scope")))
    else:
        told.append(cell("Afterwards: nobody looked"))
    stores = dict.fromkeys(scope.store for scope in (*before, *after))
    return lines(listed([name(store) for store in stores]) or cell("in no store"), *told)


def _units(coverage: Sequence[ScopeCoverage]) -> Cell:
    examined = sum(scope.units_examined for scope in coverage)
    scopes = counted(len(coverage), "scope")
    if any(scope.units_total is None for scope in coverage):
        return cell(examined, " units examined, of an unknown number, in ", scopes)
    total = sum(scope.units_total or 0 for scope in coverage)
    return cell(examined, " of ", total, " units examined, in ", scopes)


def section(plan: Plan, result: Destruction) -> Section:
    """Every scope of every store, as it was examined before and afterwards."""
    after = result.sweep.coverage if result.sweep else ()
    both = {(s.store, s.scope): s for s in (*plan.sweep.coverage, *after)}
    before_by = {(s.store, s.scope): s for s in plan.sweep.coverage}
    after_by = {(s.store, s.scope): s for s in after}
    groups = []
    for store in dict.fromkeys(scope.store for scope in both.values()):
        scopes = [key for key in both if key[0] == store]
        rows: list[tuple[Cell, ...]] = []
        for key in scopes:
            rows += [_scope(both[key], "before", before_by.get(key))]
            rows += [_scope(both[key], "after", after_by.get(key))]
        identities = dict.fromkeys(both[key].identity for key in scopes)
        title = cell(name(store), ", ", *listed([name(identity) for identity in identities]))
        groups.append(Group(tuple(rows), title))
    table = Table(
        "Coverage of each store before and after the destruction, in units",
        (
            Column("Scope", 3),
            Column("When", 0),
            Column("Coverage", 3),
            figures("Examined"),
            figures("Failed"),
            figures("Unreachable"),
            figures("Excluded"),
            figures("All"),
            Column("As of, reasons", 4),
        ),
        tuple(groups),
    )
    found = [
        cell(
            "Before: ",
            *_found(plan.sweep.found.copy, plan.sweep.found.likely, plan.sweep.found.maybe),
        )
    ]
    if result.sweep:
        f = result.sweep.found
        found.append(cell("Afterwards: ", *_found(f.copy, f.likely, f.maybe)))
    else:
        found.append(cell("Afterwards: nobody looked."))
    text = (
        "A unit is the smallest thing that is examined by itself: a file, a table, a version of an "
        "object. Names of scopes may tell of people or projects, so that they are committed to "
        "with a salt and shown as the first digits of the commitment."
    )
    return Section("Stores and coverage", (Paragraph(cell(text)), table, Paragraph(lines(*found))))


def _found(copy: int, likely: int, maybe: int) -> Cell:
    return cell(copy, " certain copies found, ", likely, " likely, ", maybe, " that may be one.")


def _scope(of: ScopeCoverage, when: str, seen: ScopeCoverage | None) -> tuple[Cell, ...]:
    label = name(of.scope_label) if of.scope_label else mono(of.scope.removeprefix("sha256:")[:10])
    if seen is None:
        return (cell(label), cell(when), cell("not listed"), *([cell("-")] * 6))
    remarks = [cell(name(seen.as_of))] if seen.as_of else []
    if seen.units_unchanged:
        remarks.append(
            cell(seen.units_unchanged, " unchanged since they were read: not read again")
        )
    return (
        cell(label),
        cell(when),
        cell(COVERED[seen.status]),
        cell(seen.units_examined),
        cell(seen.units_failed),
        cell(seen.units_unreachable),
        cell(seen.units_excluded),
        cell("unknown" if seen.units_total is None else seen.units_total),
        lines(*remarks, *([tallies(seen.reasons)] if seen.reasons else [])) or cell("-"),
    )
