"""Which file system something is on: the same under whatever name, and after a restart."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backends.fsops import devices, linux
from backends.fsops.reasons import RootUnavailable
from backends.fsops.tree import open_root
from backends.fsops.xfs import Geometry

_GETFSUUID = 0x80111500  # FS_IOC_GETFSUUID, Linux 6.9: a length, and up to 16 bytes
_BTRFS_FS_INFO = 0x8400941F  # BTRFS_IOC_FS_INFO: 1024 bytes, the UUID after 16


@dataclass(frozen=True, slots=True)
class FileSystem:
    """A file system, by what it says of itself."""

    kind: str
    name: str  # its UUID where it tells one, else what else tells it apart
    options: frozenset[str]  # of the mount that was looked at
    device: int  # the number that mounts tell it by: two of one name have two


def file_system_of(fd: int) -> FileSystem:
    """Return the file system that an open file or folder is on."""
    mount = linux.mount_of(fd)
    kind = mount.kind if mount else "unknown"
    options = mount.options if mount else frozenset[str]()
    device = mount.device if mount else os.fstat(fd).st_dev
    return FileSystem(kind, _uuid(fd, kind) or _number(fd, kind), options, device)


def _uuid(fd: int, kind: str) -> str:
    try:
        raw = _told(fd, kind)
    except OSError:
        return ""
    return raw.hex() if any(raw) else ""


def _told(fd: int, kind: str) -> bytes:
    if kind == "xfs":
        return Geometry.of(fd).uuid
    if kind == "btrfs":
        buffer = bytearray(1024)
        fcntl.ioctl(fd, _BTRFS_FS_INFO, buffer)
        return bytes(buffer[16:32])
    buffer = bytearray(17)
    fcntl.ioctl(fd, _GETFSUUID, buffer)
    return bytes(buffer[1:]) if buffer[0] == 16 else b""


def _number(fd: int, kind: str) -> str:
    if kind in {"ext2", "ext3", "ext4"}:  # made of the UUID: statfs(2)
        return f"{os.fstatvfs(fd).f_fsid:x}"
    device = os.fstat(fd).st_dev
    return f"{os.major(device)}:{os.minor(device)}"


def mounts_below(folder: Path) -> Iterator[Path]:
    """Yield where else something is mounted below a folder."""
    real = os.path.realpath(os.fsencode(folder)).rstrip(b"/") + b"/"
    for mount in linux.mounts():
        if mount.top.startswith(real):
            yield Path(os.fsdecode(mount.top))


def nodes_of(fd: int, kind: str) -> list[tuple[Path, int]]:
    """Return the devices beneath an open folder: where each is in ``/dev``, and its number."""
    found = []
    for device in devices.of_file(fd, kind):
        try:
            major, _, minor = (device / "dev").read_text("ascii").strip().partition(":")
            lines = (device / "uevent").read_text("utf-8", "replace").splitlines()
        except OSError:
            return []
        name = next((line[8:] for line in lines if line.startswith("DEVNAME=")), "")
        found.append((Path("/dev", name), os.makedev(int(major), int(minor))))
    return found


def opened(path: Path) -> int | None:
    """Open a folder; None: it cannot be."""
    try:
        return open_root(path)
    except RootUnavailable:
        return None
