"""The base of a store whose units are keys: for sweep, plan and run a store like any other.

It says what holds of every such store. What is left to write is which keys there are, how they are
looked for, and how they end; see :class:`backends.contract.Store`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from backends.contract import (
    Check,
    Destruction,
    Holding,
    Matcher,
    Order,
    Result,
    Scope,
    SourceRows,
    SourceSpec,
    Technique,
    Traits,
    Unit,
)
from backends.errors import CouldNotTell, SourceError
from shredder.keystores.contract import KeyTraits
from shredder.keystores.errors import KeyStoreError, StoreBusy

UNREADABLE = "key-store-unreadable"
IN_USE = "key-in-use"


@dataclass(frozen=True)
class KeysAsStore(ABC):
    """A store of keys, all of one scope that has its name."""

    name: str
    claims: KeyTraits  # of the key store that they lie in

    batch: ClassVar[int]

    @property
    def traits(self) -> Traits:
        """What it can do."""
        return Traits(
            batch=self.batch,
            concurrency=1,  # a key store may be locked for one
            techniques=frozenset({Technique.CRYPTOGRAPHIC_ERASE}),
            blind_spots=self.claims.limitations,
        )

    def scopes(self) -> Sequence[Scope]:
        """Return the one that there is."""
        return [Scope(self.name)]

    def glance(self, unit: Unit, matcher: Matcher) -> bool:
        """Return False: a key is looked for anew each time."""
        del unit, matcher
        return False

    def companions(self, holdings: Sequence[Holding], matcher: Matcher) -> Iterator[Holding]:
        """Yield nothing: all of a key is where it is found."""
        del holdings, matcher
        return iter(())

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        """Destroy keys: one outcome an order."""
        del matcher
        if len(orders) > self.batch:
            raise ValueError(f"{len(orders)} orders in one call; {self.batch} at the most")
        return self.end(orders)

    @abstractmethod
    def end(self, orders: Sequence[Order]) -> Sequence[Destruction]:
        """Destroy keys, not more than a batch."""

    def source(self, spec: SourceSpec) -> SourceRows:
        """Raise SourceError: keys are no records."""
        del spec
        raise SourceError(f"store {self.name}: keys are no source of records")

    def check(self) -> Iterator[Check]:
        """Yield nothing: doctor tells of keys by itself."""
        return iter(())

    def close(self) -> None:  # noqa: B027 - nothing to be overridden
        """Do nothing: nothing is held open."""


def refused(order: Order, version: str) -> Destruction | None:
    """What is to be said of an order that is not carried out; None of all others.

    `version`: of what is there now.
    """
    if order.technique is not Technique.CRYPTOGRAPHIC_ERASE:
        return Destruction(order.id, Result.FAILED, reason="technique-not-offered")
    if order.holding.version != version:
        return Destruction(order.id, Result.CHANGED)
    return None


def unreadable(error: KeyStoreError) -> CouldNotTell:
    """What a key store could not do, as a store says it: nothing is known."""
    reason = IN_USE if isinstance(error, StoreBusy) else UNREADABLE
    return CouldNotTell(error.message, hint=error.hint, reason=reason)
