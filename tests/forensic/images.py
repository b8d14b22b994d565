"""File systems in files, and looking through their raw bytes with nothing of the product's."""

from __future__ import annotations

import contextlib
import re
import subprocess
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.mounts import unmount

CANARY = re.compile(rb"c(\d{5})x(\d{5})")
_STEP = 64 << 20
_PACKED = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_TAIL = 128 << 10  # bytes that a packed stretch has at the most: btrfs' are that long
_MOST = 1 << 20


@dataclass(frozen=True)
class Kind:
    """How a file system is made and mounted."""

    make: tuple[str, ...]
    options: str = "loop"
    folder: tuple[str, ...] = ()  # a command for the folder that files are put in
    size: int = 64 << 20


KINDS = {
    "ext4": Kind(("mkfs.ext4", "-q")),
    "ext4-data-journal": Kind(("mkfs.ext4", "-q"), "loop,data=journal"),
    "ext4-inline": Kind(("mkfs.ext4", "-q", "-O", "inline_data", "-I", "512")),
    "xfs": Kind(("mkfs.xfs", "-q"), size=320 << 20),
    "btrfs": Kind(("mkfs.btrfs", "-q"), size=160 << 20),
    "btrfs-nocow": Kind(("mkfs.btrfs", "-q"), folder=("chattr", "+C"), size=160 << 20),
}
PACKED = Kind(("mkfs.btrfs", "-q"), "loop,compress-force=zlib", size=160 << 20)


@dataclass(frozen=True)
class Image:
    """A mounted file system; `place` is a folder on it."""

    file: Path
    mount: Path
    place: Path

    @property
    def device(self) -> str:
        """The kernel's name of the device."""
        told = subprocess.run(
            ["findmnt", "-n", "-o", "SOURCE", self.mount],
            capture_output=True,
            text=True,
            check=True,
        )
        return Path(told.stdout.strip()).name

    def settle(self) -> None:
        """Have all of it where it belongs: after a sync inodes may be in the journal alone."""
        for way in ("-f", "-u"):
            subprocess.run(["fsfreeze", way, self.mount], check=True)

    def unmount(self) -> None:
        """Write everything to the image, and let go of it."""
        subprocess.run(["sync", "-f", self.mount], check=True)
        unmount(self.mount)

    def canaries(self) -> dict[int, set[int]]:
        """Return, by file, the numbers of the canaries that are anywhere in the raw image.

        Also of those that are packed by deflate, as zlib and gzip write it.
        """
        found: dict[int, set[int]] = {}
        tail = b""
        with self.file.open("rb") as raw:
            while data := raw.read(_STEP):
                data = tail + data
                _note(data, found)
                for match in _PACKED.finditer(data):
                    _note(_unpacked(data, match), found)
                tail = data[-_TAIL:]
        return found

    def counts(self, wanted: Mapping[str, bytes]) -> dict[str, int]:
        """Return how often each of some stretches is anywhere in the raw image, if it is at all."""
        found = dict.fromkeys(wanted, 0)
        lap, tail = max(map(len, wanted.values())) - 1, b""
        with self.file.open("rb") as raw:
            while data := raw.read(_STEP):
                data = tail + data
                if data.strip(b"\0"):
                    for name, text in wanted.items():
                        found[name] += data.count(text) - tail.count(text)
                tail = data[-lap:]
        return {name: count for name, count in found.items() if count}


def _note(data: bytes, found: dict[int, set[int]]) -> None:
    for match in CANARY.finditer(data):
        found.setdefault(int(match[1]), set()).add(int(match[2]))


def _unpacked(data: bytes, match: re.Match[bytes]) -> bytes:
    """Unpack what may begin here, as far as that goes."""
    stream = zlib.decompressobj(31 if match[0].startswith(b"\x1f") else 15)
    packed = data[match.start() : match.start() + _TAIL]
    whole = b""
    with contextlib.suppress(zlib.error):
        for start in range(0, len(packed), 4096):
            whole += stream.decompress(packed[start : start + 4096], _MOST)
    return whole


@contextmanager
def mounted(kind: Kind, folder: Path) -> Iterator[Image]:
    """Make a file system and mount it for as long as the context lasts, or until unmount()."""
    image = Image(folder / "image", folder / "mnt", folder / "mnt" / "share")
    with image.file.open("wb") as file:
        file.truncate(kind.size)
    image.mount.mkdir()
    subprocess.run([*kind.make, image.file], check=True, capture_output=True)
    subprocess.run(["mount", "-o", kind.options, image.file, image.mount], check=True)
    try:
        image.place.mkdir()
        if kind.folder:
            subprocess.run([*kind.folder, image.place], check=True)
        yield image
    finally:
        if image.mount.is_mount():
            unmount(image.mount)


def canary(file: int, number: int) -> str:
    """One canary: an identifier that is nowhere else."""
    return f"c{file:05}x{number:05}"
