"""Decoys: what shares something with a dataset, and is no copy of it.

Each kind is a function from a random generator and a dataset to a table, which then gets any
format, encoding and wrapper that copies get, or to a text or bytes. A decoy may rightly be
``likely`` or ``maybe``, or nothing; never ``copy``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from tests.corpus import decoy_texts, people, words
from tests.corpus.dataset import Dataset, respond
from tests.corpus.people import Person
from tests.corpus.tables import Column, Kind, Row, Table

Decoy = Callable[[random.Random, Dataset], Table | str | bytes]


def _table(columns: Mapping[str, Kind], rows: Sequence[Row]) -> Table:
    return Table(tuple(Column(n, k) for n, k in columns.items()), tuple(rows))


def _some(rng: random.Random, crowd: Sequence[Person], *, ordered: bool = False) -> list[Person]:
    count = min(rng.choice((5, 30, 100, len(crowd))), len(crowd))
    numbers = rng.sample(range(len(crowd)), count)
    return [crowd[n] for n in (sorted(numbers) if ordered else numbers)]


def mailing_list(rng: random.Random, dataset: Dataset) -> Table:
    """The same people's addresses and names, shuffled among others'."""
    crowd = _some(rng, dataset.people) + _some(rng, dataset.strangers)
    rng.shuffle(crowd)
    rows = [(p.email, p.first, p.last, rng.choice(("yes", "no"))) for p in crowd]
    names = {"email": Kind.EMAIL, "first": Kind.FIRST, "last": Kind.LAST, "newsletter": Kind.CITY}
    return _table(names, rows)


def mailing_list_in_order(rng: random.Random, dataset: Dataset) -> Table:
    """The same people's addresses in the order of the source."""
    crowd = _some(rng, dataset.people, ordered=True)
    names = {"email": Kind.EMAIL, "subscribed": Kind.DATE}
    return _table(
        names, [(p.email, f"2017-0{rng.randrange(1, 9)}-1{n % 9}") for n, p in enumerate(crowd)]
    )


def customers(rng: random.Random, dataset: Dataset) -> Table:
    """What a shop knows of the same people: true names, numbers, towns and dates of birth."""
    crowd = _some(rng, dataset.people, ordered=rng.random() < 0.5)
    names = {
        "customer": Kind.NUMBER, "full_name": Kind.FULL, "email": Kind.EMAIL, "phone": Kind.PHONE,
        "date_of_birth": Kind.BIRTH, "city": Kind.CITY, "credit_limit": Kind.INCOME,
    }  # fmt: skip
    rows = [
        (
            str(rng.randrange(10**5, 10**6)),
            p.full,
            p.email,
            p.phone,
            p.birth,
            p.city,
            f"{rng.randrange(1, 90)}000",
        )
        for p in crowd
    ]
    return _table(names, rows)


def true_ethnicities(rng: random.Random, dataset: Dataset) -> Table:
    """Another list of the same people that asked for their ethnicity: the truth, as they said it."""
    numbers = rng.sample(range(len(dataset.people)), rng.choice((10, 60, 300)))
    at = next((n for n, c in enumerate(dataset.table.columns) if c.kind is Kind.ETHNICITY), -1)
    rows = []
    for number in numbers:
        one = dataset.people[number]
        group = dataset.table.rows[number][at] if at >= 0 else rng.choice(words.ETHNICITIES)
        rows.append((one.email, one.full, one.birth, group))
    names = {"email": Kind.EMAIL, "name": Kind.FULL, "born": Kind.BIRTH, "group": Kind.ETHNICITY}
    return _table(names, rows)


def namesakes_with_incomes(rng: random.Random, dataset: Dataset) -> Table:
    """Other people of common names with common incomes: a pay list."""
    crowd = _some(rng, dataset.strangers) + _some(rng, dataset.strangers)
    rows = [(p.first, p.last, people.income(rng), rng.choice(words.CITIES)) for p in crowd]
    names = {"first": Kind.FIRST, "last": Kind.LAST, "salary": Kind.INCOME, "site": Kind.CITY}
    return _table(names, rows)


def same_people_other_survey(rng: random.Random, dataset: Dataset) -> Table:
    """The same people asked again: other identifiers, other answers, the same set phrases."""
    crowd = _some(rng, dataset.people, ordered=rng.random() < 0.5)
    rows = respond(rng, dataset.schema, dataset.table.columns, crowd)
    return Table(dataset.table.columns, tuple(rows))


def other_people_same_survey(rng: random.Random, dataset: Dataset) -> Table:
    """The next wave of the survey: the same columns, other people, namesakes among them."""
    rows = respond(rng, dataset.schema, dataset.table.columns, _some(rng, dataset.strangers))
    return Table(dataset.table.columns, tuple(rows))


def orders(rng: random.Random, dataset: Dataset) -> Table:
    """Numbers that collide with short identifiers, beside amounts that collide with incomes."""
    count = rng.choice((20, 200, 600))
    low, high = (1, 700) if dataset.schema == "serial" else (100_000, 900_000)
    rows = []
    numbers = dataset.table
    own = [r[0] for r in numbers.rows] if numbers.columns[0].kind is Kind.NUMBER else []
    for _ in range(count):
        number = rng.choice(own) if own and rng.random() < 0.7 else str(rng.randrange(low, high))
        rows.append(
            (
                number,
                str(rng.randrange(1, 9)),
                people.income(rng),
                f"2018-05-{rng.randrange(1, 29):02}",
            )
        )
    names = {"order": Kind.NUMBER, "pieces": Kind.RATING, "cents": Kind.INCOME, "date": Kind.DATE}
    return _table(names, rows)


def boilerplate_answers(rng: random.Random, dataset: Dataset) -> Table:
    """What all surveys' people answer, beside addresses of the same people."""
    crowd = _some(rng, dataset.people)
    said = words.BOILERPLATE + words.STOCK
    rows = [(p.email, p.full, rng.choice(said)) for p in crowd]
    return _table({"email": Kind.EMAIL, "name": Kind.FULL, "comment": Kind.TEXT}, rows)


def telephone_book(rng: random.Random, dataset: Dataset) -> Table:
    """Names and numbers of the same people."""
    rows = [
        (p.full, p.phone, p.city) for p in sorted(_some(rng, dataset.people), key=lambda p: p.last)
    ]
    return _table({"name": Kind.FULL, "phone": Kind.PHONE, "city": Kind.CITY}, rows)


TABLES: Mapping[str, Callable[[random.Random, Dataset], Table]] = {
    "mailing-list": mailing_list,
    "mailing-list-in-order": mailing_list_in_order,
    "customers": customers,
    "true-ethnicities": true_ethnicities,
    "namesakes-with-incomes": namesakes_with_incomes,
    "same-people-other-survey": same_people_other_survey,
    "other-people-same-survey": other_people_same_survey,
    "orders": orders,
    "boilerplate-answers": boilerplate_answers,
    "telephone-book": telephone_book,
}
DECOYS: Mapping[str, Decoy] = {**TABLES, **decoy_texts.TEXTS}
