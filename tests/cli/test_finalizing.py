"""finalize: what was pending, looked at again when the wait is over."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from attestations import Bundle
from attestations.destruction import Destruction
from demo.survey import records
from shredder.run import finalize as module
from shredder.sealed import read_result
from tests.cli.operating import SURVEY, Operator

UNTIL = "2031-01-31T00:00:00.000000Z"  # as the shelf says
MINE = ("copy.csv", "mixed.csv", "survey.csv")


@pytest.fixture
def waiting(here: Operator) -> Operator:
    """A desk whose survey is pending."""
    here.edit('fault = ""', 'fault = "pending"')
    assert here.run("destroy", SURVEY, "--yes").code == 5
    here.edit('fault = "pending"', 'fault = ""')
    return here


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait is over; a wait that ends at this very moment is."""
    monkeypatch.setattr(module, "clock", SimpleNamespace(now=lambda: UNTIL))


def gone(desk: Operator) -> None:
    """What a provider does at the end of its wait."""
    for name in MINE:
        (desk.folder / "shelf" / name).unlink()


def bundles(desk: Operator) -> list[Path]:
    return sorted((desk.state / "attestations").iterdir(), key=lambda path: path.stat().st_mtime)


def results(desk: Operator) -> list[Destruction]:
    return [read_result(Bundle.load(path).result) for path in bundles(desk)]


def finalized(desk: Operator, *words: str) -> tuple[int, dict[str, Any]]:
    done = desk.run("finalize", *words, "--json")
    (answer,) = done.json["datasets"]
    return done.code, answer


def test_while_it_waits_nothing_is_looked_at(waiting: Operator) -> None:
    gone(waiting)
    code, answer = finalized(waiting)
    assert (code, answer["outcome"], answer["until"]) == (5, "pending", UNTIL)
    assert answer["attestation"] is None
    assert len(bundles(waiting)) == 1
    assert UNTIL in waiting.run("finalize").out


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("words", [(), (SURVEY,)], ids=["all", "by name"])
def test_when_the_wait_is_over_the_end_is_attested(
    waiting: Operator, words: tuple[str, ...]
) -> None:
    gone(waiting)
    code, answer = finalized(waiting, *words)
    assert (code, answer["outcome"]) == (0, "complete")
    before, after = results(waiting)
    first, second = bundles(waiting)
    assert answer["attestation"] == str(second)
    assert (before.outcome, after.outcome) == ("pending", "complete")
    digest = Bundle.load(first).result.digest
    assert (after.supersedes, after.previous) == (digest, digest)
    policy = ("--policy", "policy.json", "--json")
    key = waiting.state / "keys" / "signing.pub.pem"
    assert waiting.run("policy", "new", "policy.json", "--key", key).code == 0
    replaced = waiting.run("verify", first, "--previous", second, *policy)
    assert (replaced.code, replaced.json["codes"]) == (9, ["E_SUPERSEDED"])
    assert waiting.run("verify", second, "--previous", first, *policy).json["authentic"] is True
    assert waiting.run("finalize", "--json").json == {"datasets": [], "exit_code": 0}


@pytest.mark.usefixtures("later")
def test_what_is_still_there_is_told_and_not_touched(waiting: Operator) -> None:
    code, answer = finalized(waiting)
    assert (code, answer["outcome"], answer["holdings"]) == (7, "residue", 3)
    assert len(bundles(waiting)) == 1
    assert all((waiting.folder / "shelf" / name).exists() for name in MINE)
    assert waiting.run("resume").error == "no run is to be resumed"
    assert finalized(waiting)[0] == 7, "repeatable"
    assert waiting.run("destroy", SURVEY, "--yes").code == 0
    assert results(waiting)[-1].supersedes == Bundle.load(bundles(waiting)[0]).result.digest


@pytest.mark.usefixtures("later")
def test_where_nobody_could_look_it_stays_pending(waiting: Operator) -> None:
    gone(waiting)
    (waiting.folder / "shelf" / "another.csv").write_text("nothing\n")
    waiting.edit('fault = ""', 'fault = "vanish-in-listing"')
    code, answer = finalized(waiting)
    assert (code, answer["outcome"]) == (8, "refused")
    assert "could be examined" in answer["error"]
    assert waiting.run("resume").error == "no run is to be resumed"
    assert len(bundles(waiting)) == 1
    waiting.edit('fault = "vanish-in-listing"', 'fault = ""')
    assert finalized(waiting)[0] == 0


@pytest.mark.usefixtures("later")
def test_a_hold_forbids_it(waiting: Operator) -> None:
    gone(waiting)
    waiting.add(f'\n[datasets.{SURVEY}.hold]\nreason = "litigation"\n')
    code, answer = finalized(waiting)
    assert (code, answer["outcome"]) == (6, "refused")
    assert len(bundles(waiting)) == 1


@pytest.mark.usefixtures("later")
def test_without_a_timestamp_it_waits_unless_told_not_to(waiting: Operator) -> None:
    gone(waiting)
    text = waiting.config.read_text()
    head, _, _ = text.partition("authorities = ")
    waiting.config.write_text(f'{head}authorities = ["http://127.0.0.1:9/"]\n')
    assert finalized(waiting)[0] != 0
    assert len(bundles(waiting)) == 1
    code, answer = finalized(waiting, "--timestamp-later")
    assert (code, answer["outcome"]) == (0, "complete")


def test_what_is_not_pending_is_left(here: Operator) -> None:
    assert here.run("destroy", SURVEY, "--yes").code == 0
    assert here.run("finalize", "--json").json == {"datasets": [], "exit_code": 0}
    assert here.run("finalize", SURVEY).out == "nothing is pending\n"
    assert here.run("finalize", "nothing").code == 2
    assert len(bundles(here)) == 1


@pytest.mark.usefixtures("later")
def test_broken_off_it_is_not_resumed_into_a_destruction(
    waiting: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(module, "_give_up", lambda *_: None)
        assert finalized(waiting)[0] == 7
    done = waiting.run("resume", "--yes", "--json")
    assert (done.code, done.json["outcome"]) == (6, "refused")
    assert all((waiting.folder / "shelf" / name).exists() for name in MINE)


@pytest.mark.usefixtures("later")
def test_a_dataset_that_is_configured_no_more_is_told(waiting: Operator) -> None:
    text = waiting.config.read_text()
    waiting.config.write_text(text.replace(f"datasets.{SURVEY}", "datasets.another"))
    code, answer = finalized(waiting)
    assert (code, answer["dataset"], answer["outcome"]) == (2, SURVEY, "refused")


@pytest.mark.usefixtures("later")
def test_chosen_records_are_among_all(here: Operator) -> None:
    here.edit('fault = ""', 'fault = "pending"')
    one = records(1)[0].respondent_id
    chosen = here.run("destroy", SURVEY, "--record", one, "--yes", "--json")
    assert chosen.code == 5, chosen.out + chosen.err
    _, answer = finalized(here)
    assert answer["dataset"] == chosen.json["dataset"] != SURVEY
