"""Roots and what is below them, reached by descriptors alone."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.contract import CoverageStatus
from backends.fsops import linux
from backends.fsops.reasons import RootUnavailable, reason_for

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
# What is in these the kernel makes up as it is read: some of it has no end.
_KERNELS = frozenset(
    {"proc", "sysfs", "debugfs", "tracefs", "securityfs", "configfs", "cgroup", "cgroup2", "bpf"}
    | {"pstore", "efivarfs", "fusectl", "binfmt_misc", "selinuxfs", "smackfs", "rpc_pipefs", "nfsd"}
)
BENEATH = "beneath-a-mount"
_HELD_OPEN = 64  # folders on the way down; those further up are found again through ".."
Parts = tuple[bytes, ...]


def parts_of_path(path: bytes) -> Parts:
    """Return the names that an absolute path leads through."""
    return tuple(part for part in path.split(b"/") if part)


def open_root(path: Path) -> int:
    """Open a root and return its descriptor. Raises RootUnavailable, also if it is a symlink.

    Symlinks on the way to a root are the operator's, and are followed.
    """
    try:
        return os.open(path, os.O_RDONLY | _FOLDER)
    except OSError as error:
        raise RootUnavailable(error.errno, error.strerror) from None


@dataclass(frozen=True, slots=True)
class Descent:
    """The folder that a way down led to; `missing` parts of the way were not there."""

    fd: int
    device: int
    missing: int


@contextlib.contextmanager
def descend(root: Path, parts: Sequence[bytes]) -> Iterator[Descent]:
    """Go down from a root by folder names, to the last one that is there.

    Raises OSError where the way is barred: by a right, or a symlink or file in a folder's place.
    """
    fd = open_root(root)
    try:
        missing = 0
        for number, part in enumerate(parts):
            try:
                below = os.open(part, os.O_RDONLY | _FOLDER, dir_fd=fd)
            except FileNotFoundError:
                missing = len(parts) - number
                break
            os.close(fd)
            fd = below
        yield Descent(fd, os.fstat(fd).st_dev, missing)
    finally:
        os.close(fd)


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file of a tree."""

    parts: Parts
    status: os.stat_result


@dataclass(frozen=True, slots=True)
class Missed:
    """A file or folder of a tree that was not looked at."""

    parts: Parts
    status: CoverageStatus
    reason: str


@dataclass(frozen=True, slots=True)
class Walk:
    """How a tree is walked."""

    cross: bool = False  # go into other file systems that are mounted in it
    excluded: Callable[[Parts], bool] = lambda _: False
    spared: frozenset[tuple[int, int]] = frozenset()  # folders (device, inode) of our own

    def files(self, root: Path, after: Parts = ()) -> Iterator[Found | Missed]:
        """Yield the regular files below a root in the order of their parts, after some parts.

        Symlinks, FIFOs, sockets and devices hold no bytes of their own: they are neither opened
        nor named. Folders that cannot be read, are excluded, lie on another file system or are
        the kernel's are Missed. Raises RootUnavailable if the root itself cannot be read.
        """
        fd = open_root(root)
        if _is_kernels(fd):
            os.close(fd)
            yield Missed((), CoverageStatus.EXCLUDED, "kernel-interface")
            return
        mount = _mount(fd)
        frames = [_Frame(fd, (), after)]
        frames[0].mount = mount
        try:
            _read_root(frames[0])
            while frames:
                frame = frames[-1]
                if frame.names and frame.fd >= 0:
                    parts = (*frame.parts, frame.names.pop())
                    yield from self._visit(frames, parts, mount, after)
                    if len(frames) > _HELD_OPEN:
                        frames[-_HELD_OPEN - 1].close()
                    continue
                if frame.names:
                    yield Missed(frame.parts, CoverageStatus.FAILED, "moved-while-read")
                frames.pop()
                if frames and frames[-1].fd < 0:
                    frames[-1].reopen(frame.fd)
                frame.close()
        finally:
            for frame in frames:
                frame.close()

    def _visit(
        self, frames: list[_Frame], parts: Parts, mount: tuple[int, int], after: Parts
    ) -> Iterator[Found | Missed]:
        frame, name = frames[-1], parts[-1]
        try:
            status = os.stat(name, dir_fd=frame.fd, follow_symlinks=False)
        except FileNotFoundError:
            return  # gone since the folder was read: it is not there, and was seen to be so
        except OSError as error:
            yield Missed(parts, CoverageStatus.FAILED, reason_for(error))
            return
        folder = stat.S_ISDIR(status.st_mode)
        if not folder and (not stat.S_ISREG(status.st_mode) or parts == after):
            return
        if self.excluded(parts):
            yield Missed(parts, CoverageStatus.EXCLUDED, "excluded-by-setting")
        elif not folder:
            # A single file can be a mount, too. On an overlay, files have a device of their own.
            alien = status.st_dev != frame.device and _alien(name, frame.fd, mount)
            if alien and _hides(frame.fd, name):
                yield Missed(parts, CoverageStatus.FAILED, BENEATH)
            if alien and not self.cross:
                yield Missed(parts, CoverageStatus.EXCLUDED, "other-filesystem")
            else:
                yield Found(parts, status)
        elif (status.st_dev, status.st_ino) in self.spared:
            yield Missed(parts, CoverageStatus.EXCLUDED, "state-directory")
        else:
            below = _Frame(-1, parts, after)
            try:
                below.open(name, frame.fd)
                below.mount = _mount(below.fd)
                if below.mount != frame.mount and _hides(frame.fd, name):
                    yield Missed(parts, CoverageStatus.FAILED, BENEATH)
                if not self.cross and below.mount != mount:
                    below.close()
                    yield Missed(parts, CoverageStatus.EXCLUDED, "other-filesystem")
                    return
                if status.st_dev != frame.device and _is_kernels(below.fd):
                    below.close()
                    yield Missed(parts, CoverageStatus.EXCLUDED, "kernel-interface")
                    return
                below.read()
            except OSError as error:
                below.close()
                yield Missed(parts, CoverageStatus.FAILED, reason_for(error))
            else:
                frames.append(below)


def _read_root(frame: _Frame) -> None:
    try:
        frame.read()
    except OSError as error:
        raise RootUnavailable(error.errno, error.strerror) from None


def _mount(fd: int) -> tuple[int, int]:
    """Tell mounts apart: by number, for subvolumes of btrfs have devices of their own."""
    number = linux.mount_number(fd)
    return (number, 0) if number >= 0 else (-1, os.fstat(fd).st_dev)


def _is_kernels(fd: int) -> bool:
    mount = linux.mount_of(fd)
    return mount is not None and mount.kind in _KERNELS


def _alien(name: bytes, folder: int, mount: tuple[int, int]) -> bool:
    try:
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return False  # whoever opens it to read it will be told why
    try:
        return _mount(fd) != mount
    finally:
        os.close(fd)


def _hides(folder: int, name: bytes) -> bool:
    """Whether a file with content lies beneath what is mounted there, or what cannot be looked at.

    False where nobody can tell: others than root are not shown it.
    """
    try:
        beneath = linux.without_mounts(folder)
    except OSError:
        return False
    try:
        status = os.stat(name, dir_fd=beneath, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            return stat.S_ISREG(status.st_mode) and status.st_size > 0
        found = Walk().files(Path(f"/proc/self/fd/{beneath}", os.fsdecode(name)))
        return any(isinstance(each, Missed) or each.status.st_size > 0 for each in found)
    except OSError as error:
        return error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
    finally:
        os.close(beneath)


class _Frame:
    """A folder on the way down: the names that are still to be visited, the next one last."""

    def __init__(self, fd: int, parts: Parts, after: Parts) -> None:
        self.fd = fd
        self.parts = parts
        self.names: list[bytes] = []
        self.device = 0
        self.mount = (-1, 0)
        self._inode = 0
        # Where the walk resumes within this folder: at the name that leads to `after`.
        depth = len(parts)
        self._on_the_way = after[:depth] == parts and len(after) > depth
        self._resume = after[depth] if self._on_the_way else b""

    def open(self, name: bytes, folder: int) -> None:
        self.fd = os.open(name, os.O_RDONLY | _FOLDER, dir_fd=folder)

    def read(self) -> None:
        status = os.fstat(self.fd)
        self.device, self._inode = status.st_dev, status.st_ino
        with os.scandir(self.fd) as entries:
            names = [os.fsencode(entry.name) for entry in entries]
        if self._on_the_way:
            names = [name for name in names if name >= self._resume]
        self.names = sorted(names, reverse=True)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def reopen(self, below: int) -> None:
        """Find this folder again from one below it; its identity tells whether that is it."""
        if below < 0:
            return
        with contextlib.suppress(OSError):
            fd = os.open("..", os.O_RDONLY | _FOLDER, dir_fd=below)
            status = os.fstat(fd)
            if (status.st_dev, status.st_ino) == (self.device, self._inode):
                self.fd = fd
            else:
                os.close(fd)
