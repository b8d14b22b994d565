"""The PDF: the same facts, tagged, with its fonts; and the QR code, read by another's decoder."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zxingcpp

from attestations.text import sha256
from shredder.certificate import Checked, Paper, compose, to_html, to_pdf
from tests.attestations import made
from tests.certificate.facts import expected
from tests.certificate.made import RUNS, certificate, checked, mixed
from tests.support.browser import Browser

pytestmark = pytest.mark.needs("poppler")


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, check=True)
    return done.stdout.decode("utf-8")


def text_of(pdf: bytes, folder: Path) -> str:
    file = folder / "it.pdf"
    file.write_bytes(pdf)
    return " ".join(run("pdftotext", "-layout", file, "-").replace("\u200b", "").split())


def codes_on(pdf: bytes, folder: Path) -> set[str]:
    """What the QR codes on the pages say, as zxing reads them."""
    file = folder / "it.pdf"
    file.write_bytes(pdf)
    run("pdftoppm", "-gray", "-r", "110", file, folder / "page")
    found = set()
    for page in sorted(folder.glob("page-*.pgm")):
        found |= {code.text for code in zxingcpp.read_barcodes(grey(page))}
        page.unlink()
    return found


def grey(image: Path) -> Any:
    kind, size, depth, rest = image.read_bytes().split(b"\n", 3)
    assert (kind, depth) == (b"P5", b"255")
    width, height = map(int, size.split())
    return np.frombuffer(rest, np.uint8).reshape(height, width)


@pytest.mark.parametrize("of", RUNS)
def test_the_document_has_the_facts_of_the_statement(
    of: Callable[[], Checked], tmp_path: Path
) -> None:
    run_of = of()
    text = text_of(to_pdf(compose(run_of)), tmp_path)
    squeezed = text.replace(" ", "")
    numbers = set(re.findall(r"[\d,]*\d", text))
    missing = {
        each
        for each in expected(run_of.bundle)
        if (
            each not in numbers
            if re.fullmatch(r"[\d,]+", each)
            # A narrow column breaks a name after a hyphen, with other columns' words between.
            else not all(part.replace(" ", "") in squeezed for part in each.split("-"))
        )
    }
    assert missing == set()
    assert sha256(run_of.bundle) in text


def test_what_must_be_read_first_is_on_the_first_page(tmp_path: Path) -> None:
    file = tmp_path / "it.pdf"
    file.write_bytes(to_pdf(certificate(mixed())))
    first = run("pdftotext", "-l", "1", file, "-")
    assert "NOT COMPLETE: PARTIAL" in first
    file.write_bytes(to_pdf(certificate(checked(stamped=False))))
    assert "TIME NOT PROVEN" in run("pdftotext", "-l", "1", file, "-")


def test_each_page_names_the_attestation_and_its_number(tmp_path: Path) -> None:
    content = certificate(mixed())
    file = tmp_path / "it.pdf"
    file.write_bytes(to_pdf(content))
    pages = int(re.findall(r"Pages:\s+(\d+)", run("pdfinfo", file))[0])
    assert pages > 2
    for page in map(str, range(1, pages + 1)):
        text = run("pdftotext", "-f", page, "-l", page, file, "-")
        assert f"Attestation {content.attestation_id}" in text
        assert f"Page {page} of {pages}" in text


def test_it_is_tagged_titled_and_has_its_fonts(tmp_path: Path) -> None:
    """What PDF/UA-1 and PDF/A-2a ask for first; Typst checks the rest as it writes."""
    file = tmp_path / "it.pdf"
    file.write_bytes(to_pdf(certificate()))
    told = run("pdfinfo", file)
    assert re.search(r"Tagged:\s+yes", told)
    assert re.search(r"JavaScript:\s+no", told)
    assert f"Certificate of data destruction: {certificate().attestation_id}" in told
    fonts = run("pdffonts", file).splitlines()[2:]
    assert fonts
    assert all(re.search(r"\byes yes yes\b", font) for font in fonts), fonts
    marks = run("pdfinfo", "-struct", file)
    for mark in ("Table", "TH", "TD", "H1", "H2", "Figure"):
        assert re.search(rf"\b{mark}\b", marks), mark


@pytest.mark.parametrize(("paper", "size"), [(Paper.A4, "A4"), (Paper.LETTER, "letter")])
def test_it_is_set_for_the_sheet(paper: Paper, size: str, tmp_path: Path) -> None:
    file = tmp_path / "it.pdf"
    file.write_bytes(to_pdf(certificate(), paper))
    assert f"({size})" in run("pdfinfo", file)


def test_the_same_content_gives_the_same_bytes() -> None:
    content = certificate()
    assert to_pdf(content) == to_pdf(content)


@pytest.mark.parametrize(
    "title",
    [
        "Ελληνικά, русский, עברית",
        '#import "@preview/x:1.0.0"; #read("/etc/passwd") $x$ *b* `c` \\ "q" <l> @r //',
        "w" * 200,
    ],
)
def test_any_title_is_text(title: str, tmp_path: Path) -> None:
    plan = made.plan(dataset=replace(made.plan().dataset, title=title))
    text = text_of(to_pdf(certificate(checked(plan))), tmp_path)
    wanted = [word for word in title.split() if not re.search("[\u0590-\u05ff]", word)]
    assert [w for w in wanted if w not in text.replace(" ", "")] == []


@pytest.mark.parametrize(
    "title",
    ["日本\U000131f3", "a\u0f71\u0f72 \U0001f469", "".join(map(chr, range(0x12000, 0x120C0)))],
)
def test_what_no_font_has_is_spelt_and_said(title: str, tmp_path: Path) -> None:
    plan = made.plan(dataset=replace(made.plan().dataset, title=title))
    text = text_of(to_pdf(certificate(checked(plan))), tmp_path)
    spelt = set(re.findall(r"\[U\+([0-9A-F]+)\]", text.replace(" ", ""))) - {"0041"}
    assert spelt <= {f"{ord(c):04X}" for c in title}
    if spelt:
        assert "Characters that no font at hand can show" in text
    kept = [c for c in title if f"{ord(c):04X}" not in spelt and c != " "]
    assert [c for c in kept if c not in text] == []


def test_a_long_name_stays_on_the_sheet(tmp_path: Path) -> None:
    """The widest box of a word ends before the sheet does."""
    plan = made.plan(dataset=replace(made.plan().dataset, title="w" * 200))
    file = tmp_path / "it.pdf"
    file.write_bytes(to_pdf(certificate(checked(plan))))
    boxes = run("pdftotext", "-bbox", file, "-")
    right = [float(x) for x in re.findall(r'xMax="([\d.]+)"', boxes)]
    assert max(right) < 595 - 40


# --- The QR code -------------------------------------------------------------------------


def test_the_code_in_the_document_is_the_digest(tmp_path: Path) -> None:
    it = checked()
    assert codes_on(to_pdf(compose(it)), tmp_path) == {sha256(it.bundle)}


@pytest.mark.needs("chromium")
def test_the_code_on_the_printed_page_is_the_digest(tmp_path: Path) -> None:
    it = mixed()
    page = tmp_path / "it.html"
    page.write_bytes(to_html(compose(it)))
    with Browser(tmp_path / "profile") as browser:
        browser.open(page.as_uri(), 1280, 900)
        printed = browser.printed()
        letter = browser.printed(8.5, 11)
    assert codes_on(printed, tmp_path) == {sha256(it.bundle)}
    text = text_of(letter, tmp_path)
    assert "Not complete: partial".upper() in text
    assert re.search(r"Page 1 of \d", text)
