"""What the blocks of a mounted file system are used for: the kernel's map (GETFSMAP).

ioctl_getfsmap(2) has the interface. ext4 and xfs have one; xfs tells what is in files from what is
its own only where it keeps a reverse map (``rmapbt``).
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from enum import Enum

_GETFSMAP = 0xC0C0583B
_HEAD = struct.Struct("=IIII48x")  # flags in, flags out, room, entries; two keys follow
_ENTRY = struct.Struct("=IIQQQQ24x")  # device, flags, physical, owner, offset, length
_ROOM = 4096  # entries that are asked for at once
_LAST, _SPECIAL = 0x20, 0x10
_FREE, _UNKNOWN = 1, 2  # special owners
_EVERYTHING = _ENTRY.pack(0xFFFFFFFF, 0xFFFFFFFF, *(3 * ((1 << 64) - 1,)), 0)


class Space(Enum):
    """What a stretch of a device is used for."""

    FREE = "free"
    OWN = "own"  # the file system's: inodes, journal, maps
    USED = "used"  # by a file or a folder, or nobody tells for what


def space_of(fd: int) -> Iterator[tuple[int, int, Space]]:
    """Yield start, end and use of each stretch of the device of an open folder, in order. Bytes.

    Raises OSError where the file system has no such map, or does not show it to this user.
    """
    status = os.fstat(fd)
    device = _kernels(status.st_dev)
    low = bytes(_ENTRY.size)
    while True:
        buffer = bytearray(_HEAD.size + (2 + _ROOM) * _ENTRY.size)
        _HEAD.pack_into(buffer, 0, 0, 0, _ROOM, 0)
        buffer[_HEAD.size : _HEAD.size + _ENTRY.size] = low
        buffer[_HEAD.size + _ENTRY.size : _HEAD.size + 2 * _ENTRY.size] = _EVERYTHING
        fcntl.ioctl(fd, _GETFSMAP, buffer)
        count = _HEAD.unpack_from(buffer)[3]
        flags = _LAST
        for number in range(count):
            at = _HEAD.size + (2 + number) * _ENTRY.size
            place, flags, physical, owner, _, length = _ENTRY.unpack_from(buffer, at)
            if place == device:
                yield physical, physical + length, _use(flags, owner)
            low = bytes(buffer[at : at + _ENTRY.size])
        if flags & _LAST:
            return


def _use(flags: int, owner: int) -> Space:
    if not flags & _SPECIAL or owner == _UNKNOWN:
        return Space.USED
    return Space.FREE if owner == _FREE else Space.OWN


def _kernels(device: int) -> int:
    """A device's number in the form of new_encode_dev() of Linux' kdev_t.h."""
    major, minor = os.major(device), os.minor(device)
    return (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)
