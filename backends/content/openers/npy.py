"""Arrays of numpy (its NEP 1, versions 1 to 3): no object is ever unpickled.

A record is an element of a structured or one-dimensional array, and a line along the last axis of
others. Arrays of objects are pickles, and opened as such.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.content import CHUNK, Bounds, Member, Opaque, Opener, Part, Raw, Source, Stop
from backends.content.apart import Found, as_parts
from backends.content.readers.values import AFTER, BETWEEN, block, row, text_of

_MAGIC = b"\x93NUMPY"
_VERSIONS = {1: (2, "latin-1"), 2: (4, "latin-1"), 3: (4, "utf-8")}  # bytes of the length; text
_LONGEST = 10_000  # bytes of a header: to parse more is not safe, numpy says
_WIDEST = 16 << 20  # bytes of a record
_BYTES = 1 << 20  # at once

_Array = NDArray[Any]


class Npy(Opener):
    """Opens an array."""

    name = "npy"

    def recognises(self, head: bytes) -> bool:
        """Tell by the magic number and the version."""
        return head.startswith(_MAGIC) and head[6:7] in {bytes([n]) for n in _VERSIONS}

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield the records, or the pickle."""
        dtype, shape, by_columns = _header(source)
        if dtype.hasobject:
            yield Member(source)
            return
        count, width = math.prod(shape), 1
        if len(shape) > 1 and not dtype.names:
            width = shape[-1]
        size = count * dtype.itemsize
        if not size:
            return
        if width * dtype.itemsize > _WIDEST:
            yield Opaque("too-large-to-open")
            yield Raw(_stretch(source, size))
        elif by_columns and len(shape) > 1:
            bounds.hold(2 * size)
            data = np.frombuffer(b"".join(_stretch(source, size)), dtype)
            lines = data.reshape(shape, order="F").reshape(-1, width)
            yield from as_parts(_found(_parts(lines, dtype)), bounds)
            bounds.hold(-2 * size)
        else:
            yield from as_parts(_found(_read(source, dtype, count, width)), bounds)


NPY = Npy()


def _header(source: Source) -> tuple[np.dtype[Any], tuple[int, ...], bool]:
    """Take the header: what an element is, how many there are, and in which order."""
    start = source.exactly(len(_MAGIC) + 2)
    length, encoding = _VERSIONS[start[6]]
    size = int.from_bytes(source.exactly(length), "little")
    if size > _LONGEST:
        raise Stop("container-not-opened")
    told = ast.literal_eval(source.exactly(size).decode(encoding).strip())
    shape = tuple(told["shape"])
    if not all(isinstance(n, int) and n >= 0 for n in shape):
        raise Stop("damaged-container")
    return np.lib.format.descr_to_dtype(told["descr"]), shape, bool(told["fortran_order"])


def _stretch(source: Source, left: int) -> Iterator[bytes]:
    while left:
        data = source.read(min(left, CHUNK))
        if not data:
            raise Stop("damaged-container")
        left -= len(data)
        yield data


def _read(source: Source, dtype: np.dtype[Any], count: int, width: int) -> Iterator[_Array]:
    """Yield the lines of an array, some at once, in the order in which they are stored."""
    each = max(1, _BYTES // (width * dtype.itemsize))
    left = count // width
    while left:
        lines = min(left, each)
        data = b"".join(_stretch(source, lines * width * dtype.itemsize))
        yield np.frombuffer(data, dtype).reshape(lines, width)
        left -= lines


def _parts(lines: _Array, dtype: np.dtype[Any]) -> Iterator[_Array]:
    each = max(1, _BYTES // (lines.shape[1] * dtype.itemsize))
    for at in range(0, len(lines), each):
        yield lines[at : at + each]


def _found(parts: Iterator[_Array]) -> Iterator[Found]:
    for lines in parts:
        others: list[Found] = []
        if lines.dtype.kind in "iuf":
            yield block(_numbers(lines))
            continue
        if lines.dtype.names:
            rows: Iterator[Sequence[object]] = zip(*_columns(lines[:, 0]), strict=True)
        else:
            rows = iter(next(_columns(lines)))
        yield block([row(values, others) for values in rows])
        yield from others


def _numbers(lines: _Array) -> list[bytes]:
    """Return lines of nothing but numbers, of which there are many in an array."""
    texts = list(map(text_of, next(_columns(lines.ravel()))))
    width = lines.shape[1]
    return [BETWEEN.join(texts[at : at + width]) + AFTER for at in range(0, len(texts), width)]


def _columns(lines: _Array) -> Iterator[Sequence[Any]]:
    """Yield the values of each field of all lines; those of an array within one are a list."""
    if lines.dtype.names:
        for name in lines.dtype.names:
            yield from _columns(lines[name])
        return
    kind = lines.dtype.kind
    if kind == "M":
        lines = np.strings.replace(np.datetime_as_string(lines), "T", " ")
    elif kind == "f" and lines.dtype.itemsize < 8:
        lines = lines.astype("U").astype(np.float64)  # the shortest number that it stands for
    yield lines.tolist()
