"""Where memory may have been swapped out to, as the kernel tells; nothing of it needs root.

What a process reads in plain text can lie there afterwards, and is reached by no destruction. So
whatever store this machine reads, its blind spots have that, too.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from backends.contract import Check, CheckStatus, Traits

_PROC, _SYS = Path("/proc"), Path("/sys")
_OCTAL = re.compile(rb"\\([0-7]{3})")
_DEEPEST = 16  # devices upon devices


class Medium(Enum):
    """What an area of swap lies on."""

    MEMORY = "memory"  # compressed, and nowhere else
    ENCRYPTED = "encrypted"  # whatever key that is, and however long it is kept
    PLAIN = "plain"  # or not known


@dataclass(frozen=True, slots=True)
class Swap:
    """The areas that are in use now, and whether anything was swapped out since the start.

    `areas` is None, and so is `used`, where the kernel does not tell.
    """

    areas: tuple[Medium, ...] | None
    used: bool | None

    @property
    def blind_spots(self) -> tuple[str, ...]:
        """The code of what cannot be looked at; none where nothing can have got there."""
        if self.areas is None or Medium.PLAIN in self.areas:
            return ("swap",)
        if not self.areas:
            return () if self.used is False else ("swap",)  # an area that is not in use any more
        return ("swap-encrypted",) if Medium.ENCRYPTED in self.areas else ()

    @property
    def told(self) -> str:
        """In words."""
        if self.areas is None:
            return "the kernel does not tell where it swaps to"
        if not self.areas:
            gone = "nothing was swapped out since the machine was started"
            return f"none is active; {gone if self.used is False else 'some was, before'}"
        return "active: " + ", ".join(
            f"{self.areas.count(each)} {each.value}" for each in Medium if each in self.areas
        )


def named(traits: Traits) -> Traits:
    """Name in a store's traits what of this machine cannot be looked at, either."""
    return replace(traits, blind_spots=(*traits.blind_spots, *swap().blind_spots))


def check() -> Check:
    """What ``shredder doctor`` says of it with each store."""
    return Check("swap of this machine", CheckStatus.OK, swap().told)


def swap() -> Swap:
    """Look at /proc/swaps (proc_swaps(5)), at what is beneath, and at the counter of pages."""
    try:
        lines = (_PROC / "swaps").read_bytes().splitlines()[1:]
        areas = tuple(_medium(line.split()[0]) for line in lines if line.strip())
    except (OSError, IndexError):
        areas = None
    try:
        found = re.search(r"^pswpout (\d+)$", (_PROC / "vmstat").read_text("ascii"), re.MULTILINE)
    except OSError:
        found = None
    return Swap(areas, found[1] != "0" if found else None)


def _medium(name: bytes) -> Medium:
    path = _OCTAL.sub(lambda found: bytes([int(found[1], 8)]), name)
    try:
        status = Path(os.fsdecode(path)).stat()
    except OSError:
        return Medium.PLAIN
    number = status.st_rdev if stat.S_ISBLK(status.st_mode) else status.st_dev
    device = (_SYS / "dev" / "block" / f"{os.major(number)}:{os.minor(number)}").resolve()
    if stat.S_ISBLK(status.st_mode) and device.name.startswith("zram"):
        return Medium.MEMORY if _text(device / "backing_dev") in {"", "none"} else Medium.PLAIN
    return Medium.ENCRYPTED if _encrypted(device, _DEEPEST) else Medium.PLAIN


def _encrypted(device: Path, depth: int) -> bool:
    """Whether all that is written to a device goes through dm-crypt."""
    if _text(device / "dm" / "uuid").startswith("CRYPT-"):
        return True
    if (device / "partition").exists():
        device = device.parent
    try:
        below = [entry.resolve() for entry in (device / "slaves").iterdir()]
    except OSError:
        return False
    return bool(below) and depth > 0 and all(_encrypted(each, depth - 1) for each in below)


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
