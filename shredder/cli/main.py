"""The entry point: whatever happens becomes one line and an exit code, never a traceback.

Two codes are the shell's own words and stand outside of `ExitCode`: 128 + SIGINT for a Ctrl-C,
128 + SIGPIPE where the reader of our output went away.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from shredder.cli.console import shown
from shredder.errors import ExitCode, ShredderError

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

    from typer import TyperException

_INTERRUPTED = 128 + signal.SIGINT
_UNREAD = 128 + signal.SIGPIPE
_DRIVERS = "pkcs11."
_GO_ON = "what was begun goes on with `shredder resume`"


def main() -> NoReturn:
    """Run the command of this process."""
    _settle_streams()
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError as error:
        # Also where the disk under our output is full. What was done is in the journal.
        _let_go_of_stdout()
        if not isinstance(error, BrokenPipeError):
            code = _tell(_refusal(error), _GO_ON, ExitCode.INCONCLUSIVE, as_json=False)
        elif code == ExitCode.COMPLETE:
            code = _UNREAD
    sys.exit(code)


def _settle_streams() -> None:
    """Have the three streams open, and able to take any text.

    A journal that was opened as descriptor 2, because nothing else was, would be written over by
    the next message.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _let_go_of_stdout() -> None:
    """What is left in the buffer goes nowhere: the interpreter must not try it again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(arguments: Sequence[str]) -> int:
    """Run a command line; returns the exit code."""
    from typer import Abort, TyperException
    from typer.main import get_command

    from shredder.cli.app import app

    as_json = "--json" in arguments
    try:
        with _drivers_quiet():
            code = get_command(app)(list(arguments), standalone_mode=False)
    except TyperException as error:
        return _usage(error, as_json)
    except (KeyboardInterrupt, Abort):
        code = _INTERRUPTED
    except BrokenPipeError:
        _let_go_of_stdout()
        return _UNREAD
    except Exception as error:  # noqa: BLE001 - the last resort of the process
        return _failed(error, as_json)
    if code == _INTERRUPTED:  # also typer's own answer to a Ctrl-C; no command returns it
        return _tell("interrupted", _GO_ON, _INTERRUPTED, as_json)
    return code if isinstance(code, int) else ExitCode.COMPLETE


@contextlib.contextmanager
def _drivers_quiet() -> Iterator[None]:
    """Have no driver print the traceback of its cleaning up after an error, which is told anyway.

    python-pkcs11 does where a token goes in the midst of a search, and has both hooks print it.
    """
    printed, unraisable = sys.excepthook, sys.unraisablehook

    def excepthook(kind: type[BaseException], *more: Any) -> None:
        if not kind.__module__.startswith(_DRIVERS):
            printed(kind, *more)

    def unraisablehook(told: UnraisableHookArgs) -> None:
        if not told.exc_type.__module__.startswith(_DRIVERS):
            unraisable(told)

    sys.excepthook, sys.unraisablehook = excepthook, unraisablehook
    try:
        yield
    finally:
        sys.excepthook, sys.unraisablehook = printed, unraisable


def _usage(error: TyperException, as_json: bool) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(f"{error}\n")
        return ExitCode.USAGE
    return _tell(error.format_message(), "see `shredder --help`", ExitCode.USAGE, as_json)


def _failed(error: Exception, as_json: bool) -> int:
    """Errors of all three packages have a message, a hint and an exit code."""
    if isinstance(error, ShredderError):
        return _tell(error.message, error.hint, error.exit_code, as_json)
    code, message = getattr(error, "exit_code", None), getattr(error, "message", None)
    if isinstance(code, int) and isinstance(message, str):
        return _tell(message, str(getattr(error, "hint", "")), code, as_json)
    if isinstance(error, OSError):
        return _tell(_refusal(error), _GO_ON, ExitCode.INCONCLUSIVE, as_json)
    if os.environ.get("SHREDDER_DEBUG"):
        traceback.print_exc()
    kind, place = type(error).__name__, _place(error)
    hint = "SHREDDER_DEBUG=1 shows more, which may hold personal data; please report it"
    message = f"a defect of shredder: {kind} at {place}"
    return _tell(message, hint, ExitCode.INTERNAL, as_json)


def _refusal(error: OSError) -> str:
    """Never str(error): it would name a file, which may be a locator."""
    return f"the system refused: {error.strerror or 'input/output error'}"


def _place(error: Exception) -> str:
    """Where in the code it was raised. Never the error's text: it may hold anything."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "an unknown place"
    return f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}"  # noqa: PTH119


def _tell(message: str, hint: str, code: int, as_json: bool) -> int:
    line, hint = shown(" ".join(message.split())), shown(hint)
    if as_json:
        report = {"error": line, "hint": hint, "exit_code": int(code)}
        sys.stdout.write(json.dumps(report) + "\n")
    with contextlib.suppress(OSError):  # main() sees to that
        sys.stdout.flush()
    sys.stderr.write(f"error: {line}\n")
    if hint:
        sys.stderr.write(f"hint: {hint}\n")
    return int(code)
