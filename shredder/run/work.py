"""What every step of a run works with."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from backends.contract import Store, Tell, untold
from backends.errors import BackendError
from shredder import clock
from shredder.answers import DEFECT
from shredder.config import KEYS, RECORD_KEYS, Config, DatasetConfig
from shredder.config.names import whole
from shredder.errors import UsageError
from shredder.journal import Journal
from shredder.keys import fingerprint_key
from shredder.observer import Observer
from shredder.plan import Options, load_options
from shredder.state import State
from shredder.stores import open_keys, open_record_keys, open_store

if TYPE_CHECKING:
    # At run time it is imported where it is needed: numpy costs 0.2 s.
    from shredder.fingerprint.matcher import FingerprintMatcher

T = TypeVar("T")

STAGES = "stages"  # a fact of a run
MATCHER_VERSION = "records-5"  # what recognises a record: see docs/limits.md


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A fingerprint, by number."""

    commitment: str
    matcher_version: str
    records: int
    recognisable: int


@dataclass(frozen=True, slots=True)
class Sweeping:
    """How the operator wants stores to be swept."""

    full: bool = False  # read again what is proved unchanged, too
    workers: int = 0  # processes; 0: one for each processor; 1: threads of this one only
    dask: str = ""  # the address of a cluster's scheduler


@dataclass(frozen=True, slots=True)
class Work:
    """The configuration, the state and the watcher of one command."""

    config: Config
    state: State
    journal: Journal
    observer: Observer
    sweeping: Sweeping = Sweeping()

    def dataset(self, name: str) -> DatasetConfig:
        """A dataset's configuration, or that of records chosen of one. Raises UsageError."""
        found = self.config.datasets.get(whole(name))
        if found and found.name == name:
            return found
        if found and self.state.catalogue(name).exists():
            return replace(found, name=name, title=f"chosen records: {found.title}")
        known = ", ".join(sorted(self.config.datasets)) or "none"
        raise UsageError(f"no dataset is called {name!r}", hint=f"configured: {known}")

    def matcher(self, dataset: str) -> FingerprintMatcher:
        """A dataset's matcher. Raises NotEnrolled (2), CatalogueDamaged (8)."""
        from shredder.fingerprint.matcher import FingerprintMatcher  # noqa: PLC0415 - see above
        from shredder.sealing.identities import identities_of  # noqa: PLC0415 - only with keys

        key = fingerprint_key(self.state, dataset)
        identities = partial(identities_of, self.config.keys, self.state.root, whole(dataset))
        return FingerprintMatcher(self.state.catalogue(dataset), key, identities)

    def enrolled(self, dataset: str) -> Enrolled:
        """What is known of a dataset's fingerprint. Raises NotEnrolled, CatalogueDamaged."""
        matcher = self.matcher(dataset)
        return Enrolled(
            commitment=matcher.commitment,
            matcher_version=MATCHER_VERSION,
            records=matcher.report.records,
            recognisable=matcher.report.recognisable,
        )

    def options(self, run: str) -> Options:
        """The decisions that a run was begun with."""
        return load_options(self.journal.run(run).facts["options"])

    def stages(self, run: str) -> Counter[int]:
        """How many orders a run's plan has of each stage."""
        facts = self.journal.run(run).facts
        return Counter({int(stage): number for stage, number in facts[STAGES].items()})

    def plan_file(self, run: str) -> Path:
        """The plan of a run."""
        return self.state.run(run) / "plan.jsonl"


def new_run_id() -> str:
    """The id of a new run: sorts by time, safe to log, and names nothing."""
    moment = clock.now().replace("-", "").replace(":", "").split(".")[0]
    return f"{moment}-{secrets.token_hex(4)}"


@contextmanager
def stores_or_errors(
    work: Work, dataset: str, tell: Tell = untold
) -> Iterator[Mapping[str, Store | BackendError]]:
    """Every configured store, or the error that told that it cannot be opened.

    And that of the dataset's keys, if it ever had one.
    """
    config = work.config
    with ExitStack() as stack:
        opened: dict[str, Store | BackendError] = {}
        for name in config.stores:
            try:
                store = open_store(name, config, tell)
            except BackendError as error:
                opened[name] = error
            except Exception:  # noqa: BLE001 - a third party's defect is no answer
                opened[name] = BackendError(f"store {name}: its backend failed", reason=DEFECT)
            else:
                stack.callback(store.close)
                opened[name] = store
        if work.state.key_records.exists():  # else what keys need is not even loaded
            keys = open_keys(config, work.state, dataset)
            opened |= {KEYS: keys} if keys else {}
            if dataset != whole(dataset):
                own = open_record_keys(config, work.state, dataset)
                opened |= {RECORD_KEYS: own} if own else {}
        yield opened


def batches(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut a stream into lists of at most `size` (itertools.batched comes with 3.12)."""
    stream = iter(values)
    while batch := list(islice(stream, size)):
        yield batch
