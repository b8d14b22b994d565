"""finalize."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from shredder.cli import options
from shredder.cli.console import Console, console, counted, shown
from shredder.errors import ExitCode, ShredderError

if TYPE_CHECKING:
    from shredder.run.desk import Summary
    from shredder.run.finalize import Pending
    from shredder.run.work import Work

# Of several datasets, the first of these that one came to is what a script must act on.
_WORST = (
    ExitCode.RESIDUE,
    ExitCode.INCONCLUSIVE,
    ExitCode.REFUSED,
    ExitCode.USAGE,
    ExitCode.PARTIAL,
    ExitCode.PENDING,
    ExitCode.COMPLETE,
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(finalize)


class _Nobody:
    """Nobody is asked: a clock calls the command."""

    def __init__(self, *, later: bool) -> None:
        self._later = later

    def approve(self, summary: Summary) -> str:
        raise AssertionError(summary)  # there is something to destroy, and it is not begun

    def timestamp_later(self, reason: str) -> bool:
        del reason
        return self._later


def finalize(
    dataset: Annotated[
        str, typer.Argument(metavar="[DATASET]", help="Its name; else all that are pending.")
    ] = "",
    timestamp_later: Annotated[
        bool,
        typer.Option("--timestamp-later", help="Go on if no timestamp authority answers."),
    ] = False,
    config: options.Config = None,
    as_json: options.Json = False,
    log_json: options.LogJson = None,
) -> int:
    """Attest the end of what was pending, if it has come.

    What was pending is looked at once more; the new attestation supersedes the run's.

    For cron: asks nothing, and destroys nothing. What is still there is told, and whether somebody
    cancelled its deletion.
    """
    from shredder.cli.session import changing
    from shredder.run.finalize import pending
    from shredder.signing import signers

    with console(as_json, log_json) as out, changing(config, out) as work:
        # Of all that was ever attested: chosen records are in no configuration.
        every = dict.fromkeys(run.dataset for run in work.journal.attested())
        names = [work.dataset(dataset).name] if dataset else list(every)
        waiting = [found for name in names if (found := pending(work, name))]
        if waiting:
            signers(work.config, work.state)
        answers = [_one(work, each, later=timestamp_later) for each in waiting]
        codes = {ExitCode(answer.pop("code")) for answer in answers}
        code = next((each for each in _WORST if each in codes), ExitCode.COMPLETE)
        out.result({"datasets": answers}, code)
        for answer in answers:
            _say(out, answer)
        if not answers:
            out.say("nothing is pending")
    return code


def _one(work: Work, waits: Pending, *, later: bool) -> dict[str, Any]:
    """What came of one dataset, and the exit code of that."""
    from shredder import report
    from shredder.cli.session import spooling
    from shredder.evidence.attest import bundle_file
    from shredder.run.finalize import finalize as finalized
    from shredder.run.results import Status
    from shredder.run.settled import read_settled

    answer: dict[str, Any] = {
        "dataset": waits.dataset,
        "outcome": "pending",
        "until": waits.until or None,
        "holdings": 0,
        "cancelled": 0,
        "settled": 0,
        "attestation": None,
        "keys": [],
        "error": None,
        "hint": None,
    }
    if not waits.over:
        return answer | {"code": ExitCode.PENDING}
    untold: dict[str, ShredderError] = {}
    try:
        with spooling(work) as spool:
            came = finalized(work, waits, _Nobody(later=later), spool, untold)
    except ShredderError as error:
        told = {"outcome": "refused", "error": error.message, "hint": error.hint or None}
        return answer | told | {"code": error.exit_code}
    finally:
        answer["keys"] += [
            {"key": key, "error": why.message, "hint": why.hint or None}
            for key, why in untold.items()
        ]
    if came.run is None:
        left = {"holdings": came.there, "cancelled": came.cancelled}
        if came.until:
            return answer | left | {"until": came.until, "code": ExitCode.PENDING}
        return answer | left | {"outcome": "residue", "code": ExitCode.RESIDUE}
    found = [each.outcome.status for each in read_settled(work, came.run.id)]
    end: dict[str, Any] = {
        "outcome": came.run.facts["outcome"],
        "settled": found.count(Status.VERIFIED),
        "attestation": str(bundle_file(work, came.run)),
    }
    return answer | end | {"code": report.exit_code(work, came.run)}


def _say(out: Console, answer: dict[str, Any]) -> None:
    name = shown(answer["dataset"])
    for each in answer["keys"]:
        out.say(f"{name}: key {each['key']} stays pending: {shown(each['error'])}")
    if answer["error"]:
        out.say(f"{name}: {shown(answer['error'])}")
    elif answer["outcome"] == "pending" and not answer["attestation"]:
        out.say(f"{name}: pending until {answer['until']}")
    elif answer["outcome"] == "residue":
        there = counted(answer["holdings"], "holding")
        out.say(f"{name}: the wait is over, and {there} can be destroyed: plan anew")
        if answer["cancelled"]:
            out.say(f"{name}: somebody cancelled the deletion of {answer['cancelled']} of them")
    else:
        gone = counted(answer["settled"], "holding")
        out.say(f"{name}: {answer['outcome']}, with {gone} gone that had been pending")
        out.say(f"attestation: {shown(answer['attestation'])}")
