"""What taking a fingerprint costs: memory, time and disk, by the number of records.

    python bench/enrolment.py --records 100000 1000000

Each number of records is enrolled in a process of its own, whose peak of resident memory is read
from the kernel; then its catalogue is opened, which reads all of it once for the seal. The growth
is that of the peak from one number to the next, for each record more. Records are made up while
they are read: an id, an e-mail address, a name, an income and an answer of some twelve words.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from shredder.fingerprint import FingerprintMatcher, enrol

KEY = bytes(range(32))
MEGA = 10**6
WORDS = [f"{a}{b}" for a in "bcdfglmnprst" for b in ("arrow", "otter", "inter", "umble", "elling")]


class Survey:
    """Made-up records, the same each time."""

    columns = ("respondent_id", "email", "first_name", "last_name", "income", "comment")
    locator = ""

    def __init__(self, records: int) -> None:
        self._records = records

    def __iter__(self) -> Iterator[tuple[str | None, ...]]:
        chance = random.Random(1)
        for number in range(self._records):
            yield (
                str(uuid.UUID(int=chance.getrandbits(128))),
                f"person{number}@survey{number % 100}.example",
                chance.choice(WORDS),
                chance.choice(WORDS),
                str(chance.randrange(200) * 500),
                " ".join(chance.choices(WORDS, k=12)),
            )


def one(records: int) -> None:
    """Enrol in this process, and print what it cost."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "catalogue")
        start = time.monotonic()
        report = enrol([Survey(records)], roles={}, key=KEY, path=path)
        taken = time.monotonic() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        start = time.monotonic()
        FingerprintMatcher(path, KEY).scan()
        opened = time.monotonic() - start
        size = path.stat().st_size
    if report.recognisable != records:
        raise SystemExit(f"only {report.recognisable} of {records} records are recognisable")
    print(json.dumps({"taken": taken, "peak": peak, "opened": opened, "size": size}))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, nargs="+", default=(100_000, 1_000_000), metavar="N")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        one(options.one)
        return
    before: tuple[int, int] | None = None
    for records in sorted(options.records):
        words = [sys.executable, __file__, "--one", str(records)]
        told = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
        line = (
            f"{records:11,} records  {told['taken']:7.1f} s  peak {told['peak'] / MEGA:7.0f} MB  "
            f"catalogue {told['size'] / MEGA:7.0f} MB, opened in {told['opened']:5.1f} s"
        )
        if before:
            growth = (told["peak"] - before[1]) / (records - before[0])
            line += f"  growth {growth:5.0f} bytes a record"
        print(line, flush=True)
        before = records, told["peak"]


if __name__ == "__main__":
    main()
