"""Commitments: Merkle trees over salted leaves, and salted digests of single names.

The tree is RFC 6962's (2.1; the same in RFC 9162): ``leaf = SHA-256(0x00 ‖ data)`` and
``node = SHA-256(0x01 ‖ left ‖ right)``. A leaf's data is ``salt ‖ record``. Salts come from one
32-byte secret by HKDF-SHA-256 (RFC 5869), so that a record can be opened by itself, and
destroying the secret unlinks all others for good.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

SALT_SIZE = 32
SECRET_SIZE = 32
MAX_PATH = 64  # hashes; a tree of 2**64 leaves

_EXTRACT_SALT = b"shredder attestation v1"


def leaf_hash(data: bytes) -> bytes:
    """Hash a leaf (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash an inner node (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Committer:
    """Makes salts and commitments from one attestation's secret."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SECRET_SIZE:
            raise ValueError(f"the secret has {SECRET_SIZE} bytes")
        # HKDF-Extract once; each salt is one HKDF-Expand block (RFC 5869, 2.2 and 2.3).
        self._key = hmac.digest(_EXTRACT_SALT, secret, "sha256")

    @staticmethod
    def new_secret() -> bytes:
        """Return a fresh secret of 32 random bytes."""
        return os.urandom(SECRET_SIZE)

    def salt(self, tree: str, index: int) -> bytes:
        """Return the salt of one leaf: info is ``leaf NUL tree NUL index``, index in 8 bytes."""
        return self._expand(b"leaf\0" + tree.encode() + b"\0" + index.to_bytes(8, "big"))

    def name_salt(self, kind: str, name: bytes) -> bytes:
        """Return the salt of one name: info is ``name NUL kind NUL name``."""
        return self._expand(b"name\0" + kind.encode() + b"\0" + name)

    def leaf(self, tree: str, index: int, record: bytes) -> bytes:
        """Return the leaf hash of one record."""
        return leaf_hash(self.salt(tree, index) + record)

    def name(self, kind: str, *parts: str) -> str:
        """Commit to a name, ``sha256:…``: the same name gives the same commitment.

        Of several parts (a store and its scope) each is preceded by its length, so that no
        two different lists of parts look alike.
        """
        joined = joined_parts(parts)
        return "sha256:" + leaf_hash(self.name_salt(kind, joined) + joined).hex()

    def _expand(self, info: bytes) -> bytes:
        return hmac.digest(self._key, info + b"\x01", "sha256")


def joined_parts(parts: Iterable[str]) -> bytes:
    """Join names without ambiguity: each as its length in 4 bytes, then its UTF-8 bytes.

    Bytes that are not UTF-8 stand in a name as surrogate escapes (PEP 383) and come out as
    they were.
    """
    encoded = [part.encode("utf-8", "surrogateescape") for part in parts]
    return b"".join(len(each).to_bytes(4, "big") + each for each in encoded)


class MerkleBuilder:
    """Computes a root from leaf hashes given in order; keeps one hash a level."""

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        """Begin a tree, or go on with one of so many leaves, by its `peaks`. Raises ValueError."""
        self._peaks = list(peaks)
        self._size = size
        if len(self._peaks) != size.bit_count() or any(len(each) != 32 for each in self._peaks):
            raise ValueError("not the peaks of a tree of that size")

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """The roots of its perfect subtrees, the biggest first: all that is kept of its leaves."""
        return tuple(self._peaks)

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return self._size

    def add(self, leaf: bytes) -> None:
        """Append a leaf hash."""
        self._peaks.append(leaf)
        self._size += 1
        # As many subtrees of equal size meet as the new size has trailing zero bits.
        carry = self._size
        while carry % 2 == 0:
            right = self._peaks.pop()
            self._peaks[-1] = node_hash(self._peaks[-1], right)
            carry //= 2

    def root(self) -> bytes:
        """Return the root so far; SHA-256 of nothing for no leaves (RFC 6962, 2.1)."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


def inclusion_path(leaves: Iterable[bytes], index: int, size: int) -> tuple[bytes, ...]:
    """Return the audit path of one leaf (RFC 6962, 2.1.1) from a stream of all leaf hashes.

    Memory is O(log n): each hash of the path is the root of consecutive leaves. Raises
    ValueError where the stream does not have `size` leaves or `index` is none of them.
    """
    if not 0 <= index < size:
        raise ValueError("no leaf of that index")
    spans = inclusion_spans(index, size)
    stream = iter(leaves)
    roots = {
        (start, end): _subtree(stream, end - start)
        for start, end in sorted([*spans, (index, index + 1)])
    }
    if next(stream, None) is not None:
        raise ValueError("more leaves than the size says")
    return tuple(roots[span] for span in spans)


def inclusion_spans(index: int, size: int) -> list[tuple[int, int]]:
    """Return which leaves each hash of an audit path is the root over, the leaf's sibling first."""
    spans: list[tuple[int, int]] = []  # from the root down
    low, high = 0, size
    while high - low > 1:
        middle = low + split(high - low)
        if index < middle:
            spans.append((middle, high))
            high = middle
        else:
            spans.append((low, middle))
            low = middle
    return spans[::-1]


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that a path leads to (RFC 9162, 2.1.3.2); None if it cannot be one."""
    if not 0 <= index < size or len(path) > MAX_PATH or any(len(p) != 32 for p in path):
        return None
    first, second, root = index, size - 1, leaf
    for sibling in path:
        if second == 0:
            return None
        if first & 1 or first == second:
            root = node_hash(sibling, root)
            while not first & 1 and first:
                first, second = first >> 1, second >> 1
        else:
            root = node_hash(root, sibling)
        first, second = first >> 1, second >> 1
    return root if second == 0 else None


@dataclass(frozen=True, slots=True)
class Opening:
    """What shows one record of a tree to a stranger. Hashes and salt in bytes."""

    index: int
    record: bytes
    salt: bytes
    path: tuple[bytes, ...]

    def opens(self, root: bytes, size: int) -> bool:
        """Whether the record is leaf `index` of the tree of this root and size."""
        if len(self.salt) != SALT_SIZE:
            return False
        leaf = leaf_hash(self.salt + self.record)
        return root_from_path(leaf, self.index, size, self.path) == root


def split(size: int) -> int:
    """Return the largest power of two below `size`: how many leaves go to the left."""
    return 1 << (size - 1).bit_length() - 1


def _subtree(stream: Iterator[bytes], size: int) -> bytes:
    builder = MerkleBuilder()
    for _ in range(size):
        leaf = next(stream, None)
        if leaf is None:
            raise ValueError("fewer leaves than the size says")
        builder.add(leaf)
    return builder.root()
