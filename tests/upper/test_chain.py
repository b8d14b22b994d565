"""Each attestation names the last before it, in whatever order runs begin, end, or are killed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from attestations import Bundle
from shredder import clock
from shredder.errors import Refused
from shredder.evidence import attest
from shredder.journal import Phase
from shredder.sealed import read_result
from tests.upper.place import Place, rows


def links(place: Place, runs: Sequence[str]) -> list[tuple[str, str | None]]:
    """Digest and predecessor of each run's attestation, as the bundles say."""
    found = []
    for run in runs:
        result = Bundle.load(place.bundle(place.journal.run(run))).result
        found.append((result.digest, read_result(result).previous))
    return found


def a_chain(found: list[tuple[str, str | None]]) -> bool:
    """Whether each names the one before it, in this order."""
    before = [None, *(digest for digest, _ in found[:-1])]
    return [previous for _, previous in found] == before


def planned(place: Place, number: int) -> str:
    place.space.put("desk", f"{number}.csv", rows(number))
    return place.plan()


def test_the_first_names_none_and_each_the_one_before(place: Place) -> None:
    runs = []
    for number in range(3):
        runs.append(planned(place, number))
        place.drive(runs[-1])
    assert a_chain(links(place, runs))


def test_runs_that_end_in_another_order_than_they_begin_make_no_fork(place: Place) -> None:
    first, second = planned(place, 0), place.plan()
    place.drive(second)
    place.drive_to(first, Phase.ANNOUNCED)
    place.drive(first)
    third = planned(place, 2)
    place.drive(third)
    assert a_chain(links(place, [second, first, third]))


def test_a_run_killed_before_the_journal_knew_of_its_bundle_makes_no_fork(place: Place) -> None:
    killed = planned(place, 0)
    known = place.drive_to(killed, Phase.VERIFIED)
    attest(place.work, known)  # the bundle stands, and then the process is gone
    other = planned(place, 1)
    place.drive(other)
    place.drive(killed)
    last = planned(place, 2)
    place.drive(last)
    assert a_chain(links(place, [killed, other, last]))


def test_a_bundle_that_stands_is_the_attestation(place: Place) -> None:
    run = planned(place, 0)
    known = place.drive_to(run, Phase.VERIFIED)
    first = attest(place.work, known)
    content = place.bundle(known).read_bytes()
    again = attest(place.work, known)
    assert place.bundle(known).read_bytes() == content
    assert {**again, "attested": ""} == {**first, "attested": ""}


def test_another_runs_bundle_is_not_this_ones(place: Place) -> None:
    first = place.drive(planned(place, 0))
    known = place.drive_to(planned(place, 1), Phase.VERIFIED)
    place.bundle(known).write_bytes(place.bundle(first).read_bytes())
    with pytest.raises(Refused, match="is another run's"):
        attest(place.work, known)


def test_times_stand_in_order(place: Place) -> None:
    ended = place.drive(planned(place, 0))
    order = ["begun", "planned", "approved", "announced", "started", "finished", "verified"]
    times = [ended.facts[each] for each in order]
    assert times == sorted(times)
    assert all(clock.now() >= each for each in times)
