"""What becomes of a fingerprint at the end of a run: kept, kept to a day, or gone with the dataset."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from attestations import Bundle, Destruction, Fingerprint, FingerprintStatus
from backends.contract import Destruction as Answer
from backends.contract import Order, Result
from shredder import clock, durable, report
from shredder.errors import Inconclusive, Refused
from shredder.evidence import fingerprint
from shredder.journal import Journal, Phase, Run
from shredder.keys import fingerprint_key
from shredder.plan import read_header
from shredder.run.results import results_file
from shredder.sealed import read_plan, read_result
from tests.upper.place import DATASET, Place, opened_as
from tests.upper.scripted import Scripted, View, holding
from tests.upper.test_forgetting_fingerprint import laid

WITH_IT = 'fingerprint = "destroy"\n'
KEPT = Fingerprint(FingerprintStatus.KEPT, None)
GONE = Fingerprint(FingerprintStatus.DESTROYED, None)


def held_back(order: Order) -> Answer:
    return Answer(order.id, Result.RETAINED, reason="object-lock-compliance")


def store(**changes: object) -> Scripted:
    return Scripted(View(units={"desk": [[holding("a")]]}), View(units={"desk": [[]]}), **changes)  # type: ignore[arg-type]


def stated(place: Place, run: Run) -> Destruction:
    assert place.outcome(run)  # the auditor's checks
    return read_result(Bundle.load(place.bundle(run)).result)


def test_it_goes_with_the_dataset_and_the_attestation_says_so(place: Place) -> None:
    key, catalogue = laid(place)
    place.configure(WITH_IT)
    with opened_as({"mem": store()}):
        run = place.destroy()
    assert "complete" == place.outcome(run)
    result = stated(place, run)
    assert GONE == result.fingerprint
    assert "fingerprint-kept" not in result.limitations
    assert not key.exists()
    assert not catalogue.exists()
    assert ("destroyed", "destroy") == (
        report.run_json(place.work, run)["fingerprint"],
        report.plan_json(place.work, run)["fingerprint"],
    )
    with pytest.raises(Inconclusive, match="was destroyed on"):
        fingerprint_key(place.state, DATASET)


def test_left_out_it_is_kept(place: Place) -> None:
    key, _ = laid(place)
    with opened_as({"mem": store()}):
        run = place.destroy()
    assert KEPT == stated(place, run).fingerprint
    assert "fingerprint-kept" in stated(place, run).limitations
    assert key.exists()


def test_it_is_kept_while_another_run_needs_it(place: Place) -> None:
    key, catalogue = laid(place)
    place.configure(WITH_IT)
    with opened_as({"mem": store(destroy=held_back)}):
        run = place.destroy()
    assert "complete" != place.outcome(run)
    assert KEPT == stated(place, run).fingerprint
    assert "fingerprint-kept" in stated(place, run).limitations
    assert key.exists()
    assert catalogue.exists()


def test_what_comes_back_in_the_second_sweep_keeps_it(place: Place) -> None:
    key, _ = laid(place)
    place.configure(WITH_IT)
    with opened_as({"mem": Scripted(View(units={"desk": [[holding("a")]]}))}):
        run = place.destroy()
    assert KEPT == stated(place, run).fingerprint
    assert key.exists()


def test_kept_to_a_day_it_is_told_when_that_has_come(place: Place) -> None:
    key, _ = laid(place)
    day = clock.today() + dt.timedelta(days=9)
    place.configure(f"fingerprint = {day}\n")
    dataset = place.work.dataset(DATASET)
    with opened_as({"mem": store()}):
        run = place.destroy()
    until = dt.datetime.combine(day, dt.time(), dt.UTC)
    assert Fingerprint(FingerprintStatus.KEPT, until) == stated(place, run).fingerprint
    assert until == read_plan(Bundle.load(place.bundle(run)).plan).fingerprint.until
    assert key.exists()
    assert "" == fingerprint.overdue(place.work, dataset)
    place.configure()  # the attestation has said it all the same
    with mock.patch.object(clock, "today", return_value=day):
        assert str(day) == fingerprint.overdue(place.work, place.work.dataset(DATASET))
    place.bundle(run).unlink()
    with mock.patch.object(clock, "today", return_value=day):
        assert "" == fingerprint.overdue(place.work, place.work.dataset(DATASET))
        assert str(day) == fingerprint.overdue(place.work, dataset)
    key.unlink()
    with mock.patch.object(clock, "today", return_value=day):
        assert "" == fingerprint.overdue(place.work, dataset)


def test_a_day_that_has_come_is_none_to_keep_it_for(place: Place) -> None:
    key, _ = laid(place)
    place.configure(f"fingerprint = {clock.today()}\n")
    assert str(clock.today()) == fingerprint.overdue(place.work, place.work.dataset(DATASET))
    with opened_as({"mem": store()}):
        run = place.destroy()
    assert "destroy" == read_header(place.work.plan_file(run.id)).fingerprint_after
    assert GONE == stated(place, run).fingerprint
    assert not key.exists()


def test_what_was_approved_counts_and_not_what_is_configured_since(place: Place) -> None:
    key, _ = laid(place)
    with opened_as({"mem": store()}):
        run = place.plan()
        place.configure(WITH_IT)
        place.drive(run)
    assert key.exists()


def test_plans_that_wait_are_given_up(place: Place) -> None:
    laid(place)
    place.configure(WITH_IT)
    with opened_as({"mem": store()}):
        waiting = place.plan()
    with opened_as({"mem": store()}):
        place.destroy()
    assert Phase.ABANDONED == place.journal.run(waiting).phase


class Killed(BaseException):
    """The process ends here."""


def killing(real: Callable[..., object], survives: int) -> Callable[..., object]:
    calls = 0

    def call(*arguments: object, **more: object) -> object:
        nonlocal calls
        calls += 1
        if calls > survives:
            raise Killed
        return real(*arguments, **more)

    return call


@pytest.mark.parametrize("survives", range(8))
@pytest.mark.parametrize("where", ["files", "journal", "bundle"])
def test_killed_anywhere_it_ends_as_a_quiet_run_does(
    place: Place, survives: int, where: str
) -> None:
    key, catalogue = laid(place)
    place.configure(WITH_IT)
    killed: Any = {
        "files": mock.patch("shredder.durable.destroy", killing(durable.destroy, survives)),
        "journal": mock.patch.object(Journal, "_commit", killing(Journal._commit, survives)),
        "bundle": mock.patch.object(Bundle, "write", killing(Bundle.write, survives)),
    }[where]
    with opened_as({"mem": store()}):
        run = place.plan()
        place.drive_to(run, Phase.VERIFIED)
        with killed:
            try:
                place.drive(run)
            except Killed:
                gone = not key.exists() or not catalogue.exists()
                assert not gone or fingerprint.begun(place.journal.run(run))
        place.reopen()
        ended = place.drive(run)
    assert GONE == stated(place, ended).fingerprint
    assert "complete" == place.outcome(ended)
    assert not key.exists()
    assert not catalogue.exists()


def test_what_was_measured_is_not_to_be_had_again_without_it(place: Place) -> None:
    """Whoever alters it then stops the run: nothing is signed, and nothing is swept for naught."""
    laid(place)
    place.configure(WITH_IT)
    with opened_as({"mem": store()}):
        run = place.plan()
        known = place.drive_to(run, Phase.VERIFIED)
        fingerprint.settle_fingerprint(place.work, known)
        path: Path = results_file(place.work, run)
        whole = path.read_bytes()
        path.write_bytes(whole + b"\n")
        with pytest.raises(Refused, match="nothing is recognised"):
            place.drive(run)
        path.write_bytes(whole)
        assert GONE == stated(place, place.drive(run)).fingerprint
