"""Carrying out an approved plan: intent on disk before the act, outcome after."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from backends.contract import Destruction, Finding, Matcher, Order, Result, Store, Technique
from backends.errors import BackendError, Unreachable
from shredder import answers, clock
from shredder.answers import DEFECT
from shredder.config import load
from shredder.config.names import whole
from shredder.errors import ShredderError, Waiting
from shredder.plan import to_destroy
from shredder.plan.keyed import WAITS
from shredder.run.gone_by_key import sealed_left
from shredder.run.residue import store_of, verify
from shredder.run.window import Window, window_of
from shredder.run.work import Work, batches, stores_or_errors
from shredder.sweep import phase_of

_KEYS = Technique.CRYPTOGRAPHIC_ERASE.stage
_TRIES = 3  # of a batch whose store does not answer
_PAUSE = 0.5  # seconds before the second; twice as long before the third


def execute(work: Work, run: str, dataset: str) -> None:
    """Issue every order of the plan that has no outcome yet, stage by stage.

    Repeatable: after a crash, orders whose intent is on disk are issued again. Raises Waiting
    where orders that lock others out wait for the hours that the operator has set.
    """
    window = window_of(work.journal.run(run).facts)
    stages = work.stages(run)
    done = waiting = 0
    work.observer.progress("destroy", units=0, total=stages.total())
    with stores_or_errors(work, dataset, work.observer.step) as stores:
        matcher = work.matcher(dataset)
        scrubbed = _Scrubbed(work, run)
        for stage in sorted(stages):
            if waiting:
                break  # what a later stage cleans up is not there yet
            every = (order for order in _orders(work, run) if order.technique.stage == stage)
            hours = _Hours(window)
            spared = stage == _KEYS and sealed_left(work, run)
            for name, orders in groupby(every, key=store_of):
                store = stores.get(name, BackendError("", reason="store-not-configured"))
                size = 1 if isinstance(store, BackendError) else max(1, store.traits.batch)
                for batch in batches(orders, size):
                    now = [order for order in batch if hours.allow(order)]
                    scrubbed.answer(now)
                    if spared:
                        _spare(work, run, now)
                    _batch(work, run, dataset, store, now, matcher)
                    scrubbed.take(now)
                    done += len(now)
                    waiting += _unfinished(work, run, batch) if len(now) < len(batch) else 0
                    work.observer.progress("destroy", units=done, total=stages.total())
    if waiting:
        raise Waiting(
            f"{waiting} of {stages.total()} holdings wait: to destroy them locks others out, "
            f"and it is not {window} now",
            hint=f"go on within it: `shredder resume {run}`",
        )


def _spare(work: Work, run: str, orders: Sequence[Order]) -> None:
    """Leave a key, because something sealed is still there."""
    known = ((order.id, work.journal.entry(run, order.id)) for order in orders)
    left = [order for order, entry in known if entry is None or entry.destruction is None]
    work.journal.record(run, [Destruction(o, Result.FAILED, reason=WAITS) for o in left])


class _Hours:
    """What locks others out waits for its hours, and what its store wants done after it, too."""

    def __init__(self, window: Window | None) -> None:
        self._window = window
        self._waiting: dict[str, int] = {}  # of a store, the phase from which on all waits

    def allow(self, order: Order) -> bool:
        """Whether the next order of a stage is carried out now."""
        if self._window is None:
            return True
        store, phase = order.holding.store, phase_of(order.holding)
        if phase > self._waiting.get(store, phase):
            return False
        cost = order.holding.cost
        if cost is None or not cost.exclusive or self._window.open():
            return True
        self._waiting.setdefault(store, phase)
        return False


class _Scrubbed:
    """Has each file system scrubbed once in a run, though several stores lie on it.

    It is the same if its locator and its version are. Nothing but a scrubbing comes after another,
    so what the first one's store answered holds for the others; each looks for residue by itself.
    """

    def __init__(self, work: Work, run: str) -> None:
        self._journal, self._run = work.journal, run
        self._done: dict[tuple[str, ...], Destruction] = {}

    def answer(self, orders: Sequence[Order]) -> None:
        """Give orders without an outcome that of the same file system."""
        for order in orders:
            done = self._done.get(_file_system(order))
            entry = self._journal.entry(self._run, order.id) if done else None
            if done and not (entry and entry.destruction):
                self._journal.intend(self._run, [order.id])
                self._journal.record(self._run, [replace(done, order=order.id)])

    def take(self, orders: Sequence[Order]) -> None:
        """Remember what was carried out."""
        for order in orders:
            if place := _file_system(order):
                entry = self._journal.entry(self._run, order.id)
                if entry and entry.destruction and entry.destruction.result is Result.DESTROYED:
                    self._done[place] = entry.destruction


def _file_system(order: Order) -> tuple[str, ...]:
    scrubs = order.technique is Technique.SCRUB_FREE_SPACE
    return (order.holding.locator, order.holding.version) if scrubs else ()


def _orders(work: Work, run: str) -> Iterator[Order]:
    return (item.order() for item in to_destroy(work.plan_file(run)))


def _unfinished(work: Work, run: str, orders: Sequence[Order]) -> int:
    entries = (work.journal.entry(run, order.id) for order in orders)
    return sum(1 for entry in entries if entry is None or entry.destruction is None)


def _batch(
    work: Work,
    run: str,
    dataset: str,
    store: Store | BackendError,
    batch: Sequence[Order],
    matcher: Matcher,
) -> None:
    known = {order.id: work.journal.entry(run, order.id) for order in batch}
    left = [order for order in batch if not ((entry := known[order.id]) and entry.destruction)]
    if not left:
        return
    outcomes: Sequence[Destruction]
    if reason := held(work, dataset):
        # A hold laid in mid-run stops the run here; what went before is told as it is.
        begun = [order for order in left if known[order.id] is not None]
        untouched = [order for order in left if known[order.id] is None]
        outcomes = [
            *(Destruction(order.id, Result.RETAINED, reason=reason) for order in untouched),
            *_interrupted(work, run, store, begun, matcher),
        ]
    elif isinstance(store, BackendError):
        outcomes = [
            Destruction(order.id, Result.FAILED, reason=answers.code_of(store)) for order in left
        ]
    else:
        outcomes = _destroy(work, run, store, left, matcher)
    work.journal.record(run, outcomes)
    for outcome in outcomes:
        work.observer.event(
            "destruction", order=outcome.order, result=outcome.result.value, reason=outcome.reason
        )


def _destroy(
    work: Work, run: str, store: Store, orders: Sequence[Order], matcher: Matcher
) -> Sequence[Destruction]:
    """Call the backend; an answer that does not fit the question is no answer."""
    reason = DEFECT
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_PAUSE * 2 ** (attempt - 1))
        work.journal.intend(run, [order.id for order in orders])
        try:
            found = store.destroy(orders, matcher)
            outcomes = [
                answers.destruction(each, order.technique)
                for each, order in zip(found, orders, strict=True)
            ]
        except Exception as error:  # noqa: BLE001 - whatever a backend raises: nothing is known
            reason = answers.code_of(error)
            work.observer.event("destroy-raised", store=store.name, error=type(error).__name__)
            if isinstance(error, Unreachable):
                continue  # to repeat it tells what came of it
            break
        if [outcome.order for outcome in outcomes] == [order.id for order in orders]:
            return outcomes
        reason = DEFECT
        break
    return [Destruction(o.id, Result.FAILED, reason=reason) for o in orders]


def _interrupted(
    work: Work, run: str, store: Store | BackendError, orders: Sequence[Order], matcher: Matcher
) -> list[Destruction]:
    """What became of orders that a crash broke off before a hold forbade to repeat them.

    Whether they were carried out is not in the journal, so the store is asked, and not touched.
    """
    work.journal.intend(run, [order.id for order in orders])
    return [
        Destruction(seen.order, Result.ALREADY_ABSENT)
        if seen.finding is Finding.ABSENT
        else Destruction(seen.order, Result.FAILED, reason="interrupted-then-held")
        for seen in verify(work, store, orders, matcher)
    ]


def held(work: Work, dataset: str) -> str:
    """A reason code if a hold on the dataset is active now, read afresh from the file."""
    try:
        current = load(work.config.path).datasets.get(whole(dataset))
    except ShredderError:
        # Somebody is editing the file: whether there is a hold cannot be told, so stop.
        return "configuration-unreadable"
    if current is None:
        return "dataset-not-configured"
    return "legal-hold" if current.hold and current.hold.active(clock.today()) else ""
