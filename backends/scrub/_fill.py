"""Taking all free blocks and inodes, once, and giving them back."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from backends.contract import Step, Tell
from backends.fsops.keystream import Keystream
from backends.scrub._room import FULL, Room, descriptors, unnamed

_STEP = 16 << 20  # bytes between looks at what others need
_SYNC = 64 << 20  # bytes that are dirty at the most
_SMALL = 4096  # bytes, once larger pieces find no room
_INODES = 256  # between looks at what others need
_NOTE = 40  # bytes of an attribute: an inode's own room


def fill(folder: int, room: Room, tell: Tell) -> tuple[int, int, str]:
    """Fill the free space with a keystream, then free it.

    Returns how many bytes were written, how many were free all the same when most was full, and
    the code of what stopped it before there was no room left at all; none if nothing did. Raises
    OSError for what the device reports.
    """
    fd = unnamed(folder)
    try:
        written, problem = _pour(fd, room, tell)
        try:
            os.fdatasync(fd)
        except OSError as error:
            if error.errno not in FULL:  # what was promised room and found none
                raise
        left = room.unused()
    finally:
        os.close(fd)
    return written, left, problem


def _pour(fd: int, room: Room, tell: Tell) -> tuple[int, str]:
    wanted, written, synced = room.spare(), 0, 0
    pieces = (piece for _, piece in Keystream().blocks(0, 1 << 62))
    while True:
        if room.late():
            return written, "time-is-up"
        spare = min(room.spare(), _STEP)
        if not spare:
            return written, "reserve-left" if room.reserve else ""
        end = written + spare
        while written < end:
            try:
                written += _put(fd, next(pieces)[: end - written])
            except OSError as error:
                if error.errno in FULL:
                    return written, ""
                raise
            if written - synced >= _SYNC:
                os.fdatasync(fd)
                synced = written
        tell(Step("filling", min(written, wanted), wanted, size=True))


def _put(fd: int, piece: memoryview) -> int:
    """Write a piece, or a small part of it where there is no room for more. Raises OSError."""
    try:
        return os.write(fd, piece)
    except OSError as error:
        if error.errno not in FULL or len(piece) <= _SMALL:
            raise
        return os.write(fd, piece[:_SMALL])


def take_inodes(folder: int, room: Room, tell: Tell) -> tuple[int, str]:
    """Take the free inodes, with a content and an attribute that lie in them; then free them.

    Returns how many were taken, and the code of why it was not all of them. Each is a file without
    a name, so no more are taken than this process may have open. Raises OSError.
    """
    wanted = room.inodes()
    taken = list[int]()
    problem = "inodes-left" if wanted < os.fstatvfs(folder).f_ffree else ""
    try:
        with descriptors() as most:
            for number in range(wanted):
                full = number % _INODES == 0 and not room.spare()  # each may take a block
                if number >= most or full or room.late():
                    problem = "inodes-left"
                    break
                try:
                    taken.append(_inode(folder))
                except OSError as error:
                    if error.errno not in FULL:
                        raise
                    break
                if number % 1000 == 0:
                    tell(Step("taking-inodes", number, wanted))
            for fd in taken[:1]:
                os.fsync(fd)
    finally:
        for fd in taken:
            os.close(fd)
    return len(taken), problem


def _inode(folder: int) -> int:
    """Take one, with whatever of a note and a content there is room for."""
    fd = unnamed(folder)
    try:
        with _if_it_fits():
            os.setxattr(fd, "user.s", os.urandom(_NOTE))
        with _if_it_fits():
            os.write(fd, os.urandom(_NOTE))
    except OSError:
        os.close(fd)
        raise
    return fd


@contextlib.contextmanager
def _if_it_fits() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in {*FULL, errno.EOPNOTSUPP}:  # the latter: no attributes there
            raise
