"""Files of data frames: what is in them is found by rows, and what breaks a library is a reason."""

from __future__ import annotations

import datetime as dt
import decimal
import gzip
import io
import random
import struct
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import fastavro
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import feather, orc
from pyarrow import parquet as pq

from backends.content import Bounds, Limits, Part, Rows, Source, Stop, examine_stream
from backends.content.apart import read_apart
from backends.content.openers import columnar
from tests.backends.content.wrapping import IDS, MATCHER, read, zipped

DATA = {
    "respondent_id": [*IDS, "else00000001", None],
    "email": [*(f"person{n}@example.org" for n in range(200)), "other@example.com", None],
    "income": [*(float(n * 1000) for n in range(201)), None],
}
TABLE = pa.table(DATA)


def written(write: Callable[[io.BytesIO], Any]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def avro(codec: str) -> bytes:
    fields = [
        {"name": "respondent_id", "type": ["null", "string"]},
        {"name": "email", "type": ["null", "string"]},
        {"name": "income", "type": ["null", "double"]},
    ]
    schema = {"type": "record", "name": "r", "fields": fields}
    return written(lambda f: fastavro.writer(f, schema, TABLE.to_pylist(), codec=codec))


FILES: dict[str, Callable[[], bytes]] = {
    "parquet": lambda: written(lambda f: pq.write_table(TABLE, f, row_group_size=7)),
    "parquet-plain": lambda: written(
        lambda f: pq.write_table(TABLE, f, compression="none", use_dictionary=False)
    ),
    "parquet-polars": lambda: written(lambda f: pl.DataFrame(DATA).write_parquet(f, row_group_size=33)),
    "arrow": lambda: written(lambda f: feather.write_feather(TABLE, f, chunksize=13)),
    "arrow-polars": lambda: written(lambda f: pl.DataFrame(DATA).write_ipc(f, compression="zstd")),
    "arrow-stream": lambda: written(lambda f: pl.DataFrame(DATA).write_ipc_stream(f)),
    "orc": lambda: written(lambda f: orc.write_table(TABLE, f, stripe_size=1024, batch_size=16)),
    "avro": lambda: avro("null"),
    "avro-deflate": lambda: avro("deflate"),
    "avro-snappy": lambda: avro("snappy"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("step", [1000, 1 << 20])
def test_rows_are_counted_exactly(kind: str, step: int) -> None:
    reading = read(FILES[kind](), step=step)
    assert (reading.evidence.records, reading.foreign_records, reading.reason) == (200, 1, "")
    assert reading.layers in {(kind,), (kind.partition("-")[0],)}


@pytest.mark.filterwarnings("ignore:Feather V1:DeprecationWarning")
def test_feather_of_the_first_version() -> None:
    data = written(lambda f: feather.write_feather(TABLE, f, version=1))
    reading = read(data)
    assert (reading.evidence.records, reading.foreign_records, reading.reason) == (200, 1, "")
    assert reading.layers == ("feather",)


@pytest.mark.parametrize("kind", FILES)
def test_within_an_archive_and_read_by_seeking(kind: str) -> None:
    for data in (zipped(a=FILES[kind]()), FILES[kind]()):
        reading = examine_stream(io.BytesIO(data), MATCHER)
        assert (reading.evidence.records, reading.foreign_records, reading.reason) == (200, 1, "")


def rows_of(data: bytes) -> list[list[str]]:
    """The values of each record, as they are shown to the matcher."""
    found: list[list[str]] = []
    for part in parts_of(data):
        if isinstance(part, Rows):
            for block, ends in part.blocks:
                starts = [0, *ends[:-1]]
                found += [
                    block[a : b - 1].decode("utf-8", "replace").split("\x1f")
                    for a, b in zip(starts, ends, strict=True)
                ]
    return found


def parts_of(data: bytes) -> Iterator[Part]:
    source = Source(iter((data,)))
    for opener in (
        columnar.PARQUET,
        columnar.ARROW,
        columnar.ARROW_STREAM,
        columnar.ORC,
        columnar.AVRO,
    ):
        if opener.recognises(data[:512]):
            yield from opener.open(source, Bounds(Limits()))


ID = uuid.UUID("11223344-5566-4788-99aa-bbccddeeff00")
TYPED: dict[str, tuple[pa.Array, list[str]]] = {
    "text": (pa.array(["a\nb", "ä"]), ["a\nb", "ä"]),
    "long text": (pa.array(["x", "y"], pa.large_string()), ["x", "y"]),
    "dictionary": (pa.array(["x", "y"]).dictionary_encode(), ["x", "y"]),
    "integers": (pa.array([1234567890, -5]), ["1234567890", "-5"]),
    "unsigned": (pa.array([2**64 - 1, 0], pa.uint64()), [str(2**64 - 1), "0"]),
    "floats": (pa.array([52000.0, 0.25]), ["52000", "0.25"]),
    "large floats": (pa.array([123456789012345.0, -1e300]), ["123456789012345", "-1e+300"]),
    "truth": (pa.array([True, False]), ["true", "false"]),
    "decimals": (
        pa.array([decimal.Decimal("52000.00"), decimal.Decimal("10.50")], pa.decimal128(20, 2)),
        ["52000", "10.50"],
    ),
    "dates": (pa.array([dt.date(2018, 5, 15), dt.date(1, 1, 1)]), ["2018-05-15", "0001-01-01"]),
    "moments": (
        pa.array([dt.datetime(2018, 5, 15, 10, 0)] * 2, pa.timestamp("s")),
        ["2018-05-15 10:00:00"] * 2,
    ),
    "moments of a zone": (
        pa.array([dt.datetime(2018, 5, 15, 10, 0)] * 2, pa.timestamp("s", "UTC")),
        ["2018-05-15 10:00:00Z"] * 2,
    ),
    "lists": (pa.array([["a", "b"], [None, "c"]]), ["a\x1eb", "c"]),
    "lists of lists": (pa.array([[[1], [2, 3]], []]), ["1\x1e2\x1e3", ""]),
    "structs": (pa.array([{"a": 1, "b": {"c": "x"}}, {"a": 2, "b": None}]), ["1\x1fx", "2\x1f"]),
    "maps": (
        pa.array([[("k", 1)], [("l", 2), ("m", 3)]], pa.map_(pa.string(), pa.int64())),
        ["k\x1f1", "l\x1f2\x1em\x1f3"],
    ),
    "bytes": (pa.array([b"short", b"\xff\x00"]), ["short", "\ufffd\x00"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", TYPED)
@pytest.mark.parametrize("format_", ["parquet", "arrow"])
def test_values_of_all_types(kind: str, format_: str) -> None:
    values, expected = TYPED[kind]
    table = pa.table(
        {"first": ["1st", "2nd"], "value": values, "none": pa.nulls(2), "last": ["x", None]}
    )
    write = pq.write_table if format_ == "parquet" else feather.write_feather
    shown = ["\x1f".join(row) for row in rows_of(written(partial(write, table)))]
    assert shown == [f"1st\x1f{expected[0]}\x1fx", f"2nd\x1f{expected[1]}\x1f"]


def test_sixteen_bytes_may_be_a_uuid_in_either_order() -> None:
    column = pa.array([ID.bytes, ID.bytes_le], pa.binary(16))
    for table in (pa.table({"id": column}), pa.table({"id": pa.array([ID.bytes] * 2, pa.uuid())})):
        for row in rows_of(written(partial(pq.write_table, table))):
            assert str(ID) in row


def test_avro_types() -> None:
    fields = [
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {
            "name": "sum",
            "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
        },
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "raw", "type": {"type": "fixed", "name": "f", "size": 16}},
    ]
    record = {
        "id": ID, "day": dt.date(2018, 5, 15), "sum": decimal.Decimal("52000.00"),
        "tags": ["a", "b"], "raw": ID.bytes,
    }  # fmt: skip
    schema = {"type": "record", "name": "r", "fields": fields}
    (row,) = rows_of(written(lambda f: fastavro.writer(f, schema, [record])))
    assert row[:4] == [str(ID), "2018-05-15", "52000", "a\x1eb"]
    assert str(ID) in row[4:]


@pytest.mark.parametrize("large", [False, True])
def test_a_document_in_a_column_is_opened(*, large: bool) -> None:
    inner = gzip.compress(f"{IDS[1]},a\n{IDS[2]},b\nelse77,c\n".encode() + bytes(large * 100))
    reading = read(written(lambda f: pq.write_table(pa.table({"k": [IDS[0]], "v": [inner]}), f)))
    assert reading.layers == ("parquet", "gzip")
    assert (reading.evidence.records, reading.reason) == (3, "")
    assert reading.foreign_records


def test_unknown_bytes_in_a_column_are_probed() -> None:
    inner = bytes(range(128, 228)) + IDS[7].encode() + b"\xff" * 50
    reading = read(written(lambda f: pq.write_table(pa.table({"v": [inner, None]}), f)))
    assert (reading.evidence.records, reading.foreign_records) == (1, None)


def test_names_of_columns_and_notes_are_looked_at_and_are_no_records() -> None:
    table = pa.table({IDS[3]: [IDS[0]], "b": ["x"]}).replace_schema_metadata({"note": IDS[4]})
    for write in (pq.write_table, feather.write_feather):
        reading = read(written(partial(write, table)))
        assert (reading.evidence.records, reading.foreign_records) == (3, 0)


@pytest.mark.parametrize("kind", FILES)
def test_a_cut_file_is_damaged(kind: str) -> None:
    data = FILES[kind]()
    reading = read(data[: len(data) * 2 // 3])
    assert reading.reason in {"damaged-container", "reader-lost"}
    assert reading.foreign_records is None


def test_too_large_to_hold_is_a_reason() -> None:
    assert read(FILES["parquet"](), limits=Limits(memory=1000)).reason == "too-large-to-open"


def test_a_text_that_begins_like_one_is_a_text() -> None:
    for word in (b"PAR1S", b"ORCHID", b"FEA1", b"Obj"):
        assert read(word + b"," + IDS[0].encode() + b"\n").layers == ()


# --- Enemies -------------------------------------------------------------------------------


def test_a_column_that_unpacks_to_very_much_is_stopped() -> None:
    table = pa.table({"v": pa.DictionaryArray.from_arrays(pa.repeat(0, 1_000_000), ["x" * 1000])})
    data = written(lambda f: pq.write_table(table, f))
    assert len(data) < 200_000
    assert read(data).reason == "bomb-limit"


def test_avro_records_of_nothing_without_end_are_stopped() -> None:
    """A block that says it has 2 ** 62 records of no bytes."""
    schema = {"type": "record", "name": "r", "fields": []}
    data = written(lambda f: fastavro.writer(f, schema, [], sync_marker=b"s" * 16))
    count = bytes([0x80] * 8 + [0x80, 0x01])  # zigzag of 2 ** 62
    assert read(data + count + b"\0" + b"s" * 16).reason == "bomb-limit"


def test_memory_is_bounded() -> None:
    """An Avro array of as many nulls as it likes to say, in a few bytes."""
    field = {"name": "a", "type": {"type": "array", "items": "null"}}
    schema = {"type": "record", "name": "r", "fields": [field]}
    data = written(lambda f: fastavro.writer(f, schema, [], sync_marker=b"s" * 16))
    body = bytes([0x80] * 8 + [0x80, 0x01]) + b"\0"
    block = b"\x02" + bytes([2 * len(body)]) + body
    reading = read(data + block + b"s" * 16, limits=Limits(memory=16 << 20))
    assert reading.reason in {"bomb-limit", "reader-lost"}


def crash(file: object) -> Iterator[object]:
    """A reader that a document crashes."""
    import ctypes

    yield from ()
    ctypes.string_at(0)


def test_a_crash_costs_the_document_and_nothing_else() -> None:
    with pytest.raises(Stop, match="reader-lost"):
        list(read_apart(f"{__name__}:crash", io.BytesIO(b"x"), Bounds(Limits())))
    assert read(FILES["orc"]()).evidence.records == 200


def endless(file: io.BytesIO) -> Iterator[object]:
    """A reader that reads the same bytes for ever."""
    while True:
        file.seek(0)
        yield from file.read(1 << 20)[:0]


def test_reading_for_ever_is_stopped() -> None:
    with pytest.raises(Stop, match="bomb-limit"):
        list(read_apart(f"{__name__}:endless", io.BytesIO(bytes(1 << 20)), Bounds(Limits())))


def test_what_the_store_raises_goes_through() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("the device")

    with pytest.raises(OSError, match="the device"):
        list(
            read_apart(
                "backends.content.readers.arrow:parquet", Broken(b"x" * 99), Bounds(Limits())
            )
        )


def mutants(data: bytes, seed: int, count: int) -> Iterator[bytes]:
    rng = random.Random(seed)
    for _ in range(count):
        made = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 8))):
            tail = rng.random() < 0.5
            at = max(8, len(made) - rng.randrange(1, 600)) if tail else rng.randrange(8, len(made))
            if rng.random() < 0.8:
                made[at] = rng.choice((0, 0x7F, 0x80, 0xFF, rng.randrange(256)))
            else:
                made[at : at + 4] = struct.pack(
                    "<i", rng.choice((-1, 2**31 - 1, rng.randrange(10**6)))
                )
        yield bytes(made)


@pytest.mark.parametrize("kind", FILES)
def test_mutants_end_as_rows_or_as_a_reason(kind: str) -> None:
    """What a mutant still says of itself is what is told; nothing raises, nothing hangs."""
    for data in mutants(FILES[kind](), 1, 25):
        reading = read(data)
        assert reading.reason in {
            "",
            "damaged-container",
            "bomb-limit",
            "reader-lost",
            "container-not-opened",
            "encrypted",
        }


def test_without_the_libraries_it_is_a_gap_and_doctor_names_the_extra() -> None:
    program = """
import io, sys
for name in ("pyarrow", "fastavro", "cramjam", "python_calamine", "pyppmd"):
    sys.modules[name] = None
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda n, *a: None if sys.modules.get(n, 1) is None else real(n, *a)
from backends.content import check, examine_stream
from backends.reference import ReferenceMatcher
reading = examine_stream(io.BytesIO(sys.stdin.buffer.read()), ReferenceMatcher([], []))
(line,) = check()
print([reading.reason, reading.foreign_records, line.status, line.detail, line.hint])
"""
    said = subprocess.run(
        [sys.executable, "-c", program],
        input=FILES["parquet"](), stdout=subprocess.PIPE, check=True,
    ).stdout.decode()  # fmt: skip
    assert said.startswith("['opener-not-installed', None,")
    for word in ("parquet", "avro", "pyarrow", "7z", "pyppmd", "shredder-toolkit[formats]"):
        assert word in said
