"""A person at a terminal: the command on a pseudo-terminal, with answers to what it asks."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Sequence

from tests.cli.operating import Operator


def typed(
    operator: Operator,
    words: Sequence[str],
    answers: Sequence[tuple[str, str]],
    patience: float = 30,
) -> tuple[int, str]:
    """Run a command on a terminal; returns its exit code and all that was to be read there.

    `answers` are pairs of what has to appear on the terminal, and what is typed then.
    """
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            operator.command(*words), cwd=operator.folder, env=operator.environment,
            preexec_fn=lambda: os.login_tty(theirs),  # noqa: PLW1509 - Ctrl-C needs a terminal of its own
        )  # fmt: skip
        os.close(theirs)
        screen, seen = "", 0
        waiting = list(answers)
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if waiting and (at := screen.find(waiting[0][0], seen)) >= 0:
                seen = at + len(waiting[0][0])
                os.write(ours, waiting.pop(0)[1].encode())
            if not select.select([ours], [], [], 0.2)[0]:
                continue
            try:
                block = os.read(ours, 65536)
            except OSError:  # EIO: the other side is closed
                break
            screen += block.decode()
        else:
            process.kill()
        code = process.wait(5)
        assert not waiting, f"never asked for: {waiting[0][0]!r} in {screen}"
        assert "Traceback" not in screen
        return code, screen.replace("\r\n", "\n")
    finally:
        os.close(ours)
