"""Processes that die before a chosen system call, as by kill -9."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

# What changes something on the disk, or makes it durable, or is the last step before.
_CALLS = ("fsync", "replace", "unlink", "mkdir", "rmdir", "close", "fdopen")


def dies_at(number: int, work: Callable[[], object]) -> bool:
    """Run `work` in a process that is killed before its step `number`; returns whether it died."""
    child = os.fork()
    if child == 0:
        try:
            with pytest.MonkeyPatch.context() as patch:
                _Counter(patch, number)
                work()
        except BaseException:
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


class _Counter:
    def __init__(self, patch: pytest.MonkeyPatch, fatal: int) -> None:
        self._left = fatal
        for name in _CALLS:
            patch.setattr(os, name, self._before(getattr(os, name)))
        real_open = os.open

        def creating(path: Any, flags: int, *args: Any, **more: Any) -> int:
            if flags & os.O_CREAT:
                self._count()
            return real_open(path, flags, *args, **more)

        patch.setattr(os, "open", creating)

    def _before(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            self._count()
            return real(*args, **more)

        return call

    def _count(self) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1
