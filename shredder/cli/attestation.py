"""verify, show, timestamp, policy: what is done with a bundle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shredder.cli import options
from shredder.cli.console import Console, console, counted, shown
from shredder.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from attestations import (
        LogRules,
        Policy,
        Report,
        RoleThreshold,
        Supplied,
        TimestampRules,
        TrustedKey,
    )

Bundle = Annotated[Path, typer.Argument(metavar="BUNDLE", help="The attestation's bundle file.")]
PolicyFile = Annotated[
    Path, typer.Option("--policy", metavar="FILE", help="The auditor's own trust policy.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(verify)
    app.command()(show)
    app.command()(timestamp)
    policy = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    policy.command("new")(policy_new)
    app.add_typer(policy, name="policy", help="Make an auditor's trust policy.")


def _supplied(
    disclosure: Path | None,
    seed: str | None,
    sample: int | None,
    previous: Sequence[Path],
    annex: Path | None,
) -> Supplied:
    """What the auditor holds beside the bundle."""
    from attestations import (
        DisclosureRequest,
        Supplied,
        Unreadable,
        read_annex,
        read_bundle,
        read_disclosure,
    )

    if disclosure is None and seed is not None:
        raise UsageError("--seed goes with --disclosure")
    if seed is None and sample is not None:
        raise UsageError("--sample goes with --seed")
    try:
        data = None if disclosure is None else read_disclosure(disclosure)
        others = tuple(map(read_bundle, previous))
        names = None if annex is None else read_annex(annex)
    except Unreadable as error:
        raise UsageError(error.message) from error
    request = DisclosureRequest(seed, sample)
    return Supplied(others=others, disclosure=data, request=request, annex=names)


def _report(bundle: Path, policy: Path, supplied: Supplied | None = None) -> Report:
    from attestations import Policy, Supplied, Unreadable, check_file

    trusted = Policy.load(policy)
    try:
        return check_file(bundle, trusted, supplied=supplied or Supplied())
    except Unreadable as error:
        raise UsageError(error.message) from error


def verdict_code(report: Report) -> ExitCode:
    """Invalid comes first, then what could not be told, then what is not complete."""
    from attestations import Outcome, TimeVerdict, Verdict

    if report.authentic is not Verdict.VALID:
        return ExitCode.INVALID
    if report.time is not TimeVerdict.VALID:
        return ExitCode.INCONCLUSIVE
    if report.computed is not Outcome.COMPLETE:
        return ExitCode.NOT_COMPLETE
    return ExitCode.COMPLETE


def verify(
    bundle: Bundle,
    policy: PolicyFile,
    disclosure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What the operator disclosed of it.")
    ] = None,
    seed: Annotated[
        str | None, typer.Option(metavar="TEXT", help="With --disclosure: the seed you chose.")
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(min=1, max=1000, help="With --seed: how many holdings you asked for."),
    ] = None,
    previous: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Another bundle of the same issuer's; repeatable."),
    ] = None,
    validation: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Another person's word on the result.")
    ] = None,
    annex: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The names behind the references, as the operator gave."),
    ] = None,
    as_json: options.Json = False,
) -> int:
    """Check a bundle offline, by the auditor's own policy.

    Nothing else is trusted.
    """
    from attestations import Verdict

    supplied = _supplied(disclosure, seed, sample, previous or (), annex)
    report = _report(bundle, policy, supplied)
    code = verdict_code(report)
    answer = {**report_json(report), "validation": None}
    lines: list[str] = []
    if validation is not None and report.authentic is Verdict.VALID:
        from shredder.cli.validation import judge

        answer["validation"], lines, code = judge(bundle, policy, validation, code)
    with console(as_json, None) as out:
        out.result(answer, code)
        out.say(f"authentic: {'yes' if report.authentic is Verdict.VALID else 'NO'}")
        out.say(f"time: {report.time}")
        out.say(f"log: {report.log}")
        out.say(f"outcome: {report.computed or 'not looked at'}")
        say_renewal(out, report.renew_before)
        for signer in report.signers:
            out.say(f"signed by: {shown(signer.name)} ({signer.role}) {signer.keyid}")
        for line in (*report.codes, *report.obstacles, *report.findings):
            out.say(f"  {shown(line)}")
        for line in lines:
            out.say(shown(line))
        for reference, name in (report.names or {}).items():
            out.say(f"  {reference}: {shown(name)}")
        for each in report.disclosed.holdings if report.disclosed else ():
            place = " ".join(shown(part) for part in (each.scope, each.locator, each.version))
            out.say(f"  {each.index}: {shown(each.store)} {place}: {shown(each.status)}")
        for store, scope in report.disclosed.scopes if report.disclosed else ():
            out.say(f"  scope of {shown(store)}: {shown(scope)}")
    return code


def say_renewal(out: Console, before: datetime | None) -> None:
    """Say until when a renewal is in time, if anything tells."""
    if before is not None:
        past = " (past: a renewal is refused now)" if before < datetime.now(UTC) else ""
        out.say(f"renew before: {before.isoformat()}{past}")


def report_json(report: Report) -> dict[str, object]:
    """What an auditor learned, as JSON values."""
    from attestations import Verdict

    return {
        "authentic": report.authentic is Verdict.VALID,
        "time": report.time.value,
        "log": report.log.value,
        "no_later_than": report.no_later_than.isoformat() if report.no_later_than else None,
        "renew_before": report.renew_before.isoformat() if report.renew_before else None,
        "plan_before_start": report.plan_before_start,
        "outcome": report.computed.value if report.computed else None,
        "obstacles": list(report.obstacles),
        "codes": [str(code) for code in report.codes],
        "signers": [
            {
                "name": signer.name,
                "role": signer.role,
                "keyid": signer.keyid,
                "signed": list(signer.signed),
                "operator_run": signer.operator_run,
            }
            for signer in report.signers
        ],
        "findings": list(report.findings),
        "disclosed": report.disclosed.to_json() if report.disclosed else None,
        "names": None if report.names is None else dict(report.names),
    }


def show(
    bundle: Bundle,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="Verify it first with this trust policy."),
    ] = None,
    as_json: options.Json = False,
) -> int:
    """Show to people what a bundle claims.

    Without --policy, nobody has checked who claims it.
    """
    from attestations import Bundle
    from shredder.cli.claims import render
    from shredder.sealed import read_plan, read_result, renew_before

    code = ExitCode.COMPLETE
    verified: Report | None = None
    if policy is not None:
        verified = _report(bundle, policy)
        code = verdict_code(verified)
    with console(as_json, None) as out:
        if code is ExitCode.INVALID and verified is not None:
            out.result(report_json(verified), code)
            out.say(f"NOT AUTHENTIC: {', '.join(verified.codes)}; nothing of it is shown")
            return code
        loaded = Bundle.load(bundle)
        before = renew_before(bundle) if verified is None else verified.renew_before
        render(out, read_plan(loaded.plan), read_result(loaded.result), verified, before, code)
        say_renewal(out, before)
    return code


def timestamp(
    bundle: Bundle,
    renew: Annotated[
        bool, typer.Option("--renew", help="Renew the timestamps it has, before they weaken.")
    ] = False,
    config: options.Config = None,
    as_json: options.Json = False,
) -> int:
    """Add timestamps that a bundle lacks, or renew its own.

    It lacks those that no authority gave when it was made.
    """
    from shredder.config import find, load
    from shredder.evidence import add_timestamps, renew_timestamps
    from shredder.sealed import renew_before

    configured = load(find(config))
    added = 0
    if renew:
        renew_timestamps(configured, bundle)
    else:
        added = add_timestamps(configured, bundle)
    before = renew_before(bundle)
    with console(as_json, None) as out:
        answer = {"bundle": str(bundle), "added": added, "renewed": renew}
        out.result({**answer, "renew_before": before and before.isoformat()}, ExitCode.COMPLETE)
        if renew:
            out.say("the timestamps of plan and result were renewed")
        else:
            out.say(f"{counted(added, 'timestamp')} added" if added else "nothing was missing")
        say_renewal(out, before)
    return ExitCode.COMPLETE


def policy_new(
    output: Annotated[Path, typer.Argument(metavar="FILE", help="Where the policy is written.")],
    key: Annotated[
        list[Path],
        typer.Option("--key", metavar="FILE", help="An operator's public key, got out of band."),
    ],
    validator: Annotated[
        list[Path] | None,
        typer.Option("--validator", metavar="FILE", help="A validator's public key; repeatable."),
    ] = None,
    approver: Annotated[
        list[Path] | None,
        typer.Option("--approver", metavar="FILE", help="An approver's public key; repeatable."),
    ] = None,
    approvals: Annotated[
        int | None,
        typer.Option(min=1, max=16, help="How many approvers must have signed; else all of them."),
    ] = None,
    cosigner: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE=FILE", help="A key that must sign in another role; repeatable."),
    ] = None,
    tsa_root: Annotated[
        list[Path] | None,
        typer.Option("--tsa-root", metavar="PEM", help="A timestamp authority's root."),
    ] = None,
    tsa_certificate: Annotated[
        list[Path] | None,
        typer.Option("--tsa-certificate", metavar="PEM", help="Its signing certificate, pinned."),
    ] = None,
    store: Annotated[
        list[str] | None, typer.Option("--store", help="A store that must be covered; repeatable.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="The dataset that is expected.")] = None,
    challenge: Annotated[str | None, typer.Option(help="The challenge that was given.")] = None,
    log: Annotated[
        list[str] | None,
        typer.Option("--log", metavar="VKEY", help="A log that must have it; repeatable."),
    ] = None,
    witness: Annotated[
        list[str] | None,
        typer.Option("--witness", metavar="VKEY", help="A witness of the log; repeatable."),
    ] = None,
    quorum: Annotated[
        int | None, typer.Option(help="How many witnesses must have signed; else all of them.")
    ] = None,
    as_json: options.Json = False,
) -> int:
    """Write down whom an auditor goes by.

    Keys, timestamp authorities, and the stores that must have been looked at.
    """
    from attestations import Expectations, Policy

    if approvals is not None and not approver:
        raise UsageError("--approvals goes with --approver")
    made = Policy.new(
        keys=_trusted(key, validator or (), approver or (), _cosigners(cosigner or ())),
        thresholds=_thresholds(len(approver or ()), approvals, _cosigners(cosigner or ())),
        timestamps=_timestamp_rules(tsa_root or (), tsa_certificate or ()),
        log=_log_rules(log or (), witness or (), quorum),
        stores=store or (),
        expect=Expectations(dataset=dataset, challenge=challenge),
    )
    if output.exists():
        raise UsageError(f"{output} exists already; a policy is not replaced unasked")
    made.write(output)
    with console(as_json, None) as out:
        keys = [{"name": k.name, "role": k.role} for k in made.keys]
        out.result({"policy": str(output), "keys": keys}, ExitCode.COMPLETE)
        out.say(f"wrote {shown(output)}: compare its keys with what you were told by another way")
        _keyids(out, made)
    return ExitCode.COMPLETE


def _cosigners(given: Sequence[str]) -> list[tuple[str, Path]]:
    """Roles with the files of their keys. Raises UsageError."""
    if not given:
        return []  # and the backends' contract, which says what a code is, need not be loaded
    from attestations.policy import APPROVER, OPERATOR, VALIDATOR

    found = []
    for text in given:
        role, _, path = text.partition("=")
        if not role or not path:
            raise UsageError(f"--cosigner {text!r} is not a role and a file: ROLE=FILE")
        if role in {OPERATOR, APPROVER, VALIDATOR}:
            option = "--key" if role == OPERATOR else f"--{role}"
            raise UsageError(f"the role {role} has an option of its own: {option}")
        found.append((role, Path(path)))
    return found


def _trusted(
    keys: Sequence[Path],
    validators: Sequence[Path],
    approvers: Sequence[Path],
    cosigners: Sequence[tuple[str, Path]],
) -> list[TrustedKey]:
    """Entries for all keys. Validators and approvers are other people than the operator."""
    from attestations import PublicKey, trusted_key
    from attestations.policy import APPROVER, OPERATOR, VALIDATOR

    named = [(OPERATOR, path) for path in keys]
    named += [(VALIDATOR, path) for path in validators]
    named += [(APPROVER, path) for path in approvers]
    return [
        trusted_key(
            PublicKey.from_text(_pem(path)),
            name=path.stem,
            role=role,
            operator_run=role not in {VALIDATOR, APPROVER},
        )
        for role, path in (*named, *cosigners)
    ]


def _thresholds(
    approvers: int, approvals: int | None, cosigners: Sequence[tuple[str, Path]]
) -> list[RoleThreshold]:
    """One operator, every cosigner on plan and result, and the approvers on the plan."""
    from attestations import RoleThreshold, Signs
    from attestations.policy import APPROVER, OPERATOR

    counts = Counter(role for role, _ in cosigners)
    made = [RoleThreshold(OPERATOR, 1)]
    made += [RoleThreshold(role, count) for role, count in counts.items()]
    if approvers:
        made.append(RoleThreshold(APPROVER, approvals or approvers, signs=Signs.PLAN))
    return made


def _timestamp_rules(roots: Sequence[Path], certificates: Sequence[Path]) -> TimestampRules:
    from attestations import TimestampRules, TrustedAuthority

    if bool(roots) != bool(certificates):
        raise UsageError(
            "a timestamp authority needs both: --tsa-root and --tsa-certificate",
            hint="a root alone would trust every authority below it",
        )
    if not roots:
        return TimestampRules()
    below = tuple(_pem(path) for path in roots)
    authorities = tuple(
        TrustedAuthority(name=path.stem, roots=below, leaves=(_pem(path),)) for path in certificates
    )
    return TimestampRules(threshold=1, authorities=authorities)


def _log_rules(logs: Sequence[str], witnesses: Sequence[str], quorum: int | None) -> LogRules:
    """Each log by the name of its key, which is its origin."""
    from attestations import LogRules, TrustedLog, TrustedWitness
    from attestations.log import VerifierKey

    return LogRules(
        quorum=len(witnesses) if quorum is None else quorum,
        logs=tuple(TrustedLog(VerifierKey.parse(key).name, (key,)) for key in logs),
        witnesses=tuple(TrustedWitness(VerifierKey.parse(key).name, key) for key in witnesses),
    )


def _pem(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise UsageError(f"{path} cannot be read: {why}") from error


def _keyids(out: Console, policy: Policy) -> None:
    from attestations import PublicKey

    for key in policy.keys:
        out.say(f"  {shown(key.name)}: {PublicKey.from_pem(key.public_key).keyid}")
