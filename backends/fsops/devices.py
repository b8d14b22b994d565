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
_OTHER_MACHINES = ("/session", "/nvme-fabrics/")  # iSCSI, NVMe over a network
_IN_MEMORY = ("ram", "zram", "pmem")
_VIRTUAL = ("/virtio", "/vbd-", "/VMBUS", "/vmbus")
_PLAIN = frozenset({"CRYPT", "mpath"})  # block for block
# LVM's names of hidden layers: the origin under its snapshots, a snapshot's own blocks, a pool.
_LAYERS = {
    "real": "volume-has-snapshots",
    "cow": "volume-has-snapshots",
    "pool": "thin-volume",
    "tpool": "thin-volume",
}


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
    limitations = {code for code, hinders in found if code and not hinders}
    return tuple(sorted(obstacles)), tuple(sorted(limitations))


def _beneath(device: Path, depth: int) -> Iterator[tuple[str, bool]]:
    """Yield a code for each thing to be said of a device, and whether it hinders.

    What is not known to overwrite in place counts as a hindrance.
    """
    if (device / "partition").exists():
        device = device.parent
    below = [entry.resolve() for entry in _entries(device / "slaves")]
    if (device / "dm").exists():
        yield from _mapped(device, below)
    elif below and not device.name.startswith("md"):
        yield "medium-unknown", True  # such as bcache, which keeps copies
    if _text(device / "md" / "consistency_policy") == "journal":
        yield "medium-unknown", True  # a device of the array has all that is written, too
    if below and depth:
        for each in below:
            yield from _beneath(each, depth - 1)
    elif below or (device / "dm").exists():
        yield "medium-unknown", True
    else:
        yield _leaf(device)


def _mapped(device: Path, below: list[Path]) -> Iterator[tuple[str, bool]]:
    """Tell of a device that the device mapper makes of others, by the names of its layers."""
    layers = [_text(each / "dm" / "uuid") for each in (device, *below)]
    for layer in layers:
        kind, _, rest = layer.partition("-")
        if kind in _PLAIN or not layer:
            continue
        suffix = rest.partition("-")[2]
        if kind == "VDO":
            yield "volume-deduplicates", True
        elif kind != "LVM" or (suffix and suffix not in _LAYERS):
            yield "medium-unknown", True
        elif suffix:
            yield _LAYERS[suffix], True
    if not layers[0]:  # made by hand: a snapshot as well as anything
        yield "medium-unknown", True


def _leaf(device: Path) -> tuple[str, bool]:
    name, path = device.name, str(device)
    if name.startswith(_IN_MEMORY):
        return "file-system-in-memory", True
    if name.startswith(_REMOTE) or any(part in path for part in _OTHER_MACHINES):
        return "network-device", True
    if name.startswith("loop") or any(part in path for part in _VIRTUAL):
        return "virtual-disk", False
    if "/virtual/" in path:  # a volume of ZFS, or a driver outside of the kernel
        return "medium-unknown", True
    rotates = _text(device / "queue" / "rotational")
    if rotates == "0":
        return "flash-remaps-blocks", False
    return ("medium-unknown", True) if rotates != "1" else ("", False)


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
