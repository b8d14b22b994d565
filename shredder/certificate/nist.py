"""The sample certificate of NIST SP 800-88, field by field, with its answer or why it has none.

The form is Appendix G of Revision 1; Revision 2 has it as Appendix C, and lists in 4.6 what a
certificate records. docs/commands.md says what was at hand of both.
"""

from __future__ import annotations

from attestations import Destruction, Method, Report
from shredder.certificate.content import (
    Cell,
    Column,
    Group,
    Paragraph,
    Section,
    Table,
    cell,
    counted,
    lines,
    listed,
    moment,
    mono,
    name,
    strong,
)

TITLE = "Fields of the NIST SP 800-88 sample certificate"

_ABOUT = (
    "The fields of the sample certificate of sanitization in NIST SP 800-88 (Rev. 1, Appendix G; "
    "Rev. 2, 4.6 and Appendix C), in its order. It is made for media; what it asks of a medium has "
    "no answer for a dataset. Nothing is filled in that the attestation does not state. NIST has "
    "not examined this certificate or the tool."
)
_PEOPLE = "an attestation holds no contact data of people."
_CATEGORY = "the attestation does not grade confidentiality."


def section(result: Destruction, report: Report) -> Section:
    """Every field of the form."""
    table = Table(
        "Fields of the form, and what the attestation says",
        (Column("Field", 3), Column("In this attestation", 7)),
        (
            _group("Person performing sanitization", _person(result, report)),
            _group("Media information", _media(result)),
            _group("Sanitization details", _details(result)),
            _group("Media destination", _DESTINATION),
            _group("Signature", _signature(result, report)),
            _group("Validation", _VALIDATION),
        ),
    )
    return Section(TITLE, (Paragraph(cell(_ABOUT)), table))


_Rows = tuple[tuple[str, Cell], ...]


def _group(title: str, rows: _Rows) -> Group:
    return Group(
        tuple((lines(*map(cell, field.split("\n"))), answer) for field, answer in rows), cell(title)
    )


def _not_stated(why: str) -> Cell:
    return cell(strong("Not stated: "), why)


def _does_not_apply(why: str) -> Cell:
    return cell(strong("Does not apply: "), why)


def _person(result: Destruction, report: Report) -> _Rows:
    operator = result.operator
    called = (report.names or {}).get(operator.reference)
    nobody = (
        *_not_stated("no verified annex of names has it; the staff reference is "),
        *cell(mono(operator.reference), "."),
    )
    return (
        ("Name", nobody if called is None else cell(name(called))),
        ("Title", cell("Role: ", mono(operator.role))),
        (
            "Organization",
            cell(strong("Not stated: "), "the controller is ", name(result.controller.name), "."),
        ),
        ("Location, phone", _not_stated(_PEOPLE)),
        ("Date", cell(moment(result.times.finished))),
    )


def _media(result: Destruction) -> _Rows:
    kinds = sorted({target.kind for target in result.groups})
    stores = sorted({target.store for target in result.groups})
    medium = "a dataset is no medium, and may lie on many."
    return (
        ("Make or vendor, model number", _does_not_apply(medium)),
        ("Serial number, property number", _does_not_apply(medium)),
        ("Media type", cell("Kinds of holdings: ", *listed(map(mono, kinds))) if kinds else _NONE),
        ("Source", cell("Stores: ", *listed(map(name, stores))) if stores else _NONE),
        ("Classification", _not_stated(_CATEGORY)),
        (
            "Data backed up, backup location",
            cell(
                strong("Unknown: "),
                "a backup is looked for only where it lies in a store under Stores and coverage; "
                "What remains names where nobody looked.",
            ),
        ),
    )


_NONE = cell("No holding was found.")


def _details(result: Destruction) -> _Rows:
    targets, tool = result.groups, result.tool
    looked = sum(1 for target in targets if target.verification.looked)
    techniques = sorted({t.technique for t in targets if t.technique and t.status.destroyed})
    digest = cell(mono(tool.digest)) if tool.digest else cell("Its code was not measured.")
    again = (
        "a second examination, under Stores and coverage"
        if result.sweep
        else "no second examination"
    )
    notes = len(result.limitations), len(result.residual_risks)
    return (
        ("Method type:\nclear, purge or destroy", _methods(result)),
        ("Method used", cell(*listed(map(mono, techniques))) if techniques else cell("none")),
        ("Method details", cell("See What was done.")),
        ("Tool used, with version", lines(cell(mono(tool.name), " ", mono(tool.version)), digest)),
        (
            "Verification method",
            lines(
                cell(
                    "Residue was looked for in ",
                    looked,
                    " of ",
                    counted(len(targets), "group"),
                    " of holdings, under Verification; then ",
                    again,
                    ".",
                ),
                cell("Verified: ", moment(result.times.verified, "never")),
            ),
        ),
        ("Classification afterwards", _not_stated(_CATEGORY)),
        (
            "Notes",
            cell(
                f"{counted(notes[0], 'limitation')} and {counted(notes[1], 'residual risk')}: ",
                "see What remains.",
            ),
        ),
    )


def _methods(result: Destruction) -> Cell:
    """What was earned; a logical delete is none of the form's."""
    counts = dict.fromkeys(Method, 0)
    for target in result.groups:
        if target.status.destroyed and target.method:
            counts[target.method] += target.holdings
    told = [
        cell(mono(method), ": ", counted(counts[method], "holding"))
        for method in (Method.CLEAR, Method.PURGE)
        if counts[method]
    ]
    if counts[Method.LOGICAL_DELETE]:
        number = counted(counts[Method.LOGICAL_DELETE], "holding")
        told.append(cell("None is claimed: ", number, " by ", mono(Method.LOGICAL_DELETE)))
    return lines(*told) or cell("None: nothing was destroyed.")


_DESTINATION: _Rows = (
    (
        "Reuse, recycling,\nmanufacturer, other",
        _does_not_apply("a dataset is no medium; what becomes of those it lay on is not stated."),
    ),
)


def _signature(result: Destruction, report: Report) -> _Rows:
    keys = [cell(mono(each.keyid)) for each in report.signers]
    return (
        ("Signature", lines(cell("Digital, see Signers:"), *keys)),
        ("Date", cell("Issued ", moment(result.issued_at))),
    )


_VALIDATION: _Rows = (
    (
        "Name, title, organization,\nlocation, phone,\nsignature, date",
        cell(
            strong("Given apart: "),
            "the organisation decides whether this result suffices, and another person signs that "
            "in a file of its own, which names the SHA-256 of this attestation.",
        ),
    ),
)
