"""The plan's statement: signed, timestamped and logged before anything is touched."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attestations import Sealed, TimestampUnavailable, issue_plan, told_time
from shredder import clock, durable
from shredder.errors import Refused
from shredder.evidence import parts
from shredder.evidence.approvals import approved_plan
from shredder.evidence.later import missing_timestamps
from shredder.evidence.logged import log_announcement
from shredder.evidence.planned import plan_statement
from shredder.journal import Run
from shredder.plan import digest_of
from shredder.run.work import Work
from shredder.signing import signers

_SKEW = dt.timedelta(seconds=60)  # what a trust policy lets pass unless it says otherwise


def announced_file(work: Work, run: str) -> Path:
    """Where the sealed plan lies."""
    return work.state.run(run) / "announced.json"


def announce(work: Work, run: Run, *, later: Callable[[str], bool]) -> dict[str, Any]:
    """Sign the plan, timestamp it, log it, and put all on the disk; returns facts for the journal.

    A plan that approvers signed was signed by the operator before them, and is not signed again.
    Raises Refused if it cannot be logged where it should be, or if no authority answers and
    `later` does not allow to go on without.
    """
    begun = clock.now(after=run.facts["approved"])
    approved = approved_plan(work, run)
    if approved is not None:
        sealed = Sealed(approved.raw)
    else:
        made = plan_statement(work, run, approved=run.facts["approved"], issued=begun)
        sealed = issue_plan(made, signers=signers(work.config, work.state))
    try:
        sealed = sealed.with_timestamps(timestamps(work, sealed))
    except TimestampUnavailable as error:
        if not later(error.message):
            raise Refused(
                f"the plan could not be timestamped, so nothing was touched: {error.message}",
                hint="mend [timestamp] in the configuration, or go on with --timestamp-later",
            ) from error
        sealed = sealed.with_timestamps(error.got)
    _check_clock(sealed, begun)
    sealed, logged = log_announcement(work, sealed)
    # Killed here: the log has an entry more; the plan is announced anew, and nothing is touched.
    path = announced_file(work, run.id)
    durable.write(path, [_dump(sealed)])
    return {
        **logged,
        "announced": clock.now(after=begun),
        "announced_digest": digest_of(path),
        "plan_timestamps": len(sealed.timestamps),
    }


def _check_clock(sealed: Sealed, begun: str) -> None:
    """Refuse to begin by a clock that no auditor could reconcile with the authorities'."""
    earliest, latest = parts.moment(begun) - _SKEW, parts.moment(clock.now(after=begun)) + _SKEW
    for token in sealed.timestamps:
        if not earliest <= told_time(token) <= latest:
            raise Refused(
                "this machine's clock and a timestamp authority's are more than a minute apart, "
                "so nothing was touched",
                hint="set the clock right, then begin again",
            )


def timestamps(work: Work, sealed: Sealed) -> tuple[bytes, ...]:
    """As many tokens over an envelope as are wanted. Raises TimestampUnavailable."""
    return missing_timestamps(work.config, sealed)


def read_announced(work: Work, run: str) -> Sealed:
    """The sealed plan of a run."""
    value = json.loads(announced_file(work, run).read_bytes())
    return Sealed(
        base64.b64decode(value["envelope"]),
        tuple(base64.b64decode(token) for token in value["timestamps"]),
        value.get("log"),
    )


def _dump(sealed: Sealed) -> bytes:
    value: dict[str, Any] = {
        "envelope": base64.b64encode(sealed.envelope).decode(),
        "timestamps": [base64.b64encode(token).decode() for token in sealed.timestamps],
    }
    if sealed.log is not None:
        value["log"] = sealed.log
    return json.dumps(value).encode() + b"\n"
