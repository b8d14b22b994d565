"""Where on its medium a file's content lies: the kernel's map of its extents (FIEMAP).

``Documentation/filesystems/fiemap.rst`` of Linux has the interface. Physical addresses are those
of the device that the file system sees; btrfs tells those of its own address space.
"""

from __future__ import annotations

import errno
import fcntl
import struct
from dataclasses import dataclass
from enum import IntFlag

_FS_IOC_FIEMAP = 0xC020660B
_SYNC = 0x1  # FIEMAP_FLAG_SYNC: what is not on the medium yet goes there before
_HEAD = struct.Struct("=QQIIII")  # start, length, flags, mapped, room, reserved
_EXTENT = struct.Struct("=QQQ16xI12x")  # logical, physical, length, flags
_ROOM = 256  # extents that are asked for at once
_MOST = 1 << 20  # extents; a file of more is not mapped
_EVERYTHING = (1 << 64) - 1
_UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.ENOTTY, errno.ENOSYS, errno.EINVAL})


class Kind(IntFlag):
    """What the kernel tells of an extent, as far as it matters here."""

    LAST = 0x1
    UNKNOWN = 0x2  # somewhere
    DELAYED = 0x4  # not on the medium yet
    ENCODED = 0x8  # compressed or encrypted
    NOT_ALIGNED = 0x100
    INLINE = 0x200  # in the inode, or another structure of the file system's
    TAIL = 0x400  # several files share the block
    UNWRITTEN = 0x800  # reads as zeros, whatever is on the medium
    SHARED = 0x2000  # with another file, or a snapshot


@dataclass(frozen=True, slots=True)
class Extent:
    """A stretch of a file and where it lies. Bytes."""

    logical: int
    physical: int
    length: int
    kind: Kind


def extents_of(fd: int) -> list[Extent] | None:
    """Return the extents of a file, written to the medium before; None: nobody tells.

    Raises OSError for what the device reports.
    """
    found: list[Extent] = []
    start = 0
    while len(found) < _MOST:
        buffer = bytearray(_HEAD.size + _ROOM * _EXTENT.size)
        _HEAD.pack_into(buffer, 0, start, _EVERYTHING - start, _SYNC, 0, _ROOM, 0)
        try:
            fcntl.ioctl(fd, _FS_IOC_FIEMAP, buffer)
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                return None
            raise
        count = _HEAD.unpack_from(buffer)[3]
        for number in range(count):
            logical, physical, length, flags = _EXTENT.unpack_from(
                buffer, _HEAD.size + number * _EXTENT.size
            )
            found.append(Extent(logical, physical, length, Kind(flags)))
        if not count or Kind.LAST in found[-1].kind:
            return found
        start = found[-1].logical + found[-1].length
    return None


def places(extents: list[Extent]) -> list[tuple[int, int, int]]:
    """Return where a file lies: logical, physical, length; what goes on is joined.

    So that two maps of the same blocks are the same, however the kernel cuts them. What was only
    reserved counts: it becomes content by being written to, where it is.
    """
    joined: list[tuple[int, int, int]] = []
    for each in extents:
        if joined:
            logical, physical, length = joined[-1]
            if (logical + length, physical + length) == (each.logical, each.physical):
                joined[-1] = (logical, physical, length + each.length)
                continue
        joined.append((each.logical, each.physical, each.length))
    return joined
