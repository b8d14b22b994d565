"""Who signed, and how to check all of it again."""

from __future__ import annotations

import shlex
from datetime import datetime

from attestations import Destruction, Report
from attestations.policy import APPROVER
from attestations.text import sha256, shown
from shredder.certificate.content import (
    Commands,
    Digest,
    Facts,
    Paragraph,
    Section,
    cell,
    lines,
    moment,
    mono,
    name,
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
