"""JSON without its traps (RFC 8259, narrowed as I-JSON, RFC 7493, and further).

Refused: more than the limits; anything but UTF-8; a byte order mark; duplicate keys; floats,
NaN and infinities; integers of 2**53 and above; lone surrogates. The limits are checked on the
bytes, before the parser runs: 200,000 brackets or a number of 5,000 digits cost nothing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from attestations.errors import Code, Malformed

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"

BIGGEST = 2**53 - 1  # the integers that every JSON parser reads alike (RFC 7493, 2.2)

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_LONG_NUMBER = re.compile(rb"[0-9]{17}")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


@dataclass(frozen=True, slots=True)
class Limits:
    """What a document may have at the most. `size` in bytes; `items` counts all values."""

    size: int
    depth: int = 16
    items: int = 200_000


def loads(data: bytes, limits: Limits, what: str, *, lone_surrogates: bool = False) -> Json:
    """Parse `data`, called `what` in messages. Raises :class:`Malformed`.

    `lone_surrogates` lets them pass: names that are not UTF-8 are written with them (PEP 383).
    """
    _check_limits(data, limits, what)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed(Code.E_JSON, f"{what}: not UTF-8") from None
    if text.startswith("\ufeff"):
        raise Malformed(Code.E_JSON, f"{what}: begins with a byte order mark")
    try:
        value: Json = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_no_float,
            parse_constant=_no_float,
        )
    except _Unfit as unfit:
        raise Malformed(Code.E_JSON, f"{what}: {unfit}") from None
    except (ValueError, RecursionError):
        raise Malformed(Code.E_JSON, f"{what}: not JSON") from None
    if not lone_surrogates and _SURROGATE.search(data) and not _encodable(value):
        raise Malformed(Code.E_JSON, f"{what}: a lone surrogate")
    return value


def dumps(value: object) -> bytes:
    """Write compact UTF-8 JSON in the order given. Raises ValueError for lone surrogates."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8")


def _check_limits(data: bytes, limits: Limits, what: str) -> None:
    if len(data) > limits.size:
        raise Malformed(Code.E_LIMIT, f"{what}: more than {limits.size} bytes")
    if data.count(b'"') > 4 * limits.items:
        raise Malformed(Code.E_LIMIT, f"{what}: too many strings")
    # What lies outside of strings: pairs of backslashes go first, then escaped quotes, then
    # every other part between quotes is outside. All of it runs at the speed of memchr.
    bare = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside = b"".join(bare.split(b'"')[::2])
    items = outside.count(b",") + outside.count(b":") + outside.count(b"[") + outside.count(b"{")
    if items > limits.items:
        raise Malformed(Code.E_LIMIT, f"{what}: more than {limits.items} values")
    depth = deepest = 0
    for bracket in outside.translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    if deepest > limits.depth:
        raise Malformed(Code.E_LIMIT, f"{what}: nested deeper than {limits.depth}")
    if _LONG_NUMBER.search(outside):
        raise Malformed(Code.E_JSON, f"{what}: an integer of 2**53 or more")


class _Unfit(Exception):
    """Carries a reason out of the parser's hooks; never leaves this module."""


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Unfit("a duplicate key")
    return made


def _integer(text: str) -> int:
    number = int(text)
    if abs(number) > BIGGEST:
        raise _Unfit("an integer of 2**53 or more")
    return number


def _no_float(_text: str) -> NoReturn:
    raise _Unfit("a number that is not an integer")


def _encodable(value: Json) -> bool:
    """Whether every string is made of whole characters."""
    todo: list[Json] = [value]
    while todo:
        each = todo.pop()
        if isinstance(each, str):
            try:
                each.encode("utf-8")
            except UnicodeEncodeError:
                return False
        elif isinstance(each, dict):
            todo.extend(each)
            todo.extend(each.values())
        elif isinstance(each, list):
            todo.extend(each)
    return True
