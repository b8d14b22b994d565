"""People: a staff reference and a role, and a name where a verified annex has it."""

from __future__ import annotations

from attestations import Actor, Report
from shredder.certificate.content import Cell, cell, mono, name


def person(actor: Actor, report: Report) -> Cell:
    """Who acted. A statement holds no name: only the annex that it commits to does."""
    called = (report.names or {}).get(actor.reference)
    known = (" (", name(called), ")") if called is not None else ()
    return cell(mono(actor.reference), *known, ", ", mono(actor.role))
