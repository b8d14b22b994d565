"""What Python's os module lacks of Linux."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import re
import signal
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

_RENAME_NOREPLACE, _RENAME_EXCHANGE = 1, 2
_FS_IOC_GETFLAGS = 0x80086601
_LOCKS = {0x10: "immutable", 0x20: "append-only", 0x100000: "fs-verity"}  # FS_…_FL
_OPEN_TREE = 428  # the number of the call on all machines
_UNSUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTTY, errno.EOPNOTSUPP})


class ExchangeUnsupported(OSError):
    """The kernel or file system cannot swap two names in one step."""


def _renameat2(old: bytes, new: bytes, folder: int, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        call = libc.renameat2
    except AttributeError:  # a C library older than the system call
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    if call(folder, os.fsencode(old), folder, os.fsencode(new), flags):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def rename_to_free(old: bytes, new: bytes, folder: int) -> None:
    """Rename within a folder; FileExistsError if `new` is taken."""
    try:
        _renameat2(old, new, folder, _RENAME_NOREPLACE)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        # NFS and old kernels: a look first. `new` is a name that nobody else uses, so whoever
        # takes it in between does so on purpose, with the right to remove what was there.
        if exists(new, folder):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)


def exchange(one: bytes, other: bytes, folder: int) -> None:
    """Swap two names of a folder in one step. Raises ExchangeUnsupported."""
    try:
        _renameat2(one, other, folder, _RENAME_EXCHANGE)
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            raise ExchangeUnsupported(error.errno, error.strerror) from None
        raise


def exists(name: bytes, folder: int) -> bool:
    """Whether a folder has this name, whatever it stands for."""
    return stat_of(name, folder) is not None


def stat_of(name: bytes, folder: int) -> os.stat_result | None:
    """Return what a name stands for, a symlink for itself; None: the folder has no such name."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def lock_flag(fd: int) -> str:
    """Return the code of what an inode's flags forbid; empty if they let it be destroyed."""
    buffer = bytearray(8)
    try:
        fcntl.ioctl(fd, _FS_IOC_GETFLAGS, buffer)
    except OSError:  # the file system has no such flags
        return ""
    (flags,) = struct.unpack_from("I", buffer)
    return next((code for flag, code in _LOCKS.items() if flags & flag), "")


class Lease(Enum):
    """Whether anyone else has a file open."""

    ALONE = "alone"  # and whoever opens it now waits until the descriptor is closed
    SHARED = "shared"  # somebody has it open
    UNKNOWN = "unknown"  # no leases here: not our file, or not on this file system


def take_lease(fd: int) -> Lease:
    """Ask for a write lease (fcntl(2), F_SETLEASE): only one who is alone with a file gets it."""
    try:
        # The kernel signals when somebody wants in. SIGIO, the default, would end the process.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except BlockingIOError:
        return Lease.SHARED
    except OSError:
        return Lease.UNKNOWN
    return Lease.ALONE


def keeps_lease(fd: int) -> bool:
    """Whether a lease taken still stands: false once somebody waits to open the file."""
    return fcntl.fcntl(fd, fcntl.F_GETLEASE) == fcntl.F_WRLCK


def has_writers(fd: int) -> bool:
    """Whether somebody has the file open for writing; `fd` must be open for reading only."""
    try:
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    with contextlib.suppress(OSError):
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of /proc/self/mountinfo, see proc_pid_mountinfo(5)."""

    number: int
    kind: str
    options: frozenset[str]
    top: bytes  # where it is mounted
    device: int  # of the file system
    shown: bytes  # which folder of the file system is to be seen there


_AT_EMPTY_PATH, _OPEN_TREE_CLONE = 0x1000, 1


def without_mounts(folder: int) -> int:
    """Open a folder once more, as it is beneath whatever is mounted in it (open_tree(2)).

    Raises OSError where the kernel cannot do that (Linux 5.2), or does not for this user.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    flags = _AT_EMPTY_PATH | _OPEN_TREE_CLONE | os.O_CLOEXEC
    fd = int(libc.syscall(_OPEN_TREE, folder, b"", flags))
    if fd < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return fd


_OCTAL = re.compile(rb"\\([0-7]{3})")
_MOUNT_ID = re.compile(r"^mnt_id:\s*(\d+)$", re.MULTILINE)


def mount_number(fd: int) -> int:
    """Return the number of the mount that a descriptor is on; -1: /proc does not tell."""
    try:
        found = _MOUNT_ID.search(Path(f"/proc/self/fdinfo/{fd}").read_text(encoding="ascii"))
    except OSError:
        return -1
    return int(found[1]) if found else -1


def mount_of(fd: int) -> Mount | None:
    """Return the mount that a descriptor is on; None: /proc does not tell."""
    number = mount_number(fd)
    return next((mount for mount in mounts() if mount.number == number), None)


def mounts() -> Iterator[Mount]:
    """Yield what is mounted for this process; nothing where /proc does not tell."""
    try:
        lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        fields, _, rest = line.decode("utf-8", "surrogateescape").partition(" - ")
        words, tail = fields.split(" "), rest.split(" ")
        options = words[5].split(",") + (tail[2].split(",") if len(tail) > 2 else [])
        major, _, minor = words[2].partition(":")
        device = os.makedev(int(major), int(minor))
        shown, top = _plain(words[3]), _plain(words[4])
        yield Mount(int(words[0]), tail[0], frozenset(options), top, device, shown)


def _plain(word: str) -> bytes:
    return _OCTAL.sub(lambda found: bytes([int(found[1], 8)]), os.fsencode(word))


def sync(fd: int) -> None:
    """Have everything of a descriptor's file system written to its medium (syncfs(2))."""
    if ctypes.CDLL(None, use_errno=True).syncfs(fd):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
