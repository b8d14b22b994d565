"""Tables of texts whose columns say what their values are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

Row = tuple[str, ...]
Native = str | int | float | date | None


class Kind(StrEnum):
    """What a column's values are."""

    ID = "id"  # made by the dataset, of 32 bits and more: a UUID, a code
    NUMBER = "number"  # made by the dataset, but a short number, which stands everywhere
    EMAIL = "email"
    FIRST = "first"
    LAST = "last"
    FULL = "full"
    PHONE = "phone"
    BIRTH = "birth"
    CITY = "city"
    DATE = "date"
    INCOME = "income"
    ETHNICITY = "ethnicity"
    RATING = "rating"
    TEXT = "text"


NUMERIC = frozenset({Kind.NUMBER, Kind.INCOME, Kind.RATING})
DATES = frozenset({Kind.BIRTH, Kind.DATE})


@dataclass(frozen=True, slots=True)
class Column:
    """A column's name and what is in it."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts, all as wide as there are columns."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    header: bool = True  # whether a copy names its columns, where the format leaves a choice

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def records(self) -> Iterator[dict[str, str]]:
        """Yield each row by the names of the columns."""
        for row in self.rows:
            yield dict(zip(self.names, row, strict=True))

    def native(self) -> Iterator[list[Native]]:
        """Yield each row with numbers and dates as such, where they have their plain forms."""
        for row in self.rows:
            yield [_native(c.kind, v) for c, v in zip(self.columns, row, strict=True)]

    def columnar(self) -> dict[str, list[Native]]:
        """Return the native values by column; a column of mixed types becomes one of texts."""
        found: dict[str, list[Native]] = {}
        listed = list(self.native())
        for at, name in enumerate(self.names):
            values: list[Native] = [row[at] for row in listed]
            if len({type(v) for v in values if v is not None}) > 1:
                values = [row[at] for row in self.rows]
            found[name] = values
        return found

    def pick(self, kinds: Sequence[int]) -> Table:
        """Return the columns at these places, in this order."""
        rows = tuple(tuple(row[at] for at in kinds) for row in self.rows)
        return Table(tuple(self.columns[at] for at in kinds), rows, self.header)


def _native(kind: Kind, value: str) -> Native:
    if not value:
        return None
    try:
        if kind in NUMERIC:
            return float(value) if "." in value else int(value)
        if kind in DATES:
            return date.fromisoformat(value)
    except ValueError:
        return value  # in another form: a text
    return value
