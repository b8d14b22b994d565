"""What it costs to end a dataset by its key, by how much is sealed to that.

    python bench/keyed.py --holdings 10 1000 1000000

Each number has a store of its own (``tests/support/rack.py``), whose units are age files that are
sealed to the dataset's key, and which removes nothing. Two ways are gone, each command in a process
of its own: ``key destroy``, on a copy of the state, which neither looks nor tells what ends with
the key; and ``plan --sealed by-key`` and ``destroy``, which find, commit to and attest all of them.
Printed for each: the most memory, processor time and wall time; of ``key destroy`` also the bytes
that it wrote. Then whether both cost with the largest number what they cost with the smallest:
``key destroy``, and ``destroy`` less the sweep in it, which looks at every unit once more (in
threads of the same process, so that its processor time can be told from the rest), and less the
digests of the list, which are as long as it is.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from backends.agefile import encrypted
from bench.holdings import CONFIGURATION, DATASET, Desk, show
from bench.matcher import judged
from tests.support.rack import bind

PROMISED = 0.8  # of what the smallest number costs to what the largest does
KEYED = CONFIGURATION.replace('lines = "lines"\n', 'lines = "lines"\nsealed = "sealed"\n')
KEYED = KEYED.replace('store = "rack"', 'store = "origin"')
KEYED += """
[stores.origin]
backend = "rack"
units = "none"
lines = "lines"

[keys]
erasure = "best-effort"
"""
APART = """
import time
from pathlib import Path
from shredder.cli.main import main
from shredder.run import machine, again

apart = 0.0

def timed(whole):
    def called(*given, **more):
        global apart
        begun = time.process_time()
        seen = whole(*given, **more)
        apart += time.process_time() - begun
        Path("looked").write_text(str(apart))
        return seen
    return called

again.look = timed(again.look)
machine._list_stands = timed(machine._list_stands)
main()
"""  # destroy, and how much processor time the sweep in it and the digests of the list took
_LESS = "less its sweep and the digests of the list"
DECLARED = ("--escrowed", "no", "--backed-up", "no", "--in-clear", "no")


@dataclass(frozen=True)
class Ended:
    """What ``key destroy`` cost, and ``destroy`` less its sweep and digests."""

    processor: float  # seconds, the median of the rounds
    written: int  # blocks of 512 bytes
    beyond: float = 0  # seconds of processor time


def prepare(folder: Path, units: int) -> Desk:
    """A desk with a key, and all of its units sealed to it."""
    desk = Desk(folder, units, KEYED)
    for name in ("sealed", "none"):
        (folder / name).write_bytes(b"")
    desk.call("init")
    desk.call("key", "create", DATASET, *DECLARED, "--json")
    public = bytes.fromhex(_record(folder)["public"])
    lines = (folder / "lines").read_bytes().splitlines(keepends=True)[1:]
    bind(folder / "sealed", (b"".join(encrypted(io.BytesIO(each), public)) for each in lines))
    desk.call("enroll", DATASET)
    return desk


def _record(folder: Path) -> dict[str, str]:
    (path,) = (folder / ".shredder" / "keys" / "records").glob("*.json")
    record: dict[str, str] = json.loads(path.read_bytes())
    return record


def ended(desk: Desk, rounds: int) -> Ended:
    """Have the key destroyed, in copies of the state."""
    state, kept = desk.folder / ".shredder", desk.folder / "kept"
    shutil.copytree(state, kept)
    costs, written = [], 0
    for _ in range(rounds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_oublock
        costs.append(desk.call("key", "destroy", DATASET, "--yes", "--json").processor)
        written = resource.getrusage(resource.RUSAGE_CHILDREN).ru_oublock - before
        shutil.rmtree(state)
        shutil.copytree(kept, state)
    return Ended(sorted(costs)[rounds // 2], written)


def whole(folder: Path, units: int, rounds: int) -> Ended:
    """Both ways of one number."""
    desk = prepare(folder, units)
    found = ended(desk, rounds)
    print(
        f"{units:11,}  key destroy: {found.processor:.2f} s of processor time, "
        f"{512 * found.written:,} bytes written",
        flush=True,
    )
    wanted = ("--sealed", "by-key")
    show(desk.call("plan", DATASET, *wanted, "-o", "plan.jsonl", "--json"), units)
    given = ("--plan", "plan.jsonl", "--timestamp-later", "--json", "--workers", "1")
    done = desk.call("-c", APART, "destroy", DATASET, *given)
    show(replace(done, name="destroy"), units)
    told = json.loads((folder / "out").read_bytes())
    assert (told["outcome"], desk.left) == ("complete", units), told["outcome"]
    assert _record(folder)["state"] == "destroyed"
    assert [each["holdings"] for each in told["by_key"]] == [units]
    beyond = done.processor - float((folder / "looked").read_text())
    print(f"{units:11,}  destroy, {_LESS}: {beyond:.2f} s of processor time", flush=True)
    (bundle,) = (folder / ".shredder" / "attestations").iterdir()
    desk.call("policy", "new", "policy.json", "--key", ".shredder/keys/signing.pub.pem")
    show(desk.call("verify", str(bundle), "--policy", "policy.json", expect=8), units)
    journal, size = desk.size("journal.sqlite"), bundle.stat().st_size
    print(
        f"{units:11,}  journal {journal / units:.0f} bytes each, bundle {size:,} bytes", flush=True
    )
    return replace(found, beyond=beyond)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--holdings", type=int, nargs="+", default=(10, 1000, 1_000_000))
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    found = []
    for units in sorted(given.holdings):
        folder = Path(tempfile.mkdtemp(prefix="keyed-"))
        try:
            found.append(whole(folder, units, given.rounds))
        finally:
            shutil.rmtree(folder)
    ratio = found[0].processor / found[-1].processor
    judged("key destroy, of the smallest number to the largest", ratio, PROMISED)
    ratio = found[0].beyond / found[-1].beyond
    judged(f"destroy, {_LESS}, of the smallest number to the largest", ratio, PROMISED)


if __name__ == "__main__":
    main()
