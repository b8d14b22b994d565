"""What a sweep of a dataset works with: the ledger of earlier ones, and the workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.metadata import distributions

from backends.contract import Context, Matcher
from shredder.config import Config
from shredder.evidence.tool import code_digest
from shredder.registry import for_workers
from shredder.run.work import MATCHER_VERSION, Work
from shredder.spool import SpooledSet
from shredder.sweep import Cluster, Crew, Job, Ledger, Means, Processes


@contextmanager
def means(
    work: Work, dataset: str, matcher: Matcher, over: SpooledSet | None = None
) -> Iterator[Means]:
    """What the operator's choices give a sweep. Raises UsageError, Inconclusive.

    `over`: what ended with its key.
    """
    chosen = work.sweeping
    with ExitStack() as stack:
        crew = _crew(chosen.workers, chosen.dask, work.config)
        ledger = Ledger(work.state.ledger(dataset), matcher, _software())
        yield Means(
            ledger=stack.enter_context(ledger),
            full=chosen.full,
            crew=stack.enter_context(crew) if crew else None,
            jobs=_jobs(work.config, matcher),
            settings={name: repr(store) for name, store in _told(work.config).items()},
            over=over,
        )


def _crew(workers: int, dask: str, config: Config) -> Crew | None:
    if dask:
        return Cluster(dask)
    workers = workers or len(os.sched_getaffinity(0))
    modules = {for_workers(store.backend) for store in config.stores.values()} - {""}
    return Processes(workers, sorted(modules)) if workers > 1 else None


def _jobs(config: Config, matcher: Matcher) -> Mapping[str, Callable[[], bytes]]:
    context = Context(base=config.base, state=config.state)
    return {
        store.name: Job(store.name, store.backend, dict(store.settings), context, matcher).packed
        for store in config.stores.values()
    }


def _told(config: Config) -> Mapping[str, tuple[str, list[tuple[str, object]]]]:
    """By store, what tells it from a store of another configuration; its line does not."""
    return {
        name: (store.backend, sorted(store.settings.items()))
        for name, store in config.stores.items()
    }


def _software() -> Iterator[str]:
    """The code that looks, ours and whatever it may use: other code may find more."""
    yield MATCHER_VERSION
    yield code_digest()
    yield from sorted(f"{found.name} {found.version}" for found in distributions())
