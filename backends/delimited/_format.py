"""The format of a delimited file, told from its first bytes."""

from __future__ import annotations

import codecs
import csv
import io
import re
import zlib
from dataclasses import dataclass
from typing import BinaryIO

import charset_normalizer

from backends.content import SAMPLE, UTF8_BOM, Dialect, identify, wide_encoding

HEAD = 64 << 10
# clevercsv's time grows faster than its sample: 16 KiB of punctuation take half a second.
_SNIFFED = 8 << 10  # characters
_DELIMITERS = (",", ";", "\t", "|")
_REGULAR = 0.8  # of the sampled records have the same number of fields
_GZIP = b"\x1f\x8b\x08"
# A statement of SQL that packs many rows into a line: cut at its ends alone, they would be one.
_PACKED = re.compile(
    r"^[ \t]*(?:insert|replace)[ \t].*\)[ \t]*,[ \t]*\(", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Format:
    """How a delimited file is written."""

    dialect: Dialect
    fields: int  # of most records
    encoding: str  # "": a superset of ASCII
    bom: bytes
    gzip: bool


def text_head(file: BinaryIO) -> tuple[bytes, bool]:
    """Return the first 64 KiB of a file's text, and whether it is gzipped."""
    file.seek(0)
    head = b""
    while len(head) < HEAD and (piece := file.read(HEAD - len(head))):
        head += piece
    file.seek(0)
    if not head.startswith(_GZIP):
        return head, False
    try:
        return zlib.decompressobj(31).decompress(head, HEAD), True
    except zlib.error:
        return b"", True


def detect(file: BinaryIO, *, encoding: str = "", delimiter: str = "") -> Format | None:
    """Return the format of a file; None: it is not a delimited one, plain or gzipped.

    What is given is not guessed. Always the same for the same first 64 KiB.
    """
    head, gzipped = text_head(file)
    if any(identify(head)):
        return None
    wide, bom_length = wide_encoding(head[:SAMPLE])
    bom = head[:bom_length] or (UTF8_BOM if head.startswith(UTF8_BOM) else b"")
    wide = wide or opaque(encoding)
    text = head[len(bom) :].decode(wide or "latin-1", "replace")
    found = _dialect(_whole_lines(text, complete=len(head) < HEAD), delimiter)
    if found is None:
        return None
    dialect, fields = found
    return Format(dialect, fields, wide, bom, gzipped)


def opaque(encoding: str) -> str:
    """Return an encoding if ASCII bytes mean something else in it; else the empty string."""
    if not encoding:
        return ""
    ascii_bytes = bytes(range(128))
    try:
        same = ascii_bytes.decode(encoding) == ascii_bytes.decode("ascii")
    except UnicodeDecodeError:
        same = False
    return "" if same else codecs.lookup(encoding).name


def _whole_lines(text: str, *, complete: bool) -> str:
    if not complete or len(text) > _SNIFFED:
        text = text[:_SNIFFED]
        end = max(text.rfind("\n"), text.rfind("\r"))
        text = text[: end + 1]
    return text


def _dialect(text: str, delimiter: str) -> tuple[Dialect, int] | None:
    if not text.strip() or "\0" in text or (not delimiter and _PACKED.search(text)):
        return None
    import clevercsv  # noqa: PLC0415 - takes a while, and is needed where a text has fields

    try:
        found = clevercsv.Detector().detect(
            text, delimiters=[delimiter] if delimiter else _DELIMITERS
        )
    except Exception:  # noqa: BLE001 - whatever the guesser trips over, it has not told a dialect
        return None
    if found is None or found.escapechar or (not found.delimiter and not delimiter):
        return None
    mark = delimiter or str(found.delimiter)
    # Without quotes in the sample none are detected; should they occur, they are these.
    quote = str(found.quotechar or '"')
    if not (mark.isascii() and quote.isascii()):
        return None
    fields = _fields(text, mark, quote)
    return (Dialect(mark.encode(), quote.encode()), fields) if fields > 1 else None


def _fields(text: str, delimiter: str, quote: str) -> int:
    """Return how many fields nearly all records of a sample have; 0: there is no such number."""
    counts: dict[int, int] = {}
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote):
            if row:
                counts[len(row)] = counts.get(len(row), 0) + 1
    except csv.Error:
        return 0
    if not counts:
        return 0
    fields, most = max(counts.items(), key=lambda item: item[1])
    return fields if most >= _REGULAR * sum(counts.values()) else 0


def guess_encoding(head: bytes) -> str:
    """Return the likeliest encoding of a text in a superset of ASCII."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        best = charset_normalizer.from_bytes(head).best()
        return best.encoding if best else ""
    return "utf-8"
