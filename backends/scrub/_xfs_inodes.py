"""Using the free inodes of xfs once, so that nothing is left in them of the files they were.

xfs gives inodes in chunks of 64, and a chunk back when all of them are free. In one that is in use
a freed inode keeps its attributes and, of a small folder, names, as they were last written. They
are written over by files without names that fill an inode: three extents where a folder's names
lie, and attributes behind them. These are on the medium only when the journal has come round while
they were there.

Where free space is in pieces, a chunk is sparse: inodes of it that are not there are listed as
free, too. How many of a group are there and free is asked apart.

``libxfs/xfs_fs.h`` and ``xfs_format.h`` of Linux have the interfaces (INUMBERS, BULKSTAT) and the
inode's form. Others than root are not shown which inodes are free.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import stat
import struct
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from backends.contract import Step, Tell
from backends.fsops import linux
from backends.fsops.xfs import Geometry, free_inodes
from backends.scrub._room import FULL, Room, descriptors, unnamed

LEFT = "inodes-left"
_NUMBERS, _STATUS = 0x80405880, 0x8040587F  # XFS_IOC_…
_ASKED = struct.Struct("=QIIII40x")  # xfs_bulk_ireq: from where, flags, room, entries, group
_CHUNK = struct.Struct("=QQB7x")  # xfs_inumbers: first inode, which are in use, how many
_INODE = 192  # of xfs_bulkstat: the inode, its generation after 64, its mode after 132
_AT_ONCE, _IN_GROUP = 1024, 1
_CORE, _OLD_CORE = 176, 100  # bytes
_DATA = 56  # bytes of an inode that stay its extents': XFS_BMDR_SPACE_CALC(MINDBTPTRS)
_LONGEST, _ENTRY_HEAD, _LESS = 250, 4, 8  # of a value that lies in an inode; with a name of one
_HANDLE = struct.Struct("=IiQI")  # file_handle: 12 bytes of kind 0x81, xfs_fid64 without parent
_LOOKS, _PAUSE_S = 20, 0.1


@dataclass(frozen=True, slots=True)
class _Form:
    """How inodes are numbered, and how much of one is left to attributes, in bytes."""

    group_shift: int
    room: int
    block: int

    @classmethod
    def of(cls, fd: int) -> _Form:
        """Ask the file system. Raises OSError."""
        told = Geometry.of(fd)
        core = _CORE if told.new_form else _OLD_CORE
        shift = (told.group - 1).bit_length() + (told.block // told.inode - 1).bit_length()
        return cls(shift, told.inode - core - _DATA, told.block)


@contextmanager
def taken(folder: int, room: Room, tell: Tell) -> Iterator[tuple[int, str]]:
    """Hold what was free; yields how many inodes, and the code of why it was not all.

    The journal is to come round within the context. Raises OSError.
    """
    with ExitStack() as stack:
        try:
            form, free = _Form.of(folder), _settled(folder)
        except OSError as error:
            if error.errno not in {errno.EPERM, errno.ENOTTY, errno.EINVAL}:
                raise
            yield 0, LEFT  # whoever it is: root without its rights is not shown them, either
            return
        if not free:
            yield 0, ""
            return
        number = _take(folder, form, free, room, tell, stack)
        linux.sync(folder)  # else an extent is none yet
        after = _free(folder)
        groups = {at >> form.group_shift for at, mask in free.items() if after.get(at, 0) & mask}
        yield number, LEFT if any(free_inodes(folder, each) for each in groups) else ""


def _take(
    folder: int, form: _Form, free: dict[int, int], room: Room, tell: Tell, stack: ExitStack
) -> int:
    """Take as many inodes of each group as are free there; returns how many. Raises OSError."""
    groups = Counter[int]()
    for first, mask in free.items():
        groups[first >> form.group_shift] += mask.bit_count()
    most = stack.enter_context(descriptors())
    for group, count in groups.items():
        groups[group] = min(count, free_inodes(folder, group))
    wanted, number, length = groups.total(), 0, form.room
    for group, count in sorted(groups.items()):
        within = _folder_in(folder, group, form)
        if within is None:
            continue
        stack.callback(os.close, within)
        for _ in range(count):
            if number >= most or room.late() or room.spare() < 4 * form.block:
                return number
            try:
                fd = unnamed(within)
                stack.callback(os.close, fd)
                length = _fill(fd, length, form.block)
            except OSError as error:
                if error.errno not in FULL:
                    raise
                return number
            if number % 1000 == 0:
                tell(Step("taking-inodes", number, wanted))
            number += 1
    return number


def _fill(fd: int, length: int, block: int) -> int:
    """Fill an inode; returns how many bytes of attributes it has room for. Raises OSError."""
    while length > 0:
        left = length - _ENTRY_HEAD  # the head of the list
        for name in "abcdefgh":
            size = min(_LONGEST, left - _ENTRY_HEAD)
            if size > 0:
                os.setxattr(fd, f"user.{name}", os.urandom(size))
            left -= _ENTRY_HEAD + size
        if not os.fstat(fd).st_blocks:
            break
        # A label of the system's takes room, too, and all attributes went to a block of their own.
        for each in os.listxattr(fd):
            if each.startswith("user."):
                os.removexattr(fd, each)
        length -= _LESS
    for place in (0, 2, 4):
        os.pwrite(fd, bytes(block), place * block)
    return length


def _settled(fd: int) -> dict[int, int]:
    """The free inodes when those of deleted files have become free, which takes a moment."""
    linux.sync(fd)
    before: dict[int, int] | None = None
    for _ in range(_LOOKS):
        now = _free(fd)
        if now == before:
            break
        before = now
        os.fstatvfs(fd)  # has it hurry
        time.sleep(_PAUSE_S)
    return before or {}


def _free(fd: int) -> dict[int, int]:
    """Chunks with free inodes: the first inode of each, and a bit for each that is free."""
    found: dict[int, int] = {}
    for entry in _listed(fd, _NUMBERS, _CHUNK.size, 0, 0):
        first, used, _ = _CHUNK.unpack(entry)
        if free := ~used & (1 << 64) - 1:
            found[first] = free
    return found


def _folder_in(fd: int, group: int, form: _Form) -> int | None:
    """Open some folder of a group of the file system; None: it has none. Raises OSError."""
    if os.fstat(fd).st_ino >> form.group_shift == group:
        return os.dup(fd)
    for entry in _listed(fd, _STATUS, _INODE, _IN_GROUP, group):
        (inode,), (generation,) = (
            struct.unpack_from("=Q", entry),
            struct.unpack_from("=I", entry, 64),
        )
        (mode,) = struct.unpack_from("=H", entry, 132)
        if stat.S_ISDIR(mode):
            handle = _HANDLE.pack(12, 0x81, inode, generation)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
            opened = ctypes.CDLL(None, use_errno=True).open_by_handle_at(fd, handle, flags)
            if opened >= 0:
                return int(opened)
    return None


def _listed(fd: int, what: int, size: int, flags: int, group: int) -> Iterator[bytes]:
    """Yield what the kernel lists of inodes, of one group or all. Raises OSError."""
    start = 0
    while True:
        buffer = bytearray(_ASKED.size + _AT_ONCE * size)
        _ASKED.pack_into(buffer, 0, start, flags, _AT_ONCE, 0, group)
        fcntl.ioctl(fd, what, buffer)
        start, _, _, number, _ = _ASKED.unpack_from(buffer)
        for at in range(number):
            begin = _ASKED.size + at * size
            yield bytes(buffer[begin : begin + size])
        if not number:
            return
