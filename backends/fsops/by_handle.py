"""Finding a file again whose name has gone: by the kernel's handle of it (open_by_handle_at(2)).

A handle is an inode with its generation, so that no later file is taken for it, and it holds
across a restart. Only root, or who has CAP_DAC_READ_SEARCH, opens by one.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

_AT_EMPTY_PATH = 0x1000
_HEAD = struct.Struct("=Ii")  # file_handle: its bytes, and their kind
_MOST = 128  # MAX_HANDLE_SZ
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LASTING = frozenset({"btrfs", "ext2", "ext3", "ext4", "f2fs", "tmpfs", "xfs"})
_GONE = frozenset({errno.ESTALE, errno.ENOENT})
_NOT_FOR_US = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


class NotLooked(Exception):
    """Nobody can tell: the file system has no handles, or this user may not open by one."""


def handle_of(fd: int, kind: str) -> str:
    """Return the handle of an open file; empty where its file system has none.

    Or none that stays: servers, and programs that make file systems, forget theirs.
    """
    if kind not in _LASTING:
        return ""
    room = ctypes.create_string_buffer(_HEAD.pack(_MOST, 0) + bytes(_MOST))
    mount = ctypes.c_int()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.name_to_handle_at(fd, b"", room, ctypes.byref(mount), _AT_EMPTY_PATH):
        return ""
    size, kind = _HEAD.unpack_from(room)
    return f"{kind:x}:{room.raw[_HEAD.size : _HEAD.size + size].hex()}"


def open_again(folder: int, handle: str) -> int | None:
    """Open the file of a handle, on the file system of a folder; None: it is no more.

    Raises NotLooked, OSError.
    """
    if not handle:
        raise NotLooked
    kind, _, text = handle.partition(":")
    data = bytes.fromhex(text)
    packed = _HEAD.pack(len(data), int(kind, 16)) + data
    fd = int(ctypes.CDLL(None, use_errno=True).open_by_handle_at(folder, packed, _OPEN))
    if fd >= 0:
        return fd
    code = ctypes.get_errno()
    if code in _GONE:
        return None
    if code in _NOT_FOR_US:
        raise NotLooked
    raise OSError(code, os.strerror(code))
