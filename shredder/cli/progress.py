"""The last line of a terminal: what is being done, how far it is, and for how long.

Whoever works tells how far it is; a thread of its own draws. So what tells nothing for a while is
not silent: its seconds are counted. A terminal that has gone ends the line, and not the work.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import TextIO

from backends.contract import Step, is_code
from shredder.cli.console import sized

_SILENT = 1.0  # seconds: what is over within them needs no progress
_EVERY = 0.25  # seconds between two drawings
_UNKNOWN = 80  # columns of a terminal that does not tell


@dataclass(frozen=True, slots=True)
class Told:
    """What was told last of one thing, and when its first word came (seconds of some clock)."""

    what: str
    begun: float
    done: int
    total: int = 0  # 0: nobody knows
    size: int = 0  # bytes that went by while it was done
    in_bytes: bool = False  # what is counted are bytes

    @property
    def briefly(self) -> str:
        """What it is, and how much of it is done."""
        return f"{self.what} {self.done:,} of {self.total:,}" if self.total else self.what

    def words(self, now: float) -> list[str]:
        """The parts of a line."""
        seconds = max(now - self.begun, _SILENT)
        count = sized if self.in_bytes else "{:,}".format
        words = [self.what]
        if self.done or self.total:
            words.append(count(self.done) + (f" of {count(self.total)}" if self.total else ""))
        if self.size:
            words.append(f"{sized(self.size)}, {sized(self.size / seconds)}/s")
        elif self.done and self.in_bytes:
            words.append(f"{sized(self.done / seconds)}/s")
        elif self.done >= seconds:
            words.append(f"{self.done / seconds:,.0f}/s")
        if self.done and self.total:
            words.append(f"{(self.total - self.done) * seconds / self.done:.0f} s left")
        else:
            words.append(f"{seconds:.0f} s")
        return words


class ProgressLine:
    """Keeps the line. What it is told may come from any thread."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._lock = Lock()
        self._phase: Told | None = None
        self._step: Told | None = None
        self._shown = ""  # what stands there
        self._ended = Event()
        self._drawing: Thread | None = None

    def phase(self, what: str, units: int, size: int, total: int) -> None:
        """A phase of the work has come so far; whatever was a step of it is over."""
        with self._lock:
            same = self._phase is not None and self._phase.what == what
            begun = self._phase.begun if self._phase and same else self._clock()
            self._phase, self._step = Told(what, begun, units, total, size), None
            self._draw_from_now_on()

    def step(self, step: Step) -> None:
        """A step within it has come so far. What is none is not shown: it may be anyone's."""
        if not is_code(step.name) or step.done < 0 or step.total < 0:
            return
        what = step.name.replace("-", " ")
        with self._lock:
            same = self._step is not None and self._step.what == what
            begun = self._step.begun if self._step and same else self._clock()
            self._step = Told(what, begun, step.done, step.total, in_bytes=step.size)
            self._draw_from_now_on()

    def line(self, now: float) -> str:
        """What is to stand there; nothing of what has not taken a second yet."""
        phase, step = (
            each if each and now - each.begun >= _SILENT else None
            for each in (self._phase, self._step)
        )
        if step is None:
            return " · ".join(phase.words(now)) if phase else ""
        outer = [self._phase.briefly] if self._phase else []
        return " · ".join([*outer, *step.words(now)])

    def clear(self) -> None:
        """Make room for other words; the line comes back with what is told next."""
        with self._lock:
            self._write("")
            self._phase = self._step = None

    def close(self) -> None:
        """Draw no more."""
        self._ended.set()
        if self._drawing:
            self._drawing.join()
        self.clear()

    def draw(self) -> None:
        """Draw it as it is now."""
        with self._lock:
            if (line := self.line(self._clock())) and not self._ended.is_set():
                self._write(line[: self._columns() - 1])

    def _columns(self) -> int:
        """How wide the terminal is; standard output, which shutil asks, may lead elsewhere."""
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or _UNKNOWN
        except OSError:
            return shutil.get_terminal_size().columns

    def _draw_from_now_on(self) -> None:
        if self._drawing is None:
            self._drawing = Thread(target=self._keep_drawing, daemon=True)
            self._drawing.start()

    def _keep_drawing(self) -> None:
        while not self._ended.wait(_EVERY):
            self.draw()

    def _write(self, line: str) -> None:
        if line == self._shown:
            return
        try:
            self._stream.write("\r" + line.ljust(len(self._shown)) + ("" if line else "\r"))
            self._stream.flush()
        except OSError:
            self._ended.set()
            line = ""
        self._shown = line
