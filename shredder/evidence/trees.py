"""The Merkle trees over a run's private files: a salted leaf for each line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from attestations import Committer, MerkleBuilder, Tree
from shredder import durable
from shredder.errors import Refused

INVENTORY = "inventory"
RESULTS = "results"


def committer(run_folder: Path) -> Committer:
    """The committer of a run: its secret is made once, and lies beside the plan, mode 0600."""
    path = run_folder / "secret"
    if not path.exists():
        durable.write(path, [Committer.new_secret()])
    return Committer(path.read_bytes())


def kept_committer(run_folder: Path) -> Committer:
    """The committer of a run that was attested. Raises Refused if its secret is not there."""
    try:
        return Committer((run_folder / "secret").read_bytes())
    except (FileNotFoundError, ValueError):
        raise Refused(
            "the secret of the run is gone or damaged: nothing of its attestation can be shown",
            hint="restore the file `secret` in the run's folder from a copy",
        ) from None


def tree(made_by: Committer, name: str, lines: Iterable[bytes]) -> Tree:
    """The tree over lines, without their line ends; memory is one hash a level."""
    builder = MerkleBuilder()
    for index, line in enumerate(lines):
        builder.add(made_by.leaf(name, index, line.rstrip(b"\n")))
    return Tree(root=f"sha256:{builder.root().hex()}", size=builder.size)
