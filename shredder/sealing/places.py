"""The file of a selection's places in the key tree, and the last tree that had any of them.

A line with the id of the dataset's key, by which the records' names became places, and one for each
of these, in hexadecimal; then, once they are gone from it, one with the number of that tree. Later
trees cannot tell of them, so what becomes of those trees' keys is nothing to them. In the trees of
another key of the dataset's the places are anything's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shredder import durable

_KEY, _LAST = "key ", "last "


@dataclass(frozen=True, slots=True)
class Places:
    """Where chosen records' own keys are."""

    key: str  # the id of the dataset's key
    paths: Sequence[bytes]
    last: int = 0  # of the trees, the last that had any of them; 0: nobody has noted that


def read_places(file: Path) -> Places:
    """Read what was written. Raises FileNotFoundError, and ValueError for what is in no form."""
    head, *lines = file.read_text("ascii").splitlines()
    last = [int(line.removeprefix(_LAST)) for line in lines if line.startswith(_LAST)]
    paths = [bytes.fromhex(line) for line in lines if not line.startswith(_LAST)]
    return Places(head.removeprefix(_KEY), paths, max(last, default=0))


def write_places(file: Path, places: Places) -> None:
    """Write them durably."""
    lines = [f"{_KEY}{places.key}\n", *(f"{path.hex()}\n" for path in places.paths)]
    lines += [f"{_LAST}{places.last}\n"] if places.last else []
    durable.write(file, ["".join(lines).encode("ascii")])
