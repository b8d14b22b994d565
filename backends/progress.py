"""How a store tells, while it works, how far it has come with what takes long.

Only whoever watches hears of it: nothing that is told so gets into a journal or an attestation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that takes long, and how much of it is done: bytes, or whatever is counted.

    It is told of when it begins, and then as often as is convenient; each new one ends the last.
    """

    name: str  # a code: what is done, and nothing of what it is done to
    done: int = 0
    total: int = 0  # 0: nobody knows
    size: bool = False  # bytes


Tell: TypeAlias = Callable[[Step], None]
"""Takes a step; costs next to nothing, raises nothing, and may be called in any thread."""


def untold(step: Step) -> None:
    """Look away."""
