"""The predicate ``destruction-plan``: what was found and approved before anything was touched."""

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
    Request,
    Sweep,
    Tool,
    Tree,
)
from attestations.schema import Count, Digest, Identifier, Label, Many, Name


class PlanDecision(StrEnum):
    """What the plan has for a holding that is a copy."""

    DESTROY = "destroy"
    RETAIN = "retain"


class FingerprintDecision(StrEnum):
    """What is to become of the dataset's fingerprint once the outcome is complete."""

    KEEP = "keep"
    DESTROY = "destroy"


@dataclass(frozen=True, slots=True)
class PlannedFingerprint:
    """The decision on the keyed digests by which records are recognised.

    `until` is the day that they are kept until, as its first moment; null: no day was set.
    """

    decision: FingerprintDecision = FingerprintDecision.KEEP
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlannedTarget:
    """Holdings of one store with the same technique and decision, by number.

    `records` and `foreignRecords` are sums over those holdings that they are known of.
    """

    store: Label
    kind: Name
    decision: PlanDecision
    technique: Name | None
    whole: bool
    reason: Name | None
    retained_until: datetime | None
    holdings: Count
    records: Count
    holdings_unknown_records: Count
    foreign_records: Count
    holdings_unknown_foreign: Count


@dataclass(frozen=True, slots=True)
class PlanTimes:
    """When the plan was frozen, and when it was approved."""

    planned: datetime
    approved: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole predicate."""

    attestation_id: Identifier
    issued_at: datetime
    controller: Controller
    operator: Actor
    approvers: Annotated[tuple[Actor, ...], Many(32, unique=True)]
    tool: Tool
    request: Request
    dataset: Dataset
    inventory: Tree
    sweep: Sweep
    targets: Annotated[tuple[PlannedTarget, ...], Many(MAX_GROUPS)]
    undecided: Decisions
    dismissed: Decisions
    limitations: Annotated[tuple[Name, ...], Many(256, unique=True)]
    times: PlanTimes
    fingerprint: PlannedFingerprint = PlannedFingerprint()
    annex: Digest | None = None
    manifest: Digest | None = None
