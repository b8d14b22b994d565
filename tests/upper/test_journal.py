"""The journal: durable before and after each act, and the same when it is opened again."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from backends.contract import Destruction, Finding, Matcher, Order, Result, Verification
from backends.memory import MemoryStore
from backends.wrappers import Wrapper
from shredder.errors import Inconclusive, UsageError
from shredder.journal import Journal, Phase
from tests.upper.place import Place, opened_as, rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def test_a_run_is_known_when_the_journal_is_opened_again(path: Path) -> None:
    with Journal(path) as journal:
        journal.begin("r", "survey", {"options": {"a": 1}})
        journal.enter("r", Phase.PLANNED, planned="now")
        journal.enter("r", Phase.APPROVED, approved="then")
    with Journal(path) as journal:
        run = journal.run("r")
        assert (run.dataset, run.phase) == ("survey", Phase.APPROVED)
        assert run.facts == {"options": {"a": 1}, "planned": "now", "approved": "then"}
        assert [what for _, what in journal.events("r")] == ["begun", "planned", "approved"]


def test_an_unknown_run_is_a_usage_error(path: Path) -> None:
    with Journal(path) as journal, pytest.raises(UsageError, match="knows no run 'x'"):
        journal.run("x")


def test_an_order_goes_from_intended_to_done_to_verified(path: Path) -> None:
    done = Destruction("o", Result.DESTROYED, limitations=("a",), numbers={"n": 1})
    seen = Verification("o", Finding.ABSENT, ("listing",), numbers={"n": 0})
    with Journal(path) as journal:
        journal.begin("r", "survey", {})
        assert journal.entry("r", "o") is None
        journal.intend("r", ["o", "p"])
        entry = journal.entry("r", "o")
        assert entry is not None
        assert (entry.destruction, entry.verification, entry.attempts) == (None, None, 1)
        journal.intend("r", ["o"])
        journal.record("r", [done])
        journal.record_verifications("r", [seen])
    with Journal(path) as journal:
        entry = journal.entry("r", "o")
        assert entry is not None
        assert (entry.destruction, entry.verification, entry.attempts) == (done, seen, 2)
        other = journal.entry("r", "p")
        assert other is not None
        assert other.destruction is None


def test_what_was_never_issued_can_be_recorded(path: Path) -> None:
    with Journal(path) as journal:
        journal.begin("r", "survey", {})
        journal.record("r", [Destruction("o", Result.RETAINED, reason="legal-hold")])
        entry = journal.entry("r", "o")
        assert entry is not None
        assert (entry.attempts, entry.destruction and entry.destruction.result) == (
            0, Result.RETAINED,
        )  # fmt: skip


def test_every_commit_is_synced_and_the_file_is_private(path: Path) -> None:
    with Journal(path) as journal:
        assert journal._db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert journal._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        journal.begin("r", "survey", {})
        for file in path.parent.glob("journal.sqlite*"):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_runs_stand_in_the_order_of_their_beginning_not_of_their_ids(path: Path) -> None:
    """A clock that was set back gives a later run an earlier id."""
    with Journal(path) as journal:
        journal.begin("z", "survey", {})
        journal.begin("a", "other", {})
        journal.begin("m", "survey", {})
        assert [run.id for run in journal.runs()] == ["z", "a", "m"]
        assert [run.id for run in journal.runs("survey")] == ["z", "m"]
        journal.enter("m", Phase.ATTESTED)
        journal.enter("z", Phase.ATTESTED)
        assert [run.id for run in journal.attested()] == ["m", "z"]
        assert [run.id for run in journal.attested("other")] == []


def test_intent_is_on_disk_before_the_act_and_the_outcome_after(place: Place) -> None:
    """A second connection sees no more than what is committed."""
    seen: list[tuple[str, int, int]] = []

    class Witnessed(Wrapper):
        def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
            seen.append(("before", *committed()))
            outcomes = super().destroy(orders, matcher)
            seen.append(("after", *committed()))
            return outcomes

    def committed() -> tuple[int, int]:
        with sqlite3.connect(f"file:{place.state.journal}?mode=ro", uri=True) as other:
            (found,) = other.execute("SELECT count(*), count(destruction) FROM orders").fetchall()
        other.close()
        return int(found[0]), int(found[1])

    for number in range(3):
        place.space.put("desk", f"{number}.csv", rows(number))
    with opened_as({"mem": Witnessed(MemoryStore("mem", place.space.name))}):
        place.destroy()
    assert seen == [("before", 3, 0), ("after", 3, 0)]
    assert committed() == (3, 3)


def test_a_journal_of_a_newer_shredder_is_refused(path: Path) -> None:
    with Journal(path) as journal:
        journal._db.execute("PRAGMA user_version = 2")
    with pytest.raises(UsageError, match="newer shredder"):
        Journal(path)


def test_a_file_that_is_no_journal_is_told_of(path: Path) -> None:
    path.write_bytes(b"no database" * 100)
    with pytest.raises(Inconclusive, match="the journal cannot be used"):
        Journal(path)


def test_what_cannot_be_written_is_not_done(place: Place) -> None:
    """The disk is full, or the file read-only: nothing goes without its intent on disk."""
    place.space.put("desk", "survey.csv", rows(0))
    run = place.plan()
    place.drive_to(run, Phase.ANNOUNCED)
    place.journal._db.execute("PRAGMA query_only = ON")
    with pytest.raises(Inconclusive, match="the journal cannot be used"):
        place.drive(run)
    assert place.space.contents() == {("desk", "survey.csv"): rows(0)}
    place.reopen()
    assert place.drive(run).facts["outcome"] == "complete"


def test_a_phase_knows_whether_it_has_ended_or_touched_anything() -> None:
    assert {phase for phase in Phase if phase.ended} == {
        Phase.ATTESTED, Phase.NOTHING, Phase.ABANDONED,
    }  # fmt: skip
    assert {phase for phase in Phase if phase.untouched} == {
        Phase.BEGUN, Phase.PLANNED, Phase.APPROVED,
    }  # fmt: skip
