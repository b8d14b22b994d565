"""The key tree: every record has a key, and each goes alone."""

from __future__ import annotations

import hmac
import secrets
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.sealedvalue import (
    Cell,
    KeyTree,
    OtherKey,
    RecordDestroyed,
    Values,
    identity,
    tree_opened,
    tree_sealed,
)
from backends.sealedvalue._tree import PackedTree

KEY = bytes(range(32))
CELL = Cell("answers", "email", "7")
PATHS = st.binary(min_size=8, max_size=8)
NEAR = st.integers(0, 15).map(lambda n: n.to_bytes(8, "big"))  # siblings, and what is close


def by_hand(root: bytes, path: bytes) -> bytes:
    """A leaf, by the description alone."""
    key = root
    for bit in "".join(f"{byte:08b}" for byte in path):
        side = b"right" if bit == "1" else b"left"
        key = hmac.digest(key, b"shredder key tree v1 " + side, "sha256")
    return key


def root_of(tree: KeyTree) -> bytes:
    assert len(tree) == 1
    return bytes(tree.packed()[9:])


@given(st.sets(st.one_of(PATHS, NEAR), max_size=12), st.sets(st.one_of(PATHS, NEAR), max_size=12))
def test_what_is_dropped_is_gone_and_nothing_else_changes(
    kept: set[bytes], dropped: set[bytes]
) -> None:
    tree = KeyTree.made()
    root = root_of(tree)
    pruned = KeyTree.unpacked(tree.without(dropped).packed())
    for path in dropped:
        assert not pruned.has(path)
        with pytest.raises(RecordDestroyed):
            pruned.key(path)
    for path in kept - dropped:
        assert pruned.key(path) == tree.key(path) == by_hand(root, path)
    assert len(pruned) <= max(1, 64 * len(dropped))


@given(st.sets(NEAR, min_size=1, max_size=16))
def test_no_node_that_is_kept_leads_to_a_dropped_leaf(dropped: set[bytes]) -> None:
    """Whatever is in the pruned tree: no key on the way from the root to a dropped leaf."""
    tree = KeyTree.made()
    root, packed = root_of(tree), bytes(tree.without(dropped).packed())
    for path in dropped:
        key = root
        for bit in "".join(f"{byte:08b}" for byte in path):
            assert key not in packed
            side = b"right" if bit == "1" else b"left"
            key = hmac.digest(key, b"shredder key tree v1 " + side, "sha256")
        assert key not in packed


def test_one_after_the_other_is_as_good_as_at_once() -> None:
    tree = KeyTree.made()
    paths = [secrets.token_bytes(8) for _ in range(50)]
    one_by_one = tree
    for path in paths:
        one_by_one = one_by_one.without([path])
    assert one_by_one.packed() == tree.without(paths).packed() == tree.without(paths[::-1]).packed()
    assert tree.without(paths).without(paths).packed() == tree.without(paths).packed()


def test_a_tree_without_any_record() -> None:
    """Both children of each node dropped: nothing is left, and that is read back as such."""
    paths = [n.to_bytes(8, "big") for n in range(2)]
    pruned = KeyTree.made().without(paths)
    assert len(pruned) == 63
    assert not KeyTree.unpacked(b"").has(paths[0])


@pytest.mark.parametrize(
    "data",
    [b"x", b"\x41" + bytes(40), b"\0" + (1).to_bytes(8, "big") + bytes(32)],
    ids=["cut short", "below the leaves", "beside the root"],
)
def test_what_is_no_tree(data: bytes) -> None:
    with pytest.raises(ValueError, match="key tree"):
        KeyTree.unpacked(data)
    with pytest.raises(ValueError, match="8 bytes"):
        KeyTree.made().key(b"short")


def test_a_record_goes_alone() -> None:
    tree = KeyTree.made()
    with Values(KEY, KeyTree.unpacked(tree.packed())) as values:
        sealed = {who: values.seal(f"mail of {who}", CELL, record=who) for who in ("r1", "r2")}
        shared = values.seal("nobody's", CELL)
        paths = [values.path("r1")]
    with Values(KEY, tree.without(paths)) as values:
        assert values.open(sealed["r2"], CELL) == "mail of r2"
        assert values.open(shared, CELL) == "nobody's"
        with pytest.raises(RecordDestroyed):
            values.open(sealed["r1"], CELL)
        with pytest.raises(RecordDestroyed):
            values.seal("again", CELL, record="r1")


def test_records_do_not_share_a_key_when_they_come_in_turn() -> None:
    with Values(KEY, KeyTree.made()) as values:
        sealed = [values.seal(str(n), CELL, record=f"r{n % 2}") for n in range(6)]
        assert [values.open(each, CELL) for each in sealed] == [str(n) for n in range(6)]
        assert isinstance(values._tree, KeyTree)
        pruned = values._tree.without([values.path("r1")])
    assert not any(values._latest[1])
    with Values(KEY, pruned) as values:
        for number, each in enumerate(sealed):
            if number % 2:
                with pytest.raises(RecordDestroyed):
                    values.open(each, CELL)
            else:
                assert values.open(each, CELL) == str(number)


def test_a_record_shows_its_path_and_not_its_name() -> None:
    with Values(KEY, KeyTree.made()) as values:
        sealed = values.seal("mail", CELL, record="respondent 17")
        assert sealed[15:23] == values.path("respondent 17")
        assert b"respondent" not in sealed
        assert values.path("respondent 18") != values.path("respondent 17")
    with Values(bytes(32), KeyTree.made()) as others:
        assert others.path("respondent 17") != sealed[15:23]


def test_neither_key_opens_without_the_other() -> None:
    tree = KeyTree.made()
    with Values(KEY, KeyTree.unpacked(tree.packed())) as values:
        sealed = values.seal("mail", CELL, record="r1")
    with pytest.raises(OtherKey):
        Values(KEY).open(sealed, CELL)
    with pytest.raises(OtherKey):
        Values(bytes(32), tree).open(sealed, CELL)
    from backends.sealedvalue import Altered

    with pytest.raises(Altered):
        Values(KEY, KeyTree.made()).open(sealed, CELL)


def test_threads_seal_each_under_its_own_record() -> None:
    """Another thread's record is the latest whenever it is looked at."""
    tree = KeyTree.made()
    other = Values(KEY, tree)
    other.seal("another", CELL, record="r2")

    class Shared(Values):
        @property
        def _latest(self) -> tuple[bytes, bytearray]:
            return other._latest

        @_latest.setter
        def _latest(self, latest: tuple[bytes, bytearray]) -> None:
            assert latest

    sealed = Shared(KEY, tree).seal("mine", CELL, record="r1")
    assert Values(KEY, tree).open(sealed, CELL) == "mine"


@given(st.sets(st.one_of(PATHS, NEAR), max_size=12), st.one_of(PATHS, NEAR))
def test_a_sweep_finds_the_same_keys_in_the_packed_tree(dropped: set[bytes], path: bytes) -> None:
    tree = KeyTree.made().without(dropped)
    packed = PackedTree(identity(KEY, tree), len(KEY))
    for each in {*dropped, path}:
        if tree.has(each):
            assert packed.key(each) == tree.key(each)
        else:
            with pytest.raises(RecordDestroyed):
                packed.key(each)


def test_closing_zeroes_the_nodes() -> None:
    tree = KeyTree.made().without([bytes(8)])
    nodes = list(tree._nodes.values())
    with Values(KEY, tree):
        pass
    assert len(nodes) == 64
    assert not any(any(node) for node in nodes)
    assert len(tree) == 0


def test_nodes_are_in_order_and_none_above_another() -> None:
    packed = bytes(KeyTree.made().without([bytes(8), b"\xff" * 8]).packed())
    nodes = [packed[at : at + 9] for at in range(0, len(packed), 41)]
    assert all(one < two for one, two in pairwise(nodes))
    assert len(nodes) == 126


def test_a_kept_tree_needs_both_keys_and_its_header() -> None:
    tree = KeyTree.made()
    second, nonce = secrets.token_bytes(32), secrets.token_bytes(24)
    kept = nonce + tree_sealed(tree, KEY, second, nonce, b"header")
    assert tree_opened(KEY, second, kept, b"header").packed() == tree.packed()
    assert root_of(tree) not in kept
    for keys in (
        (bytes(32), second, kept, b"header"),
        (KEY, bytes(32), kept, b"header"),
        (KEY, second, kept, b"another"),
        (KEY, second, kept[:-1], b"header"),
    ):
        with pytest.raises(ValueError, match="altered"):
            tree_opened(*keys)
