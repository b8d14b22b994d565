"""The search that a kind of file system allows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Protocol

from backends.contract import Tell, untold
from backends.fsops import btrfs, linux
from backends.fsops.sharing._btrfs import BtrfsSearch
from backends.fsops.sharing._found import NOT_COUNTED, NOT_TOLD, Hidden, Shared
from backends.fsops.sharing._xfs import XfsSearch, has_reverse_map

WITH_EARLIER = frozenset({"btrfs"})
"""File systems whose snapshots have files as they were, with no block of what they are now."""


class Search(Protocol):
    """Looks for what has blocks in common with files of one file system.

    `problems` are codes of why something could not be told; to be read at the end.
    """

    every: bool  # wants to meet files of whose blocks the kernel says that none is shared, too
    problems: set[str]

    def meet(self, fd: int, inode: int) -> Iterator[Shared | Hidden]:
        """Take in an open file, and yield what is known at once. Raises OSError."""

    def rest(self) -> Iterator[Shared | Hidden]:
        """Yield what is known when all were met. Raises OSError."""

    def close(self) -> None:
        """Let go of what is held open."""


def limit_of(fd: int, kind: str) -> str:
    """Return the code of what cannot be told here of who shares blocks; empty: nothing."""
    if kind == "btrfs":
        try:
            btrfs.birth_of(fd, btrfs.TOP, btrfs.FIRST)  # the way to a top is told to anybody
        except OSError:
            return NOT_TOLD
        return ""
    if kind != "xfs" or os.geteuid() != 0:
        return NOT_TOLD
    return "" if has_reverse_map(fd) else NOT_COUNTED


def search_of(fd: int, tell: Tell = untold) -> Search | None:
    """Return the search for the file system of an open folder; None: there is none, or no right.

    Raises OSError.
    """
    mount = linux.mount_of(fd)
    if mount is None or limit_of(fd, mount.kind) == NOT_TOLD:
        return None
    if mount.kind == "btrfs":
        return BtrfsSearch(fd, mount.device)
    return XfsSearch(fd, mount.device, tell)
