"""The plan: the frozen, digestible list of holdings with a technique for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from backends.contract import Holding, Known, Order, Technique, Verdict
from shredder.config import KEEP
from shredder.sweep import ScopeCoverage


class Decision(StrEnum):
    """What is to become of a holding."""

    DESTROY = "destroy"
    RETAINED = "retained"  # a lock of the store's forbids it
    UNDECIDED = "undecided"  # waits for the operator
    DISMISSED = "dismissed"  # the operator has ruled that it is not the dataset's
    IMPOSSIBLE = "impossible"  # no technique of its backend destroys it


class Mixed(StrEnum):
    """What may be done with a mixed holding that cannot be rewritten record by record."""

    LEAVE = "leave"  # the default: a foreign record is never destroyed
    WHOLE = "whole"  # all of it goes; the attestation says so


class Sealed(StrEnum):
    """What becomes of holdings that are sealed to the dataset's key, and to it alone."""

    DESTROY = "destroy"  # the default: each is destroyed where it lies
    BY_KEY = "by-key"  # they stay where they lie, and the end of the key destroys them


@dataclass(frozen=True, slots=True)
class Options:
    """The operator's decisions that a plan is made with."""

    include: frozenset[Verdict] = frozenset()
    dismiss: frozenset[Verdict] = frozenset()
    mixed: Mixed = Mixed.LEAVE
    despite_gaps: bool = False  # destroy what was found although not all could be examined
    sealed: Sealed = Sealed.DESTROY


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the plan."""

    id: str  # opaque: the run and a number
    holding: Holding
    decision: Decision
    technique: Technique | None  # with DESTROY
    whole: bool
    reason: str  # a code, where the decision is not DESTROY

    def order(self) -> Order:
        """What the backend is told. Only for DESTROY."""
        if self.technique is None:
            raise ValueError("only a holding that is to be destroyed has an order")
        return Order(self.id, self.holding, self.technique, self.whole)


@dataclass(frozen=True, slots=True)
class ByKeyGroup:
    """Holdings of one store that end with the key, summed up."""

    store: str
    kind: str
    whole: bool
    clear: Known  # whether the data ever lay in the clear in this store
    holdings: int
    records: int  # the dataset's, of those of which it is known
    unknown_records: int  # holdings of which it is not
    foreign: int  # records of others, likewise
    unknown_foreign: int
    retained_until: str  # the latest end of the locks on them
    limitations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ByKey:
    """What the end of the key is to destroy in other stores: one act, and no order for each.

    Each is a line of a list beside the plan; see :mod:`shredder.plan.by_key`. What a statement
    says of them is reckoned when the plan is made, so that nothing later costs by their number.
    """

    key: str  # its id
    order: str  # the id of the plan's line that destroys it
    holdings: int  # at least 1
    digest: str  # of the list's bytes
    size: int  # of the list, in bytes
    groups: tuple[ByKeyGroup, ...]
    inventory: tuple[str, ...]  # the peaks of the tree over the list's lines, hexadecimal
    results: tuple[str, ...]  # of the tree over their results, if each is destroyed and verified


@dataclass(frozen=True, slots=True)
class Header:
    """What a plan says beside its items."""

    run: str
    dataset: str
    created: str
    fingerprint: str  # the matcher's commitment
    matcher_version: str
    records_enrolled: int
    records_recognisable: int  # those with something that tells them from all others
    options: Options
    coverage: tuple[ScopeCoverage, ...]
    found: Mapping[str, int]  # verdict -> holdings
    blind_spots: Mapping[str, tuple[str, ...]]  # store -> codes
    started: str  # of the sweep
    finished: str
    fingerprint_after: str = KEEP  # or DESTROY, if all is gone; or the day that it is kept until
    not_by_key: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By store, codes: why what is sealed in it is not left to the key, though that was wanted."""
    by_key: ByKey | None = None
