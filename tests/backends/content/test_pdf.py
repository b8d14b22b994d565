"""PDF as Typst typesets it, encrypted by another writer, and made to break readers."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import io
import logging
import zlib

import pypdf
import pytest
import typst

from backends.content import Limits
from tests.backends.content.wrapping import FOREIGN, IDS, read, record


def pdf(*pages: str) -> bytes:
    body = "\n#pagebreak()\n".join(f"#raw({_quoted(page)}, block: true)" for page in pages)
    made: bytes = typst.compile(
        f"#set page(width: 60cm, height: 40cm)\n{body}".encode(), format="pdf"
    )
    return made


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


PAGES = ["\n".join(IDS[n : n + 10]) + "\n" + FOREIGN.decode() for n in range(0, 100, 10)]


@pytest.fixture(scope="module")
def document() -> bytes:
    return pdf(*PAGES)


def encrypted(data: bytes, password: str) -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(data))
    writer.encrypt(password, "owner", algorithm="AES-256")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def test_the_text_of_all_pages_is_read(document: bytes) -> None:
    reading = read(document, step=5000)
    assert (100, "", ("pdf",)) == (reading.evidence.records, reading.reason, reading.layers)
    assert reading.foreign_records != 0


def test_one_that_asks_for_a_password_is_a_gap(document: bytes) -> None:
    reading = read(encrypted(document, "secret"))
    assert (0, "encrypted", None) == (
        reading.evidence.records,
        reading.reason,
        reading.foreign_records,
    )


def test_one_that_everybody_may_read_is_read(document: bytes) -> None:
    assert 100 == read(encrypted(document, "")).evidence.records


def test_attached_files_are_read(document: bytes) -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(document))
    writer.add_attachment("data.csv", record(150) + record(151))
    file = io.BytesIO()
    writer.write(file)
    assert 102 == read(file.getvalue()).evidence.records


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_cut_one_is_a_gap_or_read(document: bytes, share: float) -> None:
    reading = read(document[: int(len(document) * share)])
    assert reading.reason or reading.evidence.records == 100


def handmade(*objects: bytes) -> bytes:
    data, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    data += b"".join(b"%010d 00000 n \n" % place for place in places)
    return data + b"trailer <</Size %d /Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        start,
    )


CATALOG = b"<</Type /Catalog /Pages 2 0 R>>"


def test_pages_within_themselves_are_a_gap() -> None:
    loop = handmade(CATALOG, b"<</Type /Pages /Kids [2 0 R 2 0 R] /Count 2>>")
    assert read(loop).reason in {"bomb-limit", "damaged-container"}


def test_pages_that_multiply_are_a_gap() -> None:
    """Thirty levels of which each has the next one twice: a thousand million pages."""
    levels = [
        b"<</Type /Pages /Kids [%d 0 R %d 0 R] /Count 2>>" % (n + 1, n + 1) for n in range(2, 32)
    ]
    page = b"<</Type /Page /MediaBox [0 0 9 9]>>"
    assert read(handmade(CATALOG, *levels, page)).reason in {"bomb-limit", "damaged-container"}


def test_a_stream_that_unpacks_to_very_much_is_a_gap() -> None:
    packed = zlib.compress(b"BT /F1 9 Tf (resp00000001) Tj ET " + b" " * (200 << 20), 9)
    stream = b"<</Length %d /Filter /FlateDecode>>\nstream\n%s\nendstream" % (len(packed), packed)
    page = b"<</Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R"
    page += b" /Resources <</Font <</F1 5 0 R>>>> >>"
    font = b"<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>"
    pages = b"<</Type /Pages /Kids [3 0 R] /Count 1>>"
    reading = read(handmade(CATALOG, pages, page, stream, font), limits=Limits(free=1 << 20))
    assert reading.reason in {"bomb-limit", "damaged-container"}


def test_nothing_of_a_damaged_one_gets_into_the_log(
    document: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        read(document[:-400] + b"garbage")
    assert [r for r in caplog.records if r.name.startswith("pypdf")] == []
