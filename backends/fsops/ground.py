"""What lies beneath a file, and whether an overwriting of it reached the blocks of its content.

That is shown if the file system overwrites in place, keeps no second copy in its journal or for a
snapshot, and says before and after that the content lies in the same blocks, which are nobody
else's. Otherwise codes tell what stands against it, before anything is destroyed.
"""

from __future__ import annotations

import fcntl
import os
import struct
from dataclasses import dataclass

from backends.fsops import btrfs, devices, linux
from backends.fsops.extents import Kind, Place, place_of

# Overwriting goes to other blocks there, unless a file is exempted.
_ELSEWHERE = frozenset({"bcachefs", "f2fs", "jffs2", "nilfs2", "overlay", "ubifs", "zfs"})
_IN_PLACE = frozenset({"btrfs", "ext2", "ext3", "ext4", "xfs"})
_NETWORK = frozenset({"9p", "afs", "ceph", "cifs", "glusterfs", "nfs", "nfs4", "smb3", "virtiofs"})
_MEMORY = frozenset({"ramfs", "tmpfs"})

# Flags of an inode: ioctl_iflags(2).
_GETFLAGS = 0x80086601
_JOURNALLED, _NO_COW = 0x4000, 0x800000

BLOCKS_SHARED = "blocks-shared"

_BY_KIND = {
    Kind.UNKNOWN: "blocks-unknown",
    Kind.DELAYED: "blocks-unknown",
    Kind.ENCODED: "content-encoded",
    Kind.NOT_ALIGNED: "content-inline",
    Kind.INLINE: "content-inline",
    Kind.TAIL: "content-inline",
    Kind.SHARED: BLOCKS_SHARED,
}


ATTRIBUTES_UNKNOWN = "attributes-in-blocks-unknown"
READ_ONLY_SNAPSHOT = "read-only-snapshot"
READ_ONLY_FILE_SYSTEM = "read-only-filesystem"

# Every code that says why blocks are not reached, or not shown to be.
OBSTACLES = frozenset(
    {
        ATTRIBUTES_UNKNOWN,
        BLOCKS_SHARED,
        "blocks-moved",
        "blocks-unknown",
        "content-encoded",
        "content-in-journal",
        "content-inline",
        "copy-on-write",
        "emptied-before",
        "file-system-in-memory",
        "medium-unknown",
        "network-device",
        "network-file-system",
        "read-back-cached",
        "thin-volume",
        "volume-deduplicates",
        "volume-has-snapshots",
    }
)


@dataclass(frozen=True, slots=True)
class Ground:
    """As it was before. `limitations` are true of the device though all blocks are reached."""

    kind: str  # of the file system
    obstacles: tuple[str, ...]
    limitations: tuple[str, ...]
    place: Place | None
    barred: str = ""  # a code: nobody may write there, whatever a file's mode

    @property
    def codes(self) -> tuple[str, ...]:
        """All of them."""
        return *self.obstacles, *self.limitations


def survey(fd: int) -> Ground:
    """Look at what lies beneath an open file. Raises OSError for what the device reports."""
    mount = linux.mount_of(fd)
    kind = mount.kind if mount else "unknown"
    obstacles = list(_of_file_system(fd, mount))
    limitations: tuple[str, ...] = ()
    place = None
    if kind in _IN_PLACE:
        hindering, limitations = devices.judged(devices.of_file(fd, kind))
        obstacles += hindering
        place = place_of(fd)
        obstacles += _of_place(place)
    return Ground(kind, tuple(dict.fromkeys(obstacles)), limitations, place, _bar(fd, kind))


def unreached(before: Ground, fd: int) -> tuple[str, ...]:
    """Return why it is not shown that the blocks of `before` were overwritten; none: it is.

    To be asked when the overwriting is durable. Raises OSError for what the device reports.
    """
    if before.obstacles or before.place is None:
        return before.obstacles or ("blocks-unknown",)
    after = place_of(fd)
    if after is None:
        return ("blocks-unknown",)
    if after.digest != before.place.digest:
        return ("blocks-moved",)
    return tuple(dict.fromkeys(_of_place(after)))


def _of_file_system(fd: int, mount: linux.Mount | None) -> list[str]:
    if mount is None:
        return ["medium-unknown"]
    kind = mount.kind
    if kind in _NETWORK or kind.startswith("fuse"):
        return ["network-file-system"]
    if kind in _MEMORY:
        return ["file-system-in-memory"]
    flags = _flags(fd)
    if kind in _ELSEWHERE or (kind == "btrfs" and not flags & _NO_COW):
        return ["copy-on-write"]
    if kind not in _IN_PLACE:
        return ["medium-unknown"]
    if "data=journal" in mount.options or (kind.startswith("ext") and flags & _JOURNALLED):
        return ["content-in-journal"]
    return []


def _bar(fd: int, kind: str) -> str:
    within = btrfs.subvolume_of(fd) if kind == "btrfs" else None
    if within and within.read_only:
        return READ_ONLY_SNAPSHOT
    read_only = os.fstatvfs(fd).f_flag & os.ST_RDONLY
    return READ_ONLY_FILE_SYSTEM if read_only else linux.lock_flag(fd)


def _of_place(place: Place | None) -> list[str]:
    if place is None:
        return ["blocks-unknown"]
    return [code for kind, code in _BY_KIND.items() if kind in place.kinds]


def _flags(fd: int) -> int:
    buffer = bytearray(8)
    try:
        fcntl.ioctl(fd, _GETFLAGS, buffer)
    except OSError:  # the file system has no such flags
        return 0
    return int(struct.unpack_from("I", buffer)[0])
