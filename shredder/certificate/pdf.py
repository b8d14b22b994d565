"""The content as PDF/A-2a and PDF/UA-1: tagged, fonts embedded, readable by machines and aloud.

Typst sets it. The content reaches the template as JSON and never as markup, so that no label can
do anything. No package is fetched and no file besides the template is read.

A label may be in any script, and PDF/A forbids a text without glyphs. Typst falls back to the
system's fonts; a character that none of them has is written as its code point, and the page says
so. The HTML leaves that to the reader's browser.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import asdict
from enum import StrEnum
from importlib.resources import files
from typing import Any

from shredder.certificate import qr
from shredder.certificate.content import Certificate, Digest

_ESCAPED = re.compile(r"\\u\{([0-9a-f]{1,6})\}")
_NO_GLYPH = re.compile(r'the text `"(.*?)"` could not be displayed', re.DOTALL)


class Paper(StrEnum):
    """The sheet that the document is set for."""

    A4 = "a4"
    LETTER = "letter"


_PAPERS = {Paper.A4: "a4", Paper.LETTER: "us-letter"}  # as Typst calls them
_LATIN = 0x24F  # the last code point of Latin that every font here has
_ROUNDS = 40  # each tells of some of the characters that have no glyph


def to_pdf(certificate: Certificate, paper: Paper = Paper.A4) -> bytes:
    """Render the document. The same content gives the same bytes, where the fonts are the same."""
    without: set[str] = set()
    for _ in range(_ROUNDS):
        try:
            return _set(certificate, paper, without)
        except _NoGlyph as found:
            without |= found.characters
    # More scripts than rounds: nothing outside of the fonts that Typst brings along.
    texts = json.dumps(_plain(certificate), ensure_ascii=False)
    return _set(certificate, paper, {c for c in texts if ord(c) > _LATIN})


class _NoGlyph(Exception):
    def __init__(self, characters: set[str]) -> None:
        super().__init__()
        self.characters = characters


def _set(certificate: Certificate, paper: Paper, without: set[str]) -> bytes:
    import typst  # noqa: PLC0415 - of an extra

    template = files("shredder.certificate").joinpath("template.typ").read_bytes()
    content = {**_plain(certificate), "spelt": bool(without)}
    text = json.dumps(content, ensure_ascii=False)
    for character in without:
        text = text.replace(character, f"[U+{ord(character):04X}]")
    with tempfile.TemporaryDirectory() as nothing:  # what a template could read: an empty folder
        compiler = typst.Compiler(
            template,
            root=nothing,
            sys_inputs={"content": text, "paper": _PAPERS[paper]},
            package_path=nothing,
            package_cache_path=nothing,
        )
        try:
            made = compiler.compile(
                format="pdf",
                pdf_standards=["a-2a", "ua-1"],
                timestamp=certificate.issued.replace(microsecond=0),
            )
        except typst.TypstError as error:
            found = _named(error.diagnostic) - without
            if not found:
                raise
            raise _NoGlyph(found) from None
    assert isinstance(made, bytes)
    return made


def _named(diagnostic: str) -> set[str]:
    """The characters that an error tells of; some it writes by their number."""
    texts = "".join(_NO_GLYPH.findall(diagnostic))
    texts = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), texts)
    return {character for character in texts if not character.isascii()}


def _plain(certificate: Certificate) -> dict[str, Any]:
    """The content as JSON values; each block says what it is."""
    value = asdict(certificate)
    value["issued"] = certificate.issued.strftime("%Y-%m-%d %H:%M:%S UTC")
    for section, plain in zip(certificate.sections, value["sections"], strict=True):
        for block, block_plain in zip(section.blocks, plain["blocks"], strict=True):
            block_plain["block"] = type(block).__name__.lower()
            if isinstance(block, Digest):
                block_plain["svg"] = qr.svg(block.text, "QR code")
    return value
