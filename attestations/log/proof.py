"""Proofs of inclusion and consistency (RFC 9162, 2.1.3 and 2.1.4; RFC 6962, 2.1.1 and 2.1.2).

Every hash of a proof is the root over consecutive leaves, a *span* ``(first, end)``. The spans
follow from the sizes alone; who holds the tree hashes them.
"""

from __future__ import annotations

from collections.abc import Sequence

from attestations.commitment import MAX_PATH, node_hash, root_from_path, split

Span = tuple[int, int]


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> bool:
    """Whether `leaf`, a leaf hash, is number `index` of the tree of this size and root."""
    return root_from_path(leaf, index, size, path) == root


def verify_consistency(
    size1: int, size2: int, root1: bytes, root2: bytes, path: Sequence[bytes]
) -> bool:
    """Whether the first `size1` leaves of a tree are those of an older tree (RFC 9162, 2.1.4.2).

    Every tree extends the empty one, so that nothing is proved of it: `size1` is 1 at least.
    """
    if not 1 <= size1 <= size2 or len(path) > MAX_PATH or any(len(p) != 32 for p in path):
        return False
    if size1 == size2:
        return not path and root1 == root2
    if not path:
        return False
    # A power of two is a whole subtree: its root is known and not in the proof.
    hashes = [root1, *path] if size1 & (size1 - 1) == 0 else list(path)
    first, second = size1 - 1, size2 - 1
    while first & 1:
        first, second = first >> 1, second >> 1
    old = new = hashes[0]
    for each in hashes[1:]:
        if second == 0:
            return False
        if first & 1 or first == second:
            old, new = node_hash(each, old), node_hash(each, new)
            while not first & 1 and first:
                first, second = first >> 1, second >> 1
        else:
            new = node_hash(new, each)
        first, second = first >> 1, second >> 1
    return (old, new, second) == (root1, root2, 0)


def consistency_spans(size1: int, size2: int) -> list[Span]:
    """Return what a consistency proof covers, in its order (RFC 6962, 2.1.2, SUBPROOF).

    Raises ValueError unless 1 ≤ `size1` ≤ `size2`.
    """
    if not 1 <= size1 <= size2:
        raise ValueError("no consistency can be proved between these sizes")
    beside: list[Span] = []  # from the root down
    low, high, known = 0, size2, True
    while size1 < high:
        middle = low + split(high - low)
        if size1 <= middle:
            beside.append((middle, high))
            high = middle
        else:
            beside.append((low, middle))
            low, known = middle, False
    return [*([] if known else [(low, high)]), *reversed(beside)]
