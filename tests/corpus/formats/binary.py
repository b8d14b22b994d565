"""Bytes without lines: pickles, numpy's arrays, NUL-separated records, a program's own records."""

from __future__ import annotations

import io
import pickle
import random
import struct
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tests.corpus.tables import Native, Table


def pickle_tuples(rng: random.Random, table: Table) -> bytes:
    rows = [tuple(row) for row in table.native()]
    return pickle.dumps((table.names, rows), protocol=rng.randrange(6))


def pickle_dicts(rng: random.Random, table: Table) -> bytes:
    records = [dict(zip(table.names, row, strict=True)) for row in table.native()]
    return pickle.dumps(records, protocol=rng.randrange(2, 6))


def npy(rng: random.Random, table: Table) -> bytes:
    """An array of records by numpy; at times in an npz archive, packed or not."""
    columns = {name: _array(rng, values) for name, values in table.columnar().items()}
    kind = [(name, values.dtype) for name, values in columns.items()]
    records = np.empty(len(table.rows), kind)
    for name, values in columns.items():
        records[name] = values
    file = io.BytesIO()
    if rng.random() < 0.7:
        np.save(file, records, allow_pickle=False)
    else:
        rng.choice((np.savez, np.savez_compressed))(file, answers=records)
    return file.getvalue()


def _array(rng: random.Random, values: list[Native]) -> npt.NDArray[Any]:
    if None in values:
        values = ["" if value is None else str(value) for value in values]
    array = np.array(values)
    if array.dtype.kind == "O":
        array = array.astype("datetime64[D]")
    order: Literal["<", ">"] = rng.choice(("<", ">"))
    return array.astype(array.dtype.newbyteorder(order))


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
