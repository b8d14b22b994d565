"""A reader for DER (X.690, 10): just enough to look into a time-stamp token.

It refuses what DER refuses in lengths, and copies nothing. Trust decisions rest on a verified
signature; this reads the parts of the signed bytes that the library does not hand out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

INTEGER = 0x02
OCTET_STRING = 0x04
OID = 0x06
GENERALIZED_TIME = 0x18
SEQUENCE = 0x30
SET = 0x31
BOOLEAN = 0x01


class NotDer(ValueError):
    """The bytes are not the DER that is expected here."""


@dataclass(frozen=True, slots=True)
class Node:
    """One value: its tag byte, its content, and all of its bytes."""

    tag: int
    content: bytes
    raw: bytes

    def children(self) -> Iterator[Node]:
        """Yield the values inside."""
        rest = self.content
        while rest:
            node, rest = _take(rest)
            yield node

    def expect(self, tag: int) -> Node:
        """Return itself if it has this tag. Raises :class:`NotDer`."""
        if self.tag != tag:
            raise NotDer("another tag is expected")
        return self

    @property
    def oid(self) -> str:
        """The dotted form of an object identifier (X.690, 8.19)."""
        self.expect(OID)
        arcs, value = [], 0
        for byte in self.content:
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                arcs.append(value)
                value = 0
        if not arcs or self.content[-1] & 0x80:
            raise NotDer("an object identifier cut short")
        top = min(arcs[0] // 40, 2)
        return ".".join(map(str, [top, arcs[0] - 40 * top, *arcs[1:]]))


def parse(data: bytes) -> Node:
    """Read one value that fills all of `data`. Raises :class:`NotDer`."""
    node, rest = _take(data)
    if rest:
        raise NotDer("bytes after the end")
    return node


def first(nodes: Iterator[Node], tag: int) -> Node:
    """Return the next value, which must have this tag. Raises :class:`NotDer`."""
    node = next(nodes, None)
    if node is None:
        raise NotDer("a value is missing")
    return node.expect(tag)


def _take(data: bytes) -> tuple[Node, bytes]:
    if len(data) < 2 or data[0] & 0x1F == 0x1F:
        raise NotDer("not a value, or a tag of many bytes")
    size, start = data[1], 2
    if size == 0x80 or size > 0x84:
        raise NotDer("an indefinite or enormous length")
    if size > 0x80:
        count = size - 0x80
        size, start = int.from_bytes(data[2 : 2 + count], "big"), 2 + count
        if size < 0x80 or data[2] == 0:
            raise NotDer("a length that is not the shortest")
    end = start + size
    if end > len(data):
        raise NotDer("a value cut short")
    return Node(data[0], data[start:end], data[:end]), data[end:]
