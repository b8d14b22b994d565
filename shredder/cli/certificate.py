"""certificate: a verified bundle as a document for people."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shredder.cli import options
from shredder.cli.attestation import Bundle, PolicyFile, verdict_code
from shredder.cli.console import console, shown
from shredder.errors import UsageError

if TYPE_CHECKING:
    from shredder.certificate import Certificate

_FORMATS = (".html", ".pdf")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(certificate)


def certificate(
    bundle: Bundle,
    policy: PolicyFile,
    output: Annotated[
        Path,
        typer.Option("--output", metavar="FILE", help="Where it is written: *.html or *.pdf."),
    ],
    annex: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Show the names that the operator disclosed, too."),
    ] = None,
    paper: Annotated[
        str, typer.Option("--paper", metavar="a4|letter", help="The sheet of a PDF.")
    ] = "a4",
    as_json: options.Json = False,
) -> int:
    """Render a bundle that verifies for people: HTML or PDF."""
    from attestations import Policy, Supplied, Unreadable, check, read_annex
    from attestations.bundle import LIMITS
    from attestations.policy import LIMITS as POLICY_LIMITS
    from attestations.storage import read_limited, write_atomically
    from attestations.text import sha256
    from shredder.certificate import Checked, compose

    _possible(output, paper)
    try:
        content = read_limited(bundle, LIMITS.size, "bundle")
        trusted = read_limited(policy, POLICY_LIMITS.size, "policy")
        supplied = Supplied(annex=None if annex is None else read_annex(annex))
    except Unreadable as error:
        raise UsageError(error.message) from error
    at = datetime.now(UTC)
    report = check(content, Policy.from_bytes(trusted), now=at, supplied=supplied)
    composed = compose(Checked(content, trusted, report, at, version("shredder-toolkit")))
    made = _rendered(composed, output.suffix.lower(), paper)
    try:
        write_atomically(output, made)
    except Unreadable as error:
        raise UsageError(error.message) from error
    code = verdict_code(report)
    with console(as_json, None) as out:
        value = {
            "certificate": str(output),
            "bundle": sha256(content),
            "time": report.time.value,
            "outcome": report.computed.value if report.computed else None,
        }
        out.result(value, code)
        out.say(f"wrote {shown(output)}: {'; '.join(composed.banner.words).lower()}")
    return code


def _possible(output: Path, paper: str) -> None:
    if output.suffix.lower() not in _FORMATS:
        raise UsageError(
            f"{output} ends in none of the formats there are",
            hint="name it *.html or *.pdf",
        )
    if output.exists():
        raise UsageError(f"{output} exists already; a certificate is not replaced unasked")
    if paper not in {"a4", "letter"}:
        raise UsageError(f"--paper is a4 or letter, not {paper!r}")


def _rendered(composed: Certificate, suffix: str, paper: str) -> bytes:
    from shredder.certificate import Paper, to_html, to_pdf

    try:
        return to_html(composed) if suffix == ".html" else to_pdf(composed, Paper(paper))
    except ModuleNotFoundError as error:
        if error.name not in {"segno", "typst"}:
            raise
        raise UsageError(
            "certificates need an extra that is not installed",
            hint="pip install 'shredder-toolkit[certificate]'",
        ) from error
