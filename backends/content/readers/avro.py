"""Avro's object container files, by fastavro."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import accumulate
from typing import BinaryIO, cast

import fastavro

from backends.content import Stop
from backends.content.apart import Found, Names
from backends.content.readers.values import AFTER, block, flat, row

_ROWS = 4096  # at once
_BYTES = 1 << 20
_EMPTY = 1 << 18  # records of nothing, of which a few bytes can have any number


def avro(file: BinaryIO) -> Iterator[Found]:
    """Read a file record by record."""
    reader = fastavro.reader(
        cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", file), 1 << 18))
    )
    names = [name + AFTER for name in flat(dict(reader.metadata), [])]
    yield Names(b"".join(names), tuple(accumulate(map(len, names))))
    rows: list[bytes] = []
    others: list[Found] = []
    size = empty = 0
    for record in reader:
        values = record.values() if isinstance(record, dict) else (record,)
        rows.append(row(values, others))
        size += len(rows[-1])
        empty += rows[-1] == AFTER
        if empty > _EMPTY:
            raise Stop("bomb-limit")
        if len(rows) == _ROWS or size > _BYTES or others:
            yield block(rows)
            yield from others
            rows, others, size = [], [], 0
    if rows:
        yield block(rows)
        yield from others
