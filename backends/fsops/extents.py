"""Where on its medium a file's content lies: the kernel's map of its extents (FIEMAP).

``Documentation/filesystems/fiemap.rst`` of Linux has the interface. Physical addresses are those
of the device that the file system sees; btrfs tells those of its own address space.
"""

from __future__ import annotations

import errno
import fcntl
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntFlag
from hashlib import blake2b

_FS_IOC_FIEMAP = 0xC020660B
_SYNC = 0x1  # FIEMAP_FLAG_SYNC: what is not on the medium yet goes there before
_HEAD = struct.Struct("=QQIIII")  # start, length, flags, mapped, room, reserved
_EXTENT = struct.Struct("=QQQ16xI12x")  # logical, physical, length, flags
_PLACE = struct.Struct("=QQQ")
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


class NotMapped(Exception):
    """Nobody tells where a file lies, or not all of it."""


def extents_of(fd: int) -> list[Extent] | None:
    """Return the extents of a file, written to the medium before; None: nobody tells.

    Raises OSError for what the device reports.
    """
    try:
        return list(each_extent(fd))
    except NotMapped:
        return None


def each_extent(fd: int) -> Iterator[Extent]:
    """Yield the extents of a file, written to the medium before.

    A file can have a million, which are never held together. Raises NotMapped, also after some
    were told, and OSError for what the device reports.
    """
    start = number = 0
    while number < _MOST:
        buffer = bytearray(_HEAD.size + _ROOM * _EXTENT.size)
        _HEAD.pack_into(buffer, 0, start, _EVERYTHING - start, _SYNC, 0, _ROOM, 0)
        try:
            fcntl.ioctl(fd, _FS_IOC_FIEMAP, buffer)
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                raise NotMapped from None
            raise
        count = _HEAD.unpack_from(buffer)[3]
        if not count:
            return
        for at in range(_HEAD.size, _HEAD.size + count * _EXTENT.size, _EXTENT.size):
            logical, physical, length, flags = _EXTENT.unpack_from(buffer, at)
            yield Extent(logical, physical, length, Kind(flags))
        if flags & Kind.LAST:
            return
        start = logical + length
        number += count
    raise NotMapped


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file lies, as a digest, and all that the kernel tells of any of its extents."""

    digest: bytes
    kinds: Kind


def place_of(fd: int) -> Place | None:
    """Return where a file lies; None: nobody tells. Raises OSError for what the device reports.

    What goes on is joined, so that two maps of the same blocks are the same, however the kernel
    cuts them. What was only reserved counts: it becomes content by being written to, where it is.
    """
    digest, kinds, last = blake2b(digest_size=32), Kind(0), (0, 0, 0)
    try:
        for each in each_extent(fd):
            kinds |= each.kind
            logical, physical, length = last
            if length and (logical + length, physical + length) == (each.logical, each.physical):
                last = logical, physical, length + each.length
                continue
            digest.update(_PLACE.pack(*last))
            last = each.logical, each.physical, each.length
    except NotMapped:
        return None
    digest.update(_PLACE.pack(*last))
    return Place(digest.digest(), kinds)
