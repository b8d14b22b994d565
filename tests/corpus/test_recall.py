"""Every decidable copy is found and no decoy is, on seeds that no rule was written for."""

from __future__ import annotations

import os

import pytest

from tests.corpus import judge, report
from tests.corpus.judge import Answer

pytestmark = pytest.mark.needs("7zip")
SEEDS = range(1000, 1004)
COPIES, DECOYS = 300, 300
RECALL = 0.99


@pytest.fixture(scope="module")
def answers() -> list[Answer]:
    return list(judge.run(SEEDS, COPIES, DECOYS, jobs=os.cpu_count() or 1))


def shown(answers: list[Answer]) -> str:
    return "\n".join(map(report.said, answers[:40]))


@pytest.mark.slow
def test_decidable_copies_are_found(answers: list[Answer]) -> None:
    missed = [a for a in answers if a.missed]
    assert report.totals(answers).decidable >= COPIES / 2
    assert report.totals(answers).recall >= RECALL, shown(missed)


@pytest.mark.slow
def test_no_decoy_is_called_a_copy(answers: list[Answer]) -> None:
    assert sum(not a.case.truth for a in answers) == DECOYS
    false = [a for a in answers if a.false]
    assert not false, shown(false)


@pytest.mark.slow
def test_no_mixed_holding_is_told_as_unmixed(answers: list[Answer]) -> None:
    wrong = [a for a in answers if a.mixed_unseen]
    assert not wrong, shown(wrong)


@pytest.mark.slow
def test_no_record_of_others_is_told_as_the_datasets(answers: list[Answer]) -> None:
    wrong = [a for a in answers if a.claimed]
    assert not wrong, shown(wrong)


@pytest.mark.slow
def test_records_are_counted_exactly(answers: list[Answer]) -> None:
    counted = [a for a in answers if report.countable(a)]
    wrong = [a for a in counted if report.miscounted(a)]
    assert counted
    assert not wrong, shown(wrong)


@pytest.mark.slow
def test_nothing_raises(answers: list[Answer]) -> None:
    raised = [a for a in answers if a.error]
    assert not raised, shown(raised)
