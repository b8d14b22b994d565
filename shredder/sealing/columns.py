"""Chosen columns of a CSV file, sealed value by value into another file, and opened.

The rest of each record stays what it was; quotes stand where they are needed. A value is bound to
its cell: the dataset's name as the table, the column's name, and what another column says of the
row.
"""

from __future__ import annotations

import csv
import io
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backends.sealedvalue import (
    Cell,
    NotSealed,
    OtherKey,
    RecordDestroyed,
    SealedValueError,
    Values,
    of_text,
    to_text,
)
from shredder.errors import Inconclusive, UsageError
from shredder.observer import Observer
from shredder.outputs import hand_over
from shredder.sealing.files import reading

_DELIMITERS = ",;\t|"
_LONGEST = 256 << 20  # characters of a field
_AT_ONCE = 1 << 16  # characters that are written at a time
_BOM = "\ufeff"

_Change = Callable[[str, Cell], str]


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a file, and which one names the row."""

    sealed: tuple[str, ...]
    row: str

    def __post_init__(self) -> None:
        """Raise UsageError for names that make no sense together."""
        if not self.sealed or not all(self.sealed) or len(set(self.sealed)) < len(self.sealed):
            raise UsageError("--columns names columns, each once, with commas between them")
        if not self.row:
            raise UsageError(
                "--columns needs --row", hint="a column that names each row, and stays in the clear"
            )
        if self.row in self.sealed:
            raise UsageError(f"the column {self.row} names the row, and cannot be sealed itself")


@dataclass(frozen=True, slots=True)
class Opened:
    """What came of opening columns, in values."""

    values: int
    destroyed: int  # of them, stay sealed: their records' own keys are destroyed


def seal_columns(
    source: Path,
    output: Path,
    columns: Columns,
    dataset: str,
    values: Values,
    observer: Observer,
    *,
    under_records: bool = False,
) -> int:
    """Seal columns of a file into another; returns how many values. Raises UsageError.

    `under_records`: under the own key of the record that the row is named after.
    """

    def sealed(value: str, cell: Cell) -> str:
        record = cell.row.strip() if under_records else ""
        if under_records and not record:
            raise ValueError("a row is not named, so that it has no record's own key")
        return to_text(values.seal(value, cell, record=record))

    return _rewrite(source, output, columns, dataset, sealed, ("sealing", observer))


def open_columns(
    source: Path, output: Path, columns: Columns, dataset: str, values: Values, observer: Observer
) -> Opened:
    """Open sealed columns. Raises UsageError, Inconclusive.

    Where one value is not that of its cell, nothing is left of what was opened.
    """
    destroyed = 0

    def opened(value: str, cell: Cell) -> str:
        nonlocal destroyed
        try:
            found = values.open(of_text(value), cell)
        except RecordDestroyed:
            destroyed += 1
            return value
        if isinstance(found, bytes):
            raise NotSealed("it holds bytes, and no text")
        return found

    count = _rewrite(source, output, columns, dataset, opened, ("opening", observer))
    return Opened(count, destroyed)


def _rewrite(
    source: Path,
    output: Path,
    columns: Columns,
    dataset: str,
    change: _Change,
    watched: tuple[str, Observer],
) -> int:
    (what, observer), count = watched, 0
    with io.TextIOWrapper(reading(source), "utf-8", newline="") as text, _long_fields():
        size = os.fstat(text.fileno()).st_size

        def chunks() -> Iterator[bytes]:
            nonlocal count
            for chunk, values in _rewritten(text, columns, dataset, change, source):
                yield chunk
                count += values
                done = text.buffer.tell()
                observer.progress(what, units=done, size=done, total=size)

        try:
            hand_over(output, chunks(), replacing=False)
        except UnicodeDecodeError:
            raise UsageError(
                f"{source} is not UTF-8 throughout",
                hint="convert it before: `iconv -f … -t utf-8`",
            ) from None
        except _Uneven as error:
            raise UsageError(
                f"{source} has another number of fields in the record that ends in line "
                f"{error.line} than in its header",
                hint="nobody can tell which of them are the columns: mend the file first",
            ) from None
        except csv.Error:
            raise UsageError(
                f"{source} is not CSV throughout: a quote stands where none can be",
                hint="mend the file first",
            ) from None
    return count


def _rewritten(
    text: io.TextIOWrapper, columns: Columns, dataset: str, change: _Change, source: Path
) -> Iterator[tuple[bytes, int]]:
    """The new file in pieces, and how many values were changed in each."""
    first = text.readline()
    bom, first = (_BOM, first[1:]) if first.startswith(_BOM) else ("", first)
    delimiter = _delimiter(first, columns, source)
    records = csv.reader(itertools.chain([first], text), delimiter=delimiter, strict=True)
    out = io.StringIO(bom, newline="")
    out.seek(0, io.SEEK_END)
    ending = "\r\n" if first.endswith("\r\n") else "\n"
    writer = csv.writer(out, delimiter=delimiter, lineterminator=ending)
    header = next(records)
    places = [(header.index(name), name) for name in columns.sealed]
    row, count = header.index(columns.row), 0
    writer.writerow(header)
    for record in records:
        if record and len(record) != len(header):
            raise _Uneven(records.line_num)
        for place, column in places if record else ():
            cell = Cell(dataset, column, record[row])
            record[place] = _changed(change, record[place], cell, records.line_num)
            count += 1
        writer.writerow(record)
        if out.tell() >= _AT_ONCE:
            yield _taken(out), count
            count = 0
    yield _taken(out), count


class _Uneven(Exception):
    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def _changed(change: _Change, value: str, cell: Cell, line: int) -> str:
    where = f"column {cell.column}, in the record that ends in line {line}"
    try:
        return change(value, cell)
    except NotSealed as error:
        raise UsageError(
            f"a value is not sealed: {error} ({where})", hint="are these the columns?"
        ) from None
    except OtherKey:
        raise UsageError(
            f"a value is not sealed to the key of {cell.table} ({where})",
            hint="is it another dataset's, or of an earlier key?",
        ) from None
    except ValueError as error:  # of the row's name
        raise UsageError(
            f"{error} ({where})", hint="is --row the column that names each row?"
        ) from None
    except RecordDestroyed:
        raise UsageError(
            f"a record's own key is destroyed, and nothing is sealed under it any more ({where})",
            hint="leave the record out",
        ) from None
    except SealedValueError as error:
        raise Inconclusive(
            f"a value does not hold together: {error} ({where}); what was opened is thrown away",
            hint="open another copy of the file; is --row the column that it was sealed with?",
        ) from None


def _delimiter(first: str, columns: Columns, source: Path) -> str:
    """The delimiter under which the header has all the columns. Raises UsageError."""
    wanted = {*columns.sealed, columns.row}
    for delimiter in _DELIMITERS:
        header = next(csv.reader([first], delimiter=delimiter), [])
        if wanted <= set(header):
            if any(header.count(name) > 1 for name in wanted):
                raise UsageError(f"{source} has two columns of one name that is to be sealed by")
            return delimiter
    raise UsageError(
        f"the header of {source} does not have all of: {', '.join(sorted(wanted))}",
        hint="the names are those of its first line, in the same letters",
    )


def _taken(out: io.StringIO) -> bytes:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text.encode()


@contextmanager
def _long_fields() -> Iterator[None]:
    """Let `csv` read fields of any length that a value may have; its own limit is the process's."""
    before = csv.field_size_limit(_LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def named(columns: str, row: str) -> Columns | None:
    """What the command line says of columns; None: nothing. Raises UsageError."""
    if not columns and not row:
        return None
    names: Sequence[str] = columns.split(",") if columns else ()
    return Columns(tuple(names), row)
