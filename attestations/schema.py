"""Strict JSON for frozen dataclasses: the class is the schema.

A field ``units_total`` is written ``unitsTotal``. Every field must be there, none but those may
be; null stands only where the type says ``| None``. Types are ``str`` with a :class:`Text` rule,
``int`` with a :class:`Range`, ``bool``, ``datetime`` (UTC), string enumerations, other such
classes, and tuples of them with a :class:`Many` rule.
"""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from attestations.errors import Code, Malformed
from attestations.strict_json import BIGGEST, Json, dumps
from attestations.text import format_time, parse_time, shown

T = TypeVar("T")
Decoder: TypeAlias = Callable[[Json, str], Any]


@dataclass(frozen=True, slots=True)
class Text:
    """A string's rule: at most `longest` characters, at least one, and a pattern, if any."""

    name: str
    longest: int
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """A whole number's rule."""

    low: int = 0
    high: int = BIGGEST


@dataclass(frozen=True, slots=True)
class Many:
    """A list's rule. `unique`: no value occurs twice, or no value's `by` does."""

    most: int
    unique: bool = False
    least: int = 0
    by: str = ""


Label = Annotated[str, Text("label", 200)]
Name = Annotated[str, Text("code", 64, r"[a-z0-9]+(-[a-z0-9]+)*")]  # a code
Identifier = Annotated[str, Text("identifier", 64, r"[0-9A-Za-z][0-9A-Za-z._-]*")]
Digest = Annotated[str, Text("digest", 71, r"sha256:[0-9a-f]{64}")]
Count = Annotated[int, Range()]


def camel(name: str) -> str:
    """Return the JSON name of a Python name."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def decode(cls: type[T], value: Json, where: str) -> T:
    """Read one object. Raises :class:`Malformed`: E_SCHEMA, E_UNKNOWN_FIELD."""
    hint: Any = cls
    made = _decoder(hint)(value, where)
    assert isinstance(made, cls)
    return made


def encode(value: object) -> Json:
    """Write what :func:`decode` reads. Raises TypeError for a type that is none of a schema's."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, tuple):
        return [encode(each) for each in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            camel(field.name): encode(getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
    raise TypeError(f"{type(value).__name__} has no place in a schema")


def to_bytes(value: object) -> bytes:
    """Write an object as compact UTF-8 JSON. Raises :class:`Malformed`."""
    try:
        return dumps(encode(value))
    except (TypeError, ValueError) as error:
        raise Malformed(Code.E_SCHEMA, f"cannot be written as JSON: {error}") from None


def describe(hint: Any) -> str:
    """Return a type in the words of the specification's field tables."""
    plain, rules = rules_of(hint)
    if plain is type(None):
        return "null"
    if get_origin(plain) in {Union, types.UnionType}:
        return " or ".join(describe(each) for each in get_args(plain))
    if get_origin(plain) is tuple:
        (many,) = (rule for rule in rules if isinstance(rule, Many))
        least = f"{many.least} to " if many.least else "up to "
        unique = f", each {many.by} once" if many.by else ", each once" if many.unique else ""
        return f"list of {describe(get_args(plain)[0])}, {least}{many.most}{unique}"
    for rule in rules:
        if isinstance(rule, Text):
            return rule.name
        if isinstance(rule, Range):
            return "count" if rule == Range() else f"{rule.low} to {rule.high}"
    if plain is bool:
        return "boolean"
    if plain is datetime:
        return "time"
    if issubclass(plain, StrEnum):
        return "one of " + ", ".join(plain)
    return str(plain.__name__)


def fields(cls: type) -> dict[str, Any]:
    """Return the JSON names of a class with their type hints, in order."""
    hints = get_type_hints(cls, include_extras=True)
    return {camel(field.name): hints[field.name] for field in dataclasses.fields(cls)}


def rules_of(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Part a type from the rules that it is annotated with."""
    if get_origin(hint) is Annotated:
        plain, *rules = get_args(hint)
        return plain, tuple(rules)
    return hint, ()


@cache
def _decoder(hint: Any) -> Decoder:
    plain, rules = rules_of(hint)
    origin = get_origin(plain)
    if origin in {Union, types.UnionType}:
        (inner,) = (arg for arg in get_args(plain) if arg is not type(None))
        return _optional(_decoder(inner))
    if origin is tuple:
        (many,) = (rule for rule in rules if isinstance(rule, Many))
        return _list(_decoder(get_args(plain)[0]), many)
    if plain is bool:
        return _boolean
    if plain is datetime:
        return _time
    if plain is str:
        (text,) = (rule for rule in rules if isinstance(rule, Text))
        return _text(text)
    if plain is int:
        (span,) = (rule for rule in rules if isinstance(rule, Range))
        return _integer(span)
    if issubclass(plain, StrEnum):
        return _enumeration(plain)
    return _object(plain)


def _wrong(where: str, wanted: str) -> Malformed:
    return Malformed(Code.E_SCHEMA, f"{where}: not {wanted}")


def _optional(inner: Decoder) -> Decoder:
    def read(value: Json, where: str) -> Any:
        return None if value is None else inner(value, where)

    return read


def _list(inner: Decoder, rule: Many) -> Decoder:
    def read(value: Json, where: str) -> Any:
        if not isinstance(value, list):
            raise _wrong(where, "a list")
        if not rule.least <= len(value) <= rule.most:
            raise _wrong(where, f"a list of {rule.least} to {rule.most}")
        made = tuple(inner(each, f"{where}[{n}]") for n, each in enumerate(value))
        keys = [getattr(each, rule.by) for each in made] if rule.by else made
        if rule.unique and len(set(keys)) != len(keys):
            raise _wrong(where, "a list without duplicates")
        return made

    return read


def _boolean(value: Json, where: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(where, "true or false")
    return value


def _time(value: Json, where: str) -> datetime:
    moment = parse_time(value) if isinstance(value, str) else None
    if moment is None:
        raise _wrong(where, "a time in UTC like 2026-10-01T12:00:00Z")
    return moment.astimezone(UTC)


def _text(rule: Text) -> Decoder:
    pattern = re.compile(rule.pattern, re.ASCII) if rule.pattern else None

    def read(value: Json, where: str) -> str:
        if not isinstance(value, str):
            raise _wrong(where, "text")
        if not 0 < len(value) <= rule.longest or (pattern and not pattern.fullmatch(value)):
            raise _wrong(where, f"a {rule.name} of 1 to {rule.longest} characters")
        return value

    return read


def _integer(rule: Range) -> Decoder:
    def read(value: Json, where: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise _wrong(where, "a whole number")
        if not rule.low <= value <= rule.high:
            raise _wrong(where, f"a number of {rule.low} to {rule.high}")
        return value

    return read


def _enumeration(kind: type[StrEnum]) -> Decoder:
    members = {str(member): member for member in kind}

    def read(value: Json, where: str) -> StrEnum:
        if not isinstance(value, str) or value not in members:
            raise _wrong(where, f"one of {', '.join(members)}")
        return members[value]

    return read


def _object(cls: type) -> Decoder:
    # Decoders are looked up at the first use, so that classes may refer to each other.
    hints = fields(cls)

    def read(value: Json, where: str) -> Any:
        if not isinstance(value, dict):
            raise _wrong(where, "an object")
        for key in value:
            if key not in hints:
                raise Malformed(
                    Code.E_UNKNOWN_FIELD, f"{where}: the field '{shown(key, 40)}' is not known"
                )
        made = []
        for key, hint in hints.items():
            if key not in value:
                raise _wrong(where, f"complete: {key} is missing")
            made.append(_decoder(hint)(value[key], f"{where}.{key}"))
        return cls(*made)

    return read
