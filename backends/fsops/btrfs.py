"""What btrfs tells of its subvolumes, and of who uses which blocks.

btrfs-ioctl(2), and ``include/uapi/linux/btrfs.h`` and ``btrfs_tree.h`` of Linux, have the
interfaces. Other subvolumes than one's own are shown to root alone.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backends.fsops.tree import Parts

TOP = 5  # BTRFS_FS_TREE_OBJECTID: the subvolume that all others lie below
FIRST = 256  # BTRFS_FIRST_FREE_OBJECTID: the first inode of each, which is its top folder
_LAST = (1 << 64) - 257
_EVERYTHING = (1 << 64) - 1

_SUBVOL_INFO = 0x81F8943C  # BTRFS_IOC_GET_SUBVOL_INFO: 504 bytes; Linux 4.18
_INFO = struct.Struct("=Q256xQQQQ")  # id, parent, folder, generation, flags
_READ_ONLY = 0x1  # BTRFS_ROOT_SUBVOL_RDONLY

_TREE_SEARCH, _SEARCHED = 0xD0009411, 4096  # BTRFS_IOC_TREE_SEARCH, and its bytes
_TREE_SEARCH_2, _ROOM_AT = 0xC0709411, 104  # …_V2: where its room is told, and the items behind
_MUCH, _NEAR = 64 << 10, 8  # bytes for many items; numbers between wanted ones, so that it pays
_KEY = struct.Struct("=7Q4I32x")  # tree, objectids, offsets, transactions; types, items, 0
_HEADER = struct.Struct("=QQQII")  # transaction, objectid, offset, type, length
_ROOTS, _BACKREF, _INODE = 1, 144, 1  # the tree of trees; BTRFS_ROOT_BACKREF_KEY, _INODE_ITEM_
_NAMED = struct.Struct("=QQH")  # folder, sequence, length of the name that follows

_MADE = struct.Struct("=Q140x12s")  # of a btrfs_inode_item: generation, and otime
_EXTENT_DATA = 108  # BTRFS_EXTENT_DATA_KEY
_KIND_AT, _INLINE = 20, 0  # of a btrfs_file_extent_item: its type; BTRFS_FILE_EXTENT_INLINE
_LIES = struct.Struct("=21xQ")  # of one that is not: disk_bytenr

_INO_LOOKUP, _LOOKED_UP = 0xD0009412, 4096  # BTRFS_IOC_INO_LOOKUP: subvolume, inode, path

_LOGICAL_INO = 0xC038943B  # BTRFS_IOC_LOGICAL_INO_V2; Linux 4.15
_ASKED = struct.Struct("=QQ24xQQ")  # address, room, flags, where the answer goes
_WHOLE_EXTENT = 0x1  # BTRFS_LOGICAL_INO_ARGS_IGNORE_OFFSET
_ANSWERED, _USER = struct.Struct("=IIII"), struct.Struct("=QQQ")  # room, missing, words, missed
_ROOM, _MOST_ROOM = 64 << 10, 16 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Subvolume:
    """A subvolume: its id, and whether nobody may write to it."""

    id: int
    read_only: bool


def subvolume_of(fd: int) -> Subvolume | None:
    """Return the subvolume that an open file or folder is in; None: nobody tells."""
    buffer = bytearray(504)
    try:
        fcntl.ioctl(fd, _SUBVOL_INFO, buffer)
    except OSError:
        return None
    number, _, _, _, flags = _INFO.unpack_from(buffer)
    return Subvolume(number, bool(flags & _READ_ONLY))


def users_of(fd: int, address: int) -> set[tuple[int, int]]:
    """Return who refers to an extent, or to a part of it: subvolumes' ids and inodes' numbers.

    `address` is one of the file system's own, as FIEMAP tells it. The extent stays on the medium
    as a whole while anybody does. Raises OSError.
    """
    room = _ROOM
    while True:
        answer = ctypes.create_string_buffer(room)
        asked = bytearray(_ASKED.pack(address, room, _WHOLE_EXTENT, ctypes.addressof(answer)))
        try:
            fcntl.ioctl(fd, _LOGICAL_INO, asked)
        except OSError as error:
            if error.errno == errno.ENOENT:  # freed meanwhile
                return set()
            raise
        _, missing, words, missed = _ANSWERED.unpack_from(answer)
        if not missing and not missed:
            end = _ANSWERED.size + words * 8
            users = _USER.iter_unpack(answer.raw[_ANSWERED.size : end])
            return {(root, inode) for inode, _, root in users}
        if room >= _MOST_ROOM:
            raise OSError(errno.EOVERFLOW, os.strerror(errno.EOVERFLOW))
        room = _MOST_ROOM


def path_in(fd: int, subvolume: int, inode: int) -> Parts | None:
    """Return one of the ways to an inode from its subvolume's top; None: it has no name.

    Raises OSError, PermissionError where this user is not told.
    """
    buffer = bytearray(_LOOKED_UP)
    struct.pack_into("=QQ", buffer, 0, subvolume, inode)
    try:
        fcntl.ioctl(fd, _INO_LOOKUP, buffer)
    except FileNotFoundError:
        return None
    path = bytes(buffer[16:]).partition(b"\0")[0]
    return tuple(part for part in path.split(b"/") if part)


def subvolumes(fd: int) -> dict[int, tuple[int, int, bytes]]:
    """Return the subvolumes of a file system by their ids, all but the one at the top.

    Of each: the id of the one above, the inode of the folder in that, and the name there. One that
    is being deleted has none. Raises OSError.
    """
    found = {}
    for number, offset, item in _items(fd, _ROOTS, (FIRST, _LAST), _BACKREF):
        folder, _, named = _NAMED.unpack_from(item)
        found[number] = (offset, folder, item[_NAMED.size : _NAMED.size + named])
    return found


def birth_of(fd: int, subvolume: int, inode: int) -> tuple[int, bytes] | None:
    """Return when an inode was made, its transaction and its time: the same in all snapshots.

    None: the subvolume has no such inode. Raises OSError.
    """
    for _, _, item in _items(fd, subvolume, (inode, inode), _INODE):
        transaction, time = _MADE.unpack_from(item)
        return transaction, time
    return None


def births_in(
    fd: int, subvolume: int, inodes: Sequence[int]
) -> Iterator[tuple[int, tuple[int, bytes]]]:
    """Yield those of some inodes, given in order, that a subvolume has, with their births.

    Asks once for many that lie near each other, and skips what is not there. Raises OSError.
    """
    at = 0
    while at < len(inodes):
        ahead = min(at + _NEAR, len(inodes) - 1)
        many = inodes[ahead] - inodes[at] < _NEAR * _NEAR
        first, last = (inodes[at], _INODE, 0), inodes[-1]
        items = list(_answer(fd, subvolume, first, last, _INODE, many=many))
        if not items:
            return
        reached = items[-1][0][0]
        end = bisect_right(inodes, reached, at)
        wanted = set(inodes[at:end])
        for (number, kind, _), item in items:
            if kind == _INODE and number in wanted:
                yield number, _MADE.unpack_from(item)
        at = end


def extents_in(fd: int, subvolume: int, inode: int) -> set[int]:
    """Return the addresses of a file's extents, also of those that its map (FIEMAP) joins.

    Raises OSError.
    """
    found = set[int]()
    for _, _, item in _items(fd, subvolume, (inode, inode), _EXTENT_DATA):
        if item and item[_KIND_AT] != _INLINE:  # empty: inline, and longer than an answer
            found.update(_LIES.unpack_from(item))
    return found - {0}  # a hole


def _items(
    fd: int, tree: int, objects: tuple[int, int], kind: int
) -> Iterator[tuple[int, int, bytes]]:
    """Yield the items of a kind in a tree: object, offset, and what is in it."""
    key, last = (objects[0], kind, 0), objects[1]
    while items := list(_answer(fd, tree, key, last, kind)):
        for (number, told, offset), item in items:
            if told == kind:
                yield number, offset, item
        number, told, offset = items[-1][0]
        key = (number, told, offset + 1) if offset < _EVERYTHING else (number, told + 1, 0)


def _answer(
    fd: int, tree: int, key: tuple[int, int, int], last: int, kind: int, *, many: bool | None = None
) -> Iterator[tuple[tuple[int, int, int], bytes]]:
    """Yield the items from a key on, also of other kinds: as many as fit, many, or one.

    Of each its key (object, kind, offset) and what is in it. Raises OSError.
    """
    at, request = _KEY.size, _TREE_SEARCH
    buffer = bytearray(_MUCH if many else _SEARCHED)
    if many:
        request, at = _TREE_SEARCH_2, _ROOM_AT + 8
        struct.pack_into("=Q", buffer, _ROOM_AT, _MUCH - at)
    _KEY.pack_into(
        buffer, 0, tree, key[0], last, key[2], _EVERYTHING, 0, _EVERYTHING,
        key[1], kind, 1 if many is False else (1 << 32) - 1, 0,
    )  # fmt: skip
    fcntl.ioctl(fd, request, buffer)
    for _ in range(_KEY.unpack_from(buffer)[9]):
        _, number, offset, told, length = _HEADER.unpack_from(buffer, at)
        at += _HEADER.size
        yield (number, told, offset), bytes(buffer[at : at + length])
        at += length
