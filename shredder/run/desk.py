"""The operator's desk: what a run asks a person, or a script's options, before it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from shredder.plan import Header


@dataclass(frozen=True, slots=True)
class Summary:
    """What is put before the operator for approval."""

    dataset: str
    run: str
    digest: str  # of the plan
    header: Header
    to_destroy: int
    left: int


class Desk(Protocol):
    """Who decides."""

    def approve(self, summary: Summary) -> str:
        """How the plan was approved (``typed``, ``yes``, ``plan``). Raises Refused if not."""

    def timestamp_later(self, reason: str) -> bool:
        """Whether to go on without a timestamp on the plan."""
