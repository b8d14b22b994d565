"""The plan file: JSON Lines, the header first, then a line for each holding.

The bytes of the file are what is digested and approved, so nothing is ever re-encoded: a line
is read back with every key known and of its type, or the file is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from shredder import values
from shredder.errors import Refused
from shredder.plan.model import Header, Item, Options

FORMAT = "shredder-plan/1"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _First:
    """The first line."""

    format: str
    plan: Header


def dump_header(header: Header) -> bytes:
    """The first line."""
    return values.dumps(_First(FORMAT, header))


def dump_item(item: Item) -> bytes:
    """The line of one holding."""
    return values.dumps(item)


def dump_options(options: Options) -> dict[str, Any]:
    """Options as JSON values."""
    fields: dict[str, Any] = values.encode(options)
    return fields


def parse_header(line: bytes) -> Header:
    """Read the first line back. Raises Refused."""
    first = _read(_First, line)
    if first.format != FORMAT:
        raise _damaged()
    return first.plan


def parse_item(line: bytes) -> Item:
    """Read a holding's line back. Raises Refused."""
    return _read(Item, line)


def load_options(fields: Mapping[str, Any]) -> Options:
    """Options from JSON values. Raises Refused."""
    try:
        return values.decode(Options, fields)
    except values.NotOfItsType:
        raise _damaged() from None


def _read(kind: type[T], line: bytes) -> T:
    try:
        return values.loads(kind, line)
    except values.NotOfItsType:
        raise _damaged() from None


def _damaged() -> Refused:
    return Refused("the plan file is damaged", hint="make the plan again with `shredder plan`")
