"""Files of data frames: by Polars, and by Arrow where that is another writer."""

from __future__ import annotations

import io
import random
from typing import Literal

import polars as pl
import pyarrow as pa
from pyarrow import orc as pa_orc
from pyarrow import parquet as pa_parquet

from tests.corpus.tables import Table


def _frame(table: Table) -> pl.DataFrame:
    return pl.DataFrame(table.columnar(), strict=False)


def parquet(rng: random.Random, table: Table) -> bytes:
    file = io.BytesIO()
    packed: list[Literal["zstd", "snappy", "gzip", "uncompressed"]]
    packed = ["zstd", "snappy", "gzip", "uncompressed"]
    _frame(table).write_parquet(file, compression=rng.choice(packed))
    return file.getvalue()


def parquet_arrow(rng: random.Random, table: Table) -> bytes:
    file = io.BytesIO()
    pa_parquet.write_table(
        pa.table(table.columnar()),
        file,
        row_group_size=rng.choice((20, 100_000)),
        use_dictionary=rng.random() < 0.5,
        compression=rng.choice(("snappy", "zstd", "gzip", "none")),
    )
    return file.getvalue()


def arrow_file(rng: random.Random, table: Table) -> bytes:
    """Also called Feather, version 2."""
    file = io.BytesIO()
    _frame(table).write_ipc(file, compression=rng.choice(("uncompressed", "lz4", "zstd")))
    return file.getvalue()


def arrow_stream(rng: random.Random, table: Table) -> bytes:
    file = io.BytesIO()
    _frame(table).write_ipc_stream(file, compression=rng.choice(("uncompressed", "lz4", "zstd")))
    return file.getvalue()


def avro(rng: random.Random, table: Table) -> bytes:
    file = io.BytesIO()
    frame = _frame(table)
    names = {n: "".join(c if c.isalnum() else "_" for c in n) for n in frame.columns}
    frame.rename(names).write_avro(
        file, compression=rng.choice(("uncompressed", "deflate", "snappy"))
    )
    return file.getvalue()


def orc(rng: random.Random, table: Table) -> bytes:
    file = io.BytesIO()
    packed = rng.choice(("uncompressed", "zlib", "zstd", "snappy"))
    pa_orc.write_table(pa.table(table.columnar()), file, compression=packed)
    return file.getvalue()
