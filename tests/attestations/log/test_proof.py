"""Proofs of inclusion and consistency against a naive tree and the published vectors."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations.commitment import inclusion_spans
from attestations.log import consistency_spans, verify_consistency, verify_inclusion
from tests.attestations.log import naive
from tests.needs import VECTORS

SMALL = 40
LEAVES = [naive.leaf(b"%d" % n) for n in range(300)]


def test_spans_are_those_of_the_definition_for_every_small_tree() -> None:
    for size in range(1, SMALL):
        leaves = LEAVES[:size]
        for index in range(size):
            spans = inclusion_spans(index, size)
            assert naive.path(index, leaves) == [naive.root(leaves[a:b]) for a, b in spans]
        for old in range(1, size + 1):
            spans = consistency_spans(old, size)
            assert naive.consistency(old, leaves) == [naive.root(leaves[a:b]) for a, b in spans]


def test_every_small_consistency_holds_and_with_no_other_sizes() -> None:
    roots = [naive.root(LEAVES[:n]) for n in range(SMALL)]
    for size in range(1, 18):
        for old in range(1, size + 1):
            path = naive.consistency(old, LEAVES[:size])
            for other in range(18):
                holds = verify_consistency(other, size, roots[old], roots[size], path)
                assert holds == (other == old), (old, other, size)


@given(st.integers(1, 300), st.data())
def test_a_spoilt_consistency_proof_does_not_hold(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    leaves = LEAVES[:size]
    path, one, two = naive.consistency(old, leaves), naive.root(leaves[:old]), naive.root(leaves)
    assert verify_consistency(old, size, one, two, path)
    assert not verify_consistency(old, size, one, two, [*path, two])
    assert not verify_consistency(old, size, one, two, [two, *path])
    assert not verify_consistency(size + 1, size, one, two, path)
    if one != two:
        assert not verify_consistency(old, size, two, one, path)
        assert not verify_consistency(old, size, two, two, path)
    for n in range(len(path)):
        assert not verify_consistency(old, size, one, two, path[:n] + path[n + 1 :])
        flipped = bytes([path[n][0] ^ 1]) + path[n][1:]
        assert not verify_consistency(old, size, one, two, [*path[:n], flipped, *path[n + 1 :]])
        assert not verify_consistency(old, size, one, two, [*path[:n], b"", *path[n + 1 :]])


@given(st.integers(1, 300), st.data())
def test_a_spoilt_inclusion_proof_does_not_hold(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = LEAVES[:size]
    path, root = naive.path(index, leaves), naive.root(leaves)
    assert verify_inclusion(leaves[index], index, size, path, root)
    for other in (-1, size, size + 1, 2**64):
        assert not verify_inclusion(leaves[index], other, size, path, root)
    assert not verify_inclusion(leaves[index], index, size, [*path, root], root)
    if path:
        assert not verify_inclusion(leaves[index], index, size, path[:-1], root)
        # An interior node, given for a leaf under a shorter path.
        pair = [leaves[index], path[0]] if index % 2 == 0 else [path[0], leaves[index]]
        if index ^ 1 < size:
            inner = naive.root(pair)
            assert not verify_inclusion(inner, index // 2, size, path[1:], root)
            assert not verify_inclusion(
                naive.leaf(b"".join(pair)), index // 2, size, path[1:], root
            )


def test_nothing_is_proved_of_an_empty_tree() -> None:
    empty, one = naive.root([]), LEAVES[0]
    assert not verify_consistency(0, 1, empty, one, [])
    assert not verify_consistency(0, 0, empty, empty, [])
    assert not verify_inclusion(one, 0, 0, [], one)
    for sizes in ((0, 1), (2, 1), (0, 0)):
        with pytest.raises(ValueError, match="consistency"):
            consistency_spans(*sizes)


def _cases(kind: str) -> list[Path]:
    return sorted((VECTORS / "rfc9162" / kind).rglob("*.json"))


@pytest.mark.needs("vectors")
def test_published_consistency_proofs() -> None:
    """transparency-dev/merkle: each holds where, and only where, its authors say so.

    No difference is expected but in what is no hash: some of their roots are texts.
    """
    cases = _cases("consistency")
    assert len(cases) > 80
    wrong, proofs = [], 0
    for path in cases:
        case: dict[str, Any] = json.loads(path.read_text())
        one, two = (base64.b64decode(case.get(name) or "") for name in ("root1", "root2"))
        proof = [base64.b64decode(each) for each in case.get("proof") or []]
        holds = verify_consistency(case["size1"], case["size2"], one, two, proof)
        proofs += holds
        if holds == case["wantErr"]:
            wrong.append(f"{path.parent.name}/{path.name}")
    assert wrong == []
    assert proofs >= 4
