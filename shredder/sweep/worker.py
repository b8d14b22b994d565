"""Examining units, in this process or wherever a worker runs.

What a worker is sent is a :class:`Job` in pickled form, once for each batch of tasks; it opens
store and fingerprint when it first sees that job. An answer is idempotent for its unit, so a
batch whose worker was lost is simply examined again.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

from backends.contract import Context, CoverageStatus, Examination, Gap, Matcher, Store, Unit
from backends.errors import BackendError, Unreachable
from shredder import answers
from shredder.errors import ShredderError
from shredder.registry import backend
from shredder.sweep.memory import keep_what_is_freed

_THREADS = 4  # in a worker, of a store that answers several questions at once
_OPEN = 8  # jobs that a worker keeps open


@dataclass(frozen=True, slots=True)
class Task:
    """One unit. `known`: it was examined in this state, and nothing was found."""

    unit: Unit
    known: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one task. `error`: the class of what was raised; empty if nothing was."""

    examination: Examination
    unchanged: bool = False  # known before, and still so: not read again
    error: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A store and what is looked for in it, as they travel. Holds the fingerprint's key."""

    name: str
    backend: str
    settings: Mapping[str, object]
    context: Context
    matcher: Matcher

    def packed(self) -> bytes:
        """The bytes that a worker is sent."""
        return pickle.dumps(self)


def examine(store: Store, matcher: Matcher, task: Task) -> Seen:
    """Examine one unit. Whatever is raised makes it a gap: nothing raised is absence."""
    unit = task.unit
    try:
        if task.known and store.glance(unit, matcher):
            return Seen(Examination(unit), unchanged=True)
        answer = store.examine(unit, matcher)
        holdings = tuple(answers.holding(each, store.name) for each in answer.holdings)
        gap = answer.gap and answers.gap(answer.gap, unit.scope)
        fitting = Examination(unit, holdings, gap, answer.bytes_read, answer.records_read)
    except Exception as error:  # noqa: BLE001 - a third party's defect must not end the sweep
        return gapped(unit, error)
    return Seen(fitting)


def gapped(unit: Unit, error: Exception) -> Seen:
    """The unit as a gap, for what was raised."""
    silent = isinstance(error, Unreachable)
    status = CoverageStatus.UNREACHABLE if silent else CoverageStatus.FAILED
    gap = Gap(unit.scope, status, answers.code_of(error), unit.locator)
    return Seen(Examination(unit, gap=gap), error=type(error).__name__)


def examine_all(
    packed: bytes, tasks: Sequence[Task], stopped: Callable[[], bool] = lambda: False
) -> list[Seen]:
    """Examine units for the one who sent the job; ends early, and short, once `stopped`."""
    try:
        store, matcher = _opened(packed)
    except Exception as error:  # noqa: BLE001 - of whatever kind: nothing is known of these units
        wrong = error if isinstance(error, BackendError) else _as_backend_error(error)
        return [gapped(task.unit, wrong) for task in tasks]

    def one(task: Task) -> Seen | None:
        return None if stopped() else examine(store, matcher, task)

    threads = min(_THREADS, max(1, store.traits.concurrency), len(tasks))
    if threads == 1:
        found = [one(task) for task in tasks]
    else:
        with ThreadPoolExecutor(threads) as pool:
            found = list(pool.map(one, tasks))
    return [seen for seen in found if seen is not None]


@lru_cache(_OPEN)  # a worker has nobody to hand them from batch to batch
def _opened(packed: bytes) -> tuple[Store, Matcher]:
    keep_what_is_freed()
    job: Job = pickle.loads(packed)  # noqa: S301 - from the sweep that this worker serves
    _ = job.matcher.commitment  # the very fingerprint that the sweep has, or none
    store = backend(job.backend).open(job.name, job.settings, job.context)
    return store, job.matcher


def _as_backend_error(error: Exception) -> BackendError:
    """What keeps a worker from beginning, such as a catalogue that it cannot read."""
    reason = "worker-not-ready" if isinstance(error, ShredderError) else answers.DEFECT
    return BackendError("a worker cannot open the store", reason=reason)
