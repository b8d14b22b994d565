"""The block devices beneath a file system, as sysfs shows them; nothing of it needs root."""

from __future__ import annotations

import fcntl
import os
import struct
import uuid
from collections.abc import Iterator
from pathlib import Path

_SYS = Path("/sys")
_DEEPEST = 16  # devices upon devices
_BTRFS_FS_INFO = 0x8400941F  # BTRFS_IOC_FS_INFO: 1024 bytes, the file system's UUID after two u64
_REMOTE = ("drbd", "nbd", "rbd")
_VIRTUAL = ("/virtio", "/virtual/", "/vbd-", "/VMBUS")


def of_file(fd: int, kind: str) -> list[Path]:
    """Return the devices beneath an open file, in sysfs; none: they are not shown."""
    if kind != "btrfs":
        number = os.fstat(fd).st_dev
        path = _SYS / "dev" / "block" / f"{os.major(number)}:{os.minor(number)}"
        return [path.resolve()] if path.exists() else []
    buffer = bytearray(1024)
    try:
        fcntl.ioctl(fd, _BTRFS_FS_INFO, buffer)
        (raw,) = struct.unpack_from("16s", buffer, 16)
        folder = _SYS / "fs" / "btrfs" / str(uuid.UUID(bytes=raw)) / "devices"
        return [entry.resolve() for entry in folder.iterdir()]
    except OSError:
        return []


def judged(devices: list[Path]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return codes: what keeps an overwriting from its blocks, and what is true all the same."""
    if not devices:
        return ("medium-unknown",), ()
    found = [each for device in devices for each in _beneath(device, _DEEPEST)]
    obstacles = {code for code, hinders in found if hinders}
    return tuple(sorted(obstacles)), tuple(sorted({code for code, hinders in found if not hinders}))


def _beneath(device: Path, depth: int) -> Iterator[tuple[str, bool]]:
    """Yield a code for each thing to be said of a device, and whether it hinders."""
    if (device / "partition").exists():
        device = device.parent
    mapped = _text(device / "dm" / "uuid")
    below = [entry.resolve() for entry in _entries(device / "slaves")]
    if mapped.startswith("VDO-"):
        yield "volume-deduplicates", True
    if mapped.startswith("LVM-"):
        others = [mapped, *(_text(each / "dm" / "uuid") for each in below)]
        # LVM's names of hidden layers: the origin under its snapshots, a snapshot's own blocks.
        if any(other.endswith(("-real", "-cow")) for other in others):
            yield "volume-has-snapshots", True
        if any(other.endswith(("-tpool", "-pool")) for other in others):
            yield "thin-volume", True
    if below:
        for each in below if depth else ():
            yield from _beneath(each, depth - 1)
        if not depth:
            yield "medium-unknown", True
        return
    name = device.name
    if name.startswith("zram"):
        yield "file-system-in-memory", True
    elif name.startswith(_REMOTE):
        yield "network-device", True
    elif any(part in str(device) for part in _VIRTUAL):
        yield "virtual-disk", False
    else:
        rotates = _text(device / "queue" / "rotational")
        if rotates == "0":
            yield "flash-remaps-blocks", False
        elif rotates != "1":
            yield "medium-unknown", True


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
