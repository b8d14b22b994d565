"""What an auditor learns of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from attestations.destruction import Destruction, Outcome
from attestations.disclosure import Disclosed
from attestations.outcome import Obstacle
from attestations.plan import Plan
from attestations.text import format_time


class Verdict(StrEnum):
    """Whether it is what it says it is."""

    VALID = "valid"
    INVALID = "invalid"


class TimeVerdict(StrEnum):
    """Whether an authority that the policy names vouches for its time."""

    VALID = "valid"
    INDETERMINATE = "indeterminate"
    INVALID = "invalid"


class LogVerdict(StrEnum):
    """Whether a transparency log that the policy names has it."""

    NOT_ASKED = "not-asked"  # the policy names no log
    LOGGED = "logged"  # in the log; too few witnesses that the operator does not run
    WITNESSED = "witnessed"  # and as many of them as the quorum asks for signed the head
    INDETERMINATE = "indeterminate"  # refused for something else
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class SignedBy:
    """One trusted key that signed both envelopes' or one's bytes."""

    name: str
    role: str
    keyid: str
    operator_run: bool
    signed: tuple[str, ...]  # "plan", "result"


@dataclass(frozen=True, slots=True)
class Report:
    """The answer. Authenticity, time, log and outcome are apart: each says its own.

    `codes` are refusals and, on a valid report, what lowers its time verdict. `obstacles` says
    why the outcome is not complete. `findings` are lines for people, safe to print.
    `no_later_than` is the result's proven time. `renew_before` is when the first certificate of
    the newest timestamps ends: the last moment for a renewal. `plan_before_start` says whether the
    plan is proven to be older than the destruction's stated start. `plan` and `result` are the
    verified predicates; None unless `authentic` is valid. `disclosed` is what a supplied
    disclosure shows; `names` what a supplied annex says, by staff reference, and not escaped.
    """

    authentic: Verdict
    time: TimeVerdict
    log: LogVerdict
    stated: Outcome | None = None
    computed: Outcome | None = None
    obstacles: tuple[Obstacle, ...] = ()
    codes: tuple[str, ...] = ()
    signers: tuple[SignedBy, ...] = ()
    findings: tuple[str, ...] = ()
    no_later_than: datetime | None = None
    renew_before: datetime | None = None
    plan_before_start: bool = False
    plan: Plan | None = None
    result: Destruction | None = None
    disclosed: Disclosed | None = None
    names: Mapping[str, str] | None = None

    def to_json(self) -> dict[str, object]:
        """Return what ``verify --json`` prints."""
        return {
            "authentic": str(self.authentic),
            "time": str(self.time),
            "log": str(self.log),
            "outcome": str(self.computed) if self.computed else None,
            "obstacles": [str(each) for each in self.obstacles],
            "codes": list(self.codes),
            "noLaterThan": format_time(self.no_later_than) if self.no_later_than else None,
            "renewBefore": format_time(self.renew_before) if self.renew_before else None,
            "planBeforeStart": self.plan_before_start,
            "signers": [
                {"name": s.name, "role": s.role, "keyid": s.keyid, "signed": list(s.signed)}
                for s in self.signers
            ],
            "findings": list(self.findings),
        }
