"""Where a command's words go: results to stdout, progress and questions to stderr."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TextIO

from shredder.errors import ExitCode, UsageError
from shredder.listed import Listed

if TYPE_CHECKING:
    from backends.contract import Step
    from shredder.cli.progress import ProgressLine

_UNSHOWABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def shown(value: object) -> str:
    """Text as it may be shown on a terminal: nothing that steers, hides or reorders."""
    return "".join(
        c.encode("unicode_escape").decode("ascii") if unicodedata.category(c) in _UNSHOWABLE else c
        for c in str(value)
    )


def sized(size: float) -> str:
    """A number of bytes for people."""
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError


def counted(number: int, one: str, many: str = "") -> str:
    """``1 holding``, ``2 holdings``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


class Console:
    """One command's output; also the observer of its work."""

    def __init__(self, *, as_json: bool, log: Log | None) -> None:
        self.as_json = as_json
        self._log = log
        self._line = _progress_line() if sys.stderr.isatty() and not as_json else None

    # --- results ---

    def say(self, line: str = "") -> None:
        """A line for people; nothing with --json."""
        if not self.as_json:
            self._clear()
            sys.stdout.write(f"{line}\n")

    def result(self, value: Mapping[str, object], code: ExitCode) -> None:
        """The one JSON object, with --json; it ends with the exit code."""
        if not self.as_json:
            return
        before = "{"
        for key, each in {**value, "exit_code": int(code)}.items():
            sys.stdout.write(f"{before}\n  {json.dumps(key)}: ")
            for text in _pieces(each):
                sys.stdout.write(text.replace("\n", "\n  "))
            before = ","
        sys.stdout.write("\n}\n")

    def table(self, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table for people; numbers to the right."""
        cells = [[shown(cell) if cell is not None else "?" for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
        right = [
            all(isinstance(row[n], int) or row[n] is None for row in rows) and bool(rows)
            for n in range(len(head))
        ]
        for row in [list(head), *cells]:
            parts = [
                cell.rjust(width) if to_the_right else cell.ljust(width)
                for cell, width, to_the_right in zip(row, widths, right, strict=True)
            ]
            self.say("  " + "  ".join(parts).rstrip())

    def note(self, line: str) -> None:
        """A line on stderr, with --json, too; after what stdout has so far."""
        self._clear()
        sys.stdout.flush()
        sys.stderr.write(f"{line}\n")

    # --- asking ---

    @property
    def can_ask(self) -> bool:
        """Whether a person sits at a terminal."""
        return sys.stdin.isatty() and sys.stderr.isatty() and not self.as_json

    def ask(self, question: str) -> str:
        """One line of the operator's."""
        self._clear()
        sys.stdout.flush()
        sys.stderr.write(question)
        sys.stderr.flush()
        return sys.stdin.readline().rstrip("\n")

    # --- observing ---

    @property
    def watched(self) -> bool:
        """Whether a progress line is shown."""
        return self._line is not None

    def event(self, name: str, **fields: str | int) -> None:
        """Log an event, where a log was asked for."""
        if self._log:
            self._log.event(name, **fields)

    def progress(self, what: str, *, units: int, size: int = 0, total: int = 0) -> None:
        """Show on a terminal how far the work is."""
        if self._line:
            self._line.phase(what, units, size, total)

    def step(self, step: Step) -> None:
        """Show what of it takes long."""
        if self._line:
            self._line.step(step)

    def close(self) -> None:
        """Show nothing more of what was going on."""
        if self._line:
            self._line.close()

    def _clear(self) -> None:
        if self._line:
            self._line.clear()


def _progress_line() -> ProgressLine:
    from shredder.cli.progress import ProgressLine

    return ProgressLine(sys.stderr)


def _pieces(value: object) -> Iterator[str]:
    """A value in JSON; rows that are made one by one are written one by one, a line each."""
    if not isinstance(value, Listed):
        yield json.dumps(value, indent=2)
        return
    before = "["
    for row in value:
        yield f"{before}\n  {json.dumps(row)}"
        before = ","
    yield "[]" if before == "[" else "\n]"


class Log:
    """JSON lines by structlog; loaded only if a log was asked for."""

    def __init__(self, stream: TextIO) -> None:
        import structlog

        self._logger = structlog.wrap_logger(
            structlog.WriteLogger(stream),
            processors=[
                structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
                structlog.processors.JSONRenderer(sort_keys=True),
            ],
        )

    def event(self, name: str, **fields: str | int) -> None:
        """One line."""
        self._logger.info(name, **fields)


@contextmanager
def console(as_json: bool, log_json: str | None) -> Iterator[Console]:
    """The console of one command."""
    with ExitStack() as stack:
        log = None
        if log_json == "-":
            log = Log(sys.stderr)
        elif log_json is not None:
            log = Log(stack.enter_context(_appended(log_json)))
        out = Console(as_json=as_json, log=log)
        stack.callback(out.close)
        yield out


def _appended(name: str) -> TextIO:
    from pathlib import Path

    try:
        return Path(name).open("a", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the log cannot be written: {error.strerror}") from error
