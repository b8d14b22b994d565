"""Sealed values in Postgres, by psycopg 3: sealed on their way in, opened as rows come out.

::

    with values_of("survey-2018-05") as values, psycopg.connect(...) as connection:
        register(connection, values)
        connection.execute(
            "INSERT INTO answers (id, email) VALUES (%s, %s)",
            (7, ToSeal("jane@example.org", Cell("answers", "email", "7"))),
        )
        rows = opening(values, "answers", row="id", columns={"email"})
        with connection.cursor(row_factory=rows) as cursor:
            cursor.execute("SELECT id, email FROM answers")

The columns are of the type ``bytea``. A loader of psycopg's sees one value and not its row, and a
value is bound to its row: so it is the row factory that opens.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from psycopg.abc import AdaptContext
from psycopg.rows import BaseRowFactory, RowMaker
from psycopg.types.string import BytesBinaryDumper, BytesDumper

from backends.sealedvalue._form import Cell
from backends.sealedvalue._values import Values

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class ToSeal:
    """A value on its way into a cell. NULL is not sealed: pass None instead."""

    value: str | bytes
    cell: Cell
    record: str = ""  # under a key of its own; see Values.seal()

    def __repr__(self) -> str:
        """Without the value, which is not for logs."""
        return "ToSeal(…)"


def register(context: AdaptContext, values: Values) -> None:
    """Seal what a connection, or one cursor, is given as :class:`ToSeal`; also in COPY."""

    class Binary(BytesBinaryDumper):
        def dump(self, obj: ToSeal) -> bytes:  # type: ignore[override]
            return values.seal(obj.value, obj.cell, record=obj.record)

    class Text(BytesDumper):
        def dump(self, obj: ToSeal) -> Any:  # type: ignore[override]
            return super().dump(values.seal(obj.value, obj.cell, record=obj.record))

    context.adapters.register_dumper(ToSeal, Text)
    context.adapters.register_dumper(ToSeal, Binary)


def opening(
    values: Values,
    table: str,
    *,
    row: str,
    columns: Collection[str],
    then: BaseRowFactory[_Row],
) -> Callable[[Any], RowMaker[_Row]]:
    """A row factory that opens some columns and leaves the rest to another row factory.

    `row` is the column that names a row: it must be selected, too. Columns are known by the names
    that the statement gives them. What cannot be opened raises SealedValueError where its row is
    fetched: nothing is given out that is not certainly what was sealed for this cell.
    """

    def factory(cursor: Any) -> RowMaker[_Row]:
        make = then(cursor)
        names = [column.name for column in cursor.description or ()]
        sealed = [(place, name) for place, name in enumerate(names) if name in columns]
        if not sealed:
            return make
        at = names.index(row)

        def opened(given: Sequence[Any]) -> _Row:
            fields = list(given)
            for place, name in sealed:
                if fields[place] is not None:
                    cell = Cell(table, name, str(given[at]))
                    fields[place] = values.open(bytes(fields[place]), cell)
            return make(fields)

        return opened

    return factory
