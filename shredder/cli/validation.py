"""validate: another person's word on a result, and what verify says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shredder.cli import options
from shredder.cli.console import console, shown
from shredder.errors import ExitCode, UsageError

_TIMEOUT = 20  # seconds for each timestamp authority


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(validate)


def validate(
    bundle: Annotated[
        Path, typer.Argument(metavar="BUNDLE", help="The attestation's bundle file.")
    ],
    policy: Annotated[
        Path, typer.Option(metavar="FILE", help="Your own trust policy, your key in it.")
    ],
    key: Annotated[Path, typer.Option(metavar="FILE", help="Your private key: PKCS#8 or OpenSSH.")],
    decision: Annotated[str, typer.Option(metavar="accepted|rejected", help="What you decide.")],
    by_role: Annotated[str, typer.Option(metavar="CODE", help="Your role, never a name.")],
    reference: Annotated[str, typer.Option(metavar="ID", help="Your staff reference.")],
    tsa: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="A timestamp authority; repeatable, tried in order."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where it is written.")
    ] = None,
    as_json: options.Json = False,
) -> int:
    """Verify an attestation; sign whether you accept it."""
    from attestations import Actor, Policy, Unreadable, read_bundle, request_timestamps, verify
    from attestations import Bundle as Parsed
    from attestations.acceptance import check_validation, issue_validation, to_file
    from attestations.storage import write_atomically
    from attestations.validation import Acceptance
    from shredder.keys import load_key_file

    if decision not in set(Acceptance):
        raise UsageError("--decision is accepted or rejected")
    options.check_actor(by_role, reference)
    path = output or bundle.with_suffix(".validation.json")
    if path.exists():
        raise UsageError(f"{path} exists already; a validation is not replaced unasked")
    try:
        data = read_bundle(bundle)
        trusted = Policy.load(policy)
        report = verify(data, trusted)
        assert report.result is not None, "a bundle that verifies has a result"
        sealed = issue_validation(
            Parsed.from_bytes(data).result,
            Acceptance(decision),
            Actor(role=by_role, reference=reference),
            attestation_id=report.result.attestation_id,
            signers=[load_key_file(key)],
        )
        if tsa:
            tokens = request_timestamps(sealed.envelope, tsa, timeout=_TIMEOUT)
            sealed = sealed.with_timestamps(tokens)
        made = to_file(sealed)
        check_validation(made, data, trusted)  # nothing leaves that an auditor would refuse
        write_atomically(path, made)
    except Unreadable as error:
        raise UsageError(error.message) from error
    with console(as_json, None) as out:
        out.result({"validation": str(path), "decision": decision}, ExitCode.COMPLETE)
        out.say(f"{decision}: {shown(path)}")
        if not tsa:
            out.say("its time is not proved: name an authority with --tsa")
    return ExitCode.COMPLETE


def judge(
    bundle: Path, policy: Path, validation: Path, code: ExitCode
) -> tuple[dict[str, object], list[str], ExitCode]:
    """What an auditor learns of a validation: JSON values, lines, and the exit code of all."""
    from attestations import Policy, Refused, Unreadable, read_bundle
    from attestations.acceptance import check_validation, read_validation
    from attestations.validation import Acceptance

    try:
        found = check_validation(
            read_validation(validation), read_bundle(bundle), Policy.load(policy)
        )
    except Unreadable as error:
        raise UsageError(error.message) from error
    except Refused as refused:
        answer: dict[str, object] = {"authentic": False, "code": str(refused.verdict)}
        return answer, [f"validation: NO: {refused.verdict}: {refused.message}"], ExitCode.INVALID
    names = [key.name for key in found.by]
    answer = {
        "authentic": True,
        "decision": found.decision.value,
        "by": names,
        "role": found.validator.role,
        "reference": found.validator.reference,
        "no_later_than": found.latest.isoformat() if found.latest else None,
    }
    lines = [f"validation: {found.decision} by {', '.join(names)} ({found.validator.role})"]
    if any(key.operator_run for key in found.by):
        lines.append("  the validator's key is the operator's own: nobody else vouches for it")
    if found.latest is None:
        lines.append("  the validation's time is not proved")
    if code in {ExitCode.COMPLETE, ExitCode.NOT_COMPLETE} and found.latest is None:
        code = ExitCode.INCONCLUSIVE
    if code is ExitCode.COMPLETE and found.decision is not Acceptance.ACCEPTED:
        code = ExitCode.NOT_COMPLETE
    return answer, lines, code
