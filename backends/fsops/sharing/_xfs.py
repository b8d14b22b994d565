"""Who shares blocks on xfs: by its reverse map, where it keeps one, or by looking at every file."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

from backends.contract import CoverageStatus, Step, Tell
from backends.fsops import linux
from backends.fsops.extents import Kind, NotMapped, each_extent
from backends.fsops.reasons import reason_for, root_reason
from backends.fsops.sharing._found import IN_PART, MOVED, NOT_TOLD, WITHOUT_NAME, Hidden, Shared
from backends.fsops.space import owners_of
from backends.fsops.tree import BENEATH, Found, Missed, Parts, Walk, descend, parts_of_path
from backends.fsops.xfs import Geometry

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOATIME | os.O_CLOEXEC
_TELL_EACH = 1000  # files


def has_reverse_map(fd: int) -> bool:
    """Whether a file system keeps a map of what its blocks are of."""
    try:
        return Geometry.of(fd).reverse_map
    except OSError:
        return False


class XfsSearch:
    """See :class:`backends.fsops.sharing.Search`."""

    every = False

    def __init__(self, fd: int, device: int, tell: Tell) -> None:
        """`fd`: anything on the file system; `device`: its number among the mounts."""
        self.problems: set[str] = set()
        self._device = device
        self._tell = tell
        self._mapped = has_reverse_map(fd)
        self._met: set[int] = set()  # inodes
        self._wanted: set[int] = set()  # inodes that the reverse map has named
        self._stretches = _Stretches()  # of what was met, where no map has named its owners

    def meet(self, fd: int, inode: int) -> Iterator[Shared | Hidden]:
        """Take in a file; nothing is known yet. Raises OSError."""
        self._met.add(inode)
        for start, end in self._shared(fd):
            owners = owners_of(fd, start, end) if self._mapped else set[int]()
            if inode in owners:
                self._wanted |= owners
            else:  # a map that is not shown, or of another device
                self._stretches.add(start, end)
        return iter(())

    def rest(self) -> Iterator[Shared | Hidden]:
        """Go through the files, and yield those that share what was met. Raises OSError."""
        self._wanted -= self._met
        self._stretches.settle()
        if not self._wanted and not self._stretches:
            return
        mounts = [mount for mount in linux.mounts() if mount.device == self._device]
        whole = [mount for mount in mounts if mount.shown == b"/"]
        if not whole and self._stretches:
            self.problems.add(IN_PART)
        for mount in whole[:1] or mounts:
            yield from self._below(parts_of_path(mount.top))
        if self._wanted:
            self.problems.add(WITHOUT_NAME)

    def close(self) -> None:
        """Do nothing: nothing is held open."""

    def _below(self, top: Parts) -> Iterator[Shared]:
        path = Path(os.fsdecode(b"/" + b"/".join(top)))
        try:
            if os.stat(path).st_dev != self._device:  # noqa: PTH116 - two numbers are wanted
                self.problems.add(IN_PART)  # another mount lies over it
                return
            for number, found in enumerate(Walk().files(path)):
                if number % _TELL_EACH == 0:
                    self._tell(Step("looking-for-sharers", number))
                if isinstance(found, Missed):
                    # What is beneath other mounts is a limitation of all that share blocks.
                    if found.status is not CoverageStatus.EXCLUDED and found.reason != BENEATH:
                        self.problems.add(found.reason)
                elif self._shares(path, found):
                    yield Shared((*top, *found.parts))
                if not self._wanted and not self._stretches:
                    return
        except OSError as error:
            self.problems.add(root_reason(error))

    def _shares(self, top: Path, found: Found) -> bool:
        inode = found.status.st_ino
        if inode in self._wanted:
            self._wanted.discard(inode)
            return True
        if not self._stretches or inode in self._met or not found.status.st_blocks:
            return False
        try:
            return self._has_met(top, found)
        except FileNotFoundError:
            return False  # gone since: whoever has opened it is not seen, as with all such
        except OSError as error:
            self.problems.add(reason_for(error))
            return False

    def _has_met(self, top: Path, found: Found) -> bool:
        """Whether a file shares one of the stretches. Raises OSError."""
        with descend(top, found.parts[:-1]) as way:
            if way.missing:
                return False
            fd = os.open(found.parts[-1], _OPEN, dir_fd=way.fd)
        try:
            if os.fstat(fd).st_ino != found.status.st_ino:
                self.problems.add(MOVED)
                return False
            return any(self._stretches.meets(start, end) for start, end in self._shared(fd))
        finally:
            os.close(fd)

    def _shared(self, fd: int) -> Iterator[tuple[int, int]]:
        """Yield from where to where on the device a file lies in shared blocks. Raises OSError."""
        try:
            for each in each_extent(fd):
                if Kind.SHARED in each.kind:
                    yield each.physical, each.physical + each.length
        except NotMapped:
            self.problems.add(NOT_TOLD)


class _Stretches:
    """Stretches of a device, 16 bytes each."""

    def __init__(self) -> None:
        self._starts, self._ends = array("Q"), array("Q")

    def __bool__(self) -> bool:
        return bool(self._starts)

    def add(self, start: int, end: int) -> None:
        self._starts.append(start)
        self._ends.append(end)

    def settle(self) -> None:
        """Bring them into order, and join those that overlap; nothing is added after."""
        starts, ends = array("Q"), array("Q")
        for start, end in sorted(zip(self._starts, self._ends, strict=True)):
            if ends and start <= ends[-1]:
                ends[-1] = max(ends[-1], end)
            else:
                starts.append(start)
                ends.append(end)
        self._starts, self._ends = starts, ends

    def meets(self, start: int, end: int) -> bool:
        """Whether one of them has a byte of a stretch."""
        at = bisect_left(self._ends, start + 1)  # the first that ends after the beginning
        return at < len(self._starts) and self._starts[at] < end
