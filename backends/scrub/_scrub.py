"""The whole procedure, and what may be said of it afterwards."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from backends.contract import Step, Tell, untold
from backends.errors import CouldNotTell, SettingError
from backends.fsops import linux
from backends.fsops.reasons import reason_for
from backends.scrub import _fill, _journal, _trees, _trim, _xfs_inodes
from backends.scrub._reserved import lent
from backends.scrub._room import Room, unnamed

JOURNALLING = frozenset({"ext3", "ext4", "xfs"})
_INODES = frozenset({"ext2", "ext3", "ext4"})  # whose inodes outlive the files they were
# Which let a trim pass over blocks that were freed a moment ago, now and then (measured).
_TRIMMED_BY_HALVES = _INODES
# Which give blocks to files as they are, to be read as zeros until they are written.
_SETTING_ASIDE = frozenset({"ext4", "xfs", "btrfs"})
KINDS = JOURNALLING | _INODES | {"btrfs"}  # of file systems that it is known for


@dataclass(frozen=True, slots=True)
class Limits:
    """What a scrubbing may take. `reserve`: bytes that stay free throughout."""

    reserve: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What was done. Bytes, but for `inodes`.

    `complete`: every free block was written (on xfs and btrfs, or handed to the device as free),
    the journal was written over, every free inode used (on xfs: of chunks that stay), and btrfs's
    trees moved. `codes`: what was not, or may not be. `limitations`: codes of what no scrubbing of
    what is free reaches.
    """

    kind: str
    free: int
    filled: int
    trimmed: int
    inodes: int
    codes: tuple[str, ...]
    limitations: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing that was freed before can be left, as far as the system tells."""
        return not self.codes


def scrub(path: Path, limits: Limits, tell: Tell = untold) -> Scrubbed:
    """Scrub the file system that a folder is on; touches no file that is there.

    Everything it writes is in files without names, which the kernel frees when this process
    ends, however it ends. Raises SettingError for a file system that it is not known to work for,
    and CouldNotTell.
    """
    try:
        return _scrub(path, limits, tell)
    except OSError as error:
        raise CouldNotTell(
            f"scrubbing did not come to its end: {reason_for(error)}",
            hint="nothing of it is left on the disk; start again",
            reason=reason_for(error),
        ) from None


def _scrub(path: Path, limits: Limits, tell: Tell) -> Scrubbed:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        mount = linux.mount_of(folder)
        kind = mount.kind if mount else "unknown"
        if kind not in KINDS:
            raise SettingError(
                f"it is not known how {kind} is scrubbed",
                hint="ext2, ext3, ext4, xfs and btrfs are",
                reason="file-system-not-known",
            )
        os.close(unnamed(folder))  # whether it can be written to at all
        return _scrubbed(folder, kind, limits, tell)
    finally:
        os.close(folder)


def _scrubbed(folder: int, kind: str, limits: Limits, tell: Tell) -> Scrubbed:
    room = Room(folder, limits.reserve, limits.seconds)
    free = room.free()
    codes = []
    with _xfs_inodes.taken(folder, room, tell) if kind == "xfs" else nullcontext((0, "")) as held:
        inodes, problem = held
        codes.append(problem)
        if kind in JOURNALLING:
            codes.append(_journal.come_round(folder, kind, room, tell))
    if kind in _INODES:
        inodes, problem = _fill.take_inodes(folder, room, tell)
        codes.append(problem)
    if kind == "btrfs":
        codes.append(_trees.move_trees(folder, room, tell))
    with lent(folder, kind):
        filled, left, stopped = _fill.fill(folder, room, tell)
    tell(Step("handing-back"))
    trimmed, untrimmed = _trim.trim(folder)
    if kind in _TRIMMED_BY_HALVES:
        codes.append(stopped or ("blocks-kept-back" if left else ""))
    elif untrimmed:
        # These keep blocks back that no file can fill; only a trim reaches them.
        codes += [stopped or "blocks-kept-back", untrimmed]
    reached = tuple(code for code in codes if code)
    limitations = ["names-in-folders"]
    if kind in _SETTING_ASIDE:
        limitations.append("blocks-set-aside")
    if kind not in _TRIMMED_BY_HALVES and left and not untrimmed:
        limitations.append("trim-trusted")
    return Scrubbed(kind, free, filled, trimmed, inodes, reached, tuple(limitations))
