"""finalize: what was pending, looked at again when the wait is over."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from attestations import Bundle
from attestations.destruction import Destruction
from backends.contract import Finding, Order, Verification
from demo.survey import records
from shredder.errors import ShredderError
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
    assert (answer["settled"], before.settled, after.targets) == (3, (), ())
    for was, now in zip(before.targets, after.settled, strict=True):
        assert (was.status, was.method) == ("pending", None)
        assert (now.status, now.method) == ("destroyed-verified", "logical-delete")
        assert (now.reasons, now.until, now.erasure) == ((), None, None)
        assert (now.verification.finding, bool(now.verification.looked)) == ("absent", True)
        assert (now.kind, now.technique, now.records) == (was.kind, was.technique, was.records)
    policy = ("--policy", "policy.json", "--json")
    key = waiting.state / "keys" / "signing.pub.pem"
    assert waiting.run("policy", "new", "policy.json", "--key", key).code == 0
    replaced = waiting.run("verify", first, "--previous", second, *policy)
    assert (replaced.code, replaced.json["codes"]) == (9, ["E_SUPERSEDED"])
    assert waiting.run("verify", second, "--previous", first, *policy).json["authentic"] is True
    assert waiting.run("finalize", "--json").json == {"datasets": [], "exit_code": 0}


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize(
    ("finding", "code", "outcome"),
    [(Finding.INCONCLUSIVE, 5, "pending"), (Finding.RESIDUE, 7, "failed")],
)
def test_what_nobody_saw_gone_at_the_last_is_not_attested_as_gone(
    waiting: Operator, monkeypatch: pytest.MonkeyPatch, finding: Finding, code: int, outcome: str
) -> None:
    """Between the sweep and the look: the next command settles it, and so says the chain."""
    shelf, aside = waiting.folder / "shelf", waiting.folder / "aside"
    shutil.copytree(shelf, aside)
    gone(waiting)

    def seen(_: object, __: object, orders: list[Order], ___: object) -> list[Verification]:
        return [Verification(order.id, finding) for order in orders]

    with monkeypatch.context() as patch:
        patch.setattr("shredder.run.settled.verify", seen)
        came, answer = finalized(waiting)
    assert (came, answer["outcome"], answer["settled"]) == (code, outcome, 0)
    (_, between) = results(waiting)
    assert sum(group.holdings for group in between.settled) == 3
    if finding is Finding.RESIDUE:
        return
    for name in MINE:
        shutil.copy2(aside / name, shelf / name)
    assert waiting.run("recheck", SURVEY, "--json").json["outcome"] == "partial", "as it was left"
    gone(waiting)
    came, answer = finalized(waiting)
    assert (came, answer["outcome"], answer["settled"]) == (0, "complete", 3)
    policy = ("--policy", "policy.json", "--json")
    key = waiting.state / "keys" / "signing.pub.pem"
    assert waiting.run("policy", "new", "policy.json", "--key", key).code == 0
    first, second, last = bundles(waiting)
    others = ("--previous", first, "--previous", second)
    assert waiting.run("verify", last, *others, *policy).json["authentic"] is True


@pytest.mark.usefixtures("later")
def test_of_a_manifest_that_is_destroyed_nothing_is_settled_and_that_is_said(
    waiting: Operator,
) -> None:
    gone(waiting)
    (first,) = bundles(waiting)
    assert waiting.run("forget-manifest", first, "--yes").code == 0
    code, answer = finalized(waiting)
    assert (code, answer["outcome"], answer["settled"]) == (0, "complete", 0)
    after = results(waiting)[-1]
    assert (after.settled, "pending-not-known" in after.limitations) == ((), True)


@pytest.mark.usefixtures("later")
def test_what_was_settled_is_looked_for_anew_if_it_has_changed_before_it_was_attested(
    waiting: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone(waiting)

    def broken(*_: object) -> None:
        raise ShredderError("broken off")

    with monkeypatch.context() as patch:
        patch.setattr("shredder.run.machine.attest", broken)
        assert finalized(waiting)[1]["error"] == "broken off"
    (file,) = (waiting.state / "runs").glob("*/settled.jsonl")
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"destroyed-verified", b"pending"))
    assert waiting.run("resume").code == 0
    assert (file.read_bytes(), results(waiting)[-1].outcome) == (whole, "complete")


@pytest.mark.usefixtures("later")
def test_what_was_settled_goes_with_the_manifest(waiting: Operator) -> None:
    gone(waiting)
    finalized(waiting)
    (file,) = (waiting.state / "runs").glob("*/settled.jsonl")
    assert b"copy.csv" in file.read_bytes()
    assert waiting.run("forget-manifest", bundles(waiting)[-1], "--yes").code == 0
    assert not file.exists()


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
