"""The header row: neither record nor foreign, and in doubt a foreign record."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import pytest

from backends.content import Dialect
from tests.backends.content.wrapping import IDS, read, record

ROWS = b"".join(record(n) for n in range(20))


def foreign(first: str, rows: bytes = ROWS, dialect: Dialect | None = None) -> int | None:
    return read(first.encode() + b"\n" + rows, dialect=dialect).foreign_records


@pytest.mark.parametrize(
    "first",
    [
        "respondent_id,email,answer",
        "Respondent_ID,EMAIL,Answer",
        '"respondent_id","email","anything at all"',
        "nummer,mail,antwort_der_person",  # two columns of three hold digits or an @ below
        "Respondent ID,E-Mail,Remarks",
    ],
)
def test_headers_are_not_foreign(first: str) -> None:
    assert foreign(first) == 0


@pytest.mark.parametrize(
    "first",
    [
        "elsewhere99,other@example.com,nothing of yours",
        "unknown,other@example.com,nothing",
        "Unknown,12,nothing",
        "Anna,Anna,Anna",  # names are distinct
        "respondent_id,email",  # another number of fields
        "only words here",
        "Unknown,,",
    ],
)
def test_first_records_that_might_be_someones_are_foreign(first: str) -> None:
    assert foreign(first) == 1


def test_a_value_that_occurs_below_is_no_column_name() -> None:
    rows = "".join(f"{i},{n}@example.org,female,{n}\n" for n, i in enumerate(IDS[:9]))
    assert foreign("Unknown,nobody,female,none", rows.encode()) == 1
    assert foreign("person,mail,sex,number", rows.encode()) == 0


def test_few_rows_below_prove_nothing() -> None:
    assert foreign("nummer,mail,antwort", record(1) + record(2)) == 1
    assert foreign("respondent_id,email,answer", record(1)) == 0


def test_one_column_needs_its_known_name() -> None:
    rows = "\n".join(IDS[:9]).encode()
    assert foreign("respondent_id", rows) == 0
    assert foreign("somebody", rows) == 1


def test_other_delimiters() -> None:
    rows = ROWS.replace(b",p", b";p").replace(b',"', b';"')
    assert foreign("nummer;mail;antwort", rows) == 0
    assert foreign("nummer;mail;antwort", rows, Dialect(b";")) == 0


def test_only_the_first_record_is_a_header() -> None:
    header = b"respondent_id,email,answer\n"
    assert read(header + ROWS + header).foreign_records == 1
    assert read(header + header + ROWS).foreign_records == 1


def test_the_evidence_still_sums_up() -> None:
    evidence = read(b"respondent_id,email,answer\n\n" + ROWS).evidence
    assert (22, 20, 0, 0, 2) == (
        evidence.windows,
        evidence.matched,
        evidence.person,
        evidence.foreign,
        evidence.blank,
    )
