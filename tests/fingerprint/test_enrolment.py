"""Enrolment as a whole: what is kept, what is dropped and why, and what the report says of it."""

from __future__ import annotations

import random
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.contract import Evidence, Verdict
from shredder.fingerprint import (
    ColumnReport,
    FingerprintMatcher,
    NoEvidence,
    Reason,
    Role,
    UnknownColumn,
    enrol,
)
from tests.fingerprint.made import KEY, Table


def uuids(count: int, seed: int = 1) -> list[str]:
    chance = random.Random(seed)
    return [str(uuid.UUID(int=chance.getrandbits(128))) for _ in range(count)]


def look(path: Path, *lines: str) -> Evidence:
    scan = FingerprintMatcher(path, KEY).scan()
    text = [line.encode() + b"\n" for line in lines]
    ends = [sum(map(len, text[: n + 1])) for n in range(len(text))]
    scan.feed(b"".join(text), ends)
    return scan.evidence()


def column(path: Path, name: str) -> ColumnReport:
    return next(c for c in FingerprintMatcher(path, KEY).report.columns if c.name == name)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fingerprint"


def test_the_report_says_what_each_column_gives(path: Path) -> None:
    ids = uuids(100)
    rows: list[tuple[str | None, ...]] = [
        (ids[n], f"p{n}@example.org", str(n + 1), f"what I think of number {n} is this", None, "x")
        for n in range(100)
    ]
    names = ("respondent_id", "email", "seq", "comment", "notes", "income")
    told: list[int] = []
    report = enrol(
        [Table(names, rows)], roles={"seq": Role.PRIVATE}, key=KEY, path=path, progress=told.append
    )
    assert (report.records, report.repeated, report.recognisable) == (100, 0, 100)
    assert report.unrecognisable == 0
    assert report.tokens == 300
    assert report.columns == (
        ColumnReport("respondent_id", Role.PRIVATE, True, 100, 100, Reason.NONE),
        ColumnReport("email", Role.PERSON, True, 100, 100, Reason.NONE),
        ColumnReport("seq", Role.PRIVATE, False, 100, 0, Reason.SHORT),
        ColumnReport("comment", Role.PRIVATE, True, 100, 100, Reason.NONE),
        ColumnReport("notes", Role.QUASI, True, 0, 0, Reason.EMPTY),
        ColumnReport("income", Role.QUASI, True, 100, 0, Reason.QUASI),
    )
    assert told == [100]
    assert FingerprintMatcher(path, KEY).report == report


def test_records_without_a_private_token_are_counted(path: Path) -> None:
    rows = [(value if n % 4 else None, f"p{n}@example.org") for n, value in enumerate(uuids(40))]
    report = enrol([Table(("id", "email"), rows)], roles={"id": Role.PRIVATE}, key=KEY, path=path)
    assert (report.records, report.recognisable, report.unrecognisable) == (40, 30, 10)


def test_a_value_of_more_than_64_records_is_no_evidence(path: Path) -> None:
    rows = [("shared-000111", str(n)) for n in range(65)]
    rows += [("common-000222", str(n)) for n in range(64)]
    report = enrol([Table(("id", "n"), rows)], roles={"id": Role.PRIVATE}, key=KEY, path=path)
    assert look(path, "shared-000111").verdict is None
    assert look(path, "common-000222").verdict is Verdict.COPY
    assert report.recognisable == 64
    assert (column(path, "id").usable, column(path, "id").reason) == (64, Reason.FREQUENT)


def test_a_value_of_several_records_shows_no_more_of_them_than_it_occurs(path: Path) -> None:
    rows = [("twin-000111", "a"), ("twin-000111", "b"), ("other-000222", "c")]
    enrol([Table(("id", "n"), rows)], roles={"id": Role.PRIVATE}, key=KEY, path=path)
    assert look(path, "twin-000111").records == 1
    assert look(path, "twin-000111", "twin-000111", "other-000222").records == 3
    assert look(path, *["twin-000111"] * 9).records == 2


def test_numbers_too_close_together_are_no_evidence(path: Path) -> None:
    """A foreign number of nine digits would be one of 20,000 with 1 in 50,000."""
    rows = [(str(100_000_000 + 31 * n), value) for n, value in enumerate(uuids(20_000))]
    enrol(
        [Table(("number", "id"), rows)],
        roles={"number": Role.PRIVATE, "id": Role.PRIVATE},
        key=KEY,
        path=path,
    )
    assert look(path, "100000031").verdict is None
    assert (column(path, "number").usable, column(path, "number").reason) == (0, Reason.DENSE)
    sparse = Table(("number",), [row[:1] for row in rows[:10_000]])
    enrol([sparse], roles={"number": Role.PRIVATE}, key=KEY, path=path)
    assert look(path, "n=100000031.00;").verdict is Verdict.COPY


def test_what_is_a_persons_anywhere_is_no_private_evidence(path: Path) -> None:
    rows = [("anna-000111", "anna-000111"), ("bo-99900222", "bo@example.org")]
    enrol(
        [Table(("id", "handle"), rows)],
        roles={"id": Role.PRIVATE, "handle": Role.PERSON},
        key=KEY,
        path=path,
    )
    assert look(path, "anna-000111").verdict is Verdict.MAYBE
    assert look(path, "bo-99900222").verdict is Verdict.COPY
    assert column(path, "id").usable == 1


def test_an_email_address_in_a_private_column_never_makes_a_copy(path: Path) -> None:
    rows = [("anna@example.org",), ("resp-0001112",)]
    enrol([Table(("id",), rows)], roles={"id": Role.PRIVATE}, key=KEY, path=path)
    assert look(path, "a mailing list: anna@example.org").verdict is Verdict.MAYBE
    assert (column(path, "id").usable, column(path, "id").reason) == (1, Reason.PERSON)


def test_single_words_of_free_text_are_no_evidence(path: Path) -> None:
    rows = [("windows-2000",), ("much too long a form",), (uuids(1)[0],), ("I liked it",)]
    enrol([Table(("comment",), rows)], roles={"comment": Role.PRIVATE}, key=KEY, path=path)
    assert look(path, "we still run windows-2000 here").verdict is None
    assert look(path, uuids(1)[0]).verdict is Verdict.COPY


def test_rows_that_say_the_same_are_one_record(path: Path) -> None:
    ids = uuids(3)
    first = Table(("id", "n"), [(ids[0], "1"), (ids[1], "2"), (ids[0], "1")])
    second = Table(("n", "id"), [("2", ids[1]), ("3", ids[2]), (None, ids[2])])
    report = enrol([first, second], roles={"id": Role.PRIVATE}, key=KEY, path=path)
    assert (report.records, report.repeated) == (4, 2)
    assert report.recognisable == 4
    assert column(path, "id").usable == column(path, "id").values == 6
    assert look(path, *ids).records == 3
    assert look(path, *ids, ids[2]).records == 4


def test_empty_text_and_none_are_not_the_same(path: Path) -> None:
    table = Table(("id", "n"), [("resp-0001112", None), ("resp-0001112", "")])
    report = enrol([table], roles={"id": Role.PRIVATE}, key=KEY, path=path)
    assert report.records == 2


def test_a_role_for_a_column_that_is_not_there_is_an_error(path: Path) -> None:
    with pytest.raises(UnknownColumn, match="respondentid") as caught:
        enrol([Table(("id",), [])], roles={"respondentid": Role.PRIVATE}, key=KEY, path=path)
    assert caught.value.exit_code == 2
    assert caught.value.hint == "the sources have: id"
    assert not path.exists()


def test_records_that_nothing_would_recognise_are_refused(path: Path) -> None:
    with pytest.raises(NoEvidence) as caught:
        enrol([Table(("id",), [("1",), ("2",)])], roles={}, key=KEY, path=path)
    assert caught.value.exit_code == 2
    assert "id: short numbers" in caught.value.hint
    assert not path.exists()


def test_a_source_that_fails_half_way_leaves_the_earlier_catalogue(path: Path) -> None:
    class Failing(Table):
        def __iter__(self) -> Iterator[tuple[str | None, ...]]:
            yield from self.rows
            raise ConnectionError

    table = Table(("id",), [("resp-0001112",)])
    enrol([table], roles={"id": Role.PRIVATE}, key=KEY, path=path)
    before = path.read_bytes()
    with pytest.raises(ConnectionError):
        enrol([Failing(("id",), table.rows)], roles={"id": Role.PRIVATE}, key=KEY, path=path)
    assert path.read_bytes() == before


def test_two_hundred_thousand_records(path: Path) -> None:
    ids = uuids(200_000)
    report = enrol([Table(("id",), [(value,) for value in ids])], roles={}, key=KEY, path=path)
    assert report.recognisable == 200_000
    evidence = look(path, *(f'{{"id": "{value.upper()}"}}' for value in ids[::20]), *uuids(10, 2))
    assert (evidence.matched, evidence.records, evidence.foreign) == (10_000, 10_000, 10)


def test_importing_the_package_loads_neither_numpy_nor_numba() -> None:
    code = (
        "import sys, shredder.fingerprint as f; f.Role, f.guess, f.NotEnrolled, f.EnrolReport;"
        "print(*{'numpy', 'numba'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "\n"
