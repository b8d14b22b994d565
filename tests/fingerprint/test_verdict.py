"""The rules by which numbers become a verdict, each from both sides of where it changes."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from backends.contract import Verdict
from shredder.fingerprint.confirm import Answer
from shredder.fingerprint.verdict import Beside, Sums, at_least, enough, firm, parted, verdict

PLENTY = 1.0  # of numbers: nothing is told by them
SPARSE = 1e-4


def beside(
    rows: int = 0, fits: int = 0, chance: float = 0.0, *, width: int = 1, **more: Any
) -> Beside:
    """Windows, of which the values of one column fit in some."""
    made = Beside(width)
    made.rows = rows
    made.fits[0, 0], made.chance[0, 0] = fits, chance
    for name, value in more.items():
        setattr(made, name, value)
    return made


def sums(
    *,
    person: Beside | None = None,
    name: Beside | None = None,
    number: Beside | None = None,
    **more: Any,
) -> Sums:
    return Sums(person or beside(), name or beside(), number or beside(), **more)


@pytest.mark.parametrize(
    ("few", "sufficient"),
    [
        # Seven passages of one record: of three records, or of one beside a certain one.
        (sums(texts=2), sums(texts=3)),
        (sums(texts=0, certain=1), sums(texts=1, certain=1)),
        # One passage beside its record's address: of three records, and of three in ten.
        (sums(owned=2, persons_with_text=2), sums(owned=3, persons_with_text=3)),
        (sums(owned=3, persons_with_text=11), sums(owned=3, persons_with_text=10)),
        # Beside its name: likewise, or in one window beyond chance.
        (sums(named=2, names_with_text=2), sums(named=3, names_with_text=3)),
        (sums(named=3, names_with_text=11), sums(named=3, names_with_text=10)),
        (
            sums(named=3, named_within=3, names_with_text=99, named_chance=0.2),
            sums(named=3, named_within=3, names_with_text=99, named_chance=0.05),
        ),
        (
            sums(named=2, named_within=2, names_with_text=99, named_chance=1e-5),
            sums(named=3, named_within=3, names_with_text=99, named_chance=1e-5),
        ),
        # Values beside addresses: beyond chance, three in ten, and not what many have.
        (sums(person=beside(10, 3, 0.2)), sums(person=beside(10, 3, 0.05))),
        (sums(person=beside(11, 3, 0.05)), sums(person=beside(10, 3, 0.05))),
        (sums(person=beside(100, 100, 10.5)), sums(person=beside(100, 100, 9.5))),
        (sums(person=beside(10, 3, 0.05, width=4)), sums(person=beside(10, 3, 0.03, width=4))),
        (sums(person=beside(10, 3, 0.3)), sums(person=beside(10, 3, 0.3), certain=1)),
        # Beside names and numbers: more than twice what chance gives and five besides.
        (sums(name=beside(300, 5, 0.01)), sums(name=beside(300, 6, 0.01))),
        (sums(name=beside(300, 45, 20.0)), sums(name=beside(300, 46, 20.0))),
        (sums(name=beside(300, 8, 1.4)), sums(name=beside(300, 8, 0.5))),
        (sums(number=beside(300, 45, 20.0)), sums(number=beside(300, 46, 20.0))),
    ],
)
def test_what_counts_together_needs_so_much(few: Sums, sufficient: Sums) -> None:
    assert not enough(few, PLENTY)
    assert enough(sufficient, PLENTY)


def test_numbers_under_their_label_are_eight_that_no_other_numbering_would_meet() -> None:
    assert enough(sums(labelled=8, under_label=8), SPARSE)
    assert not enough(sums(labelled=7, under_label=7), SPARSE)
    assert enough(sums(labelled=8, under_label=1_000), SPARSE)
    assert not enough(sums(labelled=8, under_label=20_000), SPARSE)
    assert not enough(sums(labelled=300, under_label=300), PLENTY)


NAMED = {"fits": 9, "traces": 9}


@pytest.mark.parametrize("kind", ["name", "number"])
def test_names_and_numbers_count_where_nothing_of_others_is_among_them(kind: str) -> None:
    assert parted(sums(), PLENTY)
    assert parted(sums(**{kind: beside(9, **NAMED, risk=0.0099)}), PLENTY)
    assert not parted(sums(**{kind: beside(9, **NAMED, risk=0.0101)}), PLENTY)


def test_passages_beside_names_count_where_others_say_few_of_them() -> None:
    assert parted(sums(named=9, named_risk=0.019), PLENTY)
    assert not parted(sums(named=9, named_risk=0.021), PLENTY)
    assert not parted(sums(named=9, named_risk=0.015, name=beside(9, **NAMED, risk=0.005)), PLENTY)
    assert parted(sums(texts=9, named_risk=0.021), PLENTY)


@pytest.mark.parametrize("kind", ["name", "number"])
def test_names_and_numbers_do_not_count_beside_certain_records(kind: str) -> None:
    assert parted(sums(certain=1, texts=3, person=beside(9, **NAMED)), PLENTY)
    assert not parted(sums(certain=1, **{kind: beside(9, **NAMED)}), PLENTY)
    assert not parted(sums(certain=1, labelled=8, only_labelled=1, under_label=8), SPARSE)


@pytest.mark.parametrize("kind", ["name", "number"])
def test_windows_that_were_not_asked_may_be_others(kind: str) -> None:
    assert parted(sums(**{kind: beside(9, **NAMED)}), PLENTY)
    assert not parted(sums(**{kind: beside(9, **NAMED, unasked=1)}), PLENTY)
    other = "number" if kind == "name" else "name"
    both = {kind: beside(9, **NAMED), other: beside(9, unasked=1)}
    assert parted(sums(**both), PLENTY)


def test_numbers_under_a_label_that_are_none_of_ours_are_others() -> None:
    assert parted(sums(labelled=8, only_labelled=8, under_label=100), SPARSE)
    assert not parted(sums(labelled=8, only_labelled=8, under_label=300), SPARSE)
    assert parted(sums(labelled=8, only_labelled=0, under_label=300), SPARSE)


@pytest.mark.parametrize(
    ("doubtful", "beyond_doubt"),
    [
        (sums(texts=2), sums(texts=3)),
        (sums(owned=2, persons_with_text=2), sums(owned=3, persons_with_text=3)),
        (sums(person=beside(10, 3, 0.2)), sums(person=beside(10, 3, 0.05))),
        (sums(person=beside(11, 3, 0.05)), sums(person=beside(10, 3, 0.05))),
        (sums(name=beside(300, 65, 20.0)), sums(name=beside(300, 66, 20.0))),
        (sums(name=beside(300, 8, 0.5)), sums(name=beside(300, 8, 0.2))),
        (sums(number=beside(300, 65, 20.0)), sums(number=beside(300, 66, 20.0))),
    ],
)
def test_among_others_records_more_is_asked(doubtful: Sums, beyond_doubt: Sums) -> None:
    assert not firm(doubtful)
    assert firm(beyond_doubt)


def told(of: Sums, *, together: bool = False, counts: bool = False) -> Verdict | None:
    return verdict(of, together=together, counts=counts)


def test_a_certain_record_or_windows_that_count_are_a_copy() -> None:
    assert told(sums(certain=1)) is Verdict.COPY
    doubtful = sums(name=beside(9, **NAMED, chance=1.0))
    assert told(doubtful, together=True, counts=True) is Verdict.COPY


def test_enough_that_does_not_count_is_likely_or_beyond_doubt_a_copy() -> None:
    assert told(sums(name=beside(9, **NAMED, chance=1.0)), together=True) is Verdict.LIKELY
    assert told(sums(texts=3), together=True) is Verdict.COPY
    assert told(sums(texts=3), together=False) is Verdict.MAYBE


def test_people_in_the_order_of_the_source_are_likely() -> None:
    assert told(sums(persons=9, in_order=8)) is Verdict.LIKELY
    assert told(sums(persons=9, in_order=7)) is Verdict.MAYBE


@pytest.mark.parametrize(
    "seen",
    [
        sums(persons=1),
        sums(persons_probed=1),
        sums(texts=1),
        sums(owned=1),
        sums(person=beside(1, traces=1)),
        sums(name=beside(1, traces=1)),
        sums(number=beside(1, traces=1)),
        sums(names=8, windows=26),
    ],
)
def test_a_little_is_shown(seen: Sums) -> None:
    assert told(seen) is Verdict.MAYBE


@pytest.mark.parametrize("seen", [sums(), sums(names=7, windows=7), sums(names=8, windows=27)])
def test_a_few_names_are_nobodys(seen: Sums) -> None:
    assert told(seen) is None


@pytest.mark.parametrize("mean", [0.01, 0.5, 3.0, 20.0, 200.0])
@pytest.mark.parametrize("more", [1, 3, 10, 40])
def test_chance_is_never_put_lower_than_it_is(mean: float, more: int) -> None:
    """The tail of Poisson's distribution, held to its sum in fractions."""
    count = math.ceil(mean) + more
    terms = (Fraction(mean) ** n / math.factorial(n) for n in range(count, count + 400))
    tail = math.exp(-mean) * float(sum(terms))
    assert tail <= at_least(count, mean) * (1 + 1e-9)
    assert at_least(count, mean) <= min(1.0, 1.5 * (count + 1) / (count + 1 - mean) * tail)


def test_nothing_is_no_chance() -> None:
    assert at_least(0, 0.0) == at_least(0, 5.0) == 1.0
    assert at_least(1, 0.0) == 0.0
    assert at_least(5, 5.0) == 1.0


def test_each_windows_answer_is_added() -> None:
    made, yes = beside(width=2), np.ones((2, 2), np.bool_)
    made.add(None)
    made.add(Answer(yes, np.full((2, 2), 0.1), record=3, by_chance=0.1))
    made.add(Answer(~yes, np.full((2, 2), 0.2), record=-1, by_chance=0.1))
    assert (made.rows, made.traces, made.fits[0, 1]) == (3, 1, 1)
    assert made.chance[0, 1] == pytest.approx(0.3)
