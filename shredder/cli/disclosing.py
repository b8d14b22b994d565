"""disclose, forget-manifest, forget-fingerprint: what is done with private files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shredder.cli import options
from shredder.cli.console import console, counted, shown
from shredder.errors import ExitCode, Refused, UsageError

if TYPE_CHECKING:
    from shredder.journal import Run
    from shredder.run.work import Work


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(disclose)
    app.command("forget-manifest")(forget_manifest)
    app.command("forget-fingerprint")(forget_fingerprint)


def disclose(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle of our own.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where it is written (0600).")
    ],
    seed: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The seed that the auditor chose.")
    ] = None,
    sample: Annotated[
        int, typer.Option(min=1, max=1000, help="With --seed: how many holdings are drawn.")
    ] = 20,
    holding: Annotated[
        list[str] | None,
        typer.Option("--id", metavar="ID", help="Show this holding, too; repeatable."),
    ] = None,
    scopes: Annotated[bool, typer.Option("--scopes", help="Name the scopes, too.")] = False,
    config: options.Config = None,
    as_json: options.Json = False,
) -> int:
    """Show an auditor holdings, drawn by the auditor's seed.

    Each comes with the proof that the attestation counts it.

    The file names holdings: whoever has it reads where they were.
    """
    from shredder.cli.session import working
    from shredder.evidence.disclose import Wanted, disclose
    from shredder.outputs import hand_over

    if seed is None and not holding and not scopes:
        raise UsageError(
            "nothing is asked for", hint="--seed TEXT draws a sample; or --id ID, or --scopes"
        )
    if seed is not None and not 0 < len(seed) <= 200:
        raise UsageError("--seed has 1 to 200 characters")
    if output.exists():
        raise UsageError(f"{output} exists already; it is not replaced unasked")
    wanted = Wanted(seed=seed, sample=sample, ids=holding or (), scopes=scopes)
    with console(as_json, None) as out, working(config, out) as work:
        made, number = disclose(work, bundle, wanted)
        hand_over(output.absolute(), [made])
        out.result({"disclosure": str(output), "holdings": number}, ExitCode.COMPLETE)
        out.say(f"wrote {shown(output)}: {counted(number, 'holding')}")
        out.say("it names places: give it to the auditor, and to nobody else")
    return ExitCode.COMPLETE


def forget_manifest(
    which: Annotated[
        str, typer.Argument(metavar="BUNDLE|RUN", help="A bundle of our own, or a run's id.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, for scripts.")] = False,
    config: options.Config = None,
    as_json: options.Json = False,
) -> int:
    """Destroy a run's secret and lists; what attests stands.

    Nothing of it can be disclosed any more, and `recheck` cannot tell any more what the run
    left in place.
    """
    from shredder.cli.session import changing
    from shredder.evidence.forget import forget

    with console(as_json, None) as out, changing(config, out) as work:
        run = _run_of(work, which)
        if not yes:
            if not out.can_ask:
                raise Refused(
                    f"to destroy the manifest of run {run.id} is not approved",
                    hint="approve it with --yes",
                )
            out.note(f"Of run {run.id} nothing can be disclosed after this. No undoing it.")
            if out.ask("Type the run's id to go on: ") != run.id:
                raise Refused(f"run {run.id} was not approved; nothing was touched")
        gone = forget(work, run)
        out.result({"run": run.id, "files": gone}, ExitCode.COMPLETE)
        out.say(f"destroyed {counted(gone, 'file')} of run {run.id}; its attestation stands")
        out.say("copies that were made of them elsewhere, also in backups, are not reached")
    return ExitCode.COMPLETE


def forget_fingerprint(
    dataset: options.Dataset,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, for scripts.")] = False,
    config: options.Config = None,
    as_json: options.Json = False,
) -> int:
    """Destroy a dataset's fingerprint: key and catalogue.

    Nothing is recognised any more.
    """
    from shredder.cli.session import changing
    from shredder.enrolment import forget_fingerprint as forget

    with console(as_json, None) as out, changing(config, out) as work:
        work.dataset(dataset)
        if not yes:
            if not out.can_ask:
                raise Refused(
                    f"to destroy the fingerprint of {dataset} is not approved",
                    hint="approve it with --yes",
                )
            out.note(f"{dataset} cannot be rechecked after this. No undoing it.")
            if out.ask("Type the dataset's name to go on: ") != dataset:
                raise Refused(f"{dataset} was not approved; nothing was touched")
        gone = forget(work, dataset)
        out.result({"dataset": dataset, "files": gone}, ExitCode.COMPLETE)
        out.say(f"destroyed the fingerprint of {shown(dataset)}: {counted(gone, 'file')}")
        out.say("copies that were made of it elsewhere, also in backups, are not reached")
    return ExitCode.COMPLETE


def _run_of(work: Work, which: str) -> Run:
    """The run of a bundle, or the run that is named."""
    from attestations import Bundle
    from shredder.sealed import read_result

    path = Path(which)
    if path.is_file():
        return work.journal.run(read_result(Bundle.load(path).result).attestation_id)
    return work.journal.run(which)
