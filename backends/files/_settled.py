"""Whether a file's times prove that nobody has written to it since.

The change time moves with every write, and nobody but root can set it back. It proves nothing:

* while a page of a memory map is dirty, for further stores into it move no time until it is
  written back, half a minute later with Linux's defaults; so the time must be a while ago, by
  what this machine has set;
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

QUIET = 120_000_000_000  # nanoseconds, at the least
_FLUSHER = ("dirty_expire_centisecs", "dirty_writeback_centisecs")  # proc_sys_vm(5)
_CENTISECOND = 10_000_000  # nanoseconds
_KINDS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "overlay"})
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Settled:
    """Tells the states of the files below one root. Raises RootUnavailable."""

    def __init__(self, root: Root) -> None:
        self._now = time.time_ns()
        self._device = self._quiet = -1
        self._boot = ""
        fd = open_root(root.path)
        try:
            mount = linux.mount_of(fd)
            if mount is None or mount.kind not in _KINDS or "lazytime" in mount.options:
                return
            self._quiet = max(QUIET, 2 * _flushed_after())
            self._boot = _BOOT.read_text("ascii").strip()
            self._device = os.fstat(fd).st_dev
        except (OSError, ValueError):
            return
        finally:
            os.close(fd)

    def state(self, status: os.stat_result) -> str:
        """The state of a file, as of the beginning of the walk; empty if it proves nothing."""
        age = self._now - max(status.st_ctime_ns, status.st_mtime_ns)
        if status.st_dev != self._device or age < self._quiet or not self._boot:
            return ""
        return f"{self._boot}:{Version.of(status)}"


def _flushed_after() -> int:
    """How long the kernel may leave a dirty page unwritten, nanoseconds."""
    times = [int(Path("/proc/sys/vm", name).read_text("ascii")) for name in _FLUSHER]
    if not all(times):
        raise ValueError("the flusher does not run by time")
    return sum(times) * _CENTISECOND
