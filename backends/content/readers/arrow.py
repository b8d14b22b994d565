"""Parquet, Arrow's files and streams, Feather, ORC: by pyarrow, in batches of records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from backends.content import Stop
from backends.content.apart import Block, Found, Names
from backends.content.readers.values import AFTER, BETWEEN, apart, binary, flat

_ROWS = 8192  # at once
_BUFFER = 1 << 20  # bytes of a column that are read at once
_TEXT = pa.large_binary()
_EXACT = 2**53  # floating point numbers below are whole ones, one by one
_DEEP = 64  # structs within structs

pa.set_cpu_count(1)
pa.set_io_thread_count(1)


def parquet(file: BinaryIO) -> Iterator[Found]:
    """Read a Parquet file row group by row group, page by page."""
    from pyarrow import parquet as pq  # noqa: PLC0415 - of several libraries one is wanted

    try:
        document = pq.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)
    except OSError as error:
        raise Stop(_why(error)) from None
    yield _names(document.schema_arrow, document.metadata.metadata)
    for batch in document.iter_batches(_ROWS, use_threads=False):
        yield from _rows(batch)


def ipc_file(file: BinaryIO) -> Iterator[Found]:
    """Read an Arrow file, which Feather's second version is."""
    reader = pa.ipc.open_file(file)
    yield _names(reader.schema, reader.schema.metadata)
    for number in range(reader.num_record_batches):
        yield from _checked(reader.get_batch(number))


def ipc_stream(file: BinaryIO) -> Iterator[Found]:
    """Read an Arrow stream."""
    reader = pa.ipc.open_stream(file)
    yield _names(reader.schema, reader.schema.metadata)
    for batch in reader:
        yield from _checked(batch)


def feather(file: BinaryIO) -> Iterator[Found]:
    """Read a Feather file of the first version."""
    from pyarrow import feather as pf  # noqa: PLC0415

    table = pf.read_table(file, use_threads=False)
    yield _names(table.schema, table.schema.metadata)
    for batch in table.to_batches(_ROWS):
        yield from _checked(batch)


def orc(file: BinaryIO) -> Iterator[Found]:
    """Read an ORC file stripe by stripe."""
    from pyarrow import orc as po  # noqa: PLC0415

    document = po.ORCFile(file)
    yield _names(document.schema, document.metadata)
    for number in range(document.nstripes):
        stripe = document.read_stripe(number)
        batches = [stripe] if isinstance(stripe, pa.RecordBatch) else stripe.to_batches()
        for batch in batches:
            yield from _checked(batch)


def _why(error: OSError) -> str:
    return "encrypted" if "ncrypt" in str(error) else "damaged-container"


def _names(schema: pa.Schema, metadata: Any) -> Names:
    """Return the names of all columns, and what is noted beside them."""
    found = [b for field in schema for b in _field_names(field, 0)]
    for value in dict(metadata or {}).values():
        # Arrow's own copy of the schema is neither text nor anybody's.
        found += flat(value, [])
    found = [name + AFTER for name in found] or [AFTER]
    return Names(b"".join(found), tuple(accumulate(map(len, found))))


def _field_names(field: pa.Field, depth: int) -> Iterator[bytes]:
    yield field.name.encode("utf-8", "replace")
    if types.is_struct(field.type) and depth < _DEEP:
        for inner in field.type:
            yield from _field_names(inner, depth + 1)


def _checked(batch: pa.RecordBatch) -> Iterator[Found]:
    """Yield a batch's rows, after offsets in it were found to lie within it."""
    batch.validate(full=True)
    for start in range(0, batch.num_rows, _ROWS):
        yield from _rows(batch.slice(start, _ROWS))


def _rows(batch: pa.RecordBatch) -> Iterator[Found]:
    if not batch.num_rows:
        return
    others: list[Found] = []
    columns = [text for column in batch.columns for text in _texts(column, others, 0)]
    nothing = pa.scalar(b"", _TEXT)
    if not columns:
        columns = [pa.repeat(nothing, batch.num_rows)]
    # To skip nulls would leave out the rows that have nothing else.
    joined = pc.binary_join_element_wise(
        *columns, pa.scalar(BETWEEN, _TEXT), null_handling="replace"
    )
    ended = pc.binary_join_element_wise(joined, nothing, pa.scalar(AFTER, _TEXT))
    ended = ended.combine_chunks() if isinstance(ended, pa.ChunkedArray) else ended
    offsets = memoryview(ended.buffers()[1]).cast("q")[ended.offset :][: len(ended) + 1]
    first, last = offsets[0], offsets[len(ended)]
    data = memoryview(ended.buffers()[2])[first:last].tobytes()
    yield Block(data, tuple(offset - first for offset in offsets[1 : len(ended) + 1]))
    yield from others


def _texts(array: pa.Array, others: list[Found], depth: int) -> Iterator[pa.Array]:
    """Yield a column as texts; a struct as those of its fields."""
    kind = array.type
    if depth > _DEEP:
        raise RecursionError
    if isinstance(array, pa.ExtensionArray):
        yield from _texts(array.storage, others, depth + 1)
    elif types.is_dictionary(kind):
        yield from _texts(array.dictionary_decode(), others, depth + 1)
    elif types.is_run_end_encoded(kind):
        yield from _texts(pc.run_end_decode(array), others, depth + 1)
    elif types.is_struct(kind):
        for inner in array.flatten():
            yield from _texts(inner, others, depth + 1)
    elif types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        yield array.cast(pa.large_string()).cast(_TEXT)
    elif types.is_floating(kind):
        yield _floats(array)
    elif _is_plain(kind):
        yield array.cast(pa.large_string()).cast(_TEXT)
    elif (types.is_decimal(kind) and kind.scale >= 0) or types.is_temporal(kind):
        shown = array.cast(pa.large_string())
        yield pc.replace_substring_regex(shown, r"\.0+(Z?)$", r"\1").cast(_TEXT)
    elif not types.is_null(kind):
        yield pa.array(list(_listed(array, others)), _TEXT)


def _is_plain(kind: pa.DataType) -> bool:
    return bool(types.is_integer(kind) or types.is_boolean(kind))


def _floats(array: pa.Array) -> pa.Array:
    """Return numbers in full: whole ones without decimals, and never with an exponent."""
    wide = array.cast(pa.float64())
    whole = pc.and_(pc.equal(pc.floor(wide), wide), pc.less(pc.abs(wide), float(_EXACT)))
    integers = pc.if_else(whole, wide, pa.scalar(None, pa.float64())).cast(pa.int64())
    texts = pc.coalesce(integers.cast(pa.large_string()), wide.cast(pa.large_string()))
    return texts.cast(_TEXT)


def _listed(array: pa.Array, others: list[Found]) -> Iterable[bytes | None]:
    """Yield values that have to be looked at one by one: bytes, lists, maps, and what is rare."""
    for value in array.to_pylist(maps_as_pydicts=None):
        if isinstance(value, bytes):
            if other := apart(value):
                others.append(other)
                yield None
            else:
                yield binary(value)
        elif value is None:
            yield None
        else:
            yield BETWEEN.join(flat(value, others))
