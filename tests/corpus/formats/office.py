"""Spreadsheets: by openpyxl and xlwt, and OpenDocument written out by hand."""

from __future__ import annotations

import io
import random
import zipfile
from datetime import date
from xml.sax.saxutils import escape

import openpyxl
import xlwt

from tests.corpus.tables import Native, Table


def xlsx(rng: random.Random, table: Table) -> bytes:
    return _workbook(rng, table, before=0)


def xlsx_second_sheet(rng: random.Random, table: Table) -> bytes:
    return _workbook(rng, table, before=rng.randrange(1, 3))


def _workbook(rng: random.Random, table: Table, *, before: int) -> bytes:
    book = openpyxl.Workbook(write_only=True)
    for number in range(before):
        sheet = book.create_sheet(f"Notes {number}")
        sheet.append(["Prepared for the meeting", rng.randrange(100)])
    sheet = book.create_sheet("Sheet" if not before else "hidden")
    if before:
        sheet.sheet_state = "hidden"
    if table.header:
        sheet.append(list(table.names))
    for row in table.native():
        sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def xls(rng: random.Random, table: Table) -> bytes:
    """Excel 97 to 2003; the sheet is the second one at times."""
    book = xlwt.Workbook()
    if rng.random() < 0.3:
        book.add_sheet("Notes").write(0, 0, "Prepared for the meeting")
    sheet = book.add_sheet("Sheet1")
    day = xlwt.easyxf(num_format_str="YYYY-MM-DD")
    rows = [list[Native](table.names)] if table.header else []
    rows += list(table.native())
    for number, row in enumerate(rows):
        for column, value in enumerate(row):
            style = [day] if isinstance(value, date) else []
            sheet.write(number, column, value, *style)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


_ODS_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><office:document-content office:version="1.2" '
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><office:body><office:spreadsheet>'
)
_ODS_TAIL = "</office:spreadsheet></office:body></office:document-content>"
_ODS_MIME = "application/vnd.oasis.opendocument.spreadsheet"
_MANIFEST = (
    '<?xml version="1.0" encoding="UTF-8"?><manifest:manifest manifest:version="1.2" '
    'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><manifest:file-entry '
    f'manifest:full-path="/" manifest:media-type="{_ODS_MIME}"/><manifest:file-entry '
    'manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
)


def ods(rng: random.Random, table: Table) -> bytes:
    """OpenDocument 1.2, parts 1 (content.xml) and 3 (mimetype first and stored)."""
    rows = [list[Native](table.names)] if table.header else []
    rows += list(table.native())
    body = "".join(f"<table:table-row>{''.join(map(_cell, row))}</table:table-row>" for row in rows)
    sheet = f'<table:table table:name="Sheet1">{body}</table:table>'
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", _ODS_MIME, zipfile.ZIP_STORED)
        archive.writestr("content.xml", _ODS_HEAD + sheet + _ODS_TAIL)
        archive.writestr("META-INF/manifest.xml", _MANIFEST)
    return file.getvalue()


def _cell(value: Native) -> str:
    if isinstance(value, int | float):
        kind = f'office:value-type="float" office:value="{value}"'
    elif isinstance(value, date):
        kind = f'office:value-type="date" office:date-value="{value}"'
    else:
        kind = 'office:value-type="string"'
    paragraphs = "".join(f"<text:p>{escape(p)}</text:p>" for p in str(value or "").split("\n"))
    return f"<table:table-cell {kind}>{paragraphs}</table:table-cell>"
