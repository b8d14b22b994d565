"""Rows of an answer that are made anew whenever they are gone through, and never all held."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

_Rows: TypeAlias = Callable[[], Iterable[dict[str, Any]]]


class Listed(Iterable[dict[str, Any]]):
    """JSON objects from where they lie: a file of the run's, or a spool."""

    def __init__(self, rows: _Rows, single: _Rows | None = None) -> None:
        """`single`: those of the rows that the answer does not sum up as well."""
        self._rows, self._single = rows, single or rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._rows())

    def single(self) -> Iterator[dict[str, Any]]:
        """The rows that are in no sum of the answer's."""
        return iter(self._single())
