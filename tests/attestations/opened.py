"""Made-up disclosures for the tests: good ones, over trees of records, and spoilt ones."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

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
    annex: str | None = None,
) -> Case:
    return over(
        written(before or [found(n) for n in range(size)]),
        written(after or [came(n) for n in range(size)]),
        annex=annex,
    )


def over(first: list[bytes], last: list[bytes], *, annex: str | None = None) -> Case:
    """A case whose records are these bytes; all are said to be destroyed."""
    size = len(first)
    trees = tree("inventory", first), tree("results", last)
    plan = made.plan(
        annex=annex,
        inventory=trees[0],
        targets=(made.planned(holdings=size),),
        sweep=replace(made.plan().sweep, found=Found(copy=size)),
    )
    targets = (made.target(holdings=size),)
    bundle = made.bundle(
        plan_of=plan, changes={"annex": annex, "results": trees[1], "targets": targets}
    )
    return Case(first, last, bundle, trees)


def scope_opened(store: str, name: str) -> ScopeOpened:
    joined = joined_parts((store, name))
    return ScopeOpened(
        commitment=COMMITTER.name("scope", store, name),
        salt=encode_base64(COMMITTER.name_salt("scope", joined)),
        parts=encode_base64(joined),
    )


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

# What records say, of each holding found and of what came of it, that the statement does not.
BELYING: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"id": "run-x"}),
    ({}, {"store": "elsewhere"}),
    ({}, {"status": "failed"}),  # the statement says that all are destroyed
    ({}, {"status": "left"}),
    ({"decision": "retained"}, {}),
    ({"decision": "undecided"}, {}),
    ({"holding": {"store": "share"}}, {}),
    ({"holding": None}, {}),
    ({"id": 1}, {}),
]

NO_OBJECTS = [b"", b"[]", b"{", b'{"id":"a","id":"b"}', b"\xff", b"[" * 99]
NO_DISCLOSURES = [b"", b"{}", b"[" * 10**5, b'{"mediaType":"x"}', b"\xef\xbb\xbf{}"]
UNKNOWN_FORMS: list[dict[str, Any]] = [
    {"extra": 1},
    {"mediaType": "x"},
    {"sample": 1001},
    {"seed": ""},
]
