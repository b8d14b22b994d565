"""Several records in one value: found, and never told as if no others were among them."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import base64
import gzip
import io
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import openpyxl
import pyarrow as pa
import pytest
import xlwt
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import feather, orc
from pyarrow import parquet as pq

from backends.content import Dialect, holds_several
from tests.backends.content.test_spreadsheets import ods, ods_row
from tests.backends.content.test_structure import OTHERS, WRITERS
from tests.backends.content.wrapping import IDS, read

CSV = [f"{IDS[0]},1,a", "elsewhere1,2,b", "elsewhere2,3,c"]
LISTS: dict[str, str] = {
    "CSV": "\n".join(CSV),
    "CSV, of semicolons": "\r\n".join(CSV).replace(",", ";"),
    "tuples": "(1, 'resp00000000'), (2, 'elsewhere1')",
    "tuples after words": "values: (1, 'resp00000000'), (2, 'elsewhere1')",
    "repr of dicts": str([{"id": IDS[0]}, {"id": "elsewhere1"}]),
    "JSON in JSON": json.dumps([json.dumps({"id": IDS[0]}), json.dumps({"id": "elsewhere1"})]),
    "base64": base64.b64encode("\n".join(CSV).encode()).decode(),
    "gzip in base64": base64.b64encode(gzip.compress("\n".join(CSV).encode())).decode(),
    "prose": "word " * 900,
    "CSV, spaced": "\n".join(CSV).replace(",", ", "),
    "identifiers": f"{IDS[0]}\nelsewhere1\nelsewhere2",
    "identifiers in a line": f"{IDS[0]};elsewhere1;elsewhere2",
    "addresses": "a.b@example.org, other@example.com",
} | {
    name: write([{"id": IDS[1], "told": {"at": [1]}}, *OTHERS[:2]]).decode()
    for name, write in WRITERS.items()
}  # fmt: skip

Table = list[list[Any]]


def written(write: Callable[[io.BytesIO], Any]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def columns(rows: Table) -> pa.Table:
    return pa.table({f"c{n}": list(column) for n, column in enumerate(zip(*rows, strict=True))})


def in_sqlite(rows: Table) -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a, b)")
    connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
    connection.commit()
    return connection.serialize()


def in_xlsx(rows: Table) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    return written(book.save)


def in_xls(rows: Table) -> bytes:
    book = xlwt.Workbook()
    sheet = book.add_sheet("s")
    for at, row in enumerate(rows):
        for column, value in enumerate(row):
            sheet.write(at, column, value)
    return written(book.save)


def in_ods(rows: Table) -> bytes:
    def escaped(value: str) -> str:
        text = value.replace("&", "&amp;").replace("<", "&lt;")
        return text.replace("\r", "").replace("\n", "</text:p><text:p>")

    return ods(*(ods_row(map(escaped, row)) for row in rows))


def in_avro(rows: Table) -> bytes:
    fields = [{"name": name, "type": "string"} for name in "ab"]
    schema = {"type": "record", "name": "r", "fields": fields}
    records = [dict(zip("ab", row, strict=True)) for row in rows]
    return written(lambda f: fastavro.writer(f, schema, records))


STORED: dict[str, Callable[[Table], bytes]] = {
    "parquet": lambda rows: written(lambda f: pq.write_table(columns(rows), f)),
    "arrow": lambda rows: written(lambda f: feather.write_feather(columns(rows), f)),
    "orc": lambda rows: written(lambda f: orc.write_table(columns(rows), f)),
    "avro": in_avro,
    "sqlite": in_sqlite,
    "xlsx": in_xlsx,
    "xls": in_xls,
    "ods": in_ods,
    "npy": lambda rows: written(lambda f: np.save(f, np.array(rows))),
}


@pytest.mark.parametrize("store", STORED)
@pytest.mark.parametrize("list_", LISTS)
def test_others_in_a_value_beside_a_record_are_not_told_as_none(store: str, list_: str) -> None:
    """Whether or not the value is looked into: who they are, and how many, is not known."""
    reading = read(STORED[store]([[IDS[5], "short"], [IDS[3], LISTS[list_]]]))
    assert reading.evidence.records >= 2
    assert reading.reason == ""
    assert reading.foreign_records != 0


@pytest.mark.parametrize("store", STORED)
def test_a_value_that_is_one_record_or_none_is_counted(store: str) -> None:
    """Texts of people: what only looks a little like a list leaves the count exact."""
    values = [
        "one line", "(yes), (no)", "a, b; c", "<b>so</b> and <i>so</i>", "f(x), g(y)", "[1, 2]",
        "first line\nsecond line, with more", "one, two\nthree, four", "48.137154,11.576124",
        "2018-05-01,2018-06-01", "yes\nno", "a;b;c", json.dumps({"a": 1, "b": {"c": 2}, "d": [3, 4]}),
        "c0ffee" * 8, IDS[9] * 3, "x" * 4000,
    ]  # fmt: skip
    rows = [[id_, value] for id_, value in zip(IDS, values, strict=False)]
    reading = read(STORED[store](rows))
    assert (len(values), 0) == (reading.evidence.records, reading.foreign_records)


NESTED: dict[str, pa.Array] = {
    "structs": pa.array([[{"id": IDS[1]}, {"id": "elsewhere1"}]]),
    "texts": pa.array([[IDS[1], "elsewhere1"]]),
    "whole numbers": pa.array([[123456789012, 223456789012]]),
    "a map": pa.array([[("a", IDS[1]), ("b", "x")]], pa.map_(pa.string(), pa.string())),
    "lists": pa.array([[[IDS[1]], ["elsewhere1"]]]),
}


@pytest.mark.parametrize("kind", NESTED)
def test_elements_of_a_column_of_lists_may_be_records(kind: str) -> None:
    table = pa.table({"id": [IDS[0]], "v": NESTED[kind]})
    reading = read(written(lambda f: pq.write_table(table, f)))
    assert reading.foreign_records is None
    assert reading.evidence.records == (1 if kind == "whole numbers" else 2)


def test_a_vector_of_a_record_is_its_own() -> None:
    table = pa.table({"id": IDS[:2], "v": [[0.5, 1.5], [None, 2.5]]})
    assert read(written(lambda f: pq.write_table(table, f))).foreign_records == 0


def test_records_of_a_map_are_alike() -> None:
    inner = {"type": "record", "name": "i", "fields": [{"name": "id", "type": "string"}]}
    fields = [{"name": "by", "type": {"type": "map", "values": inner}}]
    schema = {"type": "record", "name": "r", "fields": fields}
    record = {"by": {"a": {"id": IDS[0]}, "b": {"id": "elsewhere1"}}}
    reading = read(written(lambda f: fastavro.writer(f, schema, [record])))
    assert (1, None) == (reading.evidence.records, reading.foreign_records)


@pytest.mark.parametrize("text", ["[{}]\n", "[{}]\n[{}]\n", '{{"page": 1, "data": [{}]}}\n'])
def test_a_line_of_records_in_json_is_several_where_rows_are_told_to_be_lines(text: str) -> None:
    pair = [json.dumps({"id": who, "n": n}) for n, who in enumerate((IDS[0], "elsewhere1"))]
    data = text.format(*[", ".join(pair)] * 2).encode()
    reading = read(data, dialect=Dialect(b",", b'"'))
    assert (1, None) == (reading.evidence.records, reading.foreign_records)


def test_a_value_in_a_line_of_text_likewise() -> None:
    cell = json.dumps([{"id": "elsewhere1"}, {"id": "elsewhere2"}]).replace('"', '""')
    text = f'id,v\n{IDS[0]},"{cell}"\n{IDS[1]},x\n'.encode()
    assert (2, None) == (read(text).evidence.records, read(text).foreign_records)
    table = "elsewhere1,2,b\nelsewhere2,3,c"
    for line in (
        f'{IDS[0]},"{table}"\n',
        f"{IDS[0]}\t{table.replace(chr(10), chr(92) + 'n')}\n",
        json.dumps({"id": IDS[0], "table": table}) + "\n",
    ):
        text = f"id,v\n{line}{IDS[1]},x\n".encode()
        assert (2, None) == (read(text).evidence.records, read(text).foreign_records), line
    prose = f'{IDS[0]},"one, two\nthree, four"\n{IDS[1]},x\n'.encode()
    assert (2, 0) == (read(prose).evidence.records, read(prose).foreign_records)
    own = json.dumps({"id": IDS[0], "told": [{"q": 1}, {"q": 2}]})
    lines = f"{own}\n{json.dumps({'id': IDS[1], 'told': []})}\n".encode()
    assert (2, 0) == (read(lines).evidence.records, read(lines).foreign_records)


@given(st.binary(max_size=200) | st.text(alphabet='{}[](),"<>/a:\n;', max_size=200).map(str.encode))
def test_any_value_is_judged(value: bytes) -> None:
    assert isinstance(holds_several(value), bool)


def test_a_database_of_one_value_too_long_to_be_one_record(tmp_path: Path) -> None:
    rows = [[IDS[0], "word " * 5000]]
    assert read(in_sqlite(rows)).foreign_records is None
