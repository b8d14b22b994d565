"""Merkle trees against published vectors and the recursive definition; salts against HKDF."""

from __future__ import annotations

import base64
import hashlib
import json
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from attestations import Committer, MerkleBuilder, Opening, inclusion_path
from attestations.commitment import joined_parts, leaf_hash, node_hash, root_from_path
from tests.needs import VECTORS

SECRET = bytes(range(32))


def recursive_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, 2.1, word by word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = recursive_root(leaves[:split]), recursive_root(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def leaves_of(count: int) -> list[bytes]:
    return [hashlib.sha256(b"\x00leaf %d" % n).digest() for n in range(count)]


def built(leaves: Sequence[bytes]) -> bytes:
    builder = MerkleBuilder()
    for leaf in leaves:
        builder.add(leaf)
    assert builder.size == len(leaves)
    return builder.root()


@pytest.mark.parametrize("count", range(70))
def test_the_streamed_root_is_the_recursive_one(count: int) -> None:
    leaves = leaves_of(count)
    assert recursive_root(leaves) == built(leaves)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13, 31, 32, 33])
def test_every_leaf_of_a_tree_is_proved_and_no_other_index(count: int) -> None:
    leaves = leaves_of(count)
    root = recursive_root(leaves)
    for index in range(count):
        path = inclusion_path(iter(leaves), index, count)
        for other in range(-1, count + 2):
            found = root_from_path(leaves[index], other, count, path)
            assert (found == root) == (other == index)


@given(st.integers(1, 300), st.data())
def test_a_longer_or_shorter_path_or_another_size_proves_nothing(
    count: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, count - 1))
    leaves = leaves_of(count)
    root = recursive_root(leaves)
    path = inclusion_path(leaves, index, count)
    assert root_from_path(leaves[index], index, count, path) == root
    assert root_from_path(leaves[index], index, count, (*path, root)) is None
    if path:
        assert root_from_path(leaves[index], index, count, path[:-1]) != root
        assert root_from_path(leaves[index], index, count, path[1:]) != root
        assert root_from_path(leaves[index], index, count, (b"", *path[1:])) is None
        # An inner node is no leaf: its hash begins with another byte.
        assert leaf_hash(leaves[index] + path[0]) != node_hash(leaves[index], path[0])


@pytest.mark.parametrize(("index", "size"), [(3, 3), (-1, 3), (0, 0), (0, 4), (0, 2)])
def test_an_impossible_path_is_not_made(index: int, size: int) -> None:
    with pytest.raises(ValueError, match=r"leaf|leaves"):
        inclusion_path(leaves_of(3), index, size)


def test_memory_does_not_grow_with_the_leaves() -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        builder = MerkleBuilder()
        for n in range(count):
            builder.add(leaf_hash(n.to_bytes(4, "big")))
        builder.root()
        inclusion_path((leaf_hash(n.to_bytes(4, "big")) for n in range(count)), count // 3, count)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(20_000) < peak(200) + 8_000


def test_salts_are_hkdf_of_the_secret() -> None:
    """The library's HKDF (RFC 5869) as an independent witness."""
    committer = Committer(SECRET)
    for tree, index in (("inventory", 0), ("results", 2**40)):
        info = b"leaf\0" + tree.encode() + b"\0" + index.to_bytes(8, "big")
        hkdf = HKDF(SHA256(), length=32, salt=b"shredder attestation v1", info=info)
        salt = hkdf.derive(SECRET)
        assert salt == committer.salt(tree, index)
        leaf = hashlib.sha256(b"\x00" + salt + b"record").digest()
        assert leaf == committer.leaf(tree, index, b"record")
    joined = b"\0\0\0\x05share\0\0\0\x04root"
    info = b"name\0scope\0" + joined
    salt = HKDF(SHA256(), length=32, salt=b"shredder attestation v1", info=info).derive(SECRET)
    expected = "sha256:" + hashlib.sha256(b"\x00" + salt + joined).hexdigest()
    assert committer.name("scope", "share", "root") == expected


def test_no_two_things_share_a_salt_or_commitment() -> None:
    committer, other = Committer(SECRET), Committer(bytes(32))
    salts = {c.salt(t, n) for c in (committer, other) for t in ("a", "b") for n in range(5)}
    assert len(salts) == 20
    names = [("ab", "c"), ("a", "bc"), ("abc",), ("abc", ""), ("", "abc")]
    commitments = {c.name(k, *n) for c in (committer, other) for k in ("x", "y") for n in names}
    assert len(commitments) == 20


def test_names_that_are_not_unicode_are_committed_to_by_their_bytes() -> None:
    assert joined_parts(["\udcff"]) == b"\0\0\0\x01\xff"


def test_a_secret_has_32_bytes() -> None:
    assert len(Committer.new_secret()) == 32
    assert Committer.new_secret() != Committer.new_secret()
    with pytest.raises(ValueError, match="32"):
        Committer(b"short")


def test_an_opening_opens_its_record_and_nothing_else() -> None:
    committer = Committer(SECRET)
    records = [b"record %d" % n for n in range(11)]
    leaves = [committer.leaf("inventory", n, record) for n, record in enumerate(records)]
    root = built(leaves)
    path = inclusion_path(leaves, 6, 11)
    opening = Opening(6, records[6], committer.salt("inventory", 6), path)
    assert opening.opens(root, 11)
    assert not opening.opens(root, 8)
    assert not Opening(6, b"record X", opening.salt, path).opens(root, 11)
    assert not Opening(5, records[6], opening.salt, path).opens(root, 11)
    assert not Opening(6, records[6], committer.salt("inventory", 5), path).opens(root, 11)
    # The border between salt and record cannot be moved.
    moved = Opening(6, opening.salt[31:] + records[6], opening.salt[:31], path)
    assert not moved.opens(root, 11)


def _cases() -> list[Path]:
    return sorted((VECTORS / "rfc9162" / "inclusion").rglob("*.json"))


@pytest.mark.needs("vectors")
def test_published_inclusion_proofs() -> None:
    """transparency-dev/merkle: each is right where, and only where, its authors say so."""
    cases = _cases()
    assert len(cases) > 80
    wrong = []
    for path in cases:
        case: dict[str, Any] = json.loads(path.read_text())
        leaf = base64.b64decode(case.get("leafHash") or "")
        root = base64.b64decode(case.get("root") or "")
        proof = [base64.b64decode(each) for each in case.get("proof") or []]
        found = root_from_path(leaf, case["leafIdx"], case["treeSize"], proof)
        if (found == root and len(leaf) == 32) == case["wantErr"]:
            wrong.append(str(path))
    assert wrong == []
