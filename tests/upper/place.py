"""A state directory, a configuration and a journal for tests, on stores in memory or made up."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from backends.contract import Holding, Matcher, Step, Store, Tell
from backends.errors import BackendError
from backends.memory import Space, discard, register
from backends.reference import ReferenceMatcher
from shredder import own, report
from shredder import stores as stores_module
from shredder.config import Config, load
from shredder.evidence.attest import bundle_file
from shredder.journal import Journal, Phase, Run
from shredder.keys import create_signing_key
from shredder.plan import Options
from shredder.run import machine
from shredder.run.desk import Summary
from shredder.run.look import look
from shredder.run.work import Enrolled, Work
from shredder.spool import spooled
from shredder.state import State

DATASET = "survey"
IDS = tuple(f"respondent-{n:04}" for n in range(8))
ADDRESSES = tuple(f"person.{n}@example.org" for n in range(8))
HEADER = b"respondent_id,email,answer\n"
_numbers = itertools.count()


def rows(*numbers: int) -> bytes:
    """Records of the dataset, a line each."""
    return b"".join(f"{IDS[n]},{ADDRESSES[n]},yes\n".encode() for n in numbers)


def foreign(*numbers: int) -> bytes:
    """Lines of somebody else's."""
    return b"".join(f"stranger-{n:04},other.{n}@example.net,no\n".encode() for n in numbers)


class QuickWork(Work):
    """Work with a matcher that needs no catalogue."""

    __slots__ = ()

    def matcher(self, dataset: str) -> Matcher:  # type: ignore[override]
        return ReferenceMatcher(IDS, ADDRESSES)

    def enrolled(self, dataset: str) -> Enrolled:
        return Enrolled(ReferenceMatcher(IDS).commitment, "reference-1", len(IDS), len(IDS))


@dataclass
class Watcher:
    """An observer that keeps what it was told."""

    events: list[tuple[str, dict[str, str | int]]] = field(default_factory=list)
    steps: list[tuple[str, int, int]] = field(default_factory=list)
    told: list[Step] = field(default_factory=list)
    watched: bool = False

    def event(self, name: str, **fields: str | int) -> None:
        self.events.append((name, fields))

    def progress(self, what: str, *, units: int, size: int = 0, total: int = 0) -> None:
        self.steps.append((what, units, total))

    def step(self, step: Step) -> None:
        self.told.append(step)


@dataclass
class Clerk:
    """A desk that approves everything, and counts how often it is asked."""

    asked: list[Summary] = field(default_factory=list)

    def approve(self, summary: Summary) -> str:
        self.asked.append(summary)
        return "yes"

    def timestamp_later(self, reason: str) -> bool:
        return True


@dataclass
class Place:
    """One state directory; `stores` are the names in the configuration."""

    folder: Path
    stores: tuple[str, ...] = ("mem",)
    watcher: Watcher = field(default_factory=Watcher)
    clerk: Clerk = field(default_factory=Clerk)

    def __post_init__(self) -> None:
        self.spaces = {name: Space(f"{name}-{next(_numbers)}") for name in self.stores}
        for space in self.spaces.values():
            register(space)
        self.config = self.folder / "shredder.toml"
        self.configure()
        self.state = State.create(self.folder / ".shredder")
        create_signing_key(self.state)
        self.journal = Journal(self.state.journal)

    @property
    def space(self) -> Space:
        """The first store's."""
        return self.spaces[self.stores[0]]

    def configure(self, more: str = "", *, without: str = "") -> None:
        """Write the configuration anew."""
        text = "".join(
            f'[stores.{name}]\nbackend = "memory"\nspace = "{space.name}"\n'
            for name, space in self.spaces.items()
            if name != without
        )
        source = next(name for name in self.stores if name != without)
        text += (
            f'[datasets.{DATASET}]\ntitle = "A survey"\n'
            f'sources = [{{ store = "{source}", key = "desk/source.csv" }}]\n'
        )
        self.config.write_text(text + more)

    @property
    def work(self) -> Work:
        """The work of a command begun now: the configuration is read."""
        return QuickWork(load(self.config), self.state, self.journal, self.watcher)

    def reopen(self) -> None:
        """End the process, as far as the journal can tell."""
        self.journal.__exit__()
        self.journal = Journal(self.state.journal)

    def plan(self, options: Options | None = None) -> str:
        """Begin a run and plan it."""
        work = self.work
        run = machine.begin(work, DATASET, options or Options(), destroying=True)
        with spooled(self.state.root) as spool:
            machine.plan(work, run, spool)
        return run

    def destroy(self, options: Options | None = None) -> Run:
        """A whole run."""
        return self.drive(self.plan(options))

    def drive(self, run: str) -> Run:
        """Bring a run to its end."""
        return machine.drive(self.work, run, self.clerk)

    def drive_to(self, run: str, phase: Phase) -> Run:
        """Bring a run to a phase, and no further."""
        work = self.work
        while (known := work.journal.run(run)).phase is not phase:
            machine._step(work, known, self.clerk)
        return known

    def look(self, **expected: Any) -> list[Holding]:
        """Sweep, and plan nothing; what was found."""
        with spooled(self.state.root) as spool:
            seen = look(self.work, self.work.dataset(DATASET), spool, **expected)
            return list(seen.sweep.holdings)

    def returned(self, run: Run, found: Sequence[Holding]) -> tuple[list[Holding], int]:
        """What of this is back after a run, and how many the run left."""
        with spooled(self.state.root) as spool:
            back, left = report.returned(self.work, run, found, spool)
            return list(back), left

    def bundle(self, run: Run) -> Path:
        """Where a run's attestation is."""
        return bundle_file(self.work, run)

    def outcome(self, run: Run) -> str:
        """What an auditor computes."""
        return own.verify_own(self.work, self.bundle(run))

    def close(self) -> None:
        self.journal.__exit__()
        for space in self.spaces.values():
            discard(space.name)


@contextmanager
def opened_as(stores: Mapping[str, Store | BackendError]) -> Iterator[None]:
    """Have these stores opened for their names; others as the configuration says."""

    def open_store(name: str, config: Config, tell: Tell) -> Store:
        store = stores.get(name)
        if store is None:
            return stores_module.open_store(name, config, tell)
        if isinstance(store, BackendError):
            raise store
        return store

    with mock.patch("shredder.run.work.open_store", open_store):
        yield
