"""Having the units of one store examined: by threads here, or by a crew where there is much."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import chain
from typing import Self

from backends.contract import Matcher, Store
from shredder.sweep.crew import Crew
from shredder.sweep.memory import keep_what_is_freed
from shredder.sweep.worker import Seen, Task, examine

_AHEAD = 4  # batches under way for each worker
_KEPT, _KEPT_UNITS = 1000, 10_000  # batches, units that may wait for one before them
# A crew costs a second to begin, so it is called for more than a small store only.
_MUCH, _MANY = 64 << 20, 1000  # bytes, units
_BATCH, _BATCH_UNITS = 64 << 20, 200


@dataclass(frozen=True, slots=True)
class _Sent:
    """A batch that somebody examines."""

    units: int
    future: Callable[[], Future[list[Seen]]]  # as of now: a batch may be sent again
    result: Callable[[], list[Seen]]  # waits, and sends again what was lost

    @property
    def done(self) -> bool:
        """Whether there is a result that need not be waited for."""
        return self.future().done() and not self.lost

    @property
    def lost(self) -> bool:
        """Whether whoever was to examine it has not."""
        future = self.future()
        return future.done() and (future.cancelled() or future.exception() is not None)


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
        def examined(task: Task) -> list[Seen]:
            return [examine(self._store, self._matcher, task)]

        def send(task: Task) -> _Sent:
            future = self._pool.submit(examined, task)
            return _Sent(1, lambda: future, future.result)

        return _in_order(map(send, tasks), ahead=_AHEAD * self._threads)

    def _by(self, crew: Crew, tasks: Iterable[Task]) -> Iterator[Seen]:
        assert self._job is not None
        packed = self._packed = self._packed or self._job()

        def send(tasks: list[Task]) -> _Sent:
            batch = crew.send(packed, tasks)
            return _Sent(len(tasks), lambda: batch.future, lambda: crew.result(batch))

        return _in_order(map(send, _batches(tasks)), ahead=_AHEAD * crew.size)


def _in_order(batches: Iterator[_Sent], *, ahead: int) -> Iterator[Seen]:
    """Yield what came of batches in their order, which are sent as they are taken.

    No more than `ahead` are under way at once. One that takes long keeps nobody from examining
    what comes after it: as much of that as :data:`_KEPT` says is kept until its turn comes.
    """
    waiting: deque[_Sent] = deque()
    under_way: list[_Sent] = []
    units = 0
    for batch in batches:
        waiting.append(batch)
        under_way = [*(each for each in under_way if not each.done), batch]
        units += batch.units
        while waiting and (waiting[0].done or _is_full(waiting, units, under_way, ahead)):
            first = waiting.popleft()
            units -= first.units
            under_way = [each for each in under_way if each is not first]  # it may stay lost
            yield from first.result()
    while waiting:
        yield from waiting.popleft().result()


def _is_full(waiting: Sequence[_Sent], units: int, under_way: Sequence[_Sent], ahead: int) -> bool:
    """Wait until another batch may be sent, or the first one is done; whether it must be first.

    Whoever is `under_way` is looked at, and not all who wait: they may be a hundred times as many.
    """
    while len(waiting) < _KEPT and units < _KEPT_UNITS and not waiting[0].done:
        under_way = [batch for batch in under_way if not batch.done]
        if len(under_way) <= ahead:
            return False
        if any(batch.lost for batch in under_way):
            return True  # with its worker: it is sent again in its turn
        wait([batch.future() for batch in under_way], return_when=FIRST_COMPLETED)
    return True


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
