"""destroy and resume."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shredder.cli import options, render, shut
from shredder.cli.console import Console, console, counted, shown
from shredder.errors import ExitCode, Refused, ShredderError, UsageError

if TYPE_CHECKING:
    from shredder.journal import Run
    from shredder.run.desk import Summary
    from shredder.run.work import Work
    from shredder.sweep import Problem

# What a run says that has touched nothing.
_NOT_BEGUN = {ExitCode.PARTIAL: "undecided", ExitCode.INCONCLUSIVE: "inconclusive"}

Yes = Annotated[bool, typer.Option("--yes", help="Approve the plan without asking, for scripts.")]
TimestampLater = Annotated[
    bool,
    typer.Option("--timestamp-later", help="Go on if no timestamp authority answers."),
]
Window = Annotated[
    str,
    typer.Option(metavar="FROM-TO", help="Lock others out only in these hours: 22:00-05:30."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(destroy)
    app.command()(resume)


class _Desk:
    """The operator at a terminal, or the options of a script."""

    def __init__(self, out: Console, *, approval: str, later: bool) -> None:
        self._out, self._approval, self._later = out, approval, later
        self.shows: Sequence[Problem] = ()

    def approve(self, summary: Summary) -> str:
        if self._approval:
            return self._approval
        number = counted(summary.to_destroy, "holding")
        if not self._out.can_ask:
            raise Refused(
                f"the plan to destroy {number} of {summary.dataset} is not approved",
                hint="approve it with --yes, or with --plan FILE after `shredder plan`",
            )
        self._out.note("")
        self._out.note(f"This destroys {number}. It cannot be undone.")
        if summary.left:
            self._out.note(f"{counted(summary.left, 'holding')} will be left: see the plan above.")
        if self._out.ask("Type the dataset's name to go on: ") != summary.dataset:
            raise Refused(f"{summary.dataset} was not approved; nothing was touched")
        return "typed"

    def timestamp_later(self, reason: str) -> bool:
        if self._later or not self._out.can_ask:
            return self._later
        self._out.note(f"No timestamp on the plan: {shown(reason)}.")
        self._out.note("Without one, nobody can tell that the plan came before the destruction.")
        return self._out.ask("Type `later` to go on all the same: ") == "later"


def destroy(
    dataset: options.Dataset,
    yes: Yes = False,
    plan: Annotated[
        Path | None, typer.Option("--plan", metavar="FILE", help="Carry out this approved plan.")
    ] = None,
    approval: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="With --plan: what an approver signed; repeatable."),
    ] = None,
    digest: Annotated[
        str | None,
        typer.Option("--digest", help="With --plan: the digest that was approved."),
    ] = None,
    record: options.Record = None,
    record_list: options.RecordList = None,
    include: options.Include = None,
    dismiss: options.Dismiss = None,
    mixed: options.MixedOption = "leave",
    sealed: options.SealedOption = "destroy",
    despite_gaps: options.DespiteGaps = False,
    timestamp_later: TimestampLater = False,
    window: Window = "",
    challenge: Annotated[
        str, typer.Option(help="An auditor's challenge, to stand in the attestation.")
    ] = "",
    full: options.Full = False,
    workers: options.Workers = 0,
    dask: options.Dask = "",
    config: options.Config = None,
    as_json: options.Json = False,
    log_json: options.LogJson = None,
) -> int:
    """Find every copy, destroy it, look again, attest it."""
    from shredder.cli.session import changing, spooling
    from shredder.evidence.approvals import needs_approvals
    from shredder.evidence.names import wanted_names
    from shredder.evidence.parts import operator
    from shredder.run import machine
    from shredder.signing import signers

    decided = options.decided(include, dismiss, mixed, despite_gaps=despite_gaps, sealed=sealed)
    ruled = include or dismiss or despite_gaps or (mixed, sealed) != ("leave", "destroy")
    if plan is not None and ruled:
        raise UsageError("a plan has its decisions in it", hint="leave them out, or plan again")
    chosen = options.records(record, record_list)
    if plan is not None and chosen:
        raise UsageError("a plan has its records in it", hint="leave them out")
    if digest is not None and plan is None:
        raise UsageError("--digest goes with --plan")
    if approval and plan is None:
        raise UsageError("--approval goes with --plan")
    if approval and challenge:
        raise UsageError("a challenge that approvers sign goes with `shredder propose`")
    options.check_challenge(challenge)
    options.check_window(window)
    sweeping = options.sweeping(full=full, workers=workers, dask=dask)
    with (
        console(as_json, log_json) as out,
        changing(config, out, sweeping) as work,
        spooling(work) as spool,
    ):
        options.refuse_held(work, dataset)
        wanted = work.dataset(dataset).approvals
        if plan is None and wanted:
            raise needs_approvals(dataset, wanted)
        # A key that cannot sign must show before anything is touched, and so must a missing name.
        signers(work.config, work.state)
        wanted_names(work, [operator(work.config)])
        dataset = options.selected(work, dataset, chosen, decided)
        shut.refuse_pin(work, dataset)
        how = "plan" if plan is not None else "yes" if yes else ""
        facts = {
            "destroying": True,
            "later": timestamp_later,
            "challenge": challenge,
            "window": window,
        }
        problems: Sequence[Problem] = ()
        if plan is not None:
            known = machine.planned_in(work, dataset, plan, digest or "")
            run = known.id
            machine.adopt(work, known, _read(approval or ()), approval=how, **facts)
            machine.clear_way(work, dataset, keep=run)
        else:
            machine.clear_way(work, dataset)
            run = machine.begin(work, dataset, decided, approval=how, **facts)
            problems = machine.plan(work, run, spool)
        return _carry_out(out, work, run, problems)


def _read(approvals: Sequence[Path]) -> list[bytes]:
    from attestations import AttestationError
    from attestations.envelope import LIMITS
    from attestations.storage import read_limited

    try:
        return [read_limited(path, LIMITS.size, f"approval {path}") for path in approvals]
    except AttestationError as error:
        raise UsageError(error.message) from error


def resume(
    run: Annotated[
        str, typer.Argument(metavar="[RUN]", help="Its id; else the one that is not at its end.")
    ] = "",
    yes: Yes = False,
    timestamp_later: TimestampLater = False,
    window: Window = "",
    full: options.Full = False,
    workers: options.Workers = 0,
    dask: options.Dask = "",
    config: options.Config = None,
    as_json: options.Json = False,
    log_json: options.LogJson = None,
) -> int:
    """Go on with a run that broke off, wherever it stands."""
    from shredder.cli.session import changing, spooling
    from shredder.run import machine
    from shredder.signing import signers

    options.check_window(window)
    how = options.sweeping(full=full, workers=workers, dask=dask)
    with (
        console(as_json, log_json) as out,
        changing(config, out, how) as work,
        spooling(work) as spool,
    ):
        found = work.journal.run(run) if run else _unfinished(work)
        if found.phase.ended:
            raise UsageError(f"run {found.id} is at its end: {found.phase.value}")
        signers(work.config, work.state)
        shut.refuse_pin(work, found.dataset)
        facts: dict[str, Any] = {"later": timestamp_later or found.facts.get("later", False)}
        if yes:
            facts["approval"] = "yes"
        if window:
            facts["window"] = window
        work.journal.enter(found.id, found.phase, **facts)
        problems = machine.plan(work, found.id, spool) if found.phase.value == "begun" else ()
        return _carry_out(out, work, found.id, problems)


def _unfinished(work: Work) -> Run:
    open_runs = [
        run for run in work.journal.runs() if run.facts.get("destroying") and not run.phase.ended
    ]
    if not open_runs:
        raise UsageError("no run is to be resumed", hint="see `shredder status`")
    if len(open_runs) > 1:
        ids = ", ".join(run.id for run in open_runs)
        raise UsageError(f"{len(open_runs)} runs are open", hint=f"name one: {ids}")
    return open_runs[0]


def _carry_out(out: Console, work: Work, run: str, problems: Sequence[Problem]) -> int:
    from shredder import report
    from shredder.journal import Phase
    from shredder.run import machine

    found = work.journal.run(run)
    if found.phase is Phase.NOTHING:
        return _nothing(out, work, found)
    machine.check_digest(work, found)
    facts = found.facts
    desk = _Desk(out, approval=facts.get("approval", ""), later=facts.get("later", False))
    planned = report.plan_json(work, found, problems)
    if found.phase is Phase.PLANNED:
        render.looked(out, planned)
        shut.tell(out, work, found.dataset, planned["problems"])
    try:
        ended = machine.drive(work, run, desk)
    except ShredderError as error:
        if not work.journal.run(run).phase.untouched:
            raise
        # Nothing was touched: what the sweep saw is the answer, with the reason beside it. A
        # plan that was made for approval can still be approved.
        if facts.get("approval") == "plan":
            machine.step_back(work, run)
        else:
            machine.abandon(work, run, "refused")
        return _refused(out, planned, error)
    answer = report.run_json(work, ended)
    code = report.exit_code(work, ended)
    out.result(answer, code)
    render.came(out, answer)
    return code


def _refused(out: Console, planned: dict[str, Any], error: ShredderError) -> int:
    outcome = _NOT_BEGUN.get(error.exit_code, "refused")
    answer = {"outcome": outcome, "error": error.message, "hint": error.hint}
    out.result(planned | answer, error.exit_code)
    out.note(f"error: {shown(error.message)}")
    if error.hint:
        out.note(f"hint: {shown(error.hint)}")
    return error.exit_code


def _nothing(out: Console, work: Work, run: Run) -> int:
    """Nothing is there. If it was destroyed earlier, say so, and verify that attestation."""
    from shredder import report
    from shredder.evidence.attest import bundle_file
    from shredder.own import verify_own

    answer = report.plan_json(work, run)
    runs = report.attested_runs(work, run.dataset)
    code = ExitCode.NOTHING_FOUND
    if runs:
        path = bundle_file(work, runs[-1])
        verified = verify_own(work, path)
        answer["attestation"] = str(path)
        answer["outcome"] = verified
        if verified == "complete":
            code = ExitCode.COMPLETE
    out.result(answer, code)
    render.looked(out, answer)
    out.say()
    if runs:
        out.say(f"nothing is there; destroyed earlier, outcome {answer['outcome']}")
        out.say(f"attestation: {shown(answer['attestation'])}")
    else:
        out.say("nothing of the dataset is there")
    return code
