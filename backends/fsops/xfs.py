"""What xfs tells of how it is laid out: ``xfs_fsop_geom``, ``xfs_ag_geometry`` of ``xfs_fs.h``."""

from __future__ import annotations

import fcntl
import struct
from dataclasses import dataclass
from typing import Self

_REQUEST, _SIZE = 0x8100587E, 256  # XFS_IOC_FSGEOMETRY, Linux 5.2: bytes
# Of a block, a group in blocks, the log in blocks, an inode; the UUID; flags.
_TOLD = struct.Struct("=I4xI4xI4xI36x16s12xI")
_AG_REQUEST, _AG_SIZE = 0xC080583D, 128  # XFS_IOC_AG_GEOMETRY, Linux 5.2: bytes
_AG_FREE = 16  # where it tells the group's free inodes
_NEW_FORM, _REVERSE_MAP = 1 << 15, 1 << 19  # XFS_FSOP_GEOM_FLAGS_V5SB, _RMAPBT


@dataclass(frozen=True, slots=True)
class Geometry:
    """Sizes in bytes, but for `group`: blocks of an allocation group."""

    block: int
    group: int
    log: int
    inode: int
    uuid: bytes
    new_form: bool  # version 5 of the format
    reverse_map: bool

    @classmethod
    def of(cls, fd: int) -> Self:
        """Ask the file system of an open file or folder. Raises OSError."""
        buffer = bytearray(_SIZE)
        fcntl.ioctl(fd, _REQUEST, buffer)
        block, group, log, inode, uuid, flags = _TOLD.unpack_from(buffer)
        new_form, reverse_map = bool(flags & _NEW_FORM), bool(flags & _REVERSE_MAP)
        return cls(block, group, log * block, inode, uuid, new_form, reverse_map)


def free_inodes(fd: int, group: int) -> int:
    """Return how many inodes of an allocation group are there and free. Raises OSError."""
    buffer = bytearray(_AG_SIZE)
    struct.pack_into("=I", buffer, 0, group)
    fcntl.ioctl(fd, _AG_REQUEST, buffer)
    return int(struct.unpack_from("=I", buffer, _AG_FREE)[0])
