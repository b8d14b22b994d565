"""Paths of many leaves at once, against the paths of one at a time."""

from __future__ import annotations

import hashlib
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations import MerkleBuilder, inclusion_path, root_and_paths


def leaves_of(count: int) -> list[bytes]:
    return [hashlib.sha256(b"leaf %d" % n).digest() for n in range(count)]


@pytest.mark.parametrize("count", range(1, 40))
def test_every_path_is_the_one_that_is_made_alone(count: int) -> None:
    leaves = leaves_of(count)
    builder = MerkleBuilder()
    for leaf in leaves:
        builder.add(leaf)
    expected = {n: inclusion_path(leaves, n, count) for n in range(count)}
    assert (builder.root(), count, expected) == root_and_paths(iter(leaves), range(count))


@given(st.integers(1, 300), st.data())
def test_some_paths_are_those_that_are_made_alone(count: int, data: st.DataObject) -> None:
    wanted = data.draw(st.sets(st.integers(0, count - 1), max_size=5))
    leaves = leaves_of(count)
    *_, paths = root_and_paths(leaves, wanted)
    assert paths == {n: inclusion_path(leaves, n, count) for n in wanted}


def test_nothing_has_no_root_and_no_paths() -> None:
    assert root_and_paths([], []) == (None, 0, {})


@pytest.mark.parametrize(("count", "wanted"), [(0, [0]), (3, [3]), (3, [0, 7]), (3, [-1])])
def test_an_index_that_is_no_leaf_is_refused(count: int, wanted: list[int]) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        root_and_paths(leaves_of(count), wanted)


def test_memory_does_not_grow_with_the_leaves() -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        stream = (hashlib.sha256(n.to_bytes(4, "big")).digest() for n in range(count))
        root_and_paths(stream, [n * 9 for n in range(20)])
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(20_000) < peak(200) + 40_000
