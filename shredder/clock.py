"""The time of this machine, as RFC 3339 UTC: an operator's own clock is self-assertion."""

from __future__ import annotations

import datetime as dt


def now() -> str:
    """The present moment, ``2026-11-23T15:04:05.123456Z``."""
    return stamp(dt.datetime.now(dt.UTC))


def stamp(moment: dt.datetime) -> str:
    """An aware moment as RFC 3339 UTC with microseconds."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def today() -> dt.date:
    """The present day in UTC."""
    return dt.datetime.now(dt.UTC).date()
