"""A run without its private manifest: what goes on working, what is said not to be known."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import pytest

from backends.contract import Verdict
from shredder import durable
from shredder.errors import Inconclusive, Refused
from shredder.evidence.forget import forget
from shredder.journal import Phase, Run
from shredder.plan import Decision, Options, read_items
from tests.upper.place import Place, opened_as
from tests.upper.scripted import Scripted, View, holding

MAYBE = Verdict.MAYBE
PRIVATE = {"secret", "plan.jsonl", "results.jsonl", "again.jsonl"}


def ended(place: Place, before: list[object], after: list[object], **options: object) -> Run:
    store = Scripted(View(units={"desk": [before]}), View(units={"desk": [after]}))
    with opened_as({"mem": store}):
        return place.destroy(Options(**options))  # type: ignore[arg-type]


def kept(place: Place, run: Run) -> set[str]:
    return {path.name for path in place.state.run(run.id).iterdir()}


def forgotten(place: Place, run: Run) -> Run:
    forget(place.work, run)
    return place.journal.run(run.id)


def test_what_is_found_after_a_run_that_left_nothing_is_back(place: Place) -> None:
    run = forgotten(place, ended(place, [holding("a")], []))
    assert place.returned(run, []) == ([], 0)
    assert place.returned(run, [holding("a")]) == ([holding("a")], 0)


def test_after_a_run_that_left_something_nobody_can_tell(place: Place) -> None:
    locked = holding("locked", retention="object-lock")
    run = forgotten(place, ended(place, [holding("a"), locked], [locked]))
    assert place.returned(run, []) == ([], 0)
    with pytest.raises(Inconclusive, match="cannot be told") as caught:
        place.returned(run, [locked])
    assert "locked" not in caught.value.message


def test_what_was_dismissed_by_verdict_has_not_returned(place: Place) -> None:
    unsure = holding("unsure", verdict=MAYBE)
    dismiss = frozenset({MAYBE})
    run = forgotten(place, ended(place, [holding("a"), unsure], [unsure], dismiss=dismiss))
    assert place.returned(run, [unsure]) == ([], 0)


def test_a_next_run_decides_anew_on_what_was_dismissed(place: Place) -> None:
    unsure = holding("unsure", verdict=MAYBE)
    dismiss = frozenset({MAYBE})
    first = ended(place, [holding("a"), unsure], [unsure], dismiss=dismiss)
    forgotten(place, first)
    with opened_as({"mem": Scripted(View(units={"desk": [[unsure]]}))}):
        second = place.plan()
    (item,) = read_items(place.work.plan_file(second))
    assert item.decision is Decision.UNDECIDED


def test_the_order_of_attestations_is_kept(place: Place) -> None:
    first = ended(place, [holding("a")], [])
    second = ended(place, [holding("b")], [])
    forgotten(place, first)
    assert [run.id for run in place.journal.attested()] == [first.id, second.id]
    assert place.journal.run(first.id).phase is Phase.ATTESTED


def test_killed_at_any_file_the_run_counts_as_forgotten_and_the_repeat_ends_it(
    place: Place,
) -> None:
    run = ended(place, [holding("a")], [])
    real, calls = durable.destroy, 0

    def dies(path: Path) -> bool:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return real(path)

    with mock.patch("shredder.durable.destroy", dies), pytest.raises(KeyboardInterrupt):
        forget(place.work, run)
    between = place.journal.run(run.id)
    assert between.forgotten
    assert "secret" not in kept(place, run)  # it goes first
    assert forget(place.work, between) == 3
    assert kept(place, run) & PRIVATE == set()
    assert [what for _, what in place.journal.events(run.id)][-2:] == ["forgetting", "forgotten"]


def test_a_run_in_mid_way_keeps_its_files(place: Place) -> None:
    with opened_as({"mem": Scripted(View(units={"desk": [[holding("a")]]}))}):
        run = place.journal.run(place.plan())
    with pytest.raises(Refused, match="not at its end"):
        forget(place.work, run)
    assert not place.journal.run(run.id).forgotten


# --- Destroying a file of ours ---


def test_a_file_is_overwritten_before_it_is_unlinked(tmp_path: Path) -> None:
    """An open descriptor sees what is left of the content under the unlinked name."""
    path = tmp_path / "secret"
    path.write_bytes(b"x" * (3 << 20))
    with path.open("rb") as file:
        assert durable.destroy(path)
        assert file.read() == bytes(3 << 20)
    assert not path.exists()
    assert not durable.destroy(path)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    precious, link = tmp_path / "precious", tmp_path / "secret"
    precious.write_bytes(b"mine")
    link.symlink_to(precious)
    with pytest.raises(OSError, match="symbolic"):
        durable.destroy(link)
    hard = tmp_path / "hard"
    os.link(precious, hard)
    assert durable.destroy(hard)
    assert precious.read_bytes() == b"mine"
