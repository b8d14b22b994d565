"""The parts that plan and destruction statements share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from attestations.schema import Count, Digest, Identifier, Label, Many, Name

MAX_GROUPS = 2000
MAX_SCOPES = 5000


class UnitStatus(StrEnum):
    """What became of a scope in a sweep: the worst of its units'."""

    EXAMINED = "examined"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    EXCLUDED = "excluded"


class Method(StrEnum):
    """NIST SP 800-88 method earned; ``logical-delete`` makes no NIST claim."""

    LOGICAL_DELETE = "logical-delete"
    CLEAR = "clear"
    PURGE = "purge"

    @property
    def rank(self) -> int:
        """The higher, the stronger."""
        return list(Method).index(self)


@dataclass(frozen=True, slots=True)
class Controller:
    """Who is responsible for the dataset (GDPR Art. 4(7)): an organisation, never a person."""

    name: Label
    reference: Label | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted, by role and staff reference. The name lies in the digest-committed annex."""

    role: Name
    reference: Identifier


@dataclass(frozen=True, slots=True)
class Tool:
    """What did the work. `digest` is of the installed code; null where it was not measured."""

    name: Name
    version: Identifier
    digest: Digest | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """Why: a basis as a code, a commitment to the case's reference, the auditor's challenge."""

    basis: Name
    reference: Digest | None = None
    challenge: Identifier | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """What must go, and by which fingerprint it was recognised."""

    label: Identifier
    title: Label | None
    fingerprint_commitment: Digest
    matcher_version: Identifier
    records_enrolled: Count
    records_recognisable: Count


@dataclass(frozen=True, slots=True)
class Tree:
    """A Merkle tree: RFC 6962 root over salted leaves, and their number."""

    root: Digest
    size: Count


@dataclass(frozen=True, slots=True)
class Tally:
    """How often something occurred."""

    code: Name
    count: Count


@dataclass(frozen=True, slots=True)
class ScopeCoverage:
    """What was looked at in one scope, in units. `unitsTotal` is null if it is not known.

    `unitsUnchanged` of the examined ones were not read again: they are in the state in which an
    earlier sweep read them and found nothing.
    """

    store: Label
    identity: Label
    scope: Digest
    scope_label: Label | None
    status: UnitStatus
    units_total: Count | None
    units_examined: Count
    units_failed: Count
    units_unreachable: Count
    units_excluded: Count
    units_unchanged: Count = 0
    as_of: Label | None = None
    reasons: Annotated[tuple[Tally, ...], Many(64, unique=True, by="code")] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """How many holdings a sweep found, by verdict."""

    copy: Count = 0
    likely: Count = 0
    maybe: Count = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.copy + self.likely + self.maybe


@dataclass(frozen=True, slots=True)
class Sweep:
    """One examination of all units of all stores."""

    started: datetime
    finished: datetime
    coverage: Annotated[tuple[ScopeCoverage, ...], Many(MAX_SCOPES)]
    found: Found


@dataclass(frozen=True, slots=True)
class Decisions:
    """How many holdings that only look like copies were left alone, by verdict."""

    likely: Count = 0
    maybe: Count = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.likely + self.maybe
