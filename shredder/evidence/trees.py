"""The Merkle trees over a run's private files: a salted leaf for each line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from attestations import Committer, MerkleBuilder, Tree
from shredder import durable
from shredder.errors import Refused
from shredder.plan.model import ByKey

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


def begun(by_key: ByKey | None, name: str) -> MerkleBuilder:
    """A tree that has the leaves of what ends with the key, as they were reckoned for the plan."""
    if by_key is None:
        return MerkleBuilder()
    peaks = by_key.inventory if name == INVENTORY else by_key.results
    return MerkleBuilder(by_key.holdings, map(bytes.fromhex, peaks))


def tree(
    made_by: Committer, name: str, lines: Iterable[bytes], builder: MerkleBuilder | None = None
) -> Tree:
    """The tree over lines, without their line ends; memory is one hash a level.

    `builder` has the leaves before these.
    """
    builder = builder or MerkleBuilder()
    for index, line in enumerate(lines, start=builder.size):
        builder.add(made_by.leaf(name, index, line.rstrip(b"\n")))
    return Tree(root=f"sha256:{builder.root().hex()}", size=builder.size)
