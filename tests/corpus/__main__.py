"""The corpus's command line.

::

    python -m tests.corpus --seed 1000 --seeds 10 --copies 2000 --decoys 5000    judge
    python -m tests.corpus stores --seed 1000 --seeds 4 --files 80 --tables 80       on servers
    python -m tests.corpus show --seed 1000 --case copy-17 [--output FILE]        one case

The second plants the same files in a tree, read by the backends files and csv, in a bucket of a
real S3 server and in a database of a real Postgres; and tables, judged there and as pg_dump's files.

The first two exit with 1 if a decoy was called a copy, if recall is below 0.99, if a mixed holding
was told as unmixed or a record of others as the dataset's, or if anything raised.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from demo.servers.postgres import PostgresServer
from demo.servers.seaweedfs import SeaweedFS
from tests.corpus import cases, everywhere, judge, report
from tests.corpus.judge import Answer
from tests.corpus.tables import Table
from tests.corpus.targets import scratch

FLOOR = 0.99


def main(arguments: list[str]) -> int:
    what = arguments.pop(0) if arguments[:1] in (["show"], ["stores"]) else "judge"
    parser = argparse.ArgumentParser(prog="python -m tests.corpus")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    if what == "show":
        parser.add_argument("--case", required=True, help="its name: copy-N or decoy-N")
        parser.add_argument("--output", type=Path, help="write the file here")
        given = parser.parse_args(arguments)
        return _show(given.seed, given.case, given.output)
    parser.add_argument("--seeds", type=int, default=4, help="how many seeds")
    parser.add_argument("--misses", type=int, default=40, help="how many of a kind are listed")
    if what == "stores":
        parser.add_argument("--files", type=int, default=80, help="copies, and as many decoys")
        parser.add_argument("--tables", type=int, default=80)
    else:
        parser.add_argument("--copies", type=int, default=400, help="of all seeds together")
        parser.add_argument("--decoys", type=int, default=400)
        parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(arguments)
    seeds = range(given.seed, given.seed + given.seeds)
    if what == "stores":
        judged = _on_servers(seeds, given.files, given.tables)
    else:
        judged = judge.run(seeds, given.copies, given.decoys, given.jobs)
    answers = []
    for answer in judged:
        answers.append(answer)
        if sys.stderr.isatty():
            print(f"\r{len(answers)}", end="", file=sys.stderr)
    print(*report.lines(answers, misses=given.misses), sep="\n")
    t = report.totals(answers)
    return int(t.recall < FLOOR or t.false + t.mixed_unseen + t.claimed + t.errors > 0)


def _on_servers(seeds: range, files: int, tables: int) -> Iterator[Answer]:
    with (
        scratch() as folder,
        SeaweedFS(folder / "s3") as s3,
        PostgresServer(folder / "postgres", settings={"fsync": "off"}) as postgres,
    ):
        os.environ.update(s3.environment())
        yield from everywhere.run(s3, postgres, folder, seeds, files, tables)


def _show(seed: int, name: str, output: Path | None) -> int:
    """Show one case: how it was made, what is in it, and what is said of it."""
    case = cases.make(seed, name)
    print("truth:", case.truth, *case.notes)
    if isinstance(case.body, Table):
        print(case.format, case.kind, case.body.names, *case.body.rows[:20], sep="\n")
        return 0
    (answer,) = judge.batch(seed, [name])
    print(report.said(answer))
    print("file:", case.body.name, f"({len(case.body.data)} bytes)")
    if output:
        output.write_bytes(case.body.data)
    else:
        print("begins:", case.body.data[:600])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
