"""Time in a run never goes back: told out of order, no attestation would be accepted."""

from __future__ import annotations

import datetime as dt
import time
from types import SimpleNamespace

import pytest

from demo.servers.tsa import TimestampAuthority
from shredder import clock
from shredder.errors import Inconclusive, Refused
from shredder.journal import Phase
from tests.upper.place import Place, rows


class Clock(dt.datetime):
    """A clock that is set forward or back."""

    offset = dt.timedelta()

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
        return dt.datetime.fromtimestamp(time.time() + cls.offset.total_seconds(), tz)


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    monkeypatch.setattr("shredder.clock.dt", SimpleNamespace(datetime=Clock, UTC=dt.UTC))
    monkeypatch.setattr(Clock, "offset", dt.timedelta())
    return Clock


def test_a_moment_is_utc_with_microseconds() -> None:
    moment = dt.datetime(2026, 11, 23, 16, 4, 5, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    assert clock.stamp(moment) == "2026-11-23T15:04:05.000000Z"
    assert clock.now() <= clock.now()


def test_a_clock_that_was_set_back_a_little_is_waited_for() -> None:
    later = clock.stamp(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=0.2))
    assert clock.now(after=later) >= later


def test_a_clock_that_was_set_back_far_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_PATIENCE", 0.0)
    with pytest.raises(Inconclusive, match="the clock says"):
        clock.now(after="9999-01-01T00:00:00.000000Z")


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_no_authority_shares_is_refused_before_anything_is_touched(
    place: Place, authority: TimestampAuthority, set_clock: type[Clock], minutes: int
) -> None:
    place.configure(f'[timestamp]\nauthorities = ["{authority.url}"]\n')
    place.space.put("desk", "survey.csv", rows(0, 1))
    set_clock.offset = dt.timedelta(minutes=minutes)
    run = place.plan()
    with pytest.raises(Refused, match="more than a minute apart, so nothing was touched"):
        place.drive(run)
    assert place.journal.run(run).phase is Phase.APPROVED
    assert place.space.contents() == {("desk", "survey.csv"): rows(0, 1)}


@pytest.mark.needs("openssl")
def test_a_clock_that_is_right_is_taken(place: Place, authority: TimestampAuthority) -> None:
    place.configure(f'[timestamp]\nauthorities = ["{authority.url}"]\n')
    place.space.put("desk", "survey.csv", rows(0, 1))
    ended = place.destroy()
    assert (ended.facts["plan_timestamps"], ended.facts["result_timestamps"]) == (1, 1)
    assert place.outcome(ended) == "complete"


@pytest.mark.parametrize(
    "phase", [Phase.PLANNED, Phase.APPROVED, Phase.ANNOUNCED, Phase.EXECUTED, Phase.VERIFIED]
)
def test_a_run_waits_for_a_clock_that_was_set_back_and_then_is_attested(
    place: Place, set_clock: type[Clock], monkeypatch: pytest.MonkeyPatch, phase: Phase
) -> None:
    """Set back at any step: what was done is not lost, and what is told is in order."""
    monkeypatch.setattr(clock, "_PATIENCE", 0.0)
    place.space.put("desk", "survey.csv", rows(0, 1))
    run = place.plan()
    place.drive_to(run, phase)
    set_clock.offset = dt.timedelta(hours=-1)
    with pytest.raises(Inconclusive, match="the clock says"):
        place.drive(run)
    set_clock.offset = dt.timedelta()
    ended = place.drive(run)
    assert place.outcome(ended) == "complete"
