"""The entry point: whatever happens becomes one line and an exit code, never a traceback."""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from shredder.errors import ExitCode, ShredderError

_INTERRUPTED = 128 + signal.SIGINT


def main() -> NoReturn:
    """Run the command of this process."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command line; returns the exit code."""
    from typer import Abort, TyperException

    from shredder.cli.app import app

    as_json = "--json" in arguments
    try:
        code = app(list(arguments), standalone_mode=False)
        sys.stdout.flush()
    except TyperException as error:
        return _usage(error, as_json)
    except (KeyboardInterrupt, Abort):
        hint = "what was begun goes on with `shredder resume`"
        return _tell("interrupted", hint, _INTERRUPTED, as_json)
    except BrokenPipeError:
        # The reader of our output went away; what was done is in the journal.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.INTERNAL
    except Exception as error:  # noqa: BLE001 - the last resort of the process
        return _failed(error, as_json)
    return code if isinstance(code, int) else ExitCode.COMPLETE


def _usage(error: Exception, as_json: bool) -> int:
    name = type(error).__name__
    if name == "NoArgsIsHelpError":
        sys.stderr.write(f"{error}\n")
        return ExitCode.USAGE
    return _tell(str(error), "see `shredder --help`", ExitCode.USAGE, as_json)


def _failed(error: Exception, as_json: bool) -> int:
    """Errors of all three packages have a message, a hint and an exit code."""
    if isinstance(error, ShredderError):
        return _tell(error.message, error.hint, error.exit_code, as_json)
    code, message = getattr(error, "exit_code", None), getattr(error, "message", None)
    if isinstance(code, int) and isinstance(message, str):
        return _tell(message, str(getattr(error, "hint", "")), code, as_json)
    if isinstance(error, OSError):
        # str(error) would name a file, which may be a locator.
        reason = error.strerror or "input/output error"
        hint = "what was begun goes on with `shredder resume`"
        return _tell(f"the system refused: {reason}", hint, ExitCode.INCONCLUSIVE, as_json)
    if os.environ.get("SHREDDER_DEBUG"):
        traceback.print_exc()
    kind, place = type(error).__name__, _place(error)
    hint = "SHREDDER_DEBUG=1 shows more, which may hold personal data; please report it"
    message = f"a defect of shredder: {kind} at {place}"
    return _tell(message, hint, ExitCode.INTERNAL, as_json)


def _place(error: Exception) -> str:
    """Where in the code it was raised. Never the error's text: it may hold anything."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "an unknown place"
    return f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}"  # noqa: PTH119


def _tell(message: str, hint: str, code: int, as_json: bool) -> int:
    line = " ".join(message.split())
    if as_json:
        report = {"error": line, "hint": hint, "exit_code": int(code)}
        sys.stdout.write(json.dumps(report) + "\n")
    sys.stderr.write(f"error: {line}\n")
    if hint:
        sys.stderr.write(f"hint: {hint}\n")
    return int(code)
