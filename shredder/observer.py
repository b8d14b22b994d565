"""How the core tells what it is doing: events for a log, numbers for a progress line.

No event holds record content, a locator, a key or an e-mail address: only codes, numbers, and
the names of stores, datasets and runs.
"""

from __future__ import annotations

from typing import Protocol

from backends.contract import Step


class Observer(Protocol):
    """Who watches."""

    @property
    def watched(self) -> bool:
        """Whether anybody looks at the progress, so that it may cost something to know a total."""

    def event(self, name: str, **fields: str | int) -> None:
        """Something happened."""

    def progress(self, what: str, *, units: int, size: int = 0, total: int = 0) -> None:
        """So many units (and bytes) of `total` are done; a total of 0 is not known."""

    def step(self, step: Step) -> None:
        """A store tells how far it is with one thing within that; in any thread."""


class Nobody:
    """Watches nothing."""

    watched = False

    def event(self, name: str, **fields: str | int) -> None:
        """Look away."""

    def progress(self, what: str, *, units: int, size: int = 0, total: int = 0) -> None:
        """Look away."""

    def step(self, step: Step) -> None:
        """Look away."""
