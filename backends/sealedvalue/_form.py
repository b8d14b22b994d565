"""The bytes of a sealed value, and of what is encrypted in it."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from dataclasses import dataclass

from backends.sealedvalue._errors import Altered, NotSealed

_TEXT = b"SEALEDv1"
MAGIC = base64.b64decode(_TEXT)
TAG, PATH, NONCE = 8, 8, 24  # bytes
_OF_TEXT, _OF_RECORD = 1, 2
_ENCODED = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_LENGTH = struct.Struct(">H")


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a value belongs. `row` is what names the row for its life, as a text."""

    table: str
    column: str
    row: str


@dataclass(frozen=True, slots=True)
class Parts:
    """A sealed value taken apart. `header` is what stands before the nonce."""

    header: bytes
    text: bool
    tag: bytes
    path: bytes  # empty, unless it is under a record's own key
    nonce: bytes
    encrypted: bytes


def header(tag: bytes, path: bytes, *, text: bool) -> bytes:
    """What stands before the nonce."""
    kind = _OF_TEXT * text | _OF_RECORD * bool(path)
    return b"".join((MAGIC, bytes([kind]), tag, path))


def parts(sealed: bytes) -> Parts:
    """Take a sealed value apart. Raises NotSealed, Altered."""
    if not is_sealed(sealed):
        raise NotSealed("it is no sealed value")
    kind = sealed[len(MAGIC)]
    at = len(MAGIC) + 1 + TAG
    begins = at + PATH * bool(kind & _OF_RECORD)
    ends = begins + NONCE
    if kind > _OF_TEXT | _OF_RECORD or len(sealed) < ends:
        raise Altered("it is cut short, or of a kind that is not known")
    return Parts(
        header=sealed[:begins],
        text=bool(kind & _OF_TEXT),
        tag=sealed[at - TAG : at],
        path=sealed[at:begins],
        nonce=sealed[begins:ends],
        encrypted=sealed[ends:],
    )


def packed(cell: Cell, value: bytes) -> bytes:
    """What is encrypted. Raises ValueError where a name is longer than 65,535 bytes."""
    found = []
    for name in (cell.table, cell.column, cell.row):
        data = name.encode()
        if len(data) > 0xFFFF:
            raise ValueError("a table, column or row is named by 65,535 bytes at the most")
        found += [_LENGTH.pack(len(data)), data]
    return b"".join((*found, value))


def unpacked(data: bytes) -> tuple[Cell, bytes]:
    """The cell and the value. Raises Altered."""
    names, at = [], 0
    try:
        for _ in range(3):
            (size,) = _LENGTH.unpack_from(data, at)
            at += _LENGTH.size + size
            if at > len(data):
                raise Altered("its cell is cut short")
            names.append(data[at - size : at].decode())
    except (struct.error, UnicodeDecodeError):
        raise Altered("its cell cannot be read") from None
    return Cell(*names), data[at:]


def is_sealed(data: bytes) -> bool:
    """Whether something begins as a sealed value does."""
    return data.startswith(MAGIC) and len(data) > len(MAGIC)


def is_sealed_text(data: bytes) -> bool:
    """Whether something is a sealed value as a text, as far as its characters tell."""
    return data.startswith(_TEXT) and _ENCODED.fullmatch(data) is not None


def to_text(sealed: bytes) -> str:
    """A sealed value for where only text goes: base64 (RFC 4648, section 4)."""
    return base64.b64encode(sealed).decode()


def of_text(text: str) -> bytes:
    """The same back. Raises NotSealed."""
    if not text.startswith(_TEXT.decode()):
        raise NotSealed("it is no sealed value")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NotSealed("it is no sealed value: not base64") from None
