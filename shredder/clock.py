"""The time of this machine, as RFC 3339 UTC: an operator's own clock is self-assertion."""

from __future__ import annotations

import datetime as dt
import time

from shredder.errors import Inconclusive

_PATIENCE = 5.0  # seconds that a clock may have been set back and is waited for


def now(*, after: str = "") -> str:
    """The present moment, ``2026-11-23T15:04:05.123456Z``; never before `after`.

    Steps that are told in the wrong order would make an attestation that no auditor accepts. A
    clock that was set back a little is waited for; otherwise Inconclusive is raised, and the
    run can be resumed when the clock is right.
    """
    waited = 0.0
    while (moment := stamp(dt.datetime.now(dt.UTC))) < after:
        if waited >= _PATIENCE:
            raise Inconclusive(
                f"the clock says {moment}, and the run has come to {after} already",
                hint="set the clock right, then `shredder resume`",
            )
        time.sleep(0.05)
        waited += 0.05
    return moment


def stamp(moment: dt.datetime) -> str:
    """An aware moment as RFC 3339 UTC with microseconds."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def today() -> dt.date:
    """The present day in UTC."""
    return dt.datetime.now(dt.UTC).date()


def time_of_day() -> dt.time:
    """The present time of day where this machine is set to be."""
    return dt.datetime.now().astimezone().time()
