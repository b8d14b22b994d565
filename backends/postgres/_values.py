"""What a single value of a row may hold: several records, or a file of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from backends import content
from backends.content import (
    HEAD,
    SAMPLE,
    ebcdic,
    identify,
    is_binary,
    may_hold_base64,
    wide_encoding,
)

_COPY = re.compile(rb"\\(.)", re.DOTALL)  # COPY's text form, "File Formats" in the manual
_CHARACTERS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_BYTE = re.compile(rb"\\(?:([0-3][0-7]{2})|\\)")  # bytea_output = escape
_OCTAL = re.compile(rb"\\\\[0-3][0-7]{2}")
_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]|\\[rn]){22}")
_BOUNDS = bytes.maketrans(b"\t\n", b'""')  # what a value ends with, as in a text that quotes it


def values(row: bytes) -> list[bytes]:
    """Return the values of a row in COPY's text form, without its escapes."""
    found = row.rstrip(b"\n").split(b"\t")
    return [_COPY.sub(_unescaped, value) if b"\\" in value else value for value in found]


def holds_several(row: bytes) -> bool:
    """Whether some value of a row may hold more than one record, as far as its form tells."""
    return any(content.holds_several(_plain(value)) for value in values(row))


def documents(row: bytes, binary: Sequence[int]) -> Iterator[bytes]:
    """Yield the values in the binary columns of a row that are files of their own, or no text.

    Those of several lines are, whatever is in them: as one window, a file is no record. So are
    those that may hold base64.
    """
    if not (rb"\n" in row or _OCTAL.search(row) or b"%PDF-" in row or _BASE64.search(row)):
        return
    found = values(row)
    for data in (_plain(found[place]) for place in binary):
        head = data[:SAMPLE]
        if (
            b"\n" in data
            or any(identify(data[:HEAD]))
            or wide_encoding(head)[0]
            or ebcdic(head)
            or is_binary(head)
            or may_hold_base64(data)
        ):
            yield data


def quoted(rows: bytes, binary: Sequence[int]) -> bytes:
    r"""Return rows in COPY's text form as a text in which base64 is looked for.

    A line break in a value stays ``\n``, as it is in JSON; nothing goes on from value to value.
    Values in binary columns are left out: as documents they are looked into already.
    """
    if binary:
        rows = b"\n".join(_without(row, binary) for row in rows.split(b"\n"))
    return rows.translate(_BOUNDS).replace(rb"\\", b"\\")


def _without(row: bytes, binary: Sequence[int]) -> bytes:
    found = row.split(b"\t")
    return b"\t".join(b"" if place in binary else value for place, value in enumerate(found))


def _unescaped(found: re.Match[bytes]) -> bytes:
    return _CHARACTERS.get(found[1], found[1])


def _plain(value: bytes) -> bytes:
    return _BYTE.sub(_byte, value) if b"\\" in value else value


def _byte(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 8)]) if found[1] else b"\\"
