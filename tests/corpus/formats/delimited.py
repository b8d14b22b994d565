"""Delimited text and text in columns of a fixed width."""

from __future__ import annotations

import csv
import io
import random

from tests.corpus.tables import Table


def _written(table: Table, delimiter: str, quoting: int, end: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    if table.header:
        writer.writerow(table.names)
    writer.writerows(table.rows)
    return text.getvalue()


def csv_plain(rng: random.Random, table: Table) -> str:
    return _written(table, ",", csv.QUOTE_MINIMAL, "\n")


def csv_semicolon(rng: random.Random, table: Table) -> str:
    return _written(table, ";", csv.QUOTE_MINIMAL, rng.choice(("\n", "\r\n")))


def csv_quoted(rng: random.Random, table: Table) -> str:
    return _written(table, ",", csv.QUOTE_ALL, "\r\n")


def csv_pipe(rng: random.Random, table: Table) -> str:
    return _written(table, "|", csv.QUOTE_NONNUMERIC, "\n")


def tsv(rng: random.Random, table: Table) -> str:
    return _written(table, "\t", csv.QUOTE_MINIMAL, "\n")


def fixed_width(rng: random.Random, table: Table) -> str:
    rows = [tuple(v.replace("\n", " ") for v in row) for row in table.rows]
    widths = [
        max(len(name), *(len(row[at]) for row in rows)) + rng.randrange(1, 4)
        for at, name in enumerate(table.names)
    ]
    shown = [table.names, *rows] if table.header else rows
    lines = ["".join(v.ljust(w) for v, w in zip(row, widths, strict=True)) for row in shown]
    return "\n".join(lines) + "\n"
