r"""Rows in COPY's text form, made ready for a matcher.

COPY writes a newline in a value as ``\n``, a NULL as ``\N``, a backslash as ``\\``. Read as they
stand, these escapes would glue a letter to the token that follows, so they become spaces. A value
may have escapes of its own beneath (``\u00e9`` or ``\n`` in JSON, ``\303\251`` in bytea): nothing
in the row tells whether it does, so such a row is read both ways in one window.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np

_BACKSLASH, _SPACE = b"\\ "
_COPY = re.compile(rb"\\.", re.DOTALL)
# Two backslashes or more: one that is in the value, for COPY doubles it. Every branch begins with
# the same byte, which the engine can then search for by itself.
_BENEATH = re.compile(
    rb"\\(?:"
    rb"\\(?:\\\\)*(?:"
    rb"(u[0-9A-Fa-f]{4}(?:(?:\\\\)+u[0-9A-Fa-f]{4})*)"  # UTF-16 code units in JSON
    rb"|([0-3][0-7]{2})"  # a byte in bytea
    rb"|[nrtbf])"  # white space in JSON
    rb"|.)",
    re.DOTALL,
)
_UNIT = re.compile(rb"u([0-9A-Fa-f]{4})")

# Values that begin like this hold text only after being opened.
_MAGIC = (
    b"\x1f\x8b",  # gzip
    b"PK\x03\x04",  # zip, xlsx, docx
    b"\xfd7zXZ\x00",
    *(b"BZh%d1AY&SY" % level for level in range(1, 10)),
    b"\x28\xb5\x2f\xfd",  # zstandard
    b"\x04\x22\x4d\x18",  # lz4
    b"7z\xbc\xaf\x27\x1c",
    b"\xd0\xcf\x11\xe0",  # doc, xls
    b"%PDF-",
    b"PAR1",
    b"Obj\x01",  # avro
    b"SQLite format 3\x00",
    b"PGDMP",
    b"age-encryption.org/",
    b"\xff\xfe",  # UTF-16
    b"\xfe\xff",
)


def _written(data: bytes) -> bytes:
    """Return a pattern for bytes as COPY writes a bytea in `bytea_output = escape`.

    In an array or a row each backslash is doubled again.
    """
    return b"".join(
        re.escape(bytes([byte])) if 0x20 <= byte <= 0x7E else rb"\\+%03o" % byte for byte in data
    )


_CONTAINER = re.compile(rb"""[{(,"](?:""" + b"|".join(map(_written, _MAGIC)) + rb")", re.MULTILINE)


def has_container(rows: bytes) -> bool:
    """Whether a bytea within an array or a row, among rows in COPY's form, must be opened."""
    return _CONTAINER.search(rows) is not None


def readable(block: bytes, ends: Sequence[int]) -> tuple[bytes, Sequence[int]]:
    """Return one block of windows for a matcher, and where each ends.

    `block`: rows in COPY's text form, each up to its newline, after which it `ends`.
    """
    if b"\\" not in block:
        return block, ends
    if b"\\\\" not in block:
        return _blanked(block), ends
    windows = [_window(block[start:end]) for start, end in pairwise([0, *ends])]
    return b"".join(windows), list(accumulate(map(len, windows)))


def _blanked(text: bytes) -> bytes:
    """Return a text with its escapes as spaces, in which none is that of a backslash."""
    blank = np.frombuffer(text, np.uint8).copy()
    escapes = np.flatnonzero(blank == _BACKSLASH)
    blank[escapes] = blank[escapes + 1] = _SPACE
    return blank.tobytes()


def _window(row: bytes) -> bytes:
    plain = _COPY.sub(b"  ", row)
    if b"\\\\" not in row:
        return plain
    return plain[:-1] + b" \t " + _BENEATH.sub(_decoded, row)


def _decoded(found: re.Match[bytes]) -> bytes:
    units, byte = found.group(1), found.group(2)
    if units:
        raw = b"".join(bytes.fromhex(unit.decode()) for unit in _UNIT.findall(units))
        return raw.decode("utf-16-be", "replace").encode()
    if byte:
        value = int(byte, 8)
        return bytes([value]) if value >= 0x20 else b" "
    return b" "
