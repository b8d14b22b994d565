"""The fields of single records."""

from __future__ import annotations

import csv
import io

from backends.content._dialect import Dialect

_GUESSES = (Dialect(b","), Dialect(b";"), Dialect(b"\t"), Dialect(b"|"))


def fields_of(record: bytes, dialect: Dialect) -> list[str]:
    """Return the fields of a record; one field, if it cannot be parsed as a single record."""
    text = record.decode("utf-8", "replace").rstrip("\r\n")
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=dialect.delimiter.decode("ascii"),
        quotechar=dialect.quote.decode("ascii") or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
    )
    try:
        rows = list(reader)
    except csv.Error:  # a field beyond the module's limit
        return [text]
    return [field.strip() for field in rows[0]] if len(rows) == 1 else [text]


def guess_dialect(record: bytes) -> Dialect:
    """Return the first of the usual dialects in which a record has several fields."""
    for guess in _GUESSES:
        if guess.delimiter in record and len(fields_of(record, guess)) > 1:
            return guess
    return _GUESSES[-1]


def has_inner_break(record: bytes) -> bool:
    """Whether a record goes over several lines."""
    inner = record.rstrip(b"\r\n")
    return b"\n" in inner or b"\r" in inner
