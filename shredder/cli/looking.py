"""locate, plan, recheck: commands that look and touch nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from shredder.cli import options, render, shut
from shredder.cli.console import console, counted, shown
from shredder.errors import ExitCode, UsageError


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(locate)
    app.command()(plan)
    app.command()(recheck)


def locate(
    dataset: options.Dataset,
    full: options.Full = False,
    workers: options.Workers = 0,
    dask: options.Dask = "",
    config: options.Config = None,
    as_json: options.Json = False,
    log_json: options.LogJson = None,
) -> int:
    """Sweep all stores and show every holding of a dataset."""
    from shredder import report
    from shredder.cli.session import spooling, working
    from shredder.run.look import look

    how = options.sweeping(full=full, workers=workers, dask=dask)
    with (
        console(as_json, log_json) as out,
        working(config, out, how) as work,
        spooling(work) as spool,
    ):
        declared = work.dataset(dataset)
        shut.refuse_pin(work, dataset)
        seen = look(work, declared, spool).sweep
        outcome = report.looked_outcome(seen.holdings.found, seen.coverage)
        answer: dict[str, Any] = {
            "dataset": dataset,
            "outcome": outcome,
            "holdings": report.holdings_json(seen.holdings),
            "coverage": report.coverage_json(seen.coverage),
            "problems": report.problems_json(seen.problems),
            "bytes_read": seen.bytes_read,
        }
        out.result(answer, report.LOOKED[outcome])
        render.looked(out, answer)
        shut.tell(out, work, dataset, answer["problems"])
    return report.LOOKED[outcome]


def plan(
    dataset: options.Dataset,
    record: options.Record = None,
    record_list: options.RecordList = None,
    include: options.Include = None,
    dismiss: options.Dismiss = None,
    mixed: options.MixedOption = "leave",
    sealed: options.SealedOption = "destroy",
    despite_gaps: options.DespiteGaps = False,
    decisions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Your rulings on single holdings, in such a file."),
    ] = None,
    undecided: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write what waits for a decision, to be filled in."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Also write the plan here (mode 0600)."),
    ] = None,
    full: options.Full = False,
    workers: options.Workers = 0,
    dask: options.Dask = "",
    config: options.Config = None,
    as_json: options.Json = False,
    log_json: options.LogJson = None,
) -> int:
    """Sweep, decide on every holding, freeze it as a plan.

    What is approved is the plan's digest.
    """
    from shredder import plan as plans
    from shredder import report
    from shredder.cli.session import changing, spooling
    from shredder.journal import Phase
    from shredder.outputs import hand_over
    from shredder.run import machine

    decided = options.decided(include, dismiss, mixed, despite_gaps=despite_gaps, sealed=sealed)
    how = options.sweeping(full=full, workers=workers, dask=dask)
    with (
        console(as_json, log_json) as out,
        changing(config, out, how) as work,
        spooling(work) as spool,
    ):
        chosen = options.records(record, record_list)
        dataset = options.selected(work, dataset, chosen, decided)
        shut.refuse_pin(work, dataset)
        run = machine.begin(work, dataset, decided)
        problems = machine.plan(work, run, spool, decisions)
        planned = work.journal.run(run)
        answer = report.plan_json(work, planned, problems)
        if output is not None:
            _copy(work.plan_file(run), output.absolute())
            answer["plan"] = str(output.absolute())
        if undecided is not None:
            waiting = plans.undecided(plans.read_items(work.plan_file(run)))
            hand_over(undecided.absolute(), waiting)
        code = report.LOOKED[answer["outcome"]]
        out.result(answer, code)
        render.looked(out, answer)
        shut.tell(out, work, dataset, answer["problems"])
        out.say()
        out.say(f"plan: {shown(answer['plan'])}")
        out.say(f"digest: {answer['digest']}")
        if undecided is not None:
            out.say(f"decide in {shown(undecided)}, then plan with --decisions")
        if planned.phase is Phase.PLANNED:
            out.say(f"carry it out: shredder destroy {dataset} --plan {shown(answer['plan'])}")
        else:
            out.say("there is nothing to destroy")
    return code


def _copy(plan: Path, output: Path) -> None:
    """Write a plan once more, and beside it the list of what ends with the key."""
    from shredder.durable import blocks
    from shredder.outputs import hand_over
    from shredder.plan.by_key import list_beside

    if list_beside(plan).exists():
        hand_over(list_beside(output), blocks(list_beside(plan)))
    hand_over(output, blocks(plan))


def recheck(
    dataset: options.Dataset,
    full: options.Full = False,
    workers: options.Workers = 0,
    dask: options.Dask = "",
    config: options.Config = None,
    as_json: options.Json = False,
    log_json: options.LogJson = None,
) -> int:
    """Say whether a destroyed dataset is still gone.

    All stores are swept again.
    """
    from shredder import report
    from shredder.cli.session import spooling, working
    from shredder.evidence.attest import bundle_file
    from shredder.evidence.fingerprint import overdue
    from shredder.run.look import look
    from shredder.sweep import could_look

    how = options.sweeping(full=full, workers=workers, dask=dask)
    with (
        console(as_json, log_json) as out,
        working(config, out, how) as work,
        spooling(work) as spool,
    ):
        declared = work.dataset(dataset)
        runs = report.attested_runs(work, dataset)
        if not runs:
            raise UsageError(
                f"dataset {dataset} has not been destroyed",
                hint=f"to look for it: `shredder locate {dataset}`",
            )
        shut.refuse_pin(work, dataset)
        seen = look(work, declared, spool).sweep
        back, left = report.returned(work, runs[-1], seen.holdings, spool)
        if back:
            outcome, code = "returned", ExitCode.RESIDUE
        elif not could_look(seen.coverage):
            outcome, code = "inconclusive", ExitCode.INCONCLUSIVE
        elif left:
            outcome, code = "partial", ExitCode.PARTIAL
        else:
            outcome, code = "still-gone", ExitCode.COMPLETE
        answer: dict[str, Any] = {
            "dataset": dataset,
            "outcome": outcome,
            "holdings": report.holdings_json(back),
            "left_by_the_run": left,
            "coverage": report.coverage_json(seen.coverage),
            "problems": report.problems_json(seen.problems),
            "attestation": str(bundle_file(work, runs[-1])),
            "fingerprint_overdue": overdue(work, declared) or None,
        }
        out.result(answer, code)
        render.looked(out, answer)
        shut.tell(out, work, dataset, answer["problems"])
        out.say()
        if back:
            out.say(f"{counted(len(back), 'holding')} that the attestation does not leave there")
        out.say(f"{outcome}; the attestation: {shown(answer['attestation'])}")
        if answer["fingerprint_overdue"]:
            out.say(f"the fingerprint was to be kept until {answer['fingerprint_overdue']}")
            out.say(f"destroy it: shredder forget-fingerprint {dataset}")
    return code
