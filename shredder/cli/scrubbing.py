"""scrub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shredder.cli import options
from shredder.cli.console import Console, console, shown, sized
from shredder.errors import ExitCode, Inconclusive, Refused, UsageError

if TYPE_CHECKING:
    from backends.scrub import Scrubbed


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(scrub)


def scrub(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A folder on the file system to be scrubbed.")
    ],
    reserve: Annotated[
        str,
        typer.Option(metavar="SIZE", help="What stays free for others: 5%, 500MiB, 2GiB, 0%."),
    ] = "5%",
    seconds: Annotated[float, typer.Option(help="The most that it may take.", min=0)] = 3600,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, for scripts.")] = False,
    as_json: options.Json = False,
) -> int:
    """Overwrite what a file system has freed.

    Free blocks, inodes, and its journal.

    Reaches earlier versions of files, and what was deleted by other means. No file that is there
    is touched; meanwhile the disk is full but for the reserve.
    """
    from backends.errors import BackendError
    from backends.scrub import Limits
    from backends.scrub import scrub as scrubbed

    with console(as_json, None) as out:
        try:
            kept = _bytes_of(reserve, path)
            _approve(out, path, kept, yes=yes)
            done = scrubbed(path, Limits(kept, seconds), out.step)
        except BackendError as error:
            kind = UsageError if error.exit_code == ExitCode.USAGE else Inconclusive
            raise kind(f"{shown(path)}: {error.message}", hint=error.hint) from None
        code = ExitCode.COMPLETE if done.complete else ExitCode.INCONCLUSIVE
        out.result(
            {
                "file_system": done.kind,
                "free": done.free,
                "filled": done.filled,
                "trimmed": done.trimmed,
                "inodes": done.inodes,
                "complete": done.complete,
                "codes": list(done.codes),
                "limitations": list(done.limitations),
            },
            code,
        )
        _say(out, done)
    return code


def _bytes_of(reserve: str, path: Path) -> int:
    from backends.scrub import Reserve

    try:
        return Reserve.parse(reserve).bytes_of(path)
    except ValueError:
        raise UsageError(
            f"--reserve {reserve}: no size", hint="such as 5%, 500MiB or 2GiB"
        ) from None
    except OSError:
        raise UsageError(f"{shown(path)}: no such folder") from None


def _approve(out: Console, path: Path, reserve: int, *, yes: bool) -> None:
    if yes:
        return
    if not out.can_ask:
        raise Refused(f"scrubbing {shown(path)} is not approved", hint="approve it with --yes")
    out.note(f"This fills the file system of {shown(path)}, but for {sized(reserve)}, for a while.")
    if out.ask("Type `scrub` to go on: ") != "scrub":
        raise Refused(f"{shown(path)} was not approved; nothing was written")


def _say(out: Console, done: Scrubbed) -> None:
    out.say(f"{done.kind}: {sized(done.filled)} of {sized(done.free)} free were filled")
    out.say(f"handed to the device as free: {sized(done.trimmed)}")
    if done.inodes:
        out.say(f"inodes that were used once: {done.inodes:,}")
    if done.complete:
        out.say("complete: what had been freed before is written over, but for the limitations")
    else:
        out.say(f"not complete: {' '.join(done.codes)}")
    out.say(f"limitations: {' '.join(done.limitations)}")
