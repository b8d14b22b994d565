"""How long a command takes to begin, beside an empty Python in the same run.

    python bench/startup.py --rounds 15

Prints the median wall time of ``python -c pass`` and of some commands, taken in turn so that
other work on the machine falls on all of them alike, and the ratio to the empty Python. The
promise is a ratio of 15 at the most for ``--help``: 0.3 s where ``python -c pass`` takes 0.02 s.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

SHREDDER = str(Path(sys.executable).with_name("shredder"))
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "shredder --help": [SHREDDER, "--help"],
    "shredder destroy --help": [SHREDDER, "destroy", "--help"],
    "shredder verify (no such bundle)": [SHREDDER, "verify", "nowhere", "--policy", "nowhere"],
    "shredder status (no configuration)": [SHREDDER, "status"],
}
PROMISED = 15


def seconds(command: Sequence[str], folder: str) -> float:
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, capture_output=True, check=False)
    return time.perf_counter() - begun


def main() -> int:
    parser = argparse.ArgumentParser(description="Time the beginning of commands.")
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        for command in COMMANDS.values():
            seconds(command, folder)  # warms the page cache, and writes the bytecode
        for _ in range(rounds):
            for name, command in COMMANDS.items():
                taken[name].append(seconds(command, folder))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    empty = medians["python -c pass"]
    for name, median in medians.items():
        print(f"{name:36} {median * 1000:7.0f} ms  {median / empty:6.1f} times an empty Python")
    return 0 if medians["shredder --help"] / empty <= PROMISED else 1


if __name__ == "__main__":
    sys.exit(main())
