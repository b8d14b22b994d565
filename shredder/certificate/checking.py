"""Who signed, the fields of NIST's sample certificate, and how to check all of it again."""

from __future__ import annotations

import shlex
from datetime import datetime

from attestations import Destruction, Report
from attestations.policy import APPROVER
from attestations.text import sha256, shown
from shredder.certificate.content import (
    Cell,
    Commands,
    Digest,
    Facts,
    Inline,
    Paragraph,
    Section,
    cell,
    lines,
    moment,
    mono,
    name,
    plain,
)
from shredder.certificate.people import person

_LEFT_OUT = (
    "Left out: manufacturer, model, serial and property number, since a dataset is no medium and "
    "its media stay in use; confidentiality before and after, optional there, since the "
    "attestation does not state it; {name}location, contact and handwritten signature of people, "
    "since an attestation holds no personal data; validation, since the organisation decides on it "
    "and not the tool."
)


def signers(report: Report) -> Section:
    """The keys that the auditor's policy trusts, and that signed."""
    rows = tuple(
        (
            f"Signer {number}",
            lines(
                cell(name(each.name), ", as ", mono(each.role)),
                cell(
                    "Signed ",
                    " and ".join(each.signed),
                    "; the key is held by ",
                    "the operator" if each.operator_run else "somebody else than the operator",
                ),
                cell(mono(each.keyid)),
            ),
        )
        for number, each in enumerate(report.signers, 1)
    )
    what = (
        "Signatures that hold, by keys that the auditor's policy trusts, under the policy's names."
    )
    return Section("Signers", (Paragraph(cell(what)), Facts(rows)))


def nist(result: Destruction, report: Report) -> Section:
    """The fields of the certificate of NIST SP 800-88 Rev. 2 (4.6) that apply to a dataset."""
    targets = result.targets
    verified = sum(1 for target in targets if target.verification.looked)
    tool = result.tool
    digest = [cell(mono(tool.digest))] if tool.digest else [cell("its code was not measured")]
    rows: tuple[tuple[str, Cell], ...] = (
        ("Media type", _codes(sorted({target.kind for target in targets}))),
        ("Media source", _names(sorted({target.store for target in targets}))),
        ("Sanitization method", _codes(sorted({str(t.method) for t in targets if t.method}))),
        ("Sanitization technique", _codes(sorted({t.technique for t in targets if t.technique}))),
        ("Tool used, with version", lines(cell(mono(tool.name), " ", mono(tool.version)), *digest)),
        (
            "Verification method",
            cell(
                "Looked for residue in ",
                verified,
                " of ",
                len(targets),
                " groups of holdings; then ",
                "a second examination: see Stores and coverage"
                if result.sweep
                else "no second examination",
            ),
        ),
        (
            "Performed by, position",
            cell(*person(result.operator, report)),
        ),
        ("Date performed", cell(moment(result.times.finished))),
        ("Date verified", cell(moment(result.times.verified, "never"))),
        ("Signature", lines(*(cell(mono(each.keyid)) for each in report.signers))),
    )
    return Section(
        "Fields of the NIST SP 800-88 Rev. 2 sample certificate",
        (Facts(rows), Paragraph(cell(_LEFT_OUT.format(name="" if report.names else "name, ")))),
    )


def _codes(of: list[str]) -> Cell:
    return _joined([mono(code) for code in of])


def _names(of: list[str]) -> Cell:
    return _joined([name(each) for each in of])


def _joined(parts: list[Inline]) -> Cell:
    after = [(part, plain(", ")) for part in parts]
    return tuple(each for pair in after for each in pair)[:-1] or cell("none")


def recipe(
    report: Report, result: Destruction, bundle: bytes, policy: bytes, at: datetime, version: str
) -> Section:
    """The exact commands, and the digest that says which bundle this is about."""
    digest = sha256(bundle)
    demands = [f"--dataset {result.dataset.label}"]
    if any(each.role == APPROVER for each in report.signers):
        demands.append("--approver approver.pem")
    if result.request.challenge:
        demands.append(f"--challenge {result.request.challenge}")
    if result.sweep:
        stores = dict.fromkeys(scope.store for scope in result.sweep.coverage)
        # A name that is not shown as it is cannot be typed as it is shown.
        demands += [f"--store {shlex.quote(s)}" for s in stores if shown(s) == s]
    commands = (
        "sha256sum bundle.json",
        "python3 -m pip install shredder-toolkit",
        "shredder policy new policy.json --key operator.pem \\",
        "  --tsa-root tsa-root.pem --tsa-certificate tsa.pem \\",
        *(f"  {each} \\" for each in demands[:-1]),
        f"  {demands[-1]}",
        "shredder verify bundle.json --policy policy.json"
        + ("" if report.names is None else " --annex annex.json"),
    )
    about = (
        "This page is a reading of the attestation and carries no signature of its own. What "
        "counts is the bundle, the file with the SHA-256 below. Checking needs no network and "
        "nothing of the operator's but that file. The operator's key and the timestamp "
        "authority's certificates must come from somebody else; compare key ids with what you "
        "were told by another way, not with this page."
    )
    rows = [
        ("Attestation", cell(mono(result.attestation_id))),
        ("Checked", cell(moment(at), f", with shredder {version}")),
        ("Policy, SHA-256", cell(mono(sha256(policy)))),
        ("Plan, SHA-256", cell(mono(result.plan))),
    ]
    if report.names is not None and result.annex is not None:
        rows.append(("Annex of names, SHA-256", cell(mono(result.annex))))
    facts = Facts(tuple(rows))
    return Section(
        "How to check this",
        (
            Paragraph(cell(about)),
            Digest(digest, "SHA-256 of the bundle, and the same text as a QR code"),
            facts,
            Commands(commands),
        ),
    )
