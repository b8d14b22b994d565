"""Unmounting in tests."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

_PATIENCE = 20.0  # seconds


def unmount(place: Path) -> None:
    """Unmount, as soon as nobody is there any more.

    A server that was stopped is in its folder for a moment after it has said that it is gone, and
    whatever looks at all that is mounted, in a test beside this one, has each open for another.
    """
    end = time.monotonic() + _PATIENCE
    while True:
        done = subprocess.run(["umount", place], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        assert "busy" in done.stderr, done.stderr
        assert time.monotonic() < end, done.stderr
        time.sleep(0.1)
