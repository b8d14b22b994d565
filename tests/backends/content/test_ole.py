"""Workbooks of Excel 97 to 2003: rows of every sheet, what is beside them, passwords, damage."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import datetime as dt
import io
import random
import struct
from collections.abc import Sequence

import pytest
import xlwt
from xlwt.CompoundDoc import XlsDoc

from backends.content import Bounds, Limits, Reading, Rows, Source, examine_stream
from backends.content.openers._compound_file import CompoundFile
from backends.content.openers.ole import OLE
from tests.backends.content.wrapping import IDS, MATCHER, read, zipped

HEAD: list[object] = ["respondent_id", "email", "income"]
RECORDS: list[list[object]] = [[i, f"person{n}@example.org", n * 1000] for n, i in enumerate(IDS)]
OTHER: list[object] = ["else00000001", "other@example.com", 5]


def book(*sheets: Sequence[Sequence[object]], hidden: int = 0) -> xlwt.Workbook:
    made = xlwt.Workbook()
    for number, rows in enumerate(sheets):
        sheet = made.add_sheet(f"s{number}")
        sheet.visibility = hidden if number else 0
        for at, row in enumerate(rows):
            for column, value in enumerate(row):
                style = "YYYY-MM-DD" if isinstance(value, dt.date) else "General"
                sheet.write(at, column, value, xlwt.easyxf(num_format_str=style))
    return made


def xls(*sheets: Sequence[Sequence[object]], hidden: int = 0) -> bytes:
    file = io.BytesIO()
    book(*sheets, hidden=hidden).save(file)
    return file.getvalue()


def wrapped(stream: bytes) -> bytes:
    file = io.BytesIO()
    XlsDoc().save(file, stream)
    return file.getvalue()


def with_record(kind: int, body: bytes, *, first: bool) -> bytes:
    """A workbook of all records with another record of Excel's in it."""
    stream = book([HEAD, *RECORDS]).get_biff_data()
    at = 4 + struct.unpack_from("<H", stream, 2)[0] if first else stream.rindex(b"\x0a\0\0\0")
    return wrapped(stream[:at] + struct.pack("<HH", kind, len(body)) + body + stream[at:])


def found(reading: Reading) -> tuple[int, int | None, str]:
    return reading.evidence.records, reading.foreign_records, reading.reason


@pytest.mark.parametrize("hidden", [0, 1, 2])
def test_rows_of_every_sheet_are_counted_exactly(hidden: int) -> None:
    half = len(RECORDS) // 2
    data = xls([HEAD, *RECORDS[:half]], [HEAD, *RECORDS[half:], OTHER], hidden=hidden)
    for whole in (data, zipped(a=data)):
        reading = read(whole)
        assert (200, 1, "") == found(reading)
        assert "ole" in reading.layers
    assert (200, 1, "") == found(examine_stream(io.BytesIO(data), MATCHER))


def test_values_are_those_of_the_cells() -> None:
    rows = [["Zoë ☃ Müller", 52000, 52000.5, -3, 1e12, dt.date(2018, 5, 1), True]]
    parts = OLE.open(Source(iter((xls(rows),))), Bounds(Limits()))
    (data, ends) = next(block for part in parts if isinstance(part, Rows) for block in part.blocks)
    assert ["Zoë ☃ Müller", "52000", "52000.5", "-3", "1000000000000", "2018-05-01", "true"] == (
        data.decode().rstrip("\n").split("\x1f")
    )
    assert [len(data)] == ends


def test_a_workbook_small_or_large_is_read_by_its_tables() -> None:
    """Streams below 4 KiB lie in another; the table of 8 MiB has no room in the header."""
    stream = book([HEAD, *RECORDS]).get_biff_data()
    for size in (0, 8 << 20):
        data = wrapped(stream + bytes(size))
        opened = CompoundFile(io.BytesIO(data), Bounds(Limits()))
        (entry,) = opened.streams
        assert b"".join(opened.chunks(entry)).rstrip(b"\0") == stream.rstrip(b"\0")
        assert (200, 0, "") == found(read(data))


@pytest.mark.parametrize("kind", [0x1C, 0x1B6, 0xAF, 0x5A])
def test_texts_beside_cells_may_be_of_others(kind: int) -> None:
    """[MS-XLS] 2.4: Note, TxO, Scenario, CRN. They are searched, and nobody counts their records."""
    reading = read(with_record(kind, b"else00000001 other@example.com", first=False))
    assert (200, None, "") == found(reading)


def test_another_stream_may_be_of_others() -> None:
    data = xls([HEAD, *RECORDS])
    names = "Workbook".encode("utf-16-le").ljust(64, b"\0"), "Book".encode("utf-16-le")
    assert (200, 0, "") == found(read(data))
    at = data.index(names[0])
    other = data[:at] + "Contents".encode("utf-16-le").ljust(64, b"\0") + data[at + 64 :]
    assert (200, None, "container-not-opened") == found(read(other))


def test_a_workbook_with_a_password_is_named() -> None:
    """[MS-XLS] 2.4.117: FilePass comes after the first record."""
    reading = read(with_record(0x2F, bytes(6), first=True))
    assert "encrypted" == reading.reason
    assert reading.foreign_records is None


def test_a_workbook_cut_off_or_altered_is_a_gap_or_says_what_it_has() -> None:
    whole = xls([HEAD, *RECORDS, OTHER])
    for end in range(600, len(whole) - 512, 999):
        reading = read(whole[:end])
        assert reading.reason, end
        assert reading.foreign_records is None
    draw = random.Random(3)
    for _ in range(40):
        data = bytearray(whole)
        for _ in range(draw.choice([1, 3, 20])):
            data[draw.randrange(8, len(data))] = draw.randrange(256)
        reading = read(bytes(data))
        assert reading.reason in {"", "damaged-container", "reader-lost", "container-not-opened", "encrypted"}  # fmt: skip


def test_a_table_that_leads_in_a_circle_comes_to_an_end() -> None:
    data = bytearray(xls([HEAD, *RECORDS]))
    at = (struct.unpack_from("<I", data, 76)[0] + 1) << 9
    for number in range(128):
        struct.pack_into("<I", data, at + 4 * number, number)
    assert "damaged-container" == read(bytes(data)).reason
