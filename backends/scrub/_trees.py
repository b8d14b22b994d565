"""Moving btrfs's own trees to other blocks, so that those they were in can be filled and trimmed.

Names, attributes and small files lie in these trees, and earlier versions of them in blocks that
are free and of which no file is ever given one; a trim passes over many of them (measured). To fill
them by making attributes until there is no room turned a file system read-only (measured, once in
six times), so they are moved by a balance (btrfs-balance(8)), which the file system does in safety.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
from threading import Event, Thread

from backends.contract import Step, Tell
from backends.scrub._room import Room

_BALANCE, _CONTROL = 0xC4009420, 0x40049421  # BTRFS_IOC_BALANCE_V2, BTRFS_IOC_BALANCE_CTL
_SIZE = 1024  # of struct btrfs_ioctl_balance_args
_FLAGS = struct.Struct("=Q")
_CHUNKS, _CHUNKS_AT = struct.Struct("=QQQ"), 424  # expected, considered, completed
_SYSTEM, _METADATA = 1 << 1, 1 << 2
_CANCEL = 2
_LEAST = 1.0  # seconds
_AGAIN = 0.5  # seconds between two wishes that it end
LEFT = "metadata-slack"
# No rights, no room for as much again, groups of blocks that files lie in, too (mkfs.btrfs(8),
# --mixed), a balance that is under way, the time is up.
_IN_VAIN = {
    errno.EPERM,
    errno.ENOSPC,
    errno.EINVAL,
    errno.EINPROGRESS,
    errno.ECANCELED,
    errno.EOPNOTSUPP,
}


def move_trees(folder: int, room: Room, tell: Tell) -> str:
    """Have all trees moved; return the code of why they were not. Raises OSError.

    Of somebody killed in the middle nothing is left: the file system gives the balance up.
    """
    os.sync()  # what was deleted must have left the trees
    if room.late():
        return LEFT
    tell(Step("moving-trees"))
    wanted = bytearray(_SIZE)
    _FLAGS.pack_into(wanted, 0, _SYSTEM | _METADATA)
    ended = Event()
    ending = Thread(target=_cancel, args=[folder, max(room.left(), _LEAST), ended])
    ending.start()
    try:
        fcntl.ioctl(folder, _BALANCE, wanted)
    except OSError as error:
        if error.errno not in _IN_VAIN:
            raise
        return LEFT
    finally:
        ended.set()
        ending.join()
    expected, _, completed = _CHUNKS.unpack_from(wanted, _CHUNKS_AT)
    if not 0 < expected == completed:
        return LEFT  # as where it is being resized, which the call tells by no error
    os.sync()  # what they were in is free from here on
    return ""


def _cancel(folder: int, seconds: float, ended: Event) -> None:
    """Have it end when its time is up, and ask again: it may not have begun, which is refused."""
    while not ended.wait(seconds):
        seconds = _AGAIN
        with contextlib.suppress(OSError):
            fcntl.ioctl(folder, _CONTROL, _CANCEL)
