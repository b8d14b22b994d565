"""init, doctor, enroll, status."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from shredder.cli import options
from shredder.cli.console import Console, console, counted, shown
from shredder.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from shredder.keystores import KeyRecord, KeyStore, KeyStoreError
    from shredder.run.work import Work

# Codes of a key that cannot be looked at: why that is, says the error that its use gives.
_UNREADABLE = frozenset({"key-store-unreadable", "keyring-unusable"})


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(init)
    app.command()(doctor)
    app.command()(enroll)
    app.command()(status)


def init(
    config: options.Config = None,
    controller: Annotated[
        str, typer.Option(help="Who is responsible for the data: an organisation.")
    ] = "unnamed controller",
    as_json: options.Json = False,
) -> int:
    """Write a commented shredder.toml, make a signing key.

    The key lies in the state directory, which is made.

    The key is encrypted with the passphrase in SHREDDER_PASSPHRASE, if that is set. What is
    there already is kept.
    """
    from shredder.config import TEMPLATE, chosen, load
    from shredder.keys import create_signing_key
    from shredder.outputs import hand_over
    from shredder.signing import signers
    from shredder.state import State

    path = chosen(config)
    if not path.parent.is_dir():
        raise UsageError(f"no directory {path.parent}", hint="make it first")
    fresh = not path.exists()
    if fresh:
        text = TEMPLATE.format(controller=_toml(controller))
        hand_over(path, [text.encode()], mode=0o644)
    loaded = load(path)
    state = State.create(loaded.state)
    own = any(each.kind == "file" and not each.settings for each in loaded.signers)
    if own:
        create_signing_key(state)
    keyids = [signer.public_key.keyid for signer in signers(loaded, state)]
    public = state.public_key if own else state.known_key(keyids[0])
    with console(as_json, None) as out:
        out.result(
            {
                "config": str(path),
                "state": str(state.root),
                "keyid": keyids[0],
                "public_key": str(public),
            },
            ExitCode.COMPLETE,
        )
        out.say(f"{'wrote' if fresh else 'kept'} {shown(path)}")
        out.say(f"state directory: {shown(state.root)} (keys, journal, attestations)")
        for keyid, each in zip(keyids, loaded.signers, strict=True):
            out.say(f"signing key: {keyid} ({each.role})")
        where = public if len(keyids) == 1 else f"{public.parent}/signing-*.pub.pem"
        out.say(f"give auditors {shown(where)}, and the key id by another way")
        out.say("next: name stores and datasets in the configuration, then `shredder doctor`")
    return ExitCode.COMPLETE


def _toml(text: str) -> str:
    """The inside of a basic string of TOML."""
    if not text.isprintable():
        raise UsageError("the controller's name holds control characters")
    return text.replace("\\", "\\\\").replace('"', '\\"')


def doctor(
    config: options.Config = None,
    as_json: options.Json = False,
    log_json: options.LogJson = None,
) -> int:
    """Say of every store what can be done and proved there.

    Whether it is reachable, which rights are missing, and what to do about it.
    """
    from backends.contract import Check, CheckStatus
    from backends.errors import BackendError
    from shredder.cli.session import working
    from shredder.stores import open_store

    worst = ExitCode.COMPLETE
    report: dict[str, list[dict[str, str]]] = {}
    with console(as_json, log_json) as out, working(config, out) as work:
        if not work.config.stores:
            raise UsageError("no store is configured", hint="add [stores.NAME] to the file")
        for name in work.config.stores:
            checks: list[Check] = []
            try:
                store = open_store(name, work.config)
                try:
                    checks.extend(store.check())
                finally:
                    store.close()
            except BackendError as error:
                checks.append(Check("open", CheckStatus.FAILED, error.message, error.hint))
                if error.exit_code == ExitCode.USAGE:
                    worst = ExitCode.USAGE
            except Exception as error:  # noqa: BLE001 - a third party's; the others are asked, too
                detail = f"a defect of its backend: {type(error).__name__}"
                checks.append(Check("open", CheckStatus.FAILED, detail))
            failed = any(check.status is CheckStatus.FAILED for check in checks)
            if failed and worst is ExitCode.COMPLETE:
                worst = ExitCode.INCONCLUSIVE
            report[name] = [
                {
                    "what": check.what,
                    "status": check.status.value,
                    "detail": check.detail,
                    "hint": check.hint,
                }
                for check in checks
            ]
            _show_checks(out, name, report[name])
        signers = _check_signers(out, work)
        if any(each["status"] == CheckStatus.FAILED for each in signers):
            worst = ExitCode.USAGE
        fingerprints = _check_fingerprints(out, work)
        keys = _check_keys(out, work)
        if worst is ExitCode.COMPLETE and any(e["status"] == CheckStatus.FAILED for e in keys):
            worst = ExitCode.INCONCLUSIVE
        lists = {"signers": signers, "fingerprints": fingerprints, "keys": keys}
        out.result({"stores": report, **lists}, worst)
    return worst


def _check_keys(out: Console, work: Work) -> list[dict[str, str]]:
    """Say of each dataset that has a key whether it can be used, or what is wrong with it."""
    from backends.contract import CheckStatus
    from shredder.keystores import KeyState, KeyStoreError, NoKey, WrongPassphrase
    from shredder.keystores.material import passphrase
    from shredder.sealing.keys import key_store, known_record

    found: list[dict[str, str]] = []
    store = key_store(work.config, work.state)
    for name in work.config.datasets:
        status, detail, hint = CheckStatus.OK, "", ""
        try:
            record = known_record(store, name)
            shut = _shut(store, record)
            detail = " ".join((record.state.value, *(problems := store.inspect(record.id))))
            if shut is not None and _UNREADABLE.issuperset(problems):
                raise shut
            if problems:
                halved = problems == ("slot-half-damaged",)
                status = CheckStatus.MISSING if halved else CheckStatus.FAILED
                hint = "docs/codes.md has what each means"
            elif record.state is KeyState.LIVE:
                detail = "live, and opens"
        except NoKey:
            continue
        except WrongPassphrase as error:
            # That none is given may be meant so: only what is sealed stays shut.
            status = CheckStatus.FAILED if passphrase() else CheckStatus.MISSING
            detail, hint = error.message, error.hint
        except KeyStoreError as error:
            status, detail, hint = CheckStatus.FAILED, error.message, error.hint
        if not found:
            out.say("keys:")
        found.append({"dataset": name, "status": status.value, "detail": detail, "hint": hint})
        out.say(f"  {status.value:8}{shown(name)}: {detail}")
        if hint:
            out.say(f"          hint: {shown(hint)}")
    return found


def _shut(store: KeyStore, record: KeyRecord) -> KeyStoreError | None:
    """What keeps a living key from being used; None: nothing, or it lives no more.

    Raises WrongPin: a token counts, and is not asked again.
    """
    from shredder.keystores import KeyState, KeyStoreError
    from shredder.keystores.errors import WrongPin

    if record.state is not KeyState.LIVE:
        return None
    try:
        with store.using(record.id):
            return None
    except WrongPin:
        raise
    except KeyStoreError as error:
        return error


def _check_fingerprints(out: Console, work: Work) -> list[dict[str, str]]:
    """Say of each dataset whether its fingerprint is there, and whether it still should be."""
    from backends.contract import CheckStatus
    from shredder.evidence.fingerprint import overdue

    out.say("fingerprints:")
    found = []
    for name, dataset in work.config.datasets.items():
        status, detail, hint = CheckStatus.OK, "kept", ""
        destroyed = work.state.fingerprint_destroyed(name)
        if destroyed.exists():
            detail = f"destroyed on {destroyed.read_text('ascii').strip()}"
        elif not work.state.fingerprint_key(name).exists():
            status, detail = CheckStatus.MISSING, "not taken yet"
            hint = f"shredder enroll {name}"
        elif day := overdue(work, dataset):
            status, detail = CheckStatus.MISSING, f"was to be kept until {day}, and is there"
            hint = f"shredder forget-fingerprint {name}"
        found.append({"dataset": name, "status": status.value, "detail": detail, "hint": hint})
        out.say(f"  {status.value:8}{shown(name)}: {detail}")
        if hint:
            out.say(f"          hint: {hint}")
    return found


def _check_signers(out: Console, work: Work) -> list[dict[str, str]]:
    """Open each signer: a key that cannot sign shows here, and not when a plan is to be signed."""
    from attestations import AttestationError
    from backends.contract import CheckStatus
    from shredder.errors import ShredderError
    from shredder.signing import open_signer

    out.say("signing:")
    found = []
    for each in work.config.signers:
        said = {"kind": each.kind, "role": each.role}
        try:
            keyid = open_signer(work.config, work.state, each).public_key.keyid
        except (AttestationError, ShredderError) as error:
            status, detail, hint = CheckStatus.FAILED, error.message, error.hint
        else:
            status, detail, hint = CheckStatus.OK, keyid, ""
        found.append({**said, "status": status.value, "detail": detail, "hint": hint})
        out.say(f"  {status.value:8}{each.kind}, {each.role}: {shown(detail)}")
        if hint:
            out.say(f"          hint: {shown(hint)}")
    return found


def _show_checks(out: Console, name: str, checks: list[dict[str, str]]) -> None:
    out.say(f"{name}:")
    for check in checks:
        out.say(
            f"  {check['status']:8}{shown(check['what'])}: {shown(check['detail'])}".rstrip(": ")
        )
        if check["hint"]:
            out.say(f"          hint: {shown(check['hint'])}")


def enroll(
    dataset: options.Dataset,
    config: options.Config = None,
    as_json: options.Json = False,
    log_json: options.LogJson = None,
) -> int:
    """Take a dataset's fingerprint from its sources.

    It holds keyed digests; no record is kept.
    """
    from shredder.cli.session import changing
    from shredder.enrolment import enroll as take

    with console(as_json, log_json) as out, changing(config, out) as work:
        report = take(work, dataset)
        columns = [
            {
                "name": column.name,
                "role": column.role.value,
                "guessed": column.guessed,
                "values": column.values,
                "usable": column.usable,
                "reason": column.reason.value,
            }
            for column in report.columns
        ]
        out.result(
            {
                "dataset": dataset,
                "records": report.records,
                "recognisable": report.recognisable,
                "by_ids": report.by_ids,
                "by_passages": report.by_passages,
                "by_values": report.by_values,
                "tokens": report.tokens,
                "columns": columns,
            },
            ExitCode.COMPLETE,
        )
        out.say(
            f"{shown(dataset)}: {counted(report.records, 'record')}, "
            f"{report.recognisable:,} of them recognisable anywhere"
        )
        out.say(
            f"by an id {report.by_ids:,}; among others by their text {report.by_passages:,}, "
            f"by values beside a person or a number {report.by_values:,}"
        )
        out.say()
        out.table(
            ("column", "role", "", "values", "usable", ""),
            [
                (
                    c["name"],
                    c["role"],
                    "guessed" if c["guessed"] else "",
                    c["values"],
                    c["usable"],
                    c["reason"],
                )
                for c in columns
            ],
        )
        if report.unrecognisable:
            out.say()
            out.say(
                f"{counted(report.unrecognisable, 'record')} can be found nowhere but in the "
                "sources: no outcome can be complete. Is a column that tells records apart "
                "declared private?"
            )
    return ExitCode.COMPLETE


def status(
    config: options.Config = None,
    as_json: options.Json = False,
) -> int:
    """Show all runs, how far each has come, what attests it."""
    from shredder.cli.session import working
    from shredder.config.model import OPERATOR
    from shredder.evidence.attest import bundle_file

    with console(as_json, None) as out, working(config, out) as work:
        found = work.journal.runs()
        runs = [
            {
                "run": run.id,
                "dataset": run.dataset,
                "phase": run.phase.value,
                "ended": run.phase.ended,
                "begun": run.facts["begun"],
                "outcome": run.facts.get("outcome"),
                "attestation": str(bundle_file(work, run)) if "bundle" in run.facts else None,
            }
            for run in found
        ]
        signers = [{"kind": each.kind, "role": each.role} for each in work.config.signers]
        out.result({"runs": runs, "signers": signers}, ExitCode.COMPLETE)
        if runs:
            out.table(
                ("run", "dataset", "phase", "outcome", "attestation"),
                [
                    (r["run"], r["dataset"], r["phase"], r["outcome"] or "", r["attestation"] or "")
                    for r in runs
                ],
            )
        else:
            out.say("no runs yet")
        unfinished = [run for run in found if run.facts.get("destroying") and not run.phase.ended]
        if any(each.role != OPERATOR for each in work.config.signers):
            roles = Counter(each.role for each in work.config.signers)
            told = [counted(number, f"{role} key") for role, number in roles.items()]
            out.say()
            out.say(f"signed by: {', '.join(told)}")
        if unfinished:
            out.say()
            out.say(f"{counted(len(unfinished), 'run')} not at the end: `shredder resume`")
    return ExitCode.COMPLETE
