"""Counting units ahead of a sweep, so that whoever watches learns how long it will take.

It lists every store once more, over connections of its own and beside the sweep, so it is done
only while somebody watches. A count is an estimate: what it cannot list makes it no number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from threading import Event, Thread

from backends.contract import Store, Unit
from backends.errors import BackendError

_PATIENCE = 2.0  # seconds that a listing may take to notice that nobody waits for it any more

Opening = Callable[[], AbstractContextManager[Mapping[str, Store | BackendError]]]


class _Count:
    def __init__(self) -> None:
        self.units = 0
        self.whole = False
        self.over = Event()

    def total(self) -> int:
        """The number of units, or 0 as long as it is not known."""
        return self.units if self.whole else 0

    def run(self, opening: Opening) -> None:
        try:
            with opening() as stores:
                for store in stores.values():
                    if not isinstance(store, BackendError):
                        self._count(store)
            self.whole = not self.over.is_set()
        except Exception:  # noqa: BLE001, S110 - the sweep itself tells what cannot be listed
            pass

    def _count(self, store: Store) -> None:
        for scope in store.scopes():
            if scope.problem:
                continue
            for entry in store.units(scope.name):
                if self.over.is_set():
                    return
                self.units += isinstance(entry, Unit)


@contextmanager
def counted_ahead(opening: Opening) -> Iterator[Callable[[], int]]:
    """Count in a thread of its own; gives what tells the total, or 0 as long as it is unknown."""
    count = _Count()
    thread = Thread(target=count.run, args=(opening,), name="count-ahead", daemon=True)
    thread.start()
    try:
        yield count.total
    finally:
        count.over.set()
        thread.join(_PATIENCE)
