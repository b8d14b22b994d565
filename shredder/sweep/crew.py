"""Who examines units beside this process: other processes here, or the workers of a cluster.

Both are a `concurrent.futures.Executor`. A worker can be lost: killed for its memory, crashed by
a library, gone with its machine. Its batch is then sent again; if that is lost, too, its units
go one by one, and one that is lost all alone is not examined: a gap, `worker-lost`.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
)
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from multiprocessing.connection import wait
from multiprocessing.synchronize import Event
from typing import Any, Self

from backends.errors import BackendError
from shredder.errors import Inconclusive, UsageError
from shredder.sweep.worker import Seen, Task, examine_all, gapped

LOST = "worker-lost"
_LOADED = "shredder.sweep.loaded"
_PATIENCE = 10  # seconds that a cluster's scheduler may take to answer
_SAFE = ("tls://", "inproc://", "tcp://127.", "tcp://localhost:", "tcp://[::1]:")


@dataclass(slots=True)
class Batch:
    """Tasks under way, and what is needed to send them again."""

    packed: bytes
    tasks: Sequence[Task]
    executor: Executor
    future: Future[list[Seen]] = field(default_factory=Future)


class Crew(ABC):
    """Workers that several stores share. Thread-safe. `size`: batches examined at once."""

    broken: tuple[type[BaseException], ...] = (BrokenExecutor,)  # how a lost worker shows

    def __init__(self, size: int) -> None:
        self.size = size
        self._lock = threading.Lock()
        self._executor: Executor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Cancel what is not begun, and send nobody anything any more."""
        with self._lock:
            if self._executor is not None:
                self._end(self._executor)
                self._executor = None

    @abstractmethod
    def _make(self, workers: int) -> Executor:
        """Return an executor of so many workers."""

    @abstractmethod
    def _submit(self, executor: Executor, batch: Batch) -> Future[list[Seen]]:
        """Have an executor examine a batch."""

    def _end(self, executor: Executor) -> None:
        """Cancel what an executor has not begun, and let go of it."""
        executor.shutdown(cancel_futures=True)

    def send(self, packed: bytes, tasks: Sequence[Task]) -> Batch:
        """Have a batch examined."""
        batch = Batch(packed, tasks, self._current())
        self._start(batch)
        return batch

    def result(self, batch: Batch) -> list[Seen]:
        """Wait for what came of it: an answer a task, in order."""
        with suppress(*self.broken):
            return batch.future.result()
        batch.executor = self._current(failed=batch.executor)
        self._start(batch)
        with suppress(*self.broken):
            return batch.future.result()
        self._current(failed=batch.executor)
        return self._one_by_one(batch)

    def _current(self, failed: Executor | None = None) -> Executor:
        """The executor, made anew if it is the one that failed."""
        with self._lock:
            if self._executor is None or self._executor is failed:
                if failed is not None:
                    failed.shutdown(wait=False)
                self._executor = self._make(self.size)
            return self._executor

    def _start(self, batch: Batch) -> None:
        try:
            batch.future = self._submit(batch.executor, batch)
        except self.broken as error:
            batch.future = Future()
            batch.future.set_exception(error)

    def _one_by_one(self, batch: Batch) -> list[Seen]:
        """Examine each unit with a worker that nobody else loses if it is lost."""
        found: list[Seen] = []
        executor: Executor | None = None
        for task in batch.tasks:
            executor = executor or self._make(1)
            try:
                one = Batch(batch.packed, (task,), executor)
                found += self._submit(executor, one).result()
            except self.broken:
                error = BackendError("a worker was lost over one unit, and again", reason=LOST)
                found.append(gapped(task.unit, error))
                executor.shutdown(wait=False)
                executor = None
        if executor is not None:
            executor.shutdown(wait=False)
        return found


class Processes(Crew):
    """Processes of this machine. They end with this one, however it ends."""

    def __init__(self, size: int, modules: Sequence[str] = ()) -> None:
        """`modules`: what every worker needs besides what :mod:`shredder.sweep.loaded` loads."""
        super().__init__(size)
        # Forked from a server that has no threads: this process may have many. What every
        # worker needs is loaded there, once.
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([_LOADED, *modules])

    @cached_property
    def _stop(self) -> Event:
        return self._context.Event()  # starts a helper process, so only when it is needed

    def close(self) -> None:
        """Let the workers leave what they have not begun, and wait for them."""
        if self._executor is not None:
            self._stop.set()
        super().close()

    def _make(self, workers: int) -> Executor:
        return ProcessPoolExecutor(workers, self._context, _begin, (self._stop,))

    def _submit(self, executor: Executor, batch: Batch) -> Future[list[Seen]]:
        return executor.submit(_examine_here, batch.packed, batch.tasks)


class Cluster(Crew):
    """The workers of a Dask cluster (extra ``dask``).

    They need this code, the configured drivers and credentials, and the state directory at the
    same path: the catalogue is read there. The fingerprint's key travels to them.
    """

    def __init__(self, address: str) -> None:
        """Connect. Raises UsageError, or Inconclusive where nobody answers."""
        if not address.startswith(_SAFE):
            raise UsageError(
                "the fingerprint's key would travel to the cluster unencrypted",
                hint="give the scheduler's address as tls://…, with Dask's own TLS settings",
            )
        try:
            import distributed  # noqa: PLC0415 - an extra
        except ImportError:
            raise UsageError(
                "Dask is not installed", hint="install shredder-toolkit[dask]"
            ) from None
        dask: Any = distributed  # has few types
        self.broken = (BrokenExecutor, CancelledError, dask.KilledWorker)
        try:
            self._client: Any = dask.Client(address, timeout=_PATIENCE, set_as_default=False)
            workers = sum(self._client.nthreads().values())
        except (OSError, TimeoutError, ValueError) as error:
            raise Inconclusive(
                "the cluster's scheduler does not answer",
                hint="is it running, and is the address of --dask its own?",
            ) from error
        super().__init__(max(1, workers))

    def close(self) -> None:
        """Let go of the cluster; it runs on."""
        super().close()
        self._client.close()

    def _end(self, executor: Executor) -> None:
        executor.shutdown(wait=False)  # Dask's own cancels what is under way

    def _make(self, workers: int) -> Executor:
        del workers  # the cluster has those it has
        executor: Executor = self._client.get_executor(pure=False)
        return executor

    def _submit(self, executor: Executor, batch: Batch) -> Future[list[Seen]]:
        return executor.submit(examine_all, batch.packed, batch.tasks)


class _Worker:
    """What a process of ours was told when it began."""

    stop: Event | None = None


def _begin(stop: Event) -> None:
    """Settle in a new process: an interrupt is the sweep's affair, and its end is ours."""
    _Worker.stop = stop
    gc.freeze()  # what was loaded stays, so nobody need look for what to free in it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_sweep, daemon=True).start()


def _end_with_the_sweep() -> None:
    """End when the process that called for us has ended: its pipe to us closes then."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
    os._exit(1)


def _examine_here(packed: bytes, tasks: Sequence[Task]) -> list[Seen]:
    stop = _Worker.stop
    return examine_all(packed, tasks, stop.is_set if stop is not None else lambda: False)
