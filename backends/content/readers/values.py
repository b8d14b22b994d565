"""Values of any type as the texts by which they are recognised."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import accumulate

from backends.content import HEAD, WITHIN, identify
from backends.content.apart import Block, Found, Inner, Loose

BETWEEN, AFTER = b"\x1f", b"\n"
_SHORT = 64  # bytes of a binary value that may be an identifier, a digest, a short text
_UUID = 16
_DEEP = 64  # values within values
_INTEGERS = 2**63


def text_of(value: float | Decimal) -> bytes:
    """Return a number as it is written in full, without decimals where these are zeros."""
    if isinstance(value, Decimal):
        if not value.is_finite():
            return b""
        # An exponent can be made to give more digits than there is memory.
        shown = f"{value:f}" if abs(value.adjusted()) < _SHORT else str(value)
        return (shown.rstrip("0").rstrip(".") if "." in shown else shown).encode()
    if math.isfinite(value) and value == int(value) and abs(value) < _INTEGERS:
        return b"%d" % int(value)
    return repr(value).encode()


def moment(value: date | time) -> bytes:
    """Return a date, a time or both as ISO 8601 has them, parted by a space."""
    return (value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()).encode()


def binary(value: bytes) -> bytes:
    """Return a short binary value as it is, and as the UUID that it may be."""
    if len(value) != _UUID:
        return value
    plain, mixed = uuid.UUID(bytes=value), uuid.UUID(bytes_le=value)
    return BETWEEN.join([value, str(plain).encode(), str(mixed).encode()])


def apart(value: bytes) -> Found | None:
    """Return a binary value that is no part of its record's text: a document, or unknown bytes."""
    opened, unopened = identify(value[:HEAD])
    if len(value) <= _SHORT:
        return Inner(value) if opened and len(value) > _UUID else None
    if opened or unopened:
        return Inner(value)
    try:
        value.decode()
    except UnicodeDecodeError:
        return Loose(value)
    return Inner(value)


def flat(value: object, others: list[Found], depth: int = 0) -> Iterator[bytes]:
    """Yield the texts of a value and of all within it; `others` gets what is no text.

    What is side by side in one value, and may be records, is not parted as values are.
    """
    if depth > _DEEP:
        raise RecursionError
    if isinstance(value, str):
        yield value.encode("utf-8", "replace")
    elif value is None:
        return
    elif isinstance(value, bool):
        yield b"true" if value else b"false"
    elif isinstance(value, int):
        yield b"%d" % value
    elif isinstance(value, float | Decimal):
        yield text_of(value)
    elif isinstance(value, date | time):
        yield moment(value)
    elif isinstance(value, bytes | bytearray | memoryview):
        data = bytes(value)
        if other := apart(data):
            others.append(other)
        else:
            yield binary(data)
    elif isinstance(value, Mapping):
        texts = [
            BETWEEN.join([*flat(name, others, depth + 1), *flat(inner, others, depth + 1)])
            for name, inner in value.items()
        ]
        yield WITHIN.join(texts) if _alike(value.values()) else BETWEEN.join(texts)
    elif isinstance(value, tuple):  # an entry of a map, a structure
        for element in value:
            yield from flat(element, others, depth + 1)
    elif isinstance(value, list | set | frozenset):
        texts = [BETWEEN.join(flat(element, others, depth + 1)) for element in value]
        texts = [text for text in texts if text]
        if all(element is None or isinstance(element, float) for element in value):
            yield BETWEEN.join(texts)  # a vector
        else:
            yield WITHIN.join(texts)
    elif isinstance(value, timedelta):
        yield text_of(value.total_seconds())
    else:
        yield str(value).encode("utf-8", "replace")


def _alike(values: Iterable[object]) -> bool:
    """Whether several things have the same parts, as records have that are kept by their names."""
    parts = [tuple(value) for value in values if isinstance(value, Mapping)]
    return len(parts) != len(set(parts))


def row(values: Iterable[object], others: list[Found]) -> bytes:
    """Return a record of these values."""
    return BETWEEN.join(text for value in values for text in flat(value, others)) + AFTER


def block(rows: list[bytes]) -> Block:
    """Return a block of records."""
    return Block(b"".join(rows), tuple(accumulate(map(len, rows))))
