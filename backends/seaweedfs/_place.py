"""What all places of residue have in common: how they are offered, destroyed and verified."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from backends.contract import (
    Cost,
    Destruction,
    Finding,
    Holding,
    Matcher,
    Order,
    Result,
    Technique,
    Unit,
    Verdict,
    Verification,
)
from backends.errors import BackendError
from backends.seaweedfs._http import Server
from backends.seaweedfs._look import Files, Seen

SCOPE = "(server)"  # no bucket can have this name
FOLDERS_LATER = "emptied-folders-removed-later"
_VERSION = "residue"  # it has none: it is looked at as it is


@dataclass(frozen=True)
class Place(ABC):
    """One place. `files` is None where the server's files may not be looked at."""

    store: str
    server: Server = field(repr=False)
    files: Files | None = field(repr=False)

    kind: ClassVar[str]
    technique: ClassVar[Technique]
    phase: ClassVar[int]  # the log's files lie in volumes, so these come last
    limitation: ClassVar[str]
    looked: ClassVar[str]

    @property
    def where(self) -> str:
        """How messages name it."""
        return f"store {self.store}"

    @property
    def locator(self) -> str:
        """``(server)/kind``, and more where there are several."""
        return f"{SCOPE}/{self.kind}"

    @property
    def unit(self) -> Unit:
        """The place as a unit of a sweep."""
        return Unit(SCOPE, self.locator, _VERSION, self.kind, None, self.locator)

    @property
    def visible(self) -> bool:
        """Whether it can be looked at from here."""
        return self.files is not None

    @property
    def obstacle(self) -> str:
        """Why nothing can be done about it; empty if something can."""
        return ""

    def kept(self) -> tuple[str, ...]:
        """Codes of what of it cannot be cleaned; none if all of it can. Raises BackendError."""
        return ()

    @abstractmethod
    def look(self, matcher: Matcher, *, thorough: bool = False) -> Seen:
        """Look at it; `thorough`: tell also whether what exists holds records."""

    @abstractmethod
    def cost(self) -> Cost:
        """What its destruction costs others."""

    @abstractmethod
    def clean(self, matcher: Matcher) -> Mapping[str, int]:
        """Have the server let go of what is there. Raises BackendError; returns numbers."""

    def holding(self, verdict: Verdict, records: int | None, size: int | None = None) -> Holding:
        """Offer it."""
        return Holding(
            store=self.store,
            scope=SCOPE,
            locator=self.locator,
            version=_VERSION,
            kind=self.kind,
            verdict=verdict,
            records=records,
            foreign_records=None,
            size=size,
            whole=None if self.obstacle else self.technique,
            obstacle=self.obstacle,
            limitations=(self.limitation, *self.kept()),
            details={"phase": self.phase},
            cost=None if self.obstacle else self.cost(),
        )

    def destroy(self, order: Order, matcher: Matcher) -> Destruction:
        """Carry out one order; repeatable."""
        if order.technique is not self.technique or self.obstacle:
            reason = self.obstacle or "technique-not-offered"
            return Destruction(order.id, Result.FAILED, reason=reason)
        try:
            numbers = self.clean(matcher)
        except BackendError as error:
            return Destruction(order.id, Result.FAILED, reason=error.code)
        limitations = order.holding.limitations
        return Destruction(order.id, Result.DESTROYED, limitations=limitations, numbers=numbers)

    def verify(self, order: Order, matcher: Matcher) -> Verification:
        """Look at it again, with what the server's own word is not asked for."""

        def doubt(reason: str) -> Verification:
            return Verification(order.id, Finding.INCONCLUSIVE, (), reason)

        if not self.visible:
            return doubt("data-directory-not-configured")
        try:
            seen = self.look(matcher, thorough=True)
        except BackendError as error:
            return doubt(error.code)
        if seen.verdict is not None:
            numbers = {"records": seen.records}
            return Verification(order.id, Finding.RESIDUE, (self.looked,), "records-left", numbers)
        if seen.reason:
            return doubt(seen.reason)
        if seen.live:
            return doubt("records-in-live-data")
        return Verification(order.id, Finding.ABSENT, (self.looked,))


@dataclass(frozen=True)
class PlaceOfNames(Place):
    """One that has names of objects and folders in it. `buckets` tells those of the store."""

    buckets: Callable[[], Sequence[str]] = field(repr=False)

    def kept(self) -> tuple[str, ...]:
        """Minutes later the server writes names of folders that are empty: see _emptied."""
        buckets = self.buckets()
        seen = buckets and all(map(self.server.has_bucket, buckets))
        return () if seen else (FOLDERS_LATER,)
