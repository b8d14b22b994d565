"""Having a file system's journal write over itself.

A journal is a ring: what was logged stays until the ring comes round. It is made to, by changing
extended attributes that fill a block each, of files without names, and syncing: on ext4 and xfs
each such block goes through the journal whole.
"""

from __future__ import annotations

import os
import struct
from contextlib import ExitStack
from pathlib import Path

from backends.contract import Step, Tell
from backends.fsops.xfs import Geometry
from backends.scrub._reserved import device_name
from backends.scrub._room import FULL, Room, unnamed

_FILES = 128
_MOST = 3500  # bytes of a value: too many for an inode,
_HEADER = 100  # and few enough for one block, with what is said there of it
_NAME = "user.shredder"
_ROUNDS = 2.5  # times that the ring is written
_UNKNOWN = 128 << 20  # bytes, where the size of the ring cannot be learnt: mke2fs(8)'s usual one
_SUPERBLOCK = 1024  # ext4: where it is; its magic, and the size of the journal's inode
_MAGIC, _EXT4, _BACKUP, _JOURNAL = 0x38, 0xEF53, 0xFD, 0x10C + 16 * 4
_FEATURES, _HAS_JOURNAL = 0x5C, 0x4


def journal_size(folder: int, kind: str) -> int | None:
    """Return the bytes of the journal of a folder's file system; None: it cannot be learnt."""
    if kind == "xfs":
        return Geometry.of(folder).log
    try:
        with Path("/dev", device_name(folder)).open("rb") as device:
            device.seek(_SUPERBLOCK)
            block = device.read(1024)
            here = os.fstat(device.fileno()).st_rdev == os.fstat(folder).st_dev
    except OSError:
        return None
    if not here or len(block) < 1024:  # something else has the device's name
        return None
    if struct.unpack_from("<H", block, _MAGIC)[0] != _EXT4:
        return None
    if not struct.unpack_from("<I", block, _FEATURES)[0] & _HAS_JOURNAL:
        return 0
    if block[_BACKUP] != 1:
        return None
    return int(struct.unpack_from("<I", block, _JOURNAL)[0])


def come_round(folder: int, kind: str, room: Room, tell: Tell) -> str:
    """Write the journal over; return the code of what keeps that from being certain, or nothing.

    Raises OSError.
    """
    size = journal_size(folder, kind)
    wanted = int(_ROUNDS * (_UNKNOWN if size is None else size))
    length = min(_MOST, os.fstatvfs(folder).f_bsize - _HEADER)
    written = 0
    with ExitStack() as stack:
        files = []
        for _ in range(_FILES):
            fd = unnamed(folder)
            stack.callback(os.close, fd)
            files.append(fd)
        while written < wanted:
            if room.late():
                return "journal-not-written-over"
            value = os.urandom(length)
            try:
                for fd in files:
                    os.setxattr(fd, _NAME, value)
                    written += length
                os.fsync(files[0])
            except OSError as error:
                if error.errno in FULL:
                    return "journal-not-written-over"
                raise
            tell(Step("writing-journal", min(written, wanted), wanted, size=True))
    return "journal-size-unknown" if size is None else ""
