"""The console sessions in a markdown document, run and compared with what stands there.

::

    <!-- world: enrolled -->
    ```console
    $ shredder locate survey-2018-05 | head -1
    survey-2018-05: … holdings, … records in them
    $ shredder locate survey
    ...
    [exit 2]
    ```

A line that begins with ``$ `` is run by bash; the lines below it are its output, stdout and
stderr together. ``…`` stands for anything within a line, a lone ``...`` for any number of lines,
and ``[exit N]`` for an exit code that is not 0, which nothing else stands for. The comment names the world that the block
begins in; without one, a block goes on where the one before it ended.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"(?:^<!-- world: (?P<world>[\w-]+) -->\n\s*)?^```console\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Step:
    """One command, and what it is said to answer."""

    line: int
    command: str
    expected: str


@dataclass(frozen=True)
class Session:
    """One block; `world` is empty where it goes on from the block before."""

    world: str
    steps: tuple[Step, ...]


def sessions(text: str) -> list[Session]:
    """The console blocks of a document. Raises ValueError for one that begins with no command."""
    found = []
    for block in _BLOCK.finditer(text):
        first = text.count("\n", 0, block.start("text")) + 1
        steps: list[Step] = []
        for number, line in enumerate(block["text"].splitlines(), first):
            if line.startswith("$ "):
                steps.append(Step(number, line[2:], ""))
            elif not steps:
                raise ValueError(f"line {number}: output before any command")
            else:
                last = steps[-1]
                steps[-1] = Step(last.line, last.command, f"{last.expected}{line}\n")
        found.append(Session(block["world"] or "", tuple(steps)))
    return found


def fits(expected: str, actual: str) -> bool:
    """Whether an output is what stands in the document; spaces at the ends of lines are nothing."""
    pattern = "".join(
        r"(?:(?!\[exit \d+\]$).*\n)*?"
        if line == "..."
        else re.escape(line.rstrip()).replace("…", ".*") + r"\n"
        for line in expected.splitlines()
    )
    shown = "".join(f"{line.rstrip()}\n" for line in actual.splitlines())
    return re.fullmatch(pattern, shown, re.MULTILINE) is not None


def run(command: str, folder: Path, environment: Mapping[str, str]) -> str:
    """What a command answers, in the form of the documents. `shredder` is the installed one."""
    done = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            **environment,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    output = done.stdout.decode()
    if output and not output.endswith("\n"):
        output += "\n"
    return output + (f"[exit {done.returncode}]\n" if done.returncode else "")
