"""A made-up survey without strong identifiers, and what a scan says of lines of it."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from pathlib import Path

from backends.contract import Evidence
from shredder.fingerprint import FingerprintMatcher, Role, enrol
from tests.fingerprint.made import KEY, Table

SIZE = 300
CHANCE = random.Random(4)
VOCABULARY = ["".join(CHANCE.choices(string.ascii_lowercase, k=6)) for _ in range(400)]


def text(words: int = 14) -> str:
    return " ".join(CHANCE.choices(VOCABULARY, k=words))


NAMES = [f"{first} {last}" for first in VOCABULARY[:20] for last in VOCABULARY[20:35]]
ROWS = [
    (
        str(1000 + n),
        f"p{n}@people.example",
        NAMES[n],
        str(CHANCE.randrange(15_000, 90_000)),
        CHANCE.choice(["low", "middle", "high"]),
        text(),
    )
    for n in range(SIZE)
]
COLUMNS = ("respondent_id", "email", "full_name", "income", "mood", "comment")
ROLES = {
    "respondent_id": Role.PRIVATE,
    "email": Role.PERSON,
    "full_name": Role.PERSON,
    "income": Role.QUASI,
    "mood": Role.QUASI,
    "comment": Role.PRIVATE,
}
ID, EMAIL, NAME, INCOME, MOOD, COMMENT = range(6)


def enrolled(path: Path) -> FingerprintMatcher:
    enrol([Table(COLUMNS, ROWS)], roles=ROLES, key=KEY, path=path)
    return FingerprintMatcher(path, KEY)


def look(
    matcher: FingerprintMatcher, lines: Sequence[str], *, promoted: bool = False
) -> tuple[Evidence, bytes]:
    scan = matcher.scan(promoted=promoted)
    block, ends = b"", []
    for line in lines:
        block += line.encode() + b"\n"
        ends.append(len(block))
    classes = scan.feed(block, ends)
    found = scan.evidence()
    parts = (found.matched, found.person, found.foreign, found.blank, found.trace)
    assert sum(parts) == found.windows == len(lines)
    return found, classes


def some(count: int, *columns: int, seed: int = 1) -> list[str]:
    rows = random.Random(seed).sample(ROWS, count)
    return [",".join(row[at] for at in columns) for row in rows]
