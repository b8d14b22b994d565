"""Whose turn it is, where several processes run the tests: one test alone, or one of each."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def turn(config: pytest.Config, *, alone: bool) -> Iterator[None]:
    """Hold off what must not run at the same time, in all of the run's processes.

    Everyone is in the room together, or one is in it alone. Who waits for the room holds its
    door meanwhile: otherwise those who come and go would keep out the one who waits to be alone.
    """
    folder = _common(config)
    if folder is None:
        yield
        return
    with (folder / "room").open("w") as room:
        with (folder / "door").open("w") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        try:
            yield
        finally:
            fcntl.flock(room, fcntl.LOCK_UN)  # also where a forked child still has the file


def _common(config: pytest.Config) -> Path | None:
    """The folder that all processes of this run have in common; none where there is but one."""
    if not hasattr(config, "workerinput"):
        return None
    return Path(config.option.basetemp).parent
