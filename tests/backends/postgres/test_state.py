"""When a cluster proves that a relation was not written to, on two versions of it."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import pytest

from backends.conformance import records, strangers
from tests.backends.postgres.place import Place, unit


def states(place: Place, *locators: str) -> list[str]:
    with place.store() as store:
        return [unit(store, at).state for at in locators]


def test_a_relation_keeps_its_state_while_nobody_writes(any_place: Place) -> None:
    at = any_place.plant("quiet", strangers(3))
    any_place.connection.execute("CHECKPOINT")
    # Whoever reads rows first may log that they are committed (hint bits, with checksums).
    seen = [states(any_place, at)[0] for _ in range(5)]
    assert seen[-1]
    assert seen[-1] == seen[-2]


@pytest.mark.parametrize(
    "write",
    [
        "INSERT INTO quiet SELECT * FROM quiet",
        "UPDATE quiet SET answer = answer",
        "TRUNCATE quiet",
        "ALTER TABLE quiet RENAME COLUMN answer TO said",
        "CREATE TABLE besides AS SELECT 1",
        "SELECT lo_from_bytea(0, 'x')",
    ],
)
def test_whatever_is_written_ends_every_state(any_place: Place, write: str) -> None:
    at = any_place.plant("quiet", strangers(3))
    before = states(any_place, at)
    any_place.connection.execute(write)
    assert before != states(any_place, at)


def test_what_is_committed_later_moves_the_state(any_place: Place) -> None:
    """A row that was written before the sweep, and that only a commit after it shows."""
    at = any_place.plant("quiet", strangers(3))
    with any_place.connect() as other:
        other.autocommit = False
        other.execute("INSERT INTO quiet SELECT * FROM quiet")
        before = states(any_place, at)
        other.commit()
    assert before != states(any_place, at)


def test_an_unlogged_table_has_no_state(any_place: Place) -> None:
    at = any_place.plant("quiet", records(3))
    any_place.connection.execute("ALTER TABLE quiet SET UNLOGGED")
    assert [""] == states(any_place, at)
