"""Rows of an answer that are made anew whenever they are gone through, and never all held."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any


class Listed(Iterable[dict[str, Any]]):
    """JSON objects from where they lie: a file of the run's, or a spool."""

    def __init__(self, rows: Callable[[], Iterable[dict[str, Any]]]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._rows())
