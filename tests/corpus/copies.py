"""Copies: some of a dataset's rows and columns, in any order and form, among others' rows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.corpus import forms, truth
from tests.corpus.dataset import Dataset, respond
from tests.corpus.tables import NUMERIC, Column, Kind, Row, Table
from tests.corpus.truth import FOREIGN, Truth

T = TypeVar("T")

_COUNTS = ((1, 2), (3, 3), (10, 5), (40, 3), (100, 3), (0, 1))  # rows and weight; 0: all
_RATIOS = ((0.0, 5), (0.5, 1), (1.0, 1), (5.0, 1), (20.0, 1))
_MOST_FOREIGN = 400

_WITHOUT = frozenset({Kind.ID, Kind.NUMBER})
_FOCUS: tuple[frozenset[Kind], ...] = (
    frozenset({Kind.EMAIL, Kind.INCOME}),
    frozenset({Kind.EMAIL, Kind.INCOME, Kind.ETHNICITY}),
    frozenset({Kind.FIRST, Kind.LAST, Kind.FULL, Kind.INCOME}),
    frozenset({Kind.EMAIL, Kind.TEXT}),
    frozenset({Kind.TEXT}),
    frozenset({Kind.FIRST, Kind.LAST, Kind.FULL, Kind.TEXT}),
    frozenset({Kind.ID, Kind.NUMBER, Kind.INCOME}),
    frozenset({Kind.ID, Kind.NUMBER, Kind.RATING, Kind.ETHNICITY}),
)


@dataclass(frozen=True, slots=True)
class Copy:
    """What is planted, before it has a format; `notes` say how it was chosen."""

    dataset: Dataset
    table: Table
    columns: tuple[Column, ...]  # of the dataset
    planted: tuple[tuple[int, Row], ...]  # numbers of rows, or FOREIGN, and values as enrolled
    notes: tuple[str, ...]

    def truth(self, *, binary_numbers: bool = False) -> Truth:
        """Return what is in it, where all of it got into the file."""
        return truth.judge(self.dataset, self.columns, self.planted, binary_numbers=binary_numbers)

    def left(self, data: bytes) -> Truth:
        """Return what is in a file that may have lost rows: those whose texts are all there."""
        numeric = [column.kind in NUMERIC for column in self.columns]
        rows = [
            row
            for row, shown in zip(self.planted, self.table.rows, strict=True)
            if all(n or v.encode() in data for n, v in zip(numeric, shown, strict=True))
        ]
        return truth.judge(self.dataset, self.columns, rows, binary_numbers=True)


def draw(rng: random.Random, dataset: Dataset) -> Copy:
    """Draw a copy of a dataset."""
    source = dataset.table
    numbers, order = _rows(rng, len(source.rows))
    places = _columns(rng, source.columns)
    columns = tuple(source.columns[at] for at in places)
    planted: list[tuple[int, Row]] = [
        (n, tuple(source.rows[n][at] for at in places)) for n in numbers
    ]
    ratio = _weighted(rng, _RATIOS)
    strangers = min(round(len(planted) * ratio), _MOST_FOREIGN)
    if strangers:
        crowd = [rng.choice(dataset.strangers) for _ in range(strangers)]
        answers = respond(rng, dataset.schema, source.columns, crowd)
        planted += [(FOREIGN, tuple(row[at] for at in places)) for row in answers]
        if rng.random() < 0.8:
            rng.shuffle(planted)
    rows, notes = forms.written(rng, columns, [row for _, row in planted])
    named = forms.renamed(rng, columns) if rng.random() < 0.4 else columns
    return Copy(
        dataset,
        Table(named, tuple(rows), header=rng.random() < 0.8),
        columns,
        tuple(planted),
        (f"rows-{len(numbers)}", order, f"foreign-{ratio:g}", f"columns-{len(columns)}", *notes),
    )


def _rows(rng: random.Random, size: int) -> tuple[list[int], str]:
    count = min(_weighted(rng, _COUNTS) or size, size)
    kind = rng.choice(("in-order", "shuffled", "adjacent"))
    if kind == "adjacent":
        start = rng.randrange(size - count + 1)
        return list(range(start, start + count)), kind
    numbers = rng.sample(range(size), count)
    return sorted(numbers) if kind == "in-order" else numbers, kind


def _columns(rng: random.Random, columns: Sequence[Column]) -> list[int]:
    every = list(range(len(columns)))
    kind = rng.random()
    if kind < 0.35:
        return every
    chosen: list[int] = []
    if kind < 0.55:
        chosen = [at for at in every if columns[at].kind not in _WITHOUT]
    elif kind < 0.85:
        focus = rng.choice(_FOCUS)
        chosen = [at for at in every if columns[at].kind in focus]
    if len(chosen) < 2 and not (chosen and columns[chosen[0]].kind is Kind.TEXT):
        chosen = sorted(rng.sample(every, rng.randrange(2, len(every) + 1)))
    if rng.random() < 0.3:
        rng.shuffle(chosen)
    return chosen


def _weighted(rng: random.Random, choices: Sequence[tuple[T, int]]) -> T:
    values, weights = zip(*choices, strict=True)
    drawn: T = rng.choices(values, weights)[0]
    return drawn
