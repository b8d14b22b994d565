"""A dataset without its fingerprint: nothing of it is left to guess with, and that is said."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from shredder import durable
from shredder.enrolment import enroll, forget_fingerprint
from shredder.errors import Inconclusive, Refused, UsageError
from shredder.keys import fingerprint_key
from tests.upper.place import DATASET, Place, opened_as
from tests.upper.scripted import Scripted, View, holding


def laid(place: Place) -> tuple[Path, Path]:
    """Lay down what a fingerprint has: a key and a catalogue."""
    fingerprint_key(place.state, DATASET, create=True)
    catalogue = place.state.catalogue(DATASET)
    durable.write(catalogue, [b"hashes" * 99])
    return place.state.fingerprint_key(DATASET), catalogue


def test_key_and_catalogue_go_with_what_crashes_left(place: Place) -> None:
    key, catalogue = laid(place)
    for name in (".partial", ".fresh", ".fresh.partial"):
        catalogue.with_name(catalogue.name + name).write_bytes(b"half")
    swept = place.state.ledger(DATASET)
    swept.parent.mkdir()
    swept.write_bytes(b"what sweeps remember")
    assert forget_fingerprint(place.work, DATASET) == 6
    assert not swept.exists()
    assert not key.exists()
    assert [path.name for path in catalogue.parent.iterdir()] == [f"{DATASET}.destroyed"]
    assert forget_fingerprint(place.work, DATASET) == 0


def test_afterwards_it_is_said_that_and_when(place: Place) -> None:
    laid(place)
    forget_fingerprint(place.work, DATASET)
    when = place.state.fingerprint_destroyed(DATASET).read_text().strip()
    with pytest.raises(Inconclusive, match=f"was destroyed on {when}"):
        fingerprint_key(place.state, DATASET)


@pytest.mark.parametrize("survives", [1, 2])
def test_killed_half_way_it_is_not_used_any_more(place: Place, survives: int) -> None:
    key, catalogue = laid(place)
    real, calls = durable.destroy, 0

    def dies(path: Path) -> bool:
        nonlocal calls
        calls += path.suffix != ".partial"  # of a file that is written: it is destroyed first
        if calls == survives:
            raise KeyboardInterrupt
        return real(path)

    with mock.patch("shredder.durable.destroy", dies), pytest.raises(KeyboardInterrupt):
        forget_fingerprint(place.work, DATASET)
    assert key.exists() == (survives == 1)  # it goes first
    assert catalogue.exists()
    with pytest.raises(Inconclusive, match="was destroyed"):
        fingerprint_key(place.state, DATASET)
    assert forget_fingerprint(place.work, DATASET) == 3 - survives


def test_a_run_in_mid_way_keeps_it(place: Place) -> None:
    key, catalogue = laid(place)
    with opened_as({"mem": Scripted(View(units={"desk": [[holding("a")]]}))}):
        place.plan()
    with pytest.raises(Refused, match="not at its end"):
        forget_fingerprint(place.work, DATASET)
    assert key.exists()
    assert catalogue.exists()


def test_enrolled_anew_it_has_another_key(place: Place) -> None:
    key, _ = laid(place)
    before = key.read_bytes()
    forget_fingerprint(place.work, DATASET)
    assert fingerprint_key(place.state, DATASET, create=True) != before
    assert not place.state.fingerprint_destroyed(DATASET).exists()


def test_a_strange_dataset_is_none(place: Place) -> None:
    for act in (enroll, forget_fingerprint):
        with pytest.raises(UsageError, match="no dataset"):
            act(place.work, "strange")
