"""A file's metadata: carried over to its successor, or blotted out."""

from __future__ import annotations

import contextlib
import errno
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


def names_of_data(fd: int) -> list[str]:
    """Return the names of a file's extended attributes that are data. Raises OSError."""
    try:
        return [name for name in os.listxattr(fd) if name.startswith(OURS)]
    except OSError as error:
        if error.errno == errno.ENOTSUP:  # the file system has none
            return []
        raise


def blot_out(fd: int) -> bool:
    """Overwrite the values of extended attributes and remove them; false if one is left.

    Raises OSError where nobody can tell.
    """
    for name in names_of_data(fd):
        with contextlib.suppress(OSError):
            os.setxattr(fd, name, bytes(len(os.getxattr(fd, name))), os.XATTR_REPLACE)
            os.removexattr(fd, name)
    return not names_of_data(fd)
