"""Frozen dataclasses as JSON, and strictly back: the class is the schema.

What is read has every field of its class, none besides, and each of its type, or is refused.
Types are str, int, bool, None, string enumerations, other such classes, and unions, tuples,
frozen sets and mappings (with text for keys) of them.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
_Reader: TypeAlias = Callable[[Any], Any]
_PLAIN = frozenset({str, int, bool, type(None)})


class NotOfItsType(ValueError):
    """A value does not fit its class."""


def encode(value: Any) -> Any:
    """What json.dumps takes, and :func:`decode` reads back."""
    kind: Any = type(value)  # hashable, which not every metaclass says
    return _writer(kind)(value)


def decode(kind: type[T], value: Any) -> T:
    """Build a value of a class. Raises NotOfItsType."""
    hint: Any = kind
    made = _reader(hint)(value)
    assert isinstance(made, kind)
    return made


def dumps(value: Any) -> bytes:
    """One line: ASCII, keys in order, with its line end."""
    text = json.dumps(encode(value), sort_keys=True, separators=(",", ":"))
    return text.encode("ascii") + b"\n"


def loads(kind: type[T], line: str | bytes) -> T:
    """Read a line back. Raises NotOfItsType."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise NotOfItsType("not JSON") from None
    return decode(kind, value)


@cache
def _writer(kind: type) -> Callable[[Any], Any]:
    """How values of a class are encoded: asked once a class, for plans have many lines."""
    if issubclass(kind, Enum):
        return _valued
    if kind in _PLAIN:
        return _itself
    if dataclasses.is_dataclass(kind):
        names = tuple(field.name for field in dataclasses.fields(kind))
        return lambda value: {
            name: each if type(each := getattr(value, name)) in _PLAIN else encode(each)
            for name in names
        }
    if issubclass(kind, Mapping):
        return lambda value: {key: encode(each) for key, each in value.items()}
    if issubclass(kind, frozenset):
        return lambda value: sorted(map(encode, value))
    if issubclass(kind, tuple):
        return lambda value: [encode(each) for each in value]
    return _itself


def _itself(value: Any) -> Any:
    return value


def _valued(value: Any) -> Any:
    return value.value


@cache
def _reader(hint: Any) -> _Reader:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        if set(arguments) <= _PLAIN:
            return _plain_of(frozenset(arguments))
        return _one_of([_reader(each) for each in arguments])
    if origin is tuple:
        if arguments[1:] == (...,):
            return _list_of(_reader(arguments[0]), tuple)
        return _row_of([_reader(each) for each in arguments])
    if origin is frozenset:
        return _list_of(_reader(arguments[0]), frozenset)
    if origin is Mapping:
        return _mapping_of(_reader(arguments[1]))
    if hint in _PLAIN:
        return _plain_of(frozenset({hint}))
    if issubclass(hint, Enum):
        return _member_of({member.value: member for member in hint})
    return _object_of(hint)


def _plain_of(kinds: frozenset[type]) -> _Reader:
    def read(value: Any) -> Any:
        if type(value) not in kinds:
            raise NotOfItsType("plain")
        return value

    return read


def _one_of(readers: list[_Reader]) -> _Reader:
    def read(value: Any) -> Any:
        for each in readers:
            try:
                return each(value)
            except NotOfItsType:
                continue
        raise NotOfItsType("none of a union's types")

    return read


def _list_of(inner: _Reader, kind: Callable[[list[Any]], Any]) -> _Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise NotOfItsType("list")
        return kind([inner(each) for each in value])

    return read


def _row_of(readers: list[_Reader]) -> _Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, list) or len(value) != len(readers):
            raise NotOfItsType("row")
        return tuple(each(cell) for each, cell in zip(readers, value, strict=True))

    return read


def _mapping_of(inner: _Reader) -> _Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise NotOfItsType("mapping")
        return {key: inner(each) for key, each in value.items()}

    return read


def _member_of(members: Mapping[object, Enum]) -> _Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, str) or value not in members:
            raise NotOfItsType("member")
        return members[value]

    return read


def _object_of(kind: type) -> _Reader:
    hints = get_type_hints(kind)
    readers = [(field.name, _reader(hints[field.name])) for field in dataclasses.fields(kind)]
    number = len(readers)

    def read(value: Any) -> Any:
        # As many keys as fields, and each of the fields' among them: the same names.
        if not isinstance(value, dict) or len(value) != number:
            raise NotOfItsType(kind.__name__)
        try:
            return kind(*[inner(value[name]) for name, inner in readers])
        except KeyError:
            raise NotOfItsType(kind.__name__) from None

    return read
