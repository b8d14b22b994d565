"""The Merkle trees over a run's private files: a salted leaf for each line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from attestations import Committer, MerkleBuilder, Tree
from shredder import durable

INVENTORY = "inventory"
RESULTS = "results"


def committer(run_folder: Path) -> Committer:
    """The committer of a run: its secret is made once, and lies beside the plan, mode 0600."""
    path = run_folder / "secret"
    if not path.exists():
        durable.write(path, [Committer.new_secret()])
    return Committer(path.read_bytes())


def tree(made_by: Committer, name: str, lines: Iterable[bytes]) -> Tree:
    """The tree over lines, without their line ends; memory is one hash a level."""
    builder = MerkleBuilder()
    for index, line in enumerate(lines):
        builder.add(made_by.leaf(name, index, line.rstrip(b"\n")))
    return Tree(root=f"sha256:{builder.root().hex()}", size=builder.size)
