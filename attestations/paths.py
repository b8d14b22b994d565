"""Inclusion paths of several leaves at once, in one pass over all leaf hashes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable

from attestations.commitment import inclusion_spans, node_hash

Span = tuple[int, int]  # the first leaf of a subtree, and the one after its last


def root_and_paths(
    leaves: Iterable[bytes], indices: Collection[int]
) -> tuple[bytes | None, int, dict[int, tuple[bytes, ...]]]:
    """Return the root, the size and the path of each index (RFC 9162, 2.1.3).

    The size is not known before the stream ends, and a path depends on it. So one hash is kept
    for each perfect subtree next to a wanted leaf's way up: memory is O(k log n) for k indices.
    The root is None over no leaves. Raises ValueError for an index that is no leaf's.
    """
    wanted = sorted(indices)
    kept: dict[Span, bytes] = {}
    peaks: list[tuple[Span, bytes]] = []  # perfect subtrees, the biggest first
    size = 0
    for leaf in leaves:
        peaks.append(((size, size + 1), leaf))
        size += 1
        carry = size
        while carry % 2 == 0:
            (right, b), (left, a) = peaks.pop(), peaks.pop()
            # Siblings: the one is on the path of whatever wanted leaf is below the other.
            found = bisect_left(wanted, left[0])
            if found < len(wanted) and wanted[found] < right[1]:
                kept[left], kept[right] = a, b
            peaks.append(((left[0], right[1]), node_hash(a, b)))
            carry //= 2
    if not peaks:
        if wanted:
            raise ValueError("no leaf of that index")
        return None, 0, {}
    # The right edge: what is left of every power of two is a subtree, too (RFC 9162, 2.1.1).
    (start, _), root = peaks[-1]
    kept[(start, size)] = root
    for span, peak in reversed(peaks[:-1]):
        kept[span] = peak
        root = node_hash(peak, root)
        kept[(span[0], size)] = root
    if wanted and not 0 <= wanted[0] <= wanted[-1] < size:
        raise ValueError("no leaf of that index")
    paths = {index: tuple(kept[s] for s in inclusion_spans(index, size)) for index in wanted}
    return root, size, paths
