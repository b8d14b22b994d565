"""Names of datasets: those of the configuration, and of records that were chosen of one."""

from __future__ import annotations

MARK = ".records-"
"""Stands between a dataset's name and what tells a selection of its records; in no other name."""
LONGEST = 64  # characters, as attestations have it


def whole(name: str) -> str:
    """The dataset that a name is of, or of whose records it is."""
    return name.partition(MARK)[0]
