"""Disclosures: what an auditor is shown is what was committed to, and what their seed asks for."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from attestations import (
    Bundle,
    Code,
    Disclosure,
    DisclosureRequest,
    Found,
    HoldingOpened,
    Leaf,
    MerkleBuilder,
    Opening,
    ScopeOpened,
    Supplied,
    Tree,
    Verdict,
    check,
    inclusion_path,
    sample_indices,
    verify,
)
from attestations.commitment import joined_parts
from attestations.disclosure import MEDIA_TYPE
from attestations.text import encode_base64
from tests.attestations import made
from tests.attestations.made import COMMITTER, NOW, policy

SEED = "chosen by the auditor"


def found(n: int, **changes: Any) -> dict[str, Any]:
    holding = {
        "store": "share", "scope": "root", "locator": f"a/{n}.csv", "version": "", "kind": "file",
        "verdict": "copy", "records": 40,
    }  # fmt: skip
    line = {"id": f"run-{n}", "decision": "destroy", "holding": holding}
    return line | changes


def came(n: int, **changes: Any) -> dict[str, Any]:
    return {"id": f"run-{n}", "store": "share", "status": "destroyed-verified"} | changes


def written(lines: Sequence[dict[str, Any]]) -> list[bytes]:
    return [json.dumps(line).encode() for line in lines]


def leaves(name: str, records: Sequence[bytes]) -> list[bytes]:
    return [COMMITTER.leaf(name, n, record) for n, record in enumerate(records)]


def tree(name: str, records: Sequence[bytes]) -> Tree:
    builder = MerkleBuilder()
    for leaf in leaves(name, records):
        builder.add(leaf)
    return Tree(root="sha256:" + builder.root().hex(), size=builder.size)


@dataclass(frozen=True)
class Case:
    """A bundle whose trees are over these records."""

    before: list[bytes]
    after: list[bytes]
    bundle: Bundle
    trees: tuple[Tree, Tree]

    def leaf(self, name: str, index: int) -> Leaf:
        records = self.before if name == "inventory" else self.after
        path = inclusion_path(leaves(name, records), index, len(records))
        return Leaf.of(Opening(index, records[index], COMMITTER.salt(name, index), path))

    def opened(self, index: int) -> HoldingOpened:
        return HoldingOpened(index, self.leaf("inventory", index), self.leaf("results", index))

    def disclosure(self, count: int = 2, **changes: Any) -> Disclosure:
        good = Disclosure(
            media_type=MEDIA_TYPE,
            result=self.bundle.result.digest,
            seed=SEED,
            sample=count,
            holdings=tuple(map(self.opened, sample_indices(SEED, *self.trees, count))),
            scopes=(),
        )
        return replace(good, **changes)

    def verify(self, disclosure: Disclosure | bytes, seed: str | None = SEED, **asked: Any) -> Any:
        data = disclosure if isinstance(disclosure, bytes) else disclosure.to_bytes()
        supplied = Supplied(disclosure=data, request=DisclosureRequest(seed, **asked))
        return verify(self.bundle.to_bytes(), policy(), now=NOW, supplied=supplied)

    def refused(self, disclosure: Disclosure | bytes, seed: str | None = SEED, **asked: Any) -> str:
        """Why; the code is the disclosure's, and a report says so."""
        data = disclosure if isinstance(disclosure, bytes) else disclosure.to_bytes()
        supplied = Supplied(disclosure=data, request=DisclosureRequest(seed, **asked))
        report = check(self.bundle.to_bytes(), policy(), now=NOW, supplied=supplied)
        assert (report.authentic, report.codes) == (Verdict.INVALID, (Code.E_DISCLOSURE,))
        assert report.disclosed is None
        return report.findings[0].removeprefix("disclosure: ")


def case(
    before: Sequence[dict[str, Any]] | None = None,
    after: Sequence[dict[str, Any]] | None = None,
    *,
    size: int = 7,
) -> Case:
    first = written(before or [found(n) for n in range(size)])
    last = written(after or [came(n) for n in range(size)])
    trees = tree("inventory", first), tree("results", last)
    plan = made.plan(
        inventory=trees[0],
        targets=(made.planned(holdings=size),),
        sweep=replace(made.plan().sweep, found=Found(copy=size)),
    )
    targets = (made.target(holdings=size),)
    bundle = made.bundle(plan_of=plan, changes={"results": trees[1], "targets": targets})
    return Case(first, last, bundle, trees)


def test_a_disclosure_shows_what_the_seed_asks_for() -> None:
    good = case()
    report = good.verify(good.disclosure(3), sample=3)
    shown = report.disclosed.holdings
    assert [each.index for each in shown] == list(sample_indices(SEED, *good.trees, 3))
    assert all(each.demanded and each.locator == f"a/{each.index}.csv" for each in shown)
    assert (report.disclosed.asked, report.disclosed.sample) == (True, 3)
    assert "disclosure: 3 of 7 holdings are shown" in report.findings


def test_without_the_auditors_seed_the_report_says_that_the_operator_chose() -> None:
    good = case()
    report = good.verify(good.disclosure(), seed=None)
    assert report.disclosed.asked is False
    assert any("the operator chose" in line for line in report.findings)


def test_the_sample_is_drawn_as_the_specification_says() -> None:
    """Computed a second time from the words of docs/attestation.md."""
    inventory, results = (Tree("sha256:" + c * 64, 1000) for c in "ab")
    drawn: list[int] = []
    n = 0
    while len(drawn) < 20:
        text = b"shredder sample v1\0" + b"\0\0\0\x04" + b"seed" + b"\xaa" * 32 + b"\xbb" * 32
        number = int(hashlib.sha256(text + n.to_bytes(8, "big")).hexdigest(), 16) % 1000
        n += 1
        if number not in drawn:
            drawn.append(number)
    assert sample_indices("seed", inventory, results, 20) == tuple(sorted(drawn))
    assert sample_indices("other", inventory, results, 20) != tuple(sorted(drawn))
    assert sample_indices("seed", results, inventory, 20) != tuple(sorted(drawn))


@pytest.mark.parametrize(("size", "count", "number"), [(0, 5, 0), (3, 3, 3), (3, 5, 3), (9, 8, 8)])
def test_a_sample_has_what_there_is(size: int, count: int, number: int) -> None:
    trees = Tree(made.NONE, size), Tree(made.NONE, size)
    drawn = sample_indices(SEED, *trees, count)
    assert (number, number) == (len(drawn), len(set(drawn)))
    assert all(0 <= index < size for index in drawn)


def test_more_than_the_sample_may_be_shown() -> None:
    good = case()
    more = tuple(map(good.opened, range(7)))
    report = good.verify(good.disclosure(2, holdings=more))
    assert sum(each.demanded for each in report.disclosed.holdings) == 2


def flipped(text: str) -> str:
    data = bytearray(base64.b64decode(text))
    data[0] ^= 1
    return encode_base64(bytes(data))


def spoilt(change: Callable[[HoldingOpened], HoldingOpened]) -> Callable[[Case], Disclosure]:
    def make(good: Case) -> Disclosure:
        first, *rest = good.disclosure().holdings
        return good.disclosure(holdings=(change(first), *rest))

    return make


def _leaf(tree: str, field: str) -> Callable[[HoldingOpened], HoldingOpened]:
    def change(opened: HoldingOpened) -> HoldingOpened:
        leaf: Leaf = getattr(opened, tree)
        value = getattr(leaf, field)
        new: Any = (flipped(value[0]), *value[1:]) if field == "path" else flipped(value)
        spoilt_leaf: Any = replace(leaf, **{field: new})
        return replace(opened, **{tree: spoilt_leaf})

    return change


def _other(good: Case) -> int:
    return next(n for n in range(7) if n not in sample_indices(SEED, *good.trees, 2))


HOSTILE: dict[str, Callable[[Case], Disclosure]] = {
    "another attestation's": lambda good: good.disclosure(result=made.NONE),
    "another seed": lambda good: good.disclosure(seed="an easier one"),
    "no seed": lambda good: good.disclosure(seed=None),
    "a smaller sample": lambda good: good.disclosure(1),
    "one holding fewer": lambda good: good.disclosure(holdings=good.disclosure().holdings[1:]),
    "another holding": lambda good: good.disclosure(
        holdings=(good.opened(_other(good)), *good.disclosure().holdings[1:])
    ),
    "another index": lambda good: good.disclosure(
        holdings=(
            *good.disclosure().holdings,
            replace(good.disclosure().holdings[0], index=_other(good)),
        )
    ),
    "the result of another": spoilt(lambda opened: replace(opened, results=opened.inventory)),
    "a path too short": spoilt(
        lambda opened: replace(
            opened, inventory=replace(opened.inventory, path=opened.inventory.path[1:])
        )
    ),
    **{
        f"a bit of {tree} {field}": spoilt(_leaf(tree, field))
        for tree in ("inventory", "results")
        for field in ("record", "salt", "path")
    },
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_spoilt_disclosure_is_refused(what: str) -> None:
    good = case()
    assert good.refused(HOSTILE[what](good), sample=2)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"id": "run-x"}),
        ({}, {"store": "elsewhere"}),
        ({}, {"status": "failed"}),  # the statement says that all are destroyed
        ({}, {"status": "left"}),
        ({"decision": "retained"}, {}),
        ({"decision": "undecided"}, {}),
        ({"holding": {"store": "share"}}, {}),
        ({"holding": None}, {}),
        ({"id": 1}, {}),
    ],
)
def test_records_that_belie_the_statement_are_refused(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    """The trees are as committed to: it is the operator's own statement that does not hold."""
    bad = case([found(n, **before) for n in range(7)], [came(n, **after) for n in range(7)])
    assert bad.refused(bad.disclosure())


@pytest.mark.parametrize("record", [b"", b"[]", b"{", b'{"id":"a","id":"b"}', b"\xff", b"[" * 99])
def test_a_record_that_is_no_object_is_refused(record: bytes) -> None:
    records = [record or b" "] * 3
    first = tree("inventory", records), tree("results", records)
    plan = made.plan(inventory=first[0])
    bundle = made.bundle(plan_of=plan, changes={"results": first[1]})
    bad = Case(records, records, bundle, first)
    assert bad.refused(bad.disclosure())


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[" * 10**5, b'{"mediaType":"x"}', b"\xef\xbb\xbf{}"]
)
def test_what_is_no_disclosure_is_refused(data: bytes) -> None:
    assert case().refused(data)


@pytest.mark.parametrize(
    "change", [{"extra": 1}, {"mediaType": "x"}, {"sample": 1001}, {"seed": ""}]
)
def test_a_disclosure_is_read_strictly(change: dict[str, Any]) -> None:
    good = case()
    value = json.loads(good.disclosure().to_bytes()) | change
    assert good.refused(json.dumps(value).encode())


def test_one_holding_is_shown_once() -> None:
    good = case()
    value = json.loads(good.disclosure().to_bytes())
    value["holdings"].append(value["holdings"][0])
    assert good.refused(json.dumps(value).encode())


def test_a_name_that_is_not_unicode_can_be_shown() -> None:
    odd = found(0)
    odd["holding"]["locator"] = "caf\udce9"
    good = case([odd, *(found(n) for n in range(1, 7))])
    report = good.verify(good.disclosure(7))
    assert report.disclosed.holdings[0].locator == "caf\udce9"


def scope_opened(store: str, name: str) -> ScopeOpened:
    joined = joined_parts((store, name))
    return ScopeOpened(
        commitment=COMMITTER.name("scope", store, name),
        salt=encode_base64(COMMITTER.name_salt("scope", joined)),
        parts=encode_base64(joined),
    )


def test_a_scope_is_named() -> None:
    good = case()
    report = good.verify(good.disclosure(scopes=(scope_opened("share", "root"),)))
    assert report.disclosed.scopes == (("share", "root"),)


def test_a_scope_of_another_name_or_of_no_sweep_is_refused() -> None:
    good = case()
    true, other = scope_opened("share", "root"), scope_opened("share", "elsewhere")
    assert good.refused(good.disclosure(scopes=(other,)))
    assert good.refused(good.disclosure(scopes=(replace(true, parts=other.parts),)))
    assert good.refused(good.disclosure(scopes=(replace(true, salt=other.salt),)))
    cut = encode_base64(base64.b64decode(true.parts)[:-1])
    assert good.refused(good.disclosure(scopes=(replace(true, parts=cut),)))
    # The border between salt and parts cannot be moved.
    salt, parts = base64.b64decode(true.salt), base64.b64decode(true.parts)
    moved = replace(true, salt=encode_base64(salt[:31]), parts=encode_base64(salt[31:] + parts))
    assert good.refused(good.disclosure(scopes=(moved,)))
