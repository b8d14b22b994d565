"""Something that is produced by another thread while its consumer is at work."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, Full, Queue
from typing import Generic, TypeVar

_PATIENCE = 0.2  # seconds between two looks at whether anybody still wants what is produced
_T = TypeVar("_T")


class _Unwanted(Exception):
    """Nobody wants more."""


class _End:
    """No more comes, for this reason if there is one."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error


@contextmanager
def ahead(items: Generator[_T], most: int, name: str) -> Iterator[Iterator[_T]]:
    """Lend the items of a generator, which another thread runs, up to `most` of them ahead.

    What it raises is raised where the items are wanted. Where no more are wanted, it is closed,
    by its own thread; that has ended when the context has.
    """
    thread = _Thread(items, most, name)
    thread.start()
    try:
        yield iter(thread)
    finally:
        thread.stop()


class _Thread(threading.Thread, Generic[_T]):
    def __init__(self, items: Generator[_T], most: int, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._items = items
        self._queue: Queue[_T | _End] = Queue(most)
        self._stopped = threading.Event()

    def run(self) -> None:
        with suppress(_Unwanted):
            try:
                for item in self._items:
                    self._put(item)
            except _Unwanted:
                with suppress(Exception):  # what fails now concerns nobody
                    self._items.close()
                raise
            except Exception as error:  # noqa: BLE001 - raised where the items are wanted
                self._put(_End(error))
            else:
                self._put(_End())

    def _put(self, item: _T | _End) -> None:
        while not self._stopped.is_set():
            with suppress(Full):
                self._queue.put(item, timeout=_PATIENCE)
                return
        raise _Unwanted

    def __iter__(self) -> Iterator[_T]:
        while not isinstance(item := self._queue.get(), _End):
            yield item
        if item.error:
            raise item.error

    def stop(self) -> None:
        """Want no more, and wait until it has noticed."""
        self._stopped.set()
        with suppress(Empty):
            while True:
                self._queue.get_nowait()
        self.join()
