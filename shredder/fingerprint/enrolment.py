"""Enrolment: reading a dataset's sources once, and keeping what recognises its records.

Rows are read in chunks and not kept. Keyed hashes are sorted on disk, in files without a name
beside the catalogue. In memory stay, for each row, its record's number (4 bytes) and, for each
record, some flags and a count (8 bytes); all else is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import chain, islice
from pathlib import Path

from backends.contract import SourceRows
from shredder.fingerprint import catalogue, tables
from shredder.fingerprint.columns import Column, Columns
from shredder.fingerprint.errors import NoEvidence, TooManyRecords, UnknownColumn
from shredder.fingerprint.gathering import Gathered
from shredder.fingerprint.keys import Keys, derive
from shredder.fingerprint.report import ColumnReport, EnrolReport
from shredder.fingerprint.roles import Role, guess
from shredder.fingerprint.sorter import Scratch
from shredder.fingerprint.values import Reason

_CHUNK = 8192  # rows
_SAMPLE = 1000  # rows that roles are guessed from
_MOST_RECORDS = 1 << 32


def enrol(
    sources: Iterable[SourceRows],
    *,
    roles: Mapping[str, Role],
    key: bytes,
    path: Path,
    progress: Callable[[int], None] | None = None,
) -> EnrolReport:
    """Take the fingerprint of a dataset and write its catalogue to `path`, all or nothing.

    `roles` are the operator's, by column name; a column left out gets a guess. `key`: 32 bytes.
    `progress` is told the number of rows read so far, every few thousand. Raises UnknownColumn,
    NoEvidence, TooManyRecords, and what the sources raise.
    """
    sources = list(sources)
    known = {column for source in sources for column in source.columns}
    strange = sorted(set(roles) - known)
    if strange:
        raise UnknownColumn(
            f"no source has a column {strange[0]!r}",
            hint=f"the sources have: {', '.join(sorted(known))}",
        )
    keys = derive(key)
    columns = Columns(roles)
    with closing(Scratch(path.parent)) as scratch:
        gathered = Gathered(keys, scratch)
        for source in sources:
            for rows in _read(source, columns, gathered):
                if progress is not None:
                    progress(rows)
        return _write(gathered, columns, scratch, keys, path)


def _read(source: SourceRows, columns: Columns, gathered: Gathered) -> Iterator[int]:
    """Take in a source; yield the number of rows so far after each chunk."""
    rows = iter(source)
    sample = list(islice(rows, _SAMPLE))
    met = columns.meet(source.columns, guess(source.columns, sample), sample)
    rows = chain(sample, rows)
    while chunk := list(islice(rows, _CHUNK)):
        if gathered.count + len(chunk) > _MOST_RECORDS:
            raise TooManyRecords("a dataset may have 4,294,967,296 records at the most")
        gathered.take(met, chunk)
        yield gathered.count


def _write(
    gathered: Gathered, columns: Columns, scratch: Scratch, keys: Keys, path: Path
) -> EnrolReport:
    """Settle what was gathered, and write the catalogue."""
    made = tables.Made(scratch, keys)
    made.settle(gathered, columns)
    report = EnrolReport(
        records=made.records,
        repeated=gathered.count - made.records,
        recognisable=made.recognisable,
        by_ids=made.by_ids,
        by_passages=made.by_passages,
        by_values=made.by_values,
        tokens=made.sections["tokens.hashes"].count,
        columns=tuple(
            _report(columns, column, usable)
            for column, usable in zip(columns.all(), made.usable, strict=True)
        ),
    )
    nothing = not any(
        made.sections[f"{name}.hashes"].count for name in ("tokens", "names", "passages")
    )
    if report.records and nothing:
        why = "; ".join(f"{c.name}: {c.reason}" for c in report.columns)
        raise NoEvidence(
            "no value of the sources would be recognised anywhere",
            hint=f"{why}. Is a column private to the dataset? Say so in its columns",
        )
    catalogue.write(path, made.content(report, columns, mixed=gathered.mixed), keys.seal)
    return report


def _report(columns: Columns, column: Column, usable: int) -> ColumnReport:
    usable = min(column.values, usable + column.passages + column.names)
    unused = +column.unused  # without what was found to be usable after all
    reason = Reason.NONE
    if not column.values:
        reason = Reason.EMPTY
    elif column.role is Role.QUASI:
        reason = Reason.QUASI
    elif usable < column.values and unused:
        reason = unused.most_common(1)[0][0]
    return ColumnReport(
        name=column.name,
        role=column.role,
        guessed=columns.guessed(column),
        values=column.values,
        usable=usable,
        reason=reason,
    )
