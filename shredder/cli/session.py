"""Opening what a command works with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from shredder.cli.console import Console
from shredder.config import find, load
from shredder.journal import Journal
from shredder.run.work import Sweeping, Work
from shredder.spool import Spool, spooled
from shredder.state import State


@contextmanager
def working(
    config: Path | None, console: Console, sweeping: Sweeping | None = None
) -> Iterator[Work]:
    """The configuration, the state directory and the journal; nothing is locked."""
    loaded = load(find(config))
    state = State.open(loaded.state)
    with Journal(state.journal) as journal:
        yield Work(loaded, state, journal, console, sweeping or Sweeping())


@contextmanager
def changing(
    config: Path | None, console: Console, sweeping: Sweeping | None = None
) -> Iterator[Work]:
    """The same, with the only right to change anything. Raises Refused if another run has it."""
    with working(config, console, sweeping) as work, work.state.locked():
        yield work


def spooling(work: Work) -> AbstractContextManager[Spool]:
    """Where a command keeps what it finds, as long as it works with it."""
    return spooled(work.state.root)
