"""What a whole run over so many holdings costs: memory, time, and what it leaves on the disk.

    python bench/holdings.py --holdings 1000 100000 1000000

Each number has a store of its own (``tests/support/rack.py``: a byte in a file for each unit) and
goes the operator's whole way, each command in a process of its own: ``plan``; ``destroy``, which
is killed with SIGKILL when half of the units are gone; ``resume``; ``disclose`` of a sample of 20;
``verify`` of bundle and disclosure by the auditor; ``forget-manifest``. Printed for each command:
the most memory that its process had resident, processor time a holding, and wall time; then what
the kill left to be done twice, the sizes of bundle, journal and manifest, and the proof's hashes.
``python -c pass`` stands beside ``verify`` in the same run. All JSON goes to a file, as in a pipe.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATASET = "survey"
LINES = 1000  # records of the dataset; a unit has one of them
CONFIGURATION = """\
controller = "Example Ltd"

[stores.rack]
backend = "rack"
units = "units"
lines = "lines"

[datasets.survey]
sources = [{ store = "rack", key = "any" }]

[datasets.survey.columns]
respondent_id = "private"
"""


@dataclass(frozen=True)
class Cost:
    """Of one process."""

    name: str
    code: int
    resident: int  # KiB at the most
    processor: float  # seconds
    wall: float  # seconds


class Desk:
    """An operator's folder, with so many units in its store."""

    def __init__(self, folder: Path, units: int, configuration: str = CONFIGURATION) -> None:
        self.folder, self.units = folder, units
        info = folder / "installed" / "rack-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rack\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            "[shredder.backends]\nrack = tests.support.rack:BACKEND\n"
        )
        self._environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{info.parent}"}
        (folder / "shredder.toml").write_text(configuration)
        ids = (f"{n * 7919:08x}-5a5a-4c3d-9e8f-{n * 104729:012x}" for n in range(1, LINES + 1))
        lines = "".join(f"{each},yes\n" for each in ids)
        (folder / "lines").write_text(f"respondent_id,answer\n{lines}")
        (folder / "units").write_bytes(b"\1" * units)

    @property
    def left(self) -> int:
        """How many units are there."""
        return (self.folder / "units").read_bytes().count(1)

    @property
    def run(self) -> Path:
        """The folder of the one run."""
        (folder,) = (self.folder / ".shredder" / "runs").iterdir()
        return folder

    def size(self, name: str) -> int:
        """Bytes of a file of the state's, with its log."""
        state = self.folder / ".shredder"
        return sum(path.stat().st_size for path in state.glob(f"{name}*") if path.is_file())

    def call(self, *words: str, kill_below: int = -1, expect: int = 0) -> Cost:
        """Run one command; with `kill_below`, until fewer units than this are left."""
        python = [sys.executable, *(["-m", "shredder"] if words[0] != "-c" else []), *words]
        with (self.folder / "out").open("w") as out:
            begun = time.perf_counter()
            child = subprocess.Popen(
                python, cwd=self.folder, env=self._environment, stdout=out, stderr=out
            )
            ended = os.WEXITED | os.WNOHANG | os.WNOWAIT
            while kill_below >= 0 and os.waitid(os.P_PID, child.pid, ended) is None:
                if self.left <= kill_below:
                    os.kill(child.pid, signal.SIGKILL)
                    break
                time.sleep(0.05)
            _, status, used = os.wait4(child.pid, 0)
            wall = time.perf_counter() - begun
        code = os.waitstatus_to_exitcode(status)
        if code != expect:
            sys.exit(f"{words}: {code}, not {expect}: {(self.folder / 'out').read_text()[-2000:]}")
        return Cost(words[0], code, used.ru_maxrss, used.ru_utime + used.ru_stime, wall)


def show(cost: Cost, units: int) -> None:
    each = 1e6 * cost.processor / units
    print(
        f"{units:11,}  {cost.name:18} {cost.resident / 1024:7.1f} MiB  {each:9.1f} µs a holding "
        f"{cost.processor:8.1f} s processor {cost.wall:8.1f} s wall",
        flush=True,
    )


def repeated(desk: Desk) -> tuple[int, int]:
    """Orders that were issued more than once, and orders that have an outcome."""
    with sqlite3.connect(desk.folder / ".shredder" / "journal.sqlite") as journal:
        sql = "SELECT sum(attempts > 1), sum(destruction IS NOT NULL) FROM orders"
        ((twice, done),) = journal.execute(sql).fetchall()
    return int(twice), int(done)


def whole(folder: Path, units: int) -> None:
    desk = Desk(folder, units)
    for words in (["init"], ["enroll", DATASET]):
        desk.call(*words)
    show(desk.call("plan", DATASET, "-o", "plan.jsonl", "--json"), units)
    destroy = ["destroy", DATASET, "--plan", "plan.jsonl", "--timestamp-later", "--json"]
    show(desk.call(*destroy, kill_below=units // 2, expect=-signal.SIGKILL), units)
    left = desk.left
    resumed = desk.call("resume", "--json")
    show(resumed, units)
    twice, done = repeated(desk)
    assert (done, desk.left) == (units, 0), (done, desk.left)
    (bundle,) = (desk.folder / ".shredder" / "attestations").iterdir()
    sizes = {"bundle": bundle.stat().st_size, "journal": desk.size("journal.sqlite")}
    sizes |= {name: (desk.run / name).stat().st_size for name in ("plan.jsonl", "results.jsonl")}
    asked = ["--seed", "drawn by an auditor", "--sample", str(min(20, units))]
    policy = ["--policy", "policy.json"]
    desk.call("policy", "new", "policy.json", "--key", ".shredder/keys/signing.pub.pem")
    show(desk.call("disclose", str(bundle), *asked, "-o", "shown.json"), units)
    show(desk.call("verify", str(bundle), *policy, expect=8), units)
    name, *rest = ["verify", str(bundle), *policy, "--disclosure", "shown.json", *asked]
    shown = desk.call(name, *rest, expect=8)
    show(Cost("verify, disclosed", 0, shown.resident, shown.processor, shown.wall), units)
    empty = desk.call("-c", "pass")
    show(Cost("python -c pass", 0, empty.resident, empty.processor, empty.wall), units)
    show(desk.call("forget-manifest", str(bundle), "--yes"), units)
    path = json.loads((folder / "shown.json").read_bytes())["holdings"][0]["inventory"]["path"]
    assert all(len(base64.b64decode(each)) == 32 for each in path)
    told = ", ".join(f"{name} {size:,} bytes" for name, size in sizes.items())
    print(
        f"{units:11,}  killed with {left:,} left; issued twice: {twice:,}; {told}; journal "
        f"{sizes['journal'] / units:.0f} bytes a holding; one holding proven by {len(path)} hashes",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--holdings", type=int, nargs="+", default=(1000, 100_000, 1_000_000))
    for units in parser.parse_args().holdings:
        folder = Path(tempfile.mkdtemp(prefix="holdings-"))
        try:
            whole(folder, units)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
