"""What a column of the sources is read for: beside its role, by its name and its sample."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shredder.fingerprint.roles import Role, spelt
from shredder.fingerprint.values import Reason, short_number

_MOST_VALUE_COLUMNS = 12
_FIRST = re.compile(r"(^|_)(first|given|fore|christian)_?names?$|^first$|^vorname$|^prenom$")
_LAST = re.compile(r"(^|_)(last|sur|family)_?names?$|^last$|^(nach|familien)name$|^nom$")
# What is true of a person everywhere confirms nothing: another list of the same people has it, too.
_FACT = re.compile(
    r"(^|_)(birth|born|dob|birthday|age|year|sex|gender|race|religion|zip|plz|post|postal|postcode|city|town"
    r"|place|country|nation|nationality|state|region|county|language|marital|title|salutation)"
    r"($|_)|birth|ethnic|geschlecht|geburt|herkunft|(^|_)(ort|stadt|land|alter)($|_)"
)


@dataclass(slots=True)
class Column:
    """A column, and what was counted of it while its values went by."""

    name: str
    role: Role
    number: int
    value_column: int = -1  # its place among the columns of plain values; -1: none
    values: int = 0
    passages: int = 0  # values that give some
    names: int = 0  # values that are a name, or a part of one
    numbers: bool = False  # a private column of short numbers
    short: int = 0  # numbers that count only beside other values of their record
    unused: Counter[Reason] = field(default_factory=Counter)

    @property
    def private(self) -> bool:
        """Whether its values are made by this dataset."""
        return self.role is Role.PRIVATE


class Columns:
    """All columns of all sources, by name."""

    def __init__(self, given: Mapping[str, Role]) -> None:
        self._given = given
        self._by_name: dict[str, Column] = {}
        self.value_columns = 0
        self.sources = 0

    def meet(
        self,
        names: Sequence[str],
        guesses: Mapping[str, Role],
        sample: Sequence[tuple[str | None, ...]],
    ) -> list[Column]:
        """Return the columns of a source; those that are new get their roles now."""
        self.sources += 1
        found = []
        for name in names:
            if name not in self._by_name:
                role = self._given.get(name, guesses[name])
                self._by_name[name] = Column(name, role, len(self._by_name))
            found.append(self._by_name[name])
        distinct = {name: len({row[at] for row in sample}) for at, name in enumerate(names)}
        for column in sorted(found, key=lambda c: -distinct[c.name]):
            values = [value for row in sample if (value := row[names.index(column.name)])]
            if (
                (column.role is Role.QUASI or (column.private and _short_numbers(values)))
                and column.value_column < 0
                and self.value_columns < _MOST_VALUE_COLUMNS
                and not _FACT.search(spelt(column.name))
            ):
                column.value_column = self.value_columns
                column.numbers = column.private
                self.value_columns += 1
        return found

    def all(self) -> list[Column]:
        """All of them, in the order in which they were met."""
        return list(self._by_name.values())

    def guessed(self, column: Column) -> bool:
        """Whether nobody said what role it has."""
        return column.name not in self._given


def _short_numbers(values: Sequence[str]) -> bool:
    return bool(values) and 2 * sum(bool(short_number(value)) for value in values) > len(values)


def name_columns(columns: Sequence[Column]) -> tuple[int, int] | None:
    """Return the places of a source's columns of first and last names, if it has both."""
    persons = [(at, spelt(c.name)) for at, c in enumerate(columns) if c.role is Role.PERSON]
    first = [at for at, name in persons if _FIRST.search(name)]
    last = [at for at, name in persons if _LAST.search(name)]
    return (first[0], last[0]) if first and last else None
