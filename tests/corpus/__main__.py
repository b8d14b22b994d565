"""The corpus's command line.

::

    python -m tests.corpus --seed 1000 --seeds 10 --copies 2000 --decoys 5000    judge
    python -m tests.corpus show --seed 1000 --case copy-17 [--output FILE]        one case

The first exits with 1 if a decoy was called a copy, if recall is below 0.99, if a mixed holding
was told as unmixed, or if anything raised.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tests.corpus import cases, judge, report

FLOOR = 0.99


def main(arguments: list[str]) -> int:
    show = arguments[:1] == ["show"]
    parser = argparse.ArgumentParser(prog="python -m tests.corpus")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    if show:
        parser.add_argument("--case", required=True, help="its name: copy-N or decoy-N")
        parser.add_argument("--output", type=Path, help="write the file here")
        given = parser.parse_args(arguments[1:])
        return _show(given.seed, given.case, given.output)
    parser.add_argument("--seeds", type=int, default=4, help="how many seeds")
    parser.add_argument("--copies", type=int, default=400, help="of all seeds together")
    parser.add_argument("--decoys", type=int, default=400)
    parser.add_argument("--misses", type=int, default=40, help="how many of a kind are listed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(arguments)
    seeds = range(given.seed, given.seed + given.seeds)
    answers = []
    for answer in judge.run(seeds, given.copies, given.decoys, given.jobs):
        answers.append(answer)
        if sys.stderr.isatty():
            print(f"\r{len(answers)} of {given.copies + given.decoys}", end="", file=sys.stderr)
    print(*report.lines(answers, misses=given.misses), sep="\n")
    t = report.totals(answers)
    return int(t.recall < FLOOR or t.false > 0 or t.mixed_unseen > 0 or t.errors > 0)


def _show(seed: int, name: str, output: Path | None) -> int:
    """Show one case: how it was made, what is in it, and what is said of it."""
    case = cases.make(seed, name)
    (answer,) = judge.batch(seed, [name])
    print(report.said(answer))
    print("file:", case.file, f"({len(case.data)} bytes)", *case.notes)
    print("truth:", case.truth)
    if output:
        output.write_bytes(case.data)
    else:
        print("begins:", case.data[:600])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
