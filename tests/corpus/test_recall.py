"""Every decidable copy is found and no decoy is, on seeds that no rule was written for."""

from __future__ import annotations

import os

import pytest

from tests.corpus import judge, known, report
from tests.corpus.judge import Answer

SEEDS = range(1000, 1004)
COPIES, DECOYS = 300, 300
RECALL = 0.99
ENOUGH = 5  # cases, to tell that a name is on the list without need


@pytest.fixture(scope="module")
def answers() -> list[Answer]:
    return list(judge.run(SEEDS, COPIES, DECOYS, jobs=os.cpu_count() or 1))


def decidable(answers: list[Answer]) -> list[Answer]:
    return [a for a in answers if a.case.evidence]


def shown(answers: list[Answer]) -> str:
    return "\n".join(map(report.said, answers[:40]))


@pytest.mark.slow
def test_decidable_copies_are_found(answers: list[Answer]) -> None:
    expected = [a for a in decidable(answers) if not known.reasons(a)]
    missed = [a for a in expected if a.missed]
    assert expected
    assert 1 - len(missed) / len(expected) >= RECALL, shown(missed)


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
def test_records_are_counted_exactly(answers: list[Answer]) -> None:
    counted = [a for a in answers if report.countable(a) and not known.reasons(a)]
    wrong = [a for a in counted if report.miscounted(a)]
    assert counted
    assert not wrong, shown(wrong)


@pytest.mark.slow
def test_nothing_raises(answers: list[Answer]) -> None:
    raised = [a for a in answers if a.error]
    assert not raised, shown(raised)


@pytest.mark.slow
def test_nothing_is_listed_as_not_recognised_that_is(answers: list[Answer]) -> None:
    needless = []
    for axis, names in known.NOT_YET.items():
        for name in names:
            alone = [a for a in decidable(answers) if known.reasons(a) == [(axis, name)]]
            found = sum(a.found for a in alone)
            if len(alone) >= ENOUGH and found >= RECALL * len(alone):
                needless.append(f"{axis} {name}: {found} of {len(alone)}")
    assert not needless, "take off tests/corpus/known.py: " + "; ".join(needless)
