"""The predicate ``destruction``: what was done, what was measured afterwards, what remains."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from attestations.parts import (
    MAX_GROUPS,
    Actor,
    Controller,
    Dataset,
    Decisions,
    Method,
    Request,
    Sweep,
    Tally,
    Tool,
    Tree,
)
from attestations.schema import Count, Digest, Identifier, Label, Many, Name, Range


class Status(StrEnum):
    """What became of a holding of the plan."""

    DESTROYED_VERIFIED = "destroyed-verified"
    DESTROYED_UNVERIFIED = "destroyed-unverified"
    PENDING = "pending"  # a provider's waiting period runs
    RETAINED = "retained"  # a hold, a lock, a decision
    FAILED = "failed"

    @property
    def destroyed(self) -> bool:
        """Whether destruction is claimed."""
        return self in {Status.DESTROYED_VERIFIED, Status.DESTROYED_UNVERIFIED}


class Finding(StrEnum):
    """What looking for residue gave."""

    ABSENT = "absent"
    RESIDUE = "residue"
    INCONCLUSIVE = "inconclusive"
    NOT_LOOKED = "not-looked"


class Known(StrEnum):
    """An answer that may be missing."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """What the run came to. Computed, never chosen."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    PENDING = "pending"
    FAILED = "failed"


class Told(StrEnum):
    """Whether a recipient was told (GDPR Art. 19)."""

    TOLD = "told"
    ANSWERED = "answered"
    NOT_TOLD = "not-told"


class FingerprintStatus(StrEnum):
    """What became of the dataset's fingerprint."""

    KEPT = "kept"
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The keyed digests by which records were recognised, when the result was signed.

    `until` is the plan's.
    """

    status: FingerprintStatus = FingerprintStatus.KEPT
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyErasure:
    """The conditions of a cryptographic erase (NIST SP 800-88r2, 3.1.3 and appendix).

    They are the same for each holding of a group.
    """

    ever_in_clear: Known
    escrowed: Known
    backed_up: Known
    strength_bits: Annotated[int, Range(0, 4096)]
    entropy_bits: Annotated[int, Range(0, 4096)]
    keys_total: Count  # that open each holding, with every copy and every wrapping key
    keys_destroyed: Count
    keys_scheduled: Count


@dataclass(frozen=True, slots=True)
class Verification:
    """What was looked for after the destruction, where, and with what numbers."""

    finding: Finding
    looked: Annotated[tuple[Name, ...], Many(64, unique=True)] = ()
    numbers: Annotated[tuple[Tally, ...], Many(64, unique=True, by="code")] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """Holdings of one store that fared alike, by number; one entry a group, never a holding.

    `records`, `foreignRecordsDestroyed` and `numbers` are sums. `until` is the latest date of
    the group, of a lock or a waiting period.
    """

    store: Label
    kind: Name
    technique: Name | None
    whole: bool
    method: Method | None
    status: Status
    reasons: Annotated[tuple[Tally, ...], Many(64, unique=True, by="code")]
    until: datetime | None
    verification: Verification
    erasure: KeyErasure | None
    limitations: Annotated[tuple[Name, ...], Many(64, unique=True)]
    holdings: Count
    records: Count
    holdings_unknown_records: Count
    foreign_records_destroyed: Count
    holdings_unknown_foreign: Count


@dataclass(frozen=True, slots=True)
class Risk:
    """Something of the dataset that may survive, and until when, if that is known."""

    code: Name
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """A third party that received a copy; by commitment, with a label only if it is public."""

    recipient: Digest
    label: Label | None
    status: Told


@dataclass(frozen=True, slots=True)
class Times:
    """When. `verified` is null if nothing could be looked at afterwards."""

    planned: datetime
    approved: datetime
    started: datetime
    finished: datetime
    verified: datetime | None


@dataclass(frozen=True, slots=True)
class Destruction:
    """The whole predicate.

    `settled` is of no inventory: what the result that is superseded had left pending and this
    plan does not list, as it was found afterwards.
    """

    attestation_id: Identifier
    plan: Digest
    previous: Digest | None
    supersedes: Digest | None
    issued_at: datetime
    controller: Controller
    operator: Actor
    approvers: Annotated[tuple[Actor, ...], Many(32, unique=True)]
    tool: Tool
    request: Request
    dataset: Dataset
    inventory: Tree
    results: Tree
    targets: Annotated[tuple[Target, ...], Many(MAX_GROUPS)]
    undecided: Decisions
    dismissed: Decisions
    sweep: Sweep | None
    limitations: Annotated[tuple[Name, ...], Many(256, unique=True)]
    residual_risks: Annotated[tuple[Risk, ...], Many(256, unique=True)]
    recipients: Annotated[tuple[Recipient, ...], Many(500)]
    times: Times
    outcome: Outcome
    fingerprint: Fingerprint = Fingerprint()
    annex: Digest | None = None
    manifest: Digest | None = None
    settled: Annotated[tuple[Target, ...], Many(MAX_GROUPS)] = ()

    @property
    def groups(self) -> tuple[Target, ...]:
        """All that fared alike: holdings of the plan, then what had been pending before it."""
        return (*self.targets, *self.settled)
