"""Asking the stores, opened anew, what survives of each holding that is said to be gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from backends.contract import Finding, Matcher, Order, Result, Store, Verification
from backends.errors import BackendError
from shredder import answers
from shredder.answers import DEFECT
from shredder.plan import to_destroy
from shredder.run.work import Work, batches, stores_or_errors

_BATCH = 256
SAID_GONE = frozenset({Result.DESTROYED, Result.ALREADY_ABSENT})


def look_for_residue(work: Work, run: str, dataset: str) -> None:
    """Verify every order whose destruction says that its holding is gone; repeatable.

    Stage by stage, as they were carried out: what a device has in blocks that files have freed is
    looked at when nothing that is looked at before can free any more.
    """
    total = work.journal.number(run, SAID_GONE)
    done = 0
    work.observer.progress("verify", units=0, total=total)
    with stores_or_errors(work, dataset, work.observer.step) as stores:
        matcher = work.matcher(dataset)
        for stage in sorted(work.stages(run)):
            for name, orders in groupby(_said_gone(work, run, stage), key=store_of):
                store = stores.get(name, BackendError("", reason="store-not-configured"))
                for batch in batches(orders, _BATCH):
                    work.journal.record_verifications(run, verify(work, store, batch, matcher))
                    done += len(batch)
                    work.observer.progress("verify", units=done, total=total)


def store_of(order: Order) -> str:
    """The store that carries an order out, and is asked what came of it."""
    return order.holding.store


def _said_gone(work: Work, run: str, stage: int) -> Iterator[Order]:
    """The orders of one stage."""
    for item in to_destroy(work.plan_file(run)):
        if item.order().technique.stage != stage:
            continue
        entry = work.journal.entry(run, item.id)
        if entry and entry.destruction and entry.destruction.result in SAID_GONE:
            yield item.order()


def verify(
    work: Work, store: Store | BackendError, orders: Sequence[Order], matcher: Matcher
) -> list[Verification]:
    """One verification an order: what the backend left out or raised for is inconclusive."""
    seen: dict[str, Verification] = {}
    reason = "not-answered"
    if isinstance(store, BackendError):
        reason = answers.code_of(store)
    elif orders:
        try:
            for answer in store.verify(orders, matcher):
                fitting = answers.verification(answer)
                twice = Verification(fitting.order, Finding.INCONCLUSIVE, reason=DEFECT)
                seen[fitting.order] = twice if fitting.order in seen else fitting
        except Exception as error:  # noqa: BLE001 - whatever is raised: nothing is known
            reason = answers.code_of(error)
            kind = type(error).__name__
            work.observer.event("verify-raised", store=store.name, reason=reason, error=kind)
    unknown = {
        order.id: Verification(order.id, Finding.INCONCLUSIVE, reason=reason) for order in orders
    }
    return [seen.get(order.id, unknown[order.id]) for order in orders]
