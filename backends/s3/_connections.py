"""A store's connections, parted among the objects that are read at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Connections:
    """So many connections, and who reads by them."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._readers = 0
        self._lock = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Callable[[], int]]:
        """Take part; the value tells how many connections this reader may have now: 1 or more."""
        with self._lock:
            self._readers += 1
        try:
            yield lambda: max(1, self._number // max(1, self._readers))
        finally:
            with self._lock:
                self._readers -= 1
