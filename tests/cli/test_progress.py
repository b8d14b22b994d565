"""The line on a terminal that says how far it is."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import struct
import termios

import pytest

from backends.contract import Step
from shredder.cli.progress import ProgressLine
from tests.cli.operating import SURVEY, Operator
from tests.cli.terminal import typed
from tests.cli.thirdparty.shredder_shelf import SECRET

GIB = 1 << 30


class Clock:
    """A clock that stands still until it is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def line(clock: Clock) -> ProgressLine:
    return ProgressLine(io.StringIO(), clock)


def at(line: ProgressLine, second: float) -> str:
    return line.line(100 + second)


def test_what_is_over_within_a_second_is_not_shown(line: ProgressLine, clock: Clock) -> None:
    line.phase("destroy", 1, 0, 4)
    line.step(Step("filling", 1, 4))
    assert at(line, 0.9) == ""
    clock.now += 0.9
    line.step(Step("taking-inodes", 1, 4))
    assert at(line, 1.8) == "destroy · 1 of 4 · 5 s left", "each step begins anew"


def test_a_step_stands_behind_the_phase_that_it_is_of(line: ProgressLine, clock: Clock) -> None:
    line.phase("destroy", 2, 0, 5)
    line.step(Step("filling", 0, 8 * GIB, size=True))
    assert at(line, 2) == "destroy 2 of 5 · filling · 0 B of 8.0 GiB · 2 s"
    clock.now += 4
    line.step(Step("filling", 2 * GIB, 8 * GIB, size=True))
    assert at(line, 4) == (
        "destroy 2 of 5 · filling · 2.0 GiB of 8.0 GiB · 512.0 MiB/s · 12 s left"
    )
    line.step(Step("handing-back"))
    assert at(line, 9) == "destroy 2 of 5 · handing back · 5 s"
    line.phase("destroy", 3, 0, 5)
    assert at(line, 10) == "destroy · 3 of 5 · 7 s left", "the step is over"


def test_without_a_phase_a_step_stands_alone(line: ProgressLine) -> None:
    line.step(Step("taking-inodes", 1500, 3000))
    assert at(line, 3) == "taking inodes · 1,500 of 3,000 · 500/s · 3 s left"


def test_a_sweep_tells_units_and_bytes(line: ProgressLine) -> None:
    line.phase("sweep", 0, 0, 0)
    assert at(line, 7) == "sweep · 7 s", "nothing tells, and its seconds are counted"
    line.phase("sweep", 10, GIB, 0)
    assert at(line, 4) == "sweep · 10 · 1.0 GiB, 256.0 MiB/s · 4 s"


@pytest.mark.parametrize("name", ["", "Ada Lovelace", "a\x1b[2J", "x" * 65])
def test_what_is_no_code_is_not_shown(line: ProgressLine, name: str) -> None:
    line.step(Step(name, 1, 2))
    assert at(line, 5) == ""


def test_no_line_is_longer_than_the_terminal(
    line: ProgressLine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    stream = io.StringIO()
    short = ProgressLine(stream, clock)
    short.step(Step("taking-inodes", 1500, 3000))
    clock.now += 3
    short.draw()
    short.close()
    first, cleared = stream.getvalue().lstrip("\r").split("\r")[:2]
    assert first == "taking inodes · 1,5"
    assert cleared == " " * len(first)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [(20, "taking inodes · 1,5"), (0, "taking inodes · 1,500 of 3,000 · 500/s · 3 s left")],
    ids=["narrow", "of no size that it tells"],
)
def test_the_terminal_is_the_one_that_the_line_is_on(
    clock: Clock, columns: int, expected: str
) -> None:
    """Standard output may be a file."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    with os.fdopen(master, "rb", 0) as shown, os.fdopen(slave, "w", encoding="utf-8") as stream:
        line = ProgressLine(stream, clock)
        line.step(Step("taking-inodes", 1500, 3000))
        clock.now += 3
        line.draw()
        assert shown.read(100).decode() == f"\r{expected}"
        line.close()


def test_a_terminal_that_has_gone_ends_the_line_and_not_the_work(clock: Clock) -> None:
    master, slave = os.openpty()
    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        line = ProgressLine(stream, clock)
        line.step(Step("taking-inodes", 1500, 3000))
        os.close(master)
        clock.now += 3
        line.draw()
        line.step(Step("filling"))
        line.clear()
        line.close()
        with contextlib.suppress(OSError):  # what it could not get rid of
            stream.close()


def test_the_operator_sees_what_a_store_tells(desk: Operator) -> None:
    desk.edit('fault = ""', 'fault = "slow"')
    code, screen = typed(
        desk,
        ["destroy", SURVEY],
        [
            ("Type the dataset's name", f"{SURVEY}\n"),
            ("destroy 0 of 3 · moving books · 3 of 7", "\n"),
            ("destroy 1 of 3 · moving books · 3 of 7", "\n\n"),
        ],
    )
    assert code == 0, screen
    assert SECRET not in screen
