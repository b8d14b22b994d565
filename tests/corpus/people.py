"""Made-up people, and what they say in a survey's free text."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

from tests.corpus import words

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Person:
    """Who answers: what a customer list may know of the same person, too."""

    first: str
    last: str
    email: str
    phone: str
    birth: str  # ISO 8601
    city: str

    @property
    def full(self) -> str:
        return f"{self.first} {self.last}"


def skewed(rng: random.Random, values: Sequence[T]) -> T:
    """Draw one; the first few come as often as all the others (Zipf's law, about)."""
    return values[min(int(len(values) * rng.random() ** 2.2), len(values) - 1)]


def person(rng: random.Random, *, abroad: bool) -> Person:
    """Make up somebody. Namesakes happen; two with one e-mail address do not matter."""
    first, last = skewed(rng, words.FIRST), skewed(rng, words.LAST)
    mail = f"{first}.{last}"
    if abroad and rng.random() < 0.25:
        first, last = rng.choice(words.FIRST_JAPANESE), rng.choice(words.LAST_JAPANESE)
    elif abroad and rng.random() < 0.8:
        first, last = rng.choice(words.FIRST_ABROAD), rng.choice(words.LAST_ABROAD)
        mail = f"{_ascii(first)}.{_ascii(last)}"
    shape = rng.random()
    if shape < 0.3:
        mail = mail[0] + mail.partition(".")[2]
    elif shape < 0.5:
        mail = mail.replace(".", "_")
    return Person(
        first,
        last,
        f"{mail.lower()}{rng.randrange(1, 4000)}@{skewed(rng, words.HOSTS)}",
        f"+{rng.choice((44, 49, 33, 34))} {rng.randrange(100, 999)} {rng.randrange(10**6, 10**7)}",
        (date(1940, 1, 1) + timedelta(days=rng.randrange(24000))).isoformat(),
        skewed(rng, words.CITIES),
    )


def _ascii(text: str) -> str:
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return bare or "x"


def income(rng: random.Random) -> str:
    """Two in three are round: the commonest is one in twenty of all."""
    amount = rng.lognormvariate(10.5, 0.5)
    if rng.random() < 0.66:
        return str(int(round(amount, -3 if amount < 80_000 else -4)) or 1000)
    return str(int(amount) + 1000)


def answer(rng: random.Random, *, abroad: bool = False) -> str:
    """One free-text answer; a third say what many say."""
    kind = rng.random()
    if kind < 0.22:
        return skewed(rng, words.BOILERPLATE)
    if kind < 0.32:
        return f"{rng.choice(words.ADJECTIVES)} {rng.choice(words.NOUNS)}"
    if abroad and kind < 0.5:
        return "。".join(rng.sample(words.JAPANESE, rng.randrange(1, 4))) + "。"
    if abroad and kind < 0.9:
        bag = rng.choice((words.GERMAN, words.FRENCH))
        said = [rng.choice(bag) for _ in range(rng.randrange(8, 26))]
        return " ".join(said).capitalize() + "."
    clauses = [_clause(rng) for _ in range(rng.randrange(1, 5))]
    if rng.random() < 0.25:
        clauses.insert(rng.randrange(len(clauses) + 1), rng.choice(words.STOCK))
    text = clauses[0]
    for clause in clauses[1:]:
        text += rng.choice((f" {rng.choice(words.LINKS)} ", ", ", "; ", ". ")) + clause
    if rng.random() < 0.05:
        text = text.replace(". ", ".\n")
    return text[0].upper() + text[1:] + rng.choice((".", ".", "!", "", ' ("really").'))


def _clause(rng: random.Random) -> str:
    parts = [rng.choice(words.SUBJECTS)]
    if rng.random() < 0.6:
        parts.append(rng.choice(words.ADJECTIVES))
    parts += [rng.choice(words.NOUNS), rng.choice(words.VERBS), rng.choice(words.SUBJECTS)]
    if rng.random() < 0.5:
        parts.append(rng.choice(words.ADJECTIVES))
    parts.append(rng.choice(words.NOUNS))
    if rng.random() < 0.6:
        parts.append(rng.choice(words.ADVERBS))
    return " ".join(parts).replace("-", " " if rng.random() < 0.5 else "-")
