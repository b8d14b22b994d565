"""What is decidable is told by the rule, and the rule by what was planted."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.corpus import dataset, truth
from tests.corpus.dataset import SCHEMAS, Dataset
from tests.corpus.tables import Kind, Row
from tests.corpus.truth import FOREIGN, Truth


@pytest.fixture(scope="module", params=list(SCHEMAS))
def any_dataset(request: pytest.FixtureRequest) -> Dataset:
    return dataset.make(7, request.param)


@pytest.fixture(scope="module")
def survey() -> Dataset:
    return dataset.make(7, "uuid")


def judged(
    source: Dataset, kinds: Sequence[Kind], numbers: Sequence[int], *, binary: bool = False
) -> Truth:
    places = [at for at, c in enumerate(source.table.columns) if c.kind in kinds]
    columns = [source.table.columns[at] for at in places]
    rows: list[tuple[int, Row]] = [
        (n, tuple(source.table.rows[n][at] for at in places)) for n in numbers
    ]
    return truth.judge(source, columns, rows, binary_numbers=binary)


def texts(source: Dataset) -> list[int]:
    """Records whose text has seven runs of words and more that no other has."""
    at = [c.kind for c in source.table.columns].index(Kind.TEXT)
    own = [
        n
        for n, row in enumerate(source.table.rows)
        if sum(source.runs[run] == 1 for run in dataset.runs_of(row[at])) >= 7
    ]
    assert len(own) > 20
    return own


def test_one_identifier_decides(survey: Dataset) -> None:
    assert judged(survey, [Kind.ID], [3]).evidence == "id"


def test_people_alone_never_decide(any_dataset: Dataset) -> None:
    persons = [Kind.EMAIL, Kind.FIRST, Kind.LAST, Kind.FULL, Kind.PHONE, Kind.BIRTH, Kind.CITY]
    assert judged(any_dataset, persons, range(500)).evidence == ""


def test_what_stands_in_every_table_never_decides(any_dataset: Dataset) -> None:
    common = [Kind.INCOME, Kind.ETHNICITY, Kind.RATING, Kind.DATE]
    assert judged(any_dataset, common, range(500)).evidence == ""


def test_an_address_with_words_of_ones_own_decides(survey: Dataset) -> None:
    one = texts(survey)[0]
    assert judged(survey, [Kind.EMAIL, Kind.TEXT], [one]).evidence == "email+text"
    assert judged(survey, [Kind.TEXT], [one]).evidence == ""
    assert judged(survey, [Kind.TEXT], texts(survey)[:3]).evidence == "text"


def test_what_many_say_does_not_count(survey: Dataset) -> None:
    at = [c.kind for c in survey.table.columns].index(Kind.TEXT)
    said = [n for n, row in enumerate(survey.table.rows) if not dataset.runs_of(row[at])]
    assert len(said) > 20
    assert judged(survey, [Kind.EMAIL, Kind.TEXT], said).evidence == ""


def test_incomes_decide_beyond_chance() -> None:
    source = dataset.make(7, "name-income")
    assert judged(source, [Kind.FULL, Kind.ETHNICITY], range(500)).evidence == ""
    kinds = [Kind.FULL, Kind.INCOME]
    assert judged(source, kinds, range(2)).evidence == ""
    assert judged(source, kinds, range(40)).evidence == "name+values"
    assert judged(source, kinds, range(40), binary=True).evidence == ""


def test_foreign_rows_are_counted_and_among_namesakes_nothing_is_decided() -> None:
    """Ten of ours are told among strangers, and not beside a single namesake."""
    source = dataset.make(7, "name-income")
    columns = source.table.columns[:2]
    rows: list[tuple[int, Row]] = [(n, source.table.rows[n][:2]) for n in range(10)]
    strangers: list[tuple[int, Row]] = [(FOREIGN, (f"Nobody {n}", "1")) for n in range(50)]
    found = truth.judge(source, columns, [*rows, *strangers])
    assert (found.evidence, found.records, found.foreign) == ("name+values", 10, 50)
    namesake: tuple[int, Row] = (FOREIGN, (rows[0][1][0], "1"))
    assert truth.judge(source, columns, [*rows, namesake]).evidence == ""


@pytest.mark.parametrize(
    ("chance", "k", "expected"),
    [(1.0, 1, 0.632121), (0.5, 3, 0.014388), (10.0, 20, 0.003454), (0.0, 1, 0.0)],
)
def test_the_tail_is_that_of_the_tables(chance: float, k: int, expected: float) -> None:
    assert truth.tail(chance, k) == pytest.approx(expected, abs=1e-6)
