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
_ATTRIBUTES, _OF_THE_MAP = 0x2, 0x4  # an inode's, and no content
_FREE, _UNKNOWN = 1, 2  # special owners
_ALL = (1 << 64) - 1
_EVERYTHING = _ENTRY.pack(0xFFFFFFFF, 0xFFFFFFFF, _ALL, _ALL, _ALL, 0)


class Space(Enum):
    """What a stretch of a device is used for."""

    FREE = "free"
    OWN = "own"  # the file system's: inodes, journal, maps
    USED = "used"  # by a file or a folder, or nobody tells for what


def space_of(fd: int) -> Iterator[tuple[int, int, Space]]:
    """Yield start, end and use of each stretch of the device of an open folder, in order. Bytes.

    Raises OSError where the file system has no such map, or does not show it to this user.
    """
    for flags, physical, owner, length in _map_of(fd, bytes(_ENTRY.size), _EVERYTHING):
        yield physical, physical + length, _use(flags, owner)


def owners_of(fd: int, start: int, end: int) -> set[int]:
    """Return the inodes whose content lies in a stretch of the device, of which these are told.

    None where the file system keeps no reverse map, or does not show it to this user. Raises
    OSError.
    """
    device = _kernels(os.fstat(fd).st_dev)
    low = _ENTRY.pack(device, 0, start, 0, 0, 0)
    high = _ENTRY.pack(device, 0xFFFFFFFF, end - 1, _ALL, _ALL, 0)
    found = set[int]()
    for flags, physical, owner, length in _map_of(fd, low, high):
        content = not flags & (_SPECIAL | _ATTRIBUTES | _OF_THE_MAP)
        if content and physical < end and physical + length > start:
            found.add(owner)
    return found


def _map_of(fd: int, low: bytes, high: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield flags, place, owner and length of what lies between two keys of the kernel's map."""
    device = _kernels(os.fstat(fd).st_dev)
    while True:
        buffer = bytearray(_HEAD.size + (2 + _ROOM) * _ENTRY.size)
        _HEAD.pack_into(buffer, 0, 0, 0, _ROOM, 0)
        buffer[_HEAD.size : _HEAD.size + _ENTRY.size] = low
        buffer[_HEAD.size + _ENTRY.size : _HEAD.size + 2 * _ENTRY.size] = high
        fcntl.ioctl(fd, _GETFSMAP, buffer)
        count = _HEAD.unpack_from(buffer)[3]
        flags = _LAST
        for number in range(count):
            at = _HEAD.size + (2 + number) * _ENTRY.size
            place, flags, physical, owner, _, length = _ENTRY.unpack_from(buffer, at)
            if place == device:
                yield flags, physical, owner, length
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
