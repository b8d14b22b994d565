"""Who shares blocks on btrfs: by its back references, as root is told them.

A snapshot has each file under the number that it had, so that what lies in the trees themselves
(small files), and what has been written anew since, is found by that number, too.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from backends.fsops import btrfs, linux
from backends.fsops.extents import Kind, place_of
from backends.fsops.reasons import reason_for
from backends.fsops.sharing._found import MOVED, NOT_TOLD, WITHOUT_NAME, Hidden, Shared
from backends.fsops.tree import Parts, descend, parts_of_path

_AT_ONCE = 4096  # files


class BtrfsSearch:
    """See :class:`backends.fsops.sharing.Search`."""

    every = True

    def __init__(self, fd: int, device: int) -> None:
        """`fd`: anything on the file system; `device`: its number among the mounts.

        Raises OSError.
        """
        self.problems: set[str] = set()
        linux.sync(fd)  # else names that are gone are told for a while
        self._above = btrfs.subvolumes(fd)
        self._tops: dict[int, Parts | None] = {}
        self._mounts = [
            (parts_of_path(mount.top), parts_of_path(mount.shown))
            for mount in linux.mounts()
            if mount.device == device
        ]
        self._fd = os.dup(fd)
        self._told = _Numbers()
        self._waiting: dict[int, list[int]] = {}  # inodes by subvolumes, to be asked for together
        self._count = 0
        self._hidden: set[int] = set()

    def meet(self, fd: int, inode: int) -> Iterator[Shared | Hidden]:
        """Take in a file, and yield who has its blocks, or its number. Raises OSError."""
        within = btrfs.subvolume_of(fd)
        if within is None:
            self.problems.add(NOT_TOLD)
            return
        self._told.add(within.id, inode)
        users = set[tuple[int, int]]()
        place = place_of(fd)
        if place is None or Kind.SHARED in place.kinds:
            for address in btrfs.extents_in(fd, within.id, inode):
                users |= btrfs.users_of(fd, address)
        for root, number in sorted(users):
            yield from self._tell(fd, root, number, keeps=True, snapshot=root != within.id)
        self._waiting.setdefault(within.id, []).append(inode)
        self._count += 1
        if self._count >= _AT_ONCE:
            yield from self.rest()

    def rest(self) -> Iterator[Shared | Hidden]:
        """Yield who has the numbers of what was met. Raises OSError."""
        waiting, self._waiting, self._count = self._waiting, {}, 0
        for within, inodes in waiting.items():
            births = dict(btrfs.births_in(self._fd, within, sorted(inodes)))
            numbers = sorted(births)
            for root in (btrfs.TOP, *self._above):
                for inode, birth in btrfs.births_in(self._fd, root, numbers):
                    if birth == births[inode]:
                        yield from self._tell(self._fd, root, inode, keeps=False, snapshot=True)

    def close(self) -> None:
        """Let go of the file system."""
        os.close(self._fd)

    def _tell(
        self, fd: int, root: int, inode: int, *, keeps: bool, snapshot: bool
    ) -> Iterator[Shared | Hidden]:
        if not self._told.add(root, inode):
            return
        way = btrfs.path_in(fd, root, inode)
        if way is None:
            self.problems.add(WITHOUT_NAME)
            return
        top, refused = self._top_of(fd, root), set[str]()
        for mounted, shown in self._mounts if top is not None else ():
            whole = (*(top or ()), *way)
            if whole[: len(shown)] == shown:
                place = (*mounted, *whole[len(shown) :])
                try:
                    there = _is_there(place, root, inode)
                except OSError as error:
                    refused.add(reason_for(error))
                    continue
                if there:
                    yield Shared(place, keeps=keeps, snapshot=snapshot)
                elif there is not None:
                    self.problems.add(MOVED)
                if there is not None:
                    return
        self.problems |= refused
        if not refused and root not in self._hidden:
            self._hidden.add(root)
            yield Hidden(root, top)

    def _top_of(self, fd: int, subvolume: int) -> Parts | None:
        """Return where a subvolume lies below the file system's top; None: nowhere (any more)."""
        if subvolume not in self._tops:
            if subvolume != btrfs.TOP and subvolume not in self._above:
                self._above = btrfs.subvolumes(fd)  # it is new
            self._tops[subvolume] = self._way_to(fd, subvolume)
        return self._tops[subvolume]

    def _way_to(self, fd: int, subvolume: int) -> Parts | None:
        parts: Parts = ()
        for _ in range(len(self._above) + 1):
            if subvolume == btrfs.TOP:
                return parts
            if subvolume not in self._above:
                return None
            above, folder, name = self._above[subvolume]
            way = btrfs.path_in(fd, above, folder)
            if way is None:
                return None
            parts, subvolume = (*way, name, *parts), above
        return None  # moved about while it was read


class _Numbers:
    """Inodes of subvolumes, most of them near each other: a bit each, 64 to a page."""

    def __init__(self) -> None:
        self._pages: dict[tuple[int, int], int] = {}

    def add(self, subvolume: int, inode: int) -> bool:
        """Take one in; false if it is already."""
        page, bit = (subvolume, inode >> 6), 1 << (inode & 63)
        known = self._pages.get(page, 0)
        self._pages[page] = known | bit
        return not known & bit


def _is_there(place: Parts, root: int, inode: int) -> bool | None:
    """Whether a place is that of an inode; None: it is not in its subvolume.

    Another mount can lie over it. Raises OSError where nobody is let in.
    """
    try:
        with descend(Path("/"), place[:-1]) as way:
            within = btrfs.subvolume_of(way.fd)
            if within is None or within.id != root:
                return None
            status = None if way.missing else linux.stat_of(place[-1], way.fd)
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            raise
        return None
    return status is not None and status.st_ino == inode and stat.S_ISREG(status.st_mode)
