"""What makes a copy where no identifier is there, and what does not: rule by rule, both ways."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.contract import RecordClass, Verdict
from shredder.fingerprint import FingerprintMatcher, enrol
from tests.fingerprint.made import KEY, Table
from tests.fingerprint.survey import (
    CHANCE,
    COLUMNS,
    COMMENT,
    EMAIL,
    ID,
    INCOME,
    MOOD,
    NAME,
    ROWS,
    enrolled,
    look,
    some,
    text,
)


@pytest.fixture(scope="module")
def matcher(tmp_path_factory: pytest.TempPathFactory) -> FingerprintMatcher:
    return enrolled(tmp_path_factory.mktemp("evidence") / "fingerprint")


@pytest.mark.parametrize(
    ("lines", "records"),
    [
        (some(1, EMAIL, COMMENT), 1),
        (some(3, COMMENT), 3),
        (some(4, NAME, COMMENT), 4),
        (some(4, EMAIL, INCOME), 4),
        (some(12, NAME, INCOME), 12),
        (some(12, ID, INCOME), 12),
        (some(12, NAME, INCOME, MOOD), 12),
        ([f"{line},{text()}" for line in some(8, EMAIL, INCOME)], 8),
        ([*some(20, EMAIL), *some(10, EMAIL, INCOME, seed=2)], 10),
    ],
)
def test_it_makes_a_copy(matcher: FingerprintMatcher, lines: list[str], records: int) -> None:
    found, classes = look(matcher, lines)
    assert (found.verdict, found.records) == (Verdict.COPY, records)
    if found.promoted:
        assert RecordClass.TRACE in classes
        again, firm = look(matcher, lines, promoted=True)
        assert firm == classes.replace(bytes([RecordClass.TRACE]), bytes([RecordClass.RECORD]))
        assert (again.matched, again.trace) == (found.matched, found.trace) == (records, 0)


def redrawn(column: int, draw: Callable[[], str]) -> list[str]:
    """Rows of the same people, with something of their own in a column."""
    return [f"{row[column]},{draw()}" for row in ROWS]


@pytest.mark.parametrize(
    "lines",
    [
        some(200, EMAIL),
        some(200, NAME),
        some(200, ID),
        some(200, INCOME, MOOD),
        some(1, COMMENT),
        some(2, COMMENT),
        some(2, COMMENT) * 9,
        some(1, NAME, INCOME),
        some(200, EMAIL, MOOD),
        some(200, ID, MOOD),
        redrawn(EMAIL, lambda: str(CHANCE.randrange(15_000, 90_000))),
        redrawn(NAME, lambda: str(CHANCE.randrange(15_000, 90_000))),
        redrawn(ID, lambda: str(CHANCE.randrange(15_000, 90_000))),
        redrawn(EMAIL, text),
        [f"{row[ID]},{row[ID]}@elsewhere.example,{text()}" for row in ROWS],
        [" ".join(row[COMMENT].split()[:5]) for row in ROWS],
        ["respondent_id,answer", *(f"{row[ID]},{n % 5}" for n, row in enumerate(ROWS))],
    ],
)
def test_it_makes_no_copy(matcher: FingerprintMatcher, lines: list[str]) -> None:
    found, classes = look(matcher, lines)
    assert found.verdict is not Verdict.COPY
    assert found.matched == found.records == 0
    assert RecordClass.RECORD not in classes


def test_a_list_of_names_is_shown_and_a_name_is_not(matcher: FingerprintMatcher) -> None:
    assert look(matcher, some(40, NAME))[0].verdict is Verdict.MAYBE
    assert look(matcher, [*some(3, NAME), *(text() for _ in range(60))])[0].verdict is None
    assert look(matcher, [row[NAME] for row in ROWS[50:80]])[0].verdict is Verdict.LIKELY


def test_one_or_two_texts_are_shown(matcher: FingerprintMatcher) -> None:
    found, classes = look(matcher, [*some(2, COMMENT), text()])
    assert (found.verdict, found.trace, found.promoted) == (Verdict.MAYBE, 2, False)
    assert classes == bytes([RecordClass.TRACE, RecordClass.TRACE, RecordClass.FOREIGN])
    assert found.signs.passages == 2
    assert found.others == 3


def test_signs_are_counted_by_window(matcher: FingerprintMatcher) -> None:
    found, _ = look(matcher, [*some(9, EMAIL, INCOME), *some(5, NAME, COMMENT, seed=3), text()])
    assert (found.signs.persons, found.signs.values) == (9, 9)
    assert (found.signs.names, found.signs.passages, found.signs.ids) == (5, 5, 0)


@pytest.mark.parametrize("joint", [", ", "\n"])
def test_values_on_lines_of_their_own_are_seen_together(
    matcher: FingerprintMatcher, joint: str
) -> None:
    records = [
        joint.join(f'"{COLUMNS[at]}": "{row[at]}"' for at in (EMAIL, MOOD, INCOME))
        for row in ROWS[:12]
    ]
    lines = "\n".join("{\n" + record + "\n}" for record in records).splitlines()
    assert look(matcher, lines)[0].verdict is Verdict.COPY
    strange = [
        line if "income" not in line else f'"income": {CHANCE.randrange(10**5)}' for line in lines
    ]
    if joint == "\n":
        assert look(matcher, strange)[0].verdict is not Verdict.COPY


def test_many_records_in_one_window_are_seen_one_by_one(matcher: FingerprintMatcher) -> None:
    line = "[" + ", ".join(f"('{row[EMAIL]}', {row[INCOME]})" for row in ROWS[:30]) + "]"
    assert look(matcher, [line])[0].verdict is Verdict.COPY
    shifted = zip(ROWS[:30], ROWS[100:130], strict=True)
    line = "[" + ", ".join(f"('{row[EMAIL]}', {other[INCOME]})" for row, other in shifted) + "]"
    assert look(matcher, [line])[0].verdict is not Verdict.COPY


@pytest.mark.parametrize("form", ["{:,}", "{}.00", "£{:,}.00", "{:,} EUR", "'{}'"])
def test_a_number_is_confirmed_in_every_form(matcher: FingerprintMatcher, form: str) -> None:
    lines = [f"{row[EMAIL]};{form.format(int(row[INCOME]))}" for row in ROWS[:10]]
    assert look(matcher, lines)[0].verdict is Verdict.COPY


def test_how_text_is_cut_into_blocks_changes_nothing(matcher: FingerprintMatcher) -> None:
    lines = [f"{row[EMAIL]},{row[INCOME]}" for row in ROWS[:30]]
    lines += [f"{row[NAME]},{row[COMMENT]}" for row in ROWS[50:80]]
    lines += [text() for _ in range(9)]
    random.Random(7).shuffle(lines)
    whole, classes = look(matcher, lines)
    scan = matcher.scan()
    apart = b"".join(scan.feed(line.encode() + b"\n", [len(line.encode()) + 1]) for line in lines)
    assert (apart, scan.evidence()) == (classes, whole)


def test_sparse_numbers_under_their_columns_name_are_evidence(tmp_path: Path) -> None:
    chance = random.Random(9)
    numbers = chance.sample(range(10**6, 10**7), 200)
    rows = [(str(n), f"p{n}@people.example") for n in numbers]
    path = tmp_path / "fingerprint"
    enrol([Table(("response_no", "email"), rows)], roles={}, key=KEY, path=path)
    matcher = FingerprintMatcher(path, KEY)
    mine, strange = numbers[20:60], chance.sample(range(10**6, 10**7), 200)
    for told, copy in ((mine, True), (strange, False), (mine[:4], False)):
        table = ["answer;response_no", *(f"{n % 5};{number}" for n, number in enumerate(told))]
        assert (look(matcher, table)[0].verdict is Verdict.COPY) == copy
        keyed = [f'{{"response_no": {number}, "answer": 4}}' for number in told]
        assert (look(matcher, keyed)[0].verdict is Verdict.COPY) == copy
        other = ["answer;order", *table[1:]]
        assert look(matcher, other)[0].verdict is None
