"""Datasets to be found: a survey's answers, in the shapes that surveys have."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from tests.corpus import people, words
from tests.corpus.people import Person, skewed
from tests.corpus.tables import Column, Kind, Row, Table

RESPONDENTS = 500
STRANGERS = 500

_ID = Column("respondent_id", Kind.ID)
_NUMBER = Column("respondent_id", Kind.NUMBER)
_EMAIL = Column("email", Kind.EMAIL)
_FIRST, _LAST = Column("first_name", Kind.FIRST), Column("last_name", Kind.LAST)
_FULL = Column("full_name", Kind.FULL)
_PHONE, _BIRTH = Column("phone", Kind.PHONE), Column("date_of_birth", Kind.BIRTH)
_CITY, _DATE = Column("city", Kind.CITY), Column("submitted_on", Kind.DATE)
_INCOME, _ETHNICITY = Column("income", Kind.INCOME), Column("ethnicity", Kind.ETHNICITY)
_RATING, _TEXT = Column("satisfaction", Kind.RATING), Column("comment", Kind.TEXT)

_WIDE = (_EMAIL, _FIRST, _LAST, _PHONE, _BIRTH, _INCOME, _ETHNICITY, _RATING, _TEXT, _DATE)
SCHEMAS: dict[str, tuple[Column, ...]] = {
    "uuid": (_ID, *_WIDE),
    "code": (_ID, _EMAIL, _FULL, _CITY, _INCOME, _ETHNICITY, _TEXT),
    "abroad": (_ID, _EMAIL, _FULL, _CITY, _INCOME, _TEXT, _DATE),
    "six-digits": (_NUMBER, *_WIDE),
    "serial": (_NUMBER, _EMAIL, _FULL, _INCOME, _ETHNICITY, _TEXT),
    "email-income": (_EMAIL, _INCOME, _ETHNICITY),
    "name-income-text": (_FIRST, _LAST, _INCOME, _TEXT),
    "name-income": (_FULL, _INCOME, _ETHNICITY, _RATING),
}


@dataclass(frozen=True)
class Dataset:
    """One dataset of a seed, with who answered it and who did not."""

    seed: int
    schema: str
    people: tuple[Person, ...]  # those who answered, in the order of the rows
    strangers: tuple[Person, ...]
    table: Table

    @property
    def abroad(self) -> bool:
        return self.schema == "abroad"

    @cached_property
    def frequency(self) -> dict[Kind, dict[str, float]]:
        """How often each value of a column stands in it: of chance, one in so many."""
        found: dict[Kind, dict[str, float]] = {}
        for at, column in enumerate(self.table.columns):
            counts: dict[str, float] = {}
            for row in self.table.rows:
                counts[row[at]] = counts.get(row[at], 0) + 1
            total = len(self.table.rows) + 1
            found[column.kind] = {value: (n + 1) / total for value, n in counts.items()}
        return found

    @cached_property
    def runs(self) -> dict[str, int]:
        """In how many records each run of five words stands."""
        found: dict[str, int] = {}
        at = [c.kind for c in self.table.columns].index(Kind.TEXT) if self.has(Kind.TEXT) else -1
        for row in self.table.rows if at >= 0 else ():
            for run in set(runs_of(row[at])):
                found[run] = found.get(run, 0) + 1
        return found

    def has(self, kind: Kind) -> bool:
        return any(column.kind is kind for column in self.table.columns)


def runs_of(text: str) -> list[str]:
    """Return the runs of five words in a text, words being what white space and hyphens part."""
    said = "".join(c if c.isalnum() or c == "'" else " " for c in text.casefold()).split()
    return [" ".join(said[at : at + 5]) for at in range(len(said) - 4)]


def make(seed: int, schema: str, size: int = RESPONDENTS) -> Dataset:
    """Make the dataset of a seed and a schema: the same each time."""
    rng = random.Random(f"{seed}/dataset/{schema}")
    abroad = schema == "abroad"
    crowd = [people.person(rng, abroad=abroad) for _ in range(size + STRANGERS)]
    columns = SCHEMAS[schema]
    rows = respond(rng, schema, columns, crowd[:size])
    return Dataset(
        seed, schema, tuple(crowd[:size]), tuple(crowd[size:]), Table(columns, tuple(rows))
    )


def respond(
    rng: random.Random, schema: str, columns: Sequence[Column], crowd: Sequence[Person]
) -> list[Row]:
    """Let people answer: what makes up a row, but for who they are, is drawn anew."""
    number = rng.randrange(1, 40) if schema == "serial" else rng.randrange(100_000, 900_000)
    rows = []
    for one in crowd:
        number += 1 if schema == "serial" else rng.randrange(1, 9)
        rows.append(tuple(_said(rng, schema, number, c.kind, one) for c in columns))
    return rows


def _said(rng: random.Random, schema: str, number: int, kind: Kind, one: Person) -> str:
    """Return what stands in one column of one answer."""
    if kind is Kind.ID:
        return _identity(rng, schema)
    if kind is Kind.NUMBER:
        return str(number)
    if kind is Kind.DATE:
        return (date(2018, 5, 1) + timedelta(rng.randrange(30))).isoformat()
    if kind is Kind.INCOME:
        return people.income(rng)
    if kind is Kind.ETHNICITY:
        return skewed(rng, words.ETHNICITIES)
    if kind is Kind.RATING:
        return str(rng.randrange(1, 6))
    if kind is Kind.TEXT:
        return people.answer(rng, abroad=schema == "abroad")
    return str(getattr(one, kind))


def _identity(rng: random.Random, schema: str) -> str:
    if schema == "code":
        letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
        return f"R{rng.randrange(10**4):04}-" + "".join(
            rng.choice(letters) + str(rng.randrange(10)) for _ in range(4)
        )
    made = uuid.UUID(int=rng.getrandbits(128), version=4)
    return made.hex if schema == "abroad" else str(made)
