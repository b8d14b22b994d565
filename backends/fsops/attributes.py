"""A file's metadata: carried over to its successor, or blotted out."""

from __future__ import annotations

import contextlib
import os

OURS = ("user.", "trusted.")  # namespaces whose values are data; others are the system's


def carry_over(old: int, status: os.stat_result, new: int) -> None:
    """Give `new` the owner, mode and extended attributes (ACLs are some) of `old`.

    Raises OSError if one of them cannot be given: a file that others rely on would be another.
    The times of `status` come last, with carry_times(): reading and writing move them.
    """
    wanted = {name: os.getxattr(old, name) for name in os.listxattr(old)}
    for name in os.listxattr(new):
        if name not in wanted:
            os.removexattr(new, name)
    # The owner before the mode: chown(2) clears the set-id bits.
    if (status.st_uid, status.st_gid) != _owner(new):
        os.fchown(new, status.st_uid, status.st_gid)
    for name, value in wanted.items():
        if _value(new, name) != value:
            os.setxattr(new, name, value)
    os.fchmod(new, status.st_mode & 0o7777)


def carry_times(status: os.stat_result, new: int) -> None:
    """Give `new` the times of access and modification that `status` shows."""
    os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))


def _owner(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    return status.st_uid, status.st_gid


def _value(fd: int, name: str) -> bytes | None:
    try:
        return os.getxattr(fd, name)
    except OSError:
        return None


def has_data(fd: int) -> bool:
    """Whether a file has extended attributes that are data."""
    try:
        return any(name.startswith(OURS) for name in os.listxattr(fd))
    except OSError:  # the file system has none
        return False


def blot_out(fd: int) -> bool:
    """Overwrite the values of extended attributes and remove them; false if one is left."""
    try:
        names = [name for name in os.listxattr(fd) if name.startswith(OURS)]
    except OSError:  # the file system has none
        return True
    for name in names:
        with contextlib.suppress(OSError):
            os.setxattr(fd, name, bytes(len(os.getxattr(fd, name))), os.XATTR_REPLACE)
            os.removexattr(fd, name)
    return not any(name.startswith(OURS) for name in os.listxattr(fd))
