"""What the suite needs from whoever joins it: a place to plant things in, and to break."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from backends.contract import Backend, Context, SourceSpec, Step, Store
from backends.reference import ReferenceMatcher

ROWS = 40  # records in the dataset that the suite plants


class Row(NamedTuple):
    """One record as it is planted, in the order of its columns."""

    respondent_id: str
    email: str
    answer: str


def records(count: int = ROWS) -> list[Row]:
    """Return the first records of the dataset."""
    return [
        Row(_uuid(f"record {n}"), f"member{n:04}@dataset.example", f"I would answer {n} again")
        for n in range(count)
    ]


def strangers(count: int) -> list[Row]:
    """Return records of others, who are nowhere in the dataset."""
    return [
        Row(_uuid(f"stranger {n}"), f"other{n:04}@elsewhere.example", f"Nothing of yours, {n}")
        for n in range(count)
    ]


def acquaintances(count: int) -> list[Row]:
    """Return records of others that name a person of the dataset: they are foreign all the same."""
    return [
        Row(_uuid(f"acquaintance {n}"), row.email, f"A newsletter for {n}")
        for n, row in enumerate(records(count))
    ]


def excerpts(count: int) -> list[Row]:
    """Return what is left of records where ids and persons were replaced: three are evidence."""
    return [
        Row(_uuid(f"excerpt {n}"), f"hidden{n:04}@elsewhere.example", f"said passage-{n:04} to us")
        for n in range(count)
    ]


def matcher() -> ReferenceMatcher:
    """Return a matcher that recognises records(), and excerpts() where there are enough."""
    rows = records()
    return ReferenceMatcher(
        private=[row.respondent_id for row in rows],
        person=[row.email for row in rows],
        columns=Row._fields,
        trace=[f"passage-{n:04}" for n in range(ROWS)],
    )


def _uuid(seed: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://conformance.example/{seed}"))


class Harness(ABC):
    """One fresh place for one test, and means to plant, alter and break that are not the backend's.

    `scratch` is an empty folder for the test's own use; it stands for the folder of the
    configuration. Whatever the place holds before a test must not be of the dataset.
    """

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.told: list[Step] = []  # by stores, of how far they were

    @property
    @abstractmethod
    def backend(self) -> Backend:
        """The object that the entry point names."""

    @abstractmethod
    def settings(self) -> Mapping[str, object]:
        """Return the settings that open the store on this place."""

    @property
    def secrets(self) -> Sequence[str]:
        """What the store knows and must not tell: a password, a key."""
        return ()

    def open(self) -> Store:
        """Open the store anew, as another process would."""
        state = self.scratch / ".state"
        state.mkdir(exist_ok=True)
        context = Context(self.scratch, state, self.told.append)
        return self.backend.open("place", self.settings(), context)

    @abstractmethod
    def plant(self, name: str, rows: Sequence[Row]) -> str:
        """Lay down one unit with these records and return its locator.

        `name` has lower-case letters and hyphens; it must be part of the locator.
        """

    @abstractmethod
    def state(self) -> Mapping[str, bytes]:
        """Read everything in the place, by locator, by other means than the backend's.

        The content holds every value that was planted as plain text, the same for the same
        rows in the same order, and whatever else must not change (but for an access time).
        """

    @abstractmethod
    def alter(self, locator: str, rows: Sequence[Row]) -> None:
        """Put other records in the unit's place, as another program would."""

    @abstractmethod
    def remove(self, locator: str) -> None:
        """Take the unit away, as another program would."""

    def sever(self) -> AbstractContextManager[None]:
        """Make the place unreachable for as long as the context lasts, then whole again."""
        raise NotImplementedError

    def deny(self, locator: str) -> AbstractContextManager[None]:
        """Let stores that are opened in the context be refused this unit's content."""
        raise NotImplementedError

    def source(self, locator: str) -> SourceSpec:
        """Name a planted unit as a source."""
        raise NotImplementedError
