"""Workbooks: rows as they are stored and as they are shown, all other parts, and enemies."""

from __future__ import annotations

import datetime as dt
import io
import random
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import openpyxl
import pytest
from openpyxl.comments import Comment

from backends.content import Bounds, Limits, Reading, Rows, Source, examine_stream
from backends.content.openers.spreadsheet import SPREADSHEET
from tests.backends.content.wrapping import FOREIGN, IDS, MATCHER, read, record, zipped

HEAD = ["respondent_id", "email", "answer"]
RECORDS = [[i, f"person{n}@example.org", n * 1000] for n, i in enumerate(IDS)]
OTHER = ["else00000001", "other@example.com", 5]

_ODS_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
_ODS = (
    '<?xml version="1.0"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:'
    'xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:table='
    '"urn:oasis:names:tc:opendocument:xmlns:table:1.0"><office:body><office:spreadsheet>'
    '<table:table table:name="a">{}</table:table></office:spreadsheet></office:body>'
    "</office:document-content>"
)


def xlsx(fill: Callable[[openpyxl.Workbook], Any]) -> bytes:
    book = openpyxl.Workbook()
    fill(book)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def filled(book: openpyxl.Workbook) -> None:
    for row in [HEAD, *RECORDS, OTHER]:
        book.active.append(row)


def ods(*rows: str, **members: bytes) -> bytes:
    content = _ODS.format("".join(f"<table:table-row{row}</table:table-row>" for row in rows))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", _ODS_TYPE, zipfile.ZIP_STORED)
        archive.writestr("content.xml", content)
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def cell(value: object) -> str:
    return (
        f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'
    )


def ods_row(values: Any) -> str:
    return ">" + "".join(map(cell, values))


def summed(reading: Reading) -> tuple[int, int | None, str]:
    return reading.evidence.records, reading.foreign_records, reading.reason


def rows_of(data: bytes) -> list[str]:
    found: list[str] = []
    for part in SPREADSHEET.open(Source(iter((data,))), Bounds(Limits())):
        if isinstance(part, Rows):
            for block, ends in part.blocks:
                starts = [0, *ends[:-1]]
                found += [block[a : b - 1].decode() for a, b in zip(starts, ends, strict=True)]
    return found


@pytest.mark.parametrize("step", [1000, 1 << 20])
def test_rows_are_counted_exactly(step: int) -> None:
    for data in (xlsx(filled), ods(*map(ods_row, [HEAD, *RECORDS, OTHER]))):
        reading = read(data, step=step)
        assert summed(reading) == (200, 1, "")
        assert reading.layers == ("spreadsheet",)


def test_every_sheet_has_a_header_of_its_own() -> None:
    def fill(book: openpyxl.Workbook) -> None:
        for rows in (RECORDS[:50], [*RECORDS[50:], OTHER]):
            sheet = book.create_sheet()
            for row in [HEAD, *rows]:
                sheet.append(row)

    tables = [ods(*map(ods_row, [HEAD, *rows])) for rows in (RECORDS[:50], [*RECORDS[50:], OTHER])]
    first, second = (zipfile.ZipFile(io.BytesIO(t)).read("content.xml").decode() for t in tables)
    end, begin = "</table:table>", "<table:table "
    both = first[: first.index(end) + len(end)] + second[second.index(begin) :]
    both = both.replace(f'{begin}table:name="a"', f'{begin}table:name="{IDS[3]}"')
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", _ODS_TYPE)
        archive.writestr("content.xml", both)
    for data in (xlsx(fill), file.getvalue()):
        assert summed(read(data)) == (200, 1, "")
    assert read(file.getvalue()).evidence.matched == 202  # a sheet's name counts, too


def test_what_was_deleted_while_changes_were_tracked_is_found() -> None:
    deleted = (
        "<table:tracked-changes><table:cell-content-change><table:previous>"
        '<table:change-track-table-cell office:value-type="string" office:string-value="{0}">'
        "<text:p>{1}</text:p></table:change-track-table-cell></table:previous>"
        "</table:cell-content-change></table:tracked-changes>"
    )
    sheet = ods(ods_row([IDS[0]]))
    content = zipfile.ZipFile(io.BytesIO(sheet)).read("content.xml").decode()
    many = "".join(deleted.format(i, j) for i, j in zip(IDS[1:100], IDS[101:], strict=True))
    content = content.replace("<table:table ", many * 20 + "<table:table ")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", _ODS_TYPE)
        archive.writestr("content.xml", content)
    assert summed(read(file.getvalue())) == (199, 0, "")


def test_read_by_seeking_and_within_an_archive() -> None:
    for data in (xlsx(filled), zipped(a=xlsx(filled))):
        assert summed(examine_stream(io.BytesIO(data), MATCHER)) == (200, 1, "")


def test_hidden_sheets_inline_strings_and_comments() -> None:
    def fill(book: openpyxl.Workbook) -> None:
        book.active.append(["x", "y"])
        book.active["A1"].comment = Comment(f"see {IDS[0]}", "me")
        for number, state in enumerate(("hidden", "veryHidden"), 1):
            sheet = book.create_sheet(f"s{number}")
            sheet.sheet_state = state
            sheet.append([IDS[number]])
        book.create_sheet("far")["ZZ100000"] = IDS[3]

    reading = read(xlsx(fill))
    assert summed(reading) == (4, 0, "")
    book = openpyxl.Workbook(write_only=True)  # writes strings into their cells
    sheet = book.create_sheet()
    sheet.append([IDS[5], f" {IDS[6]} "])
    file = io.BytesIO()
    book.save(file)
    assert summed(read(file.getvalue())) == (2, 0, "")


def test_numbers_as_they_are_stored_and_as_they_are_shown() -> None:
    def fill(book: openpyxl.Workbook) -> None:
        sheet = book.active
        values = [1234567890, 52000.0, 0.5, 4711, dt.date(2018, 5, 15), True, "=1+1", None, "a\nb"]
        sheet.append([*values, dt.datetime(2018, 5, 15, 10, 30), 59, 61])
        sheet["D1"].number_format = "00000000"
        sheet["K1"].number_format = "dd/mm/yyyy"
        sheet["L1"].number_format = '[$-409]d\\-mmm"x";@'

    (row,) = rows_of(xlsx(fill))
    assert row.split("\x1f") == [
        "1234567890", "52000", "0.5", "4711", "00004711", "43235", "2018-05-15", "true", "1+1",
        "a\nb", "43235.4375", "2018-05-15 10:30:00", "59", "1900-02-28", "61", "1900-03-01",
    ]  # fmt: skip


def test_ods_values_repeats_and_comments() -> None:
    number = '<table:table-cell office:value-type="float" office:value="52000.0"><text:p>52,000.00</text:p></table:table-cell>'
    date = '<table:table-cell office:date-value="2018-05-15T10:00:00"><text:p>15.05.18</text:p></table:table-cell>'
    note = f'<table:table-cell><office:annotation xmlns:dc="d"><dc:creator>me</dc:creator><text:p>{IDS[1]}</text:p></office:annotation><text:p>x</text:p></table:table-cell>'
    data = ods(
        ">" + number + date,
        ' table:number-rows-repeated="3">' + cell("again"),
        ' table:number-rows-repeated="1000000"><table:table-cell table:number-columns-repeated="9"/>',
        ">" + note,
    )
    shown = rows_of(data)
    assert shown[0].split("\x1f") == ["52000", "52,000.00", "2018-05-15 10:00:00", "15.05.18"]
    assert shown[1:4] == ["again"] * 3
    assert IDS[1] in shown[4].split()
    assert len(shown) == 5


def test_what_is_beside_the_rows_is_looked_at_and_is_no_record() -> None:
    def fill(book: openpyxl.Workbook) -> None:
        book.active.append([IDS[0]])
        book.properties.creator = f"{IDS[1]} and others"
        book.active.oddHeader.center.text = IDS[2]
        book.active["A1"].hyperlink = f"https://example.com/{IDS[3]}"

    assert summed(read(xlsx(fill))) == (4, 0, "")


def shared(*rows: list[int]) -> bytes:
    """A workbook by hand, of which each cell has the number of a text that cells share."""
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    texts = "".join(
        f"<si><r><t>{i[:3]}</t></r><r><t>{i[3:]}</t></r></si>" for i in [*IDS, "no one"]
    )
    cells = ["".join(f'<x:c t="s"><x:v>{n}</x:v></x:c>' for n in row) for row in rows]
    sheet = "".join(f"<x:row>{row}</x:row>" for row in cells)
    return zipped(
        **{
            "[Content_Types].xml": b"<Types/>",
            "xl/workbook.xml": f"<workbook {main}/>".encode(),
            "xl/sharedStrings.xml": f"<sst {main}>{texts}</sst>".encode(),
            "xl/sheet.xml": f'<x:worksheet {main.replace("xmlns", "xmlns:x")}><x:sheetData>{sheet}</x:sheetData></x:worksheet>'.encode(),
        }
    )  # fmt: skip


def test_texts_that_cells_share() -> None:
    reading = read(shared(*([n] for n in range(201))))
    assert summed(reading) == (200, 1, "")
    assert read(shared([999])).reason == "damaged-container"


def test_texts_that_no_cell_has_any_more() -> None:
    assert summed(read(shared([200]))) == (200, 1, "")


def test_documents_in_a_workbook_are_opened() -> None:
    data = edited(xlsx(filled), "xl/embeddings/a.zip", lambda _: zipped(a=FOREIGN))
    reading = read(data)
    assert summed(reading) == (200, 2, "")
    assert reading.layers == ("spreadsheet", "zip")


def test_members_that_the_directory_does_not_name_are_opened() -> None:
    def fill(book: openpyxl.Workbook) -> None:
        book.active.append(["x"])

    whole, alone = xlsx(fill), io.BytesIO()
    with zipfile.ZipFile(alone, "w") as archive:
        archive.writestr("gone.csv", record(7))
    local = alone.getvalue()[: alone.getvalue().index(b"PK\x01\x02")]
    data = local + whole  # zipfile allows for what stands before an archive
    assert examine_stream(io.BytesIO(data), MATCHER).evidence.records == 1


def edited(data: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """Return an archive with one member changed or added."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for member in old.namelist():
            if member != name:
                new.writestr(member, old.read(member))
        new.writestr(name, change(old.read(name) if name in old.namelist() else b""))
    return file.getvalue()


# --- What is none of these, and enemies ----------------------------------------------------


def test_other_archives_are_left_to_who_opens_archives() -> None:
    data = zipped(**{"[Content_Types].xml": b"<Types/>", "word/document.xml": record(1)})
    reading = read(data)
    assert reading.layers == ("zip",)
    assert reading.reason == "container-not-opened"
    assert read(zipped(mimetype=b"application/epub+zip", a=record(1))).layers == ("zip",)


LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<worksheet><sheetData><row><c t="str"><v>&b;</v></c></row></sheetData></worksheet>"""


def test_billion_laughs_are_not_laughed() -> None:
    data = edited(xlsx(filled), "xl/worksheets/sheet1.xml", lambda _: LAUGHS)
    assert read(data).reason == "bomb-limit"


def test_millions_of_rows_of_nothing() -> None:
    sheet = (
        b'<worksheet xmlns="s"><sheetData>' + b"<row/>" * 2_000_000 + b"</sheetData></worksheet>"
    )
    data = edited(xlsx(filled), "xl/worksheets/sheet1.xml", lambda _: sheet)
    assert len(data) < 1 << 20
    assert read(data).reason in {"", "bomb-limit"}


def test_a_row_that_is_repeated_without_end() -> None:
    data = ods(' table:number-rows-repeated="999999999">' + cell("x" * 1000))
    assert read(data).reason == "bomb-limit"


def test_a_part_that_unpacks_to_very_much() -> None:
    data = edited(xlsx(filled), "xl/sharedStrings.xml", lambda _: b"<sst>" + b" " * (200 << 20))
    assert read(data).reason == "bomb-limit"


def test_more_shared_strings_than_may_be_held() -> None:
    reading = examine_stream(io.BytesIO(shared([1])), MATCHER, limits=Limits(memory=2000))
    assert (reading.reason, reading.evidence.records) == ("too-large-to-open", 200)


def test_a_deep_part_is_stopped() -> None:
    data = edited(
        xlsx(filled), "xl/worksheets/sheet1.xml", lambda _: b"<worksheet>" + b"<a>" * 10**6
    )
    assert read(data).reason == "bomb-limit"


def test_encrypted_ods() -> None:
    manifest = (
        b'<manifest:manifest xmlns:manifest="m"><manifest:encryption-data/></manifest:manifest>'
    )
    data = ods(ods_row(["x"]), **{"META-INF/manifest.xml": manifest})
    assert read(data).reason == "encrypted"


def mutants(data: bytes, count: int) -> Iterator[bytes]:
    rng = random.Random(1)
    for _ in range(count):
        made = bytearray(data)
        for _ in range(rng.choice((1, 2, 16))):
            made[rng.randrange(30, len(made))] = rng.randrange(256)
        yield bytes(made[: rng.choice((len(made), len(made), rng.randrange(60, len(made))))])


@pytest.mark.parametrize("kind", ["xlsx", "ods"])
def test_mutants_end_as_rows_or_as_a_reason(kind: str) -> None:
    data = xlsx(filled) if kind == "xlsx" else ods(*map(ods_row, RECORDS))
    for mutant in mutants(data, 60):
        assert read(mutant).reason in {
            "", "damaged-container", "bomb-limit", "container-not-opened", "encrypted", "too-large-to-open",
        }  # fmt: skip
