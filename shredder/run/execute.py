"""Carrying out an approved plan: intent on disk before the act, outcome after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from backends.contract import Destruction, Matcher, Order, Result, Store
from backends.errors import BackendError
from shredder import clock
from shredder.config import load
from shredder.errors import ShredderError
from shredder.plan import to_destroy
from shredder.run.work import Work, batches, stores_or_errors


def execute(work: Work, run: str, dataset: str) -> None:
    """Issue every order of the plan that has no outcome yet.

    Repeatable: after a crash, orders whose intent is on disk are issued again.
    """
    plan = work.plan_file(run)
    total = sum(1 for _ in to_destroy(plan))
    done = 0
    with stores_or_errors(work.config) as stores:
        matcher = work.matcher(dataset)
        for name, orders in _runs_of_one_store(item.order() for item in to_destroy(plan)):
            store = stores.get(name)
            size = store.traits.batch if isinstance(store, Store) else 1
            for batch in batches(orders, size):
                _batch(work, run, dataset, store, batch, matcher)
                done += len(batch)
                work.observer.progress("destroy", units=done, total=total)


def _batch(
    work: Work,
    run: str,
    dataset: str,
    store: Store | BackendError | None,
    batch: Sequence[Order],
    matcher: Matcher,
) -> None:
    left = [order for order in batch if _outcome(work, run, order) is None]
    if not left:
        return
    if reason := held(work, dataset):
        # A hold laid in mid-run stops the run here; what went before is told as it is.
        work.journal.record(run, _all(work, run, left, Result.RETAINED, reason))
        return
    work.journal.intend(run, [order.id for order in left])
    outcomes: Sequence[Destruction]
    if not isinstance(store, Store):
        code = store.code if store is not None else "store-not-configured"
        outcomes = [Destruction(order.id, Result.FAILED, reason=code) for order in left]
    else:
        outcomes = _destroy(work, store, left, matcher)
    work.journal.record(run, outcomes)
    for outcome in outcomes:
        work.observer.event(
            "destruction", order=outcome.order, result=outcome.result.value, reason=outcome.reason
        )


def _destroy(
    work: Work, store: Store, orders: Sequence[Order], matcher: Matcher
) -> Sequence[Destruction]:
    """Call the backend; an answer that does not fit the question is no answer."""
    try:
        outcomes = list(store.destroy(orders, matcher))
    except Exception as error:  # noqa: BLE001 - whatever a backend raises: nothing is known
        code = error.code if isinstance(error, BackendError) else "backend-defect"
        work.observer.event("destroy-raised", store=store.name, error=type(error).__name__)
        return [Destruction(order.id, Result.FAILED, reason=code) for order in orders]
    if [outcome.order for outcome in outcomes] != [order.id for order in orders]:
        return [Destruction(order.id, Result.FAILED, reason="backend-defect") for order in orders]
    return outcomes


def _outcome(work: Work, run: str, order: Order) -> Destruction | None:
    entry = work.journal.entry(run, order.id)
    return entry.destruction if entry else None


def _all(
    work: Work, run: str, orders: Sequence[Order], result: Result, reason: str
) -> Iterable[Destruction]:
    work.journal.intend(run, [order.id for order in orders])
    return [Destruction(order.id, result, reason=reason) for order in orders]


def held(work: Work, dataset: str) -> str:
    """A reason code if a hold on the dataset is active now, read afresh from the file."""
    try:
        current = load(work.config.path).datasets.get(dataset)
    except ShredderError:
        # Somebody is editing the file: whether there is a hold cannot be told, so stop.
        return "configuration-unreadable"
    if current is None:
        return "dataset-not-configured"
    return "legal-hold" if current.hold and current.hold.active(clock.today()) else ""


def _runs_of_one_store(orders: Iterable[Order]) -> Iterator[tuple[str, Iterator[Order]]]:
    return groupby(orders, key=lambda order: order.holding.store)
