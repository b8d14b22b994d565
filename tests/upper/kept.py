"""A sweep whose findings outlive its spool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from backends.contract import Holding, Matcher, Store
from backends.errors import BackendError
from shredder.observer import Nobody
from shredder.spool import spooled
from shredder.sweep import Problem, ScopeCoverage, sweep


@dataclass(frozen=True)
class Kept:
    """A sweep, and all that was in its spool."""

    coverage: tuple[ScopeCoverage, ...]
    holdings: list[Holding]
    problems: list[Problem]
    bytes_read: int


def kept(stores: Mapping[str, Store | BackendError], matcher: Matcher, **more: Any) -> Kept:
    """Sweep, and keep what was found beyond the spool's end."""
    with TemporaryDirectory() as folder, spooled(Path(folder)) as spool:
        observer = more.pop("observer", None) or Nobody()
        found = sweep(stores, matcher, observer, spool, **more)
        holdings, problems = list(found.holdings), list(found.problems)
    return Kept(found.coverage, holdings, problems, found.bytes_read)
