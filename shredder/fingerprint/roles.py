"""The roles of columns, and guessing them from sample rows.

A guess errs towards less: taking a column for private that is not makes a stranger's file a
holding. So only what is unique and unmistakable is private; what names a person is person,
whatever it looks like; all else is quasi. The operator sees the guesses and corrects them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum

from shredder.fingerprint.values import (
    SEVERAL_WORDS,
    SHORT_DIGITS,
    is_email,
    is_phone,
    is_uuid,
    weigh,
)


class Role(StrEnum):
    """What finding a value of a column somewhere says."""

    PRIVATE = "private"  # made by this dataset: a record of it is there
    PERSON = "person"  # occurs elsewhere honestly: a person of the dataset is there
    QUASI = "quasi"  # says nothing by itself


_MOST = 0.9
_SENTENCE, _TOLD = 6, 0.2  # words; the share of values that are as long where people may write
# Whoever it names is known elsewhere too: a customer's number is in every order.
_PERSON = re.compile(
    r"e?_?mail|phone|mobile|telefon|^fax|address|(^|_)ip($|_)|iban|passport|(^|_)ssn($|_)"
    r"|(first|last|sur|full|given|family|nick|middle|birth|maiden|user|contact|customer"
    r"|respondent|participant|author|owner|employee|member|patient)_?name|^name$"
    r"|vorname|nachname|login"
    r"|(customer|client|user|account|person|member|employee|patient|contact|subscriber|student)"
    r"s?_?(id|uuid|guid|key|no|nr|num|number|ref|code)$"
)
# A long number is an identifier only where the column says so: it may be a time or an amount.
_IDENTIFIER = re.compile(r"(^|_|\b)(id|uuid|guid|key|code|token|ref|no|nr|number)$|id$")


def guess(columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> dict[str, Role]:
    """Guess the role of each column from sample rows (a thousand serve well)."""
    values: list[list[str]] = [[] for _ in columns]
    for row in rows:
        for column, value in zip(values, row, strict=True):
            if value is not None and value.strip():
                column.append(value.strip())
    return {name: _guess(name, column) for name, column in zip(columns, values, strict=True)}


def spelt(name: str) -> str:
    """A column's name in lower case, with underscores between its words."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^0-9A-Za-z]+", "_", name).lower()


def _is_short_number(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= SHORT_DIGITS


def _guess(name: str, values: list[str]) -> Role:
    if not values:
        return Role.QUASI

    def share(counted: int) -> float:
        return counted / len(values)

    words = spelt(name)
    if share(sum(map(is_email, values))) >= 0.5 or share(sum(map(is_phone, values))) >= _MOST:
        return Role.PERSON
    if _PERSON.search(words) and share(sum(any(map(str.isalnum, v)) for v in values)) > 0.5:
        return Role.PERSON
    distinct = share(len(set(values)))
    told = [value for value in values if len(SEVERAL_WORDS.findall(value)) + 1 >= _SENTENCE]
    if share(len(told)) >= _TOLD and len(set(told)) >= _MOST * len(told):
        return Role.PRIVATE  # free text: what one person wrote once; others say "no comment"
    if distinct < 0.8:
        return Role.QUASI
    if distinct < _MOST:
        return Role.QUASI
    if share(sum(map(is_uuid, values))) >= _MOST:
        return Role.PRIVATE
    if _IDENTIFIER.search(words) and share(sum(map(_is_short_number, values))) >= _MOST:
        return Role.PRIVATE  # a number alone is no evidence; beside others of its record it is
    weights = [weigh(value, person=False) for value in values]
    if share(sum(bool(weight.tokens) for weight in weights)) < _MOST:
        return Role.QUASI
    if share(sum(weight.digits > 0 for weight in weights)) > 1 - _MOST:
        return Role.PRIVATE if _IDENTIFIER.search(words) else Role.QUASI
    return Role.PRIVATE
