"""Processes that die at a chosen system call, as by kill -9."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from backends.fsops import linux

# What changes something, or makes it durable. Looks in between change nothing.
_CALLS = (
    "pwrite",
    "write",
    "fsync",
    "fdatasync",
    "ftruncate",
    "rename",
    "link",
    "unlink",
    "utime",
    "setxattr",
    "removexattr",
    "fchmod",
    "fchown",
)


class Recorder:
    """Stands before the system calls: notes them, and dies before the chosen one."""

    def __init__(
        self,
        patch: pytest.MonkeyPatch,
        fatal: int | None = None,
        also: Sequence[tuple[Any, str]] = (),
    ) -> None:
        """`also`: what else changes something, as the owner and the name of a function."""
        self.calls: list[str] = []
        self._fatal = fatal
        for owner, name in also:
            patch.setattr(owner, name, self._stand_before(name, getattr(owner, name)))
        for name in _CALLS:
            patch.setattr(os, name, self._stand_before(name, getattr(os, name)))
        patch.setattr(linux, "_renameat2", self._stand_before("renameat2", linux._renameat2))
        real_open = os.open

        def creating(path: Any, flags: int, *args: Any, **more: Any) -> int:
            if flags & os.O_CREAT:
                self._count("create")
            return real_open(path, flags, *args, **more)

        patch.setattr(os, "open", creating)

    def _stand_before(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            if self._count(name) and name == "pwrite":
                fd, piece, at = args
                real(fd, bytes(piece)[: len(piece) // 2], at)  # the kernel got half of it done
            if self._fatal is not None and len(self.calls) > self._fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **more)

        return call

    def _count(self, name: str) -> bool:
        self.calls.append(name)
        return self._fatal is not None and len(self.calls) > self._fatal


def dies_at(number: int, work: Callable[[], object], also: Sequence[tuple[Any, str]] = ()) -> bool:
    """Run `work` in a process that is killed before its system call `number`.

    Returns whether it died; it did not, if the work has fewer calls.
    """
    child = os.fork()
    if child == 0:
        try:
            with pytest.MonkeyPatch.context() as patch:
                Recorder(patch, fatal=number, also=also)
                work()
        except BaseException:
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)
