"""Wide encodings turned into UTF-8; all others are supersets of ASCII and stay as they are."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

import numpy as np

from backends.content._source import Source

UTF8_BOM = codecs.BOM_UTF8
SAMPLE = 4096
_BOMS = (  # the longer ones first: UTF-32 little-endian begins as UTF-16 does
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MOSTLY, _HARDLY = 0.4, 0.02


def wide_encoding(head: bytes) -> tuple[str, int]:
    """Return the wide encoding of a text that begins so, and the length of its BOM.

    Without a BOM the places of NULs tell: in UTF-16 every other byte of most text is one. The
    encoding is empty for all other texts.
    """
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return encoding, len(bom)
    sample = np.frombuffer(head[: len(head) // 4 * 4], np.uint8)
    if not len(sample):
        # One UTF-16 character of ASCII is too little to tell; a record is never so short.
        return "", 0
    null = (sample.reshape(-1, 4) == 0).mean(axis=0)
    for encoding, text, nulls in (
        ("utf-32-le", (0,), (1, 2, 3)),
        ("utf-32-be", (3,), (0, 1, 2)),
        ("utf-16-le", (0, 2), (1, 3)),
        ("utf-16-be", (1, 3), (0, 2)),
    ):
        if all(null[i] <= _HARDLY for i in text) and all(null[i] >= _MOSTLY for i in nulls):
            return encoding, 0
    return "", 0


def to_utf8(source: Source, encoding: str) -> Iterator[bytes]:
    """Yield a wide text as UTF-8; what is no character there becomes U+FFFD."""
    decode = codecs.getincrementaldecoder(encoding)("replace").decode
    for chunk in source.chunks():
        # A lone surrogate is "replaced" by the decoder, so what comes out can be encoded.
        if text := decode(chunk):
            yield text.encode()
    if text := decode(b"", True):
        yield text.encode()
