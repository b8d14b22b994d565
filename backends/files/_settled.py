"""Whether a file's times prove that nobody has written to it since.

The change time moves with every write, and nobody but root can set it back. It proves nothing:

* while a page of a memory map is dirty, for further stores into it move no time until it is
  written back, half a minute later with Linux's defaults; so the time must be a while ago;
* where a server or a file system in memory keeps the times;
* with lazytime, or across a crash, which can bring an older time back than the content's; so the
  proof holds until the machine is started again.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from backends.files.trees import Root
from backends.fsops import linux
from backends.fsops.identity import Version
from backends.fsops.tree import open_root

# Twice what the kernel's flusher takes at the most (dirty_expire_centisecs and its wake-up).
QUIET = 120_000_000_000  # nanoseconds
_KINDS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "overlay"})
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Settled:
    """Tells the states of the files below one root. Raises RootUnavailable."""

    def __init__(self, root: Root) -> None:
        self._now = time.time_ns()
        self._device = -1
        self._boot = ""
        fd = open_root(root.path)
        try:
            mount = linux.mount_of(fd)
            if mount is None or mount.kind not in _KINDS or "lazytime" in mount.options:
                return
            self._boot = _BOOT.read_text("ascii").strip()
            self._device = os.fstat(fd).st_dev
        except OSError:
            return
        finally:
            os.close(fd)

    def state(self, status: os.stat_result) -> str:
        """The state of a file, as of the beginning of the walk; empty if it proves nothing."""
        age = self._now - max(status.st_ctime_ns, status.st_mtime_ns)
        if status.st_dev != self._device or age < QUIET or not self._boot:
            return ""
        return f"{self._boot}:{Version.of(status)}"
