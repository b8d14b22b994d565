"""Having the units of one store examined: by threads here, or by a crew where there is much."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Self

from backends.contract import Matcher, Store
from shredder.sweep.crew import Crew
from shredder.sweep.memory import keep_what_is_freed
from shredder.sweep.worker import Seen, Task, examine

_AHEAD = 4  # batches under way for each worker
# A crew costs a second to begin, so it is called for more than a small store only.
_MUCH, _MANY = 64 << 20, 1000  # bytes, units
_BATCH, _BATCH_UNITS = 64 << 20, 200

_Wait = Callable[[], list[Seen]]


class Hands:
    """The hands that examine one store. A context manager; used by one thread."""

    def __init__(
        self,
        store: Store,
        matcher: Matcher,
        crew: Crew | None = None,
        job: Callable[[], bytes] | None = None,
    ) -> None:
        """`job` packs what a crew's workers need; without it the store cannot be examined there.

        Raises what the store raises when it is asked for its traits.
        """
        traits = store.traits
        self._store, self._matcher = store, matcher
        self._threads = max(1, traits.concurrency)
        self._crew = crew if job is not None and traits.portable else None
        self._job = job
        self._packed = b""

    def __enter__(self) -> Self:
        keep_what_is_freed()
        self._pool = ThreadPoolExecutor(self._threads)
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def examined(self, tasks: Iterator[Task]) -> Iterator[Seen]:
        """Yield what came of each task, in order."""
        if self._crew is None:
            yield from self._here(tasks)
            return
        first: list[Task] = []
        size = 0
        while size < _MUCH and len(first) < _MANY:
            task = next(tasks, None)
            if task is None:
                yield from self._here(first)
                return
            first.append(task)
            size += task.unit.size or 0
        yield from self._by(self._crew, chain(first, tasks))

    def _here(self, tasks: Iterable[Task]) -> Iterator[Seen]:
        def send(task: Task) -> _Wait:
            future = self._pool.submit(examine, self._store, self._matcher, task)
            return lambda: [future.result()]

        return _in_order(map(send, tasks), ahead=_AHEAD * self._threads)

    def _by(self, crew: Crew, tasks: Iterable[Task]) -> Iterator[Seen]:
        assert self._job is not None
        packed = self._packed = self._packed or self._job()

        def send(batch: list[Task]) -> _Wait:
            sent = crew.send(packed, batch)
            return lambda: crew.result(sent)

        return _in_order(map(send, _batches(tasks)), ahead=_AHEAD * crew.size)


def _in_order(sent: Iterator[_Wait], *, ahead: int) -> Iterator[Seen]:
    waiting: deque[_Wait] = deque()
    for wait in sent:
        waiting.append(wait)
        if len(waiting) > ahead:
            yield from waiting.popleft()()
    while waiting:
        yield from waiting.popleft()()


def _batches(tasks: Iterable[Task]) -> Iterator[list[Task]]:
    batch: list[Task] = []
    size = 0
    for task in tasks:
        batch.append(task)
        size += task.unit.size or 0
        if size >= _BATCH or len(batch) >= _BATCH_UNITS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
