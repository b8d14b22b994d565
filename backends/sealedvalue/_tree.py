"""The key tree: a key for each record, derived from few, and destroyed one by one.

A binary tree of 64 levels (Goldreich, Goldwasser and Micali 1986). Each node's key gives those of
its two children, by HMAC-SHA-256, and no child's gives its parent's or its sibling's. A record's
key is a leaf: where it is, its path says, 64 bits. At the beginning the root alone is kept. To
destroy a record's key, the node above it is dropped, and those that branch off on the way down to
it are kept instead: from them every leaf can be derived but that one.

So nothing is stored for a record before its key is destroyed, and then at the most 64 nodes of 41
bytes: level, place on it, key.
"""

from __future__ import annotations

import hmac
import secrets
import struct
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from backends.sealedvalue._errors import RecordDestroyed

LEVELS = 64
_KEY = 32
_LEFT, _RIGHT = b"shredder key tree v1 left", b"shredder key tree v1 right"
_PLACE = struct.Struct(">BQ")
_NODE = struct.Struct(f">BQ{_KEY}s")

_Node = Callable[[tuple[int, int]], bytes | bytearray | None]  # the key of a place, if it is kept


class Tree(Protocol):
    """What gives the keys of records."""

    def key(self, path: bytes) -> bytes:
        """Return a record's key. Raises RecordDestroyed."""

    def close(self) -> None:
        """Give none any more."""


class PackedTree:
    """A packed tree, looked up where it lies: a sweep asks once for every value it meets."""

    def __init__(self, data: bytes, begins: int) -> None:
        """`data`: what KeyTree.packed() wrote, from the place `begins` on."""
        self._data = data
        self._nodes = range(begins, len(data), _NODE.size)

    def key(self, path: bytes) -> bytes:
        """A record's key. Raises RecordDestroyed."""
        return _key(self._node, _leaf(path))

    def close(self) -> None:
        """Do nothing: what was packed is whose it was."""

    def _node(self, place: tuple[int, int]) -> bytes | None:
        at = bisect_left(self._nodes, place, key=self._place)
        if at == len(self._nodes) or self._place(self._nodes[at]) != place:
            return None
        begins = self._nodes[at] + _PLACE.size
        return self._data[begins : begins + _KEY]

    def _place(self, at: int) -> tuple[int, int]:
        level, place = _PLACE.unpack_from(self._data, at)
        return level, place


class KeyTree:
    """Nodes from which keys of records are derived. The keys in it are zeroed by close()."""

    def __init__(self, nodes: dict[tuple[int, int], bytearray]) -> None:
        """`nodes`: keys by level and place, the root being (0, 0). No node is above another."""
        self._nodes = nodes

    @classmethod
    def made(cls) -> KeyTree:
        """A tree in which every record has a key."""
        return cls({(0, 0): bytearray(secrets.token_bytes(_KEY))})

    @classmethod
    def unpacked(cls, data: bytes | bytearray) -> KeyTree:
        """Read what packed() wrote. Raises ValueError."""
        if len(data) % _NODE.size:
            raise ValueError("a key tree is cut short")
        nodes = {}
        for level, place, key in _NODE.iter_unpack(data):
            if level > LEVELS or place >> level:
                raise ValueError("a key tree has a node where none can be")
            nodes[level, place] = bytearray(key)
        return cls(nodes)

    def packed(self) -> bytearray:
        """All nodes."""
        data = bytearray(_NODE.size * len(self._nodes))
        for at, ((level, place), key) in enumerate(sorted(self._nodes.items())):
            _NODE.pack_into(data, at * _NODE.size, level, place, key)
        return data

    def __len__(self) -> int:
        """How many nodes are kept."""
        return len(self._nodes)

    def key(self, path: bytes) -> bytes:
        """A record's key. Raises RecordDestroyed."""
        return _key(self._nodes.get, _leaf(path))

    def has(self, path: bytes) -> bool:
        """Whether a record's key can be derived."""
        try:
            _above(self._nodes.get, _leaf(path))
        except RecordDestroyed:
            return False
        return True

    def without(self, paths: Iterable[bytes]) -> KeyTree:
        """The tree from which these records' keys cannot be derived, and all others can."""
        pruned = KeyTree({place: bytearray(key) for place, key in self._nodes.items()})
        for path in paths:
            pruned._prune(_leaf(path))
        return pruned

    def close(self) -> None:
        """Zero the keys. Copies that were made of them in use are not reached."""
        for key in self._nodes.values():
            key[:] = bytes(len(key))
        self._nodes.clear()

    def _prune(self, leaf: int) -> None:
        try:
            level, _ = _above(self._nodes.get, leaf)
        except RecordDestroyed:
            return
        dropped = key = self._nodes.pop((level, leaf >> LEVELS - level))
        for bit in _bits(leaf, level):
            level += 1
            place = leaf >> LEVELS - level
            self._nodes[level, place ^ 1] = bytearray(_child(key, 1 - bit))
            key = bytearray(_child(key, bit))
        dropped[:] = key[:] = bytes(_KEY)


def _leaf(path: bytes) -> int:
    if len(path) * 8 != LEVELS:
        raise ValueError("a record's path has 8 bytes")
    return int.from_bytes(path, "big")


def _key(node: _Node, leaf: int) -> bytes:
    level, key = _above(node, leaf)
    for bit in _bits(leaf, level):
        key = _child(key, bit)
    return bytes(key)


def _above(node: _Node, leaf: int) -> tuple[int, bytes | bytearray]:
    """The node that a leaf is below, or is: its level and its key. Raises RecordDestroyed."""
    for level in range(LEVELS + 1):
        key = node((level, leaf >> LEVELS - level))
        if key is not None:
            return level, key
    raise RecordDestroyed("its record's own key is destroyed")


def _bits(leaf: int, level: int) -> Iterator[int]:
    """Which way to go at each level below one, down to a leaf: 0 is left."""
    return (leaf >> LEVELS - 1 - below & 1 for below in range(level, LEVELS))


def _child(key: bytes | bytearray, bit: int) -> bytes:
    return hmac.digest(key, _RIGHT if bit else _LEFT, "sha256")
