"""The predicate of a validation: another person of the organisation accepts a result, or does not.

It is an envelope of its own, for it comes after the result's, and may never come.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from attestations.parts import Actor
from attestations.schema import Digest, Identifier


class Acceptance(StrEnum):
    """What was decided of a result."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Validation:
    """Who decided what of which result."""

    attestation_id: Identifier
    result: Digest
    decision: Acceptance
    validator: Actor
    issued_at: datetime
