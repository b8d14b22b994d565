"""Bytes without lines: pickles, NUL-separated records, records of a program's own making."""

from __future__ import annotations

import pickle
import random
import struct

from tests.corpus.tables import Table


def pickle_tuples(rng: random.Random, table: Table) -> bytes:
    rows = [tuple(row) for row in table.native()]
    return pickle.dumps((table.names, rows), protocol=rng.randrange(6))


def pickle_dicts(rng: random.Random, table: Table) -> bytes:
    records = [dict(zip(table.names, row, strict=True)) for row in table.native()]
    return pickle.dumps(records, protocol=rng.randrange(2, 6))


def nul_separated(rng: random.Random, table: Table) -> bytes:
    """As ``find -print0`` and ``xargs -0`` have it: values end with NUL, or records do."""
    if rng.random() < 0.5:
        return b"".join(v.encode() + b"\0" for row in table.rows for v in row)
    return b"".join(
        "\t".join(v.replace("\n", " ") for v in row).encode() + b"\0" for row in table.rows
    )


def struct_records(rng: random.Random, table: Table) -> bytes:
    """A made-up format: texts with their lengths before them, numbers of eight bytes."""
    order = rng.choice("<>")
    data = bytes(rng.randrange(256) for _ in range(16))
    for row in table.native():
        for value in row:
            if isinstance(value, int):
                data += struct.pack(f"{order}q", value)
            elif isinstance(value, float):
                data += struct.pack(f"{order}d", value)
            else:
                text = str(value or "").encode()
                data += struct.pack(f"{order}H", len(text)) + text
        data += struct.pack(f"{order}I", rng.getrandbits(32))
    return data
