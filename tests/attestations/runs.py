"""Bundles of an issuer's several runs, each good by itself."""

from __future__ import annotations

from typing import Any

from attestations import Bundle, Committer, MerkleBuilder, Status, Tree
from tests.attestations import made
from tests.attestations.made import OPERATOR, WITNESS, policy

BOTH = policy(OPERATOR, WITNESS)


def run(name: str, **changes: Any) -> Bundle:
    """A good bundle of a run of its own; its trees have secrets of their own."""
    plan_changes = changes.pop("plan_changes", {})
    signers = changes.pop("signers", (OPERATOR,))
    secret = Committer(name.encode().ljust(32, b"."))

    def tree(which: str) -> Any:
        builder = MerkleBuilder()
        for index in range(3):
            builder.add(secret.leaf(which, index, b"record"))
        return Tree(root="sha256:" + builder.root().hex(), size=3)

    plan = made.plan(**{"attestation_id": name, "inventory": tree("inventory"), **plan_changes})
    return made.bundle(
        plan_of=plan, changes={"results": tree("results"), **changes}, signers=signers
    )


def pending(name: str, **changes: Any) -> Bundle:
    return run(name, targets=(made.left(Status.PENDING),), **changes)


FIRST = run("first")
SECOND = run("second", previous=FIRST.result.digest)
THIRD = run("third", previous=SECOND.result.digest)
