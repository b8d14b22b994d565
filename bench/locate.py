"""How fast `shredder locate` goes through a directory, beside its own matcher in the same run.

    python bench/locate.py --sizes 1GB 8GB

For each size a directory is filled with dense foreign text, in files of 4 KB to a quarter of it
all, and written out; the command is run on it as an operator would, with a process a processor, and
the best of some rounds is told. The matcher alone has the same text in memory, cut into lines
beforehand, in one thread; the promise is 0.6 of its rate. Told are, too, the processor time that a
gigabyte takes, which other work on the machine falsifies least, and the memory of all its
processes together, at its most in a round of its own, which is not to grow from size to size.

What machine and kernel give is told by a peer right after: as many processes that read the same
files in the same pieces, and do nothing else. Beyond the memory of the machine that is the disk,
and nothing is faster; where reading alone is below what is promised, this is said, and how much of
it is reached. Beginning (Python, numba, the catalogue, in each process) is measured over an empty
directory; the rate is told with it and without. The sources are gone once they are enrolled, so
nothing but foreign text is read.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.matcher import KEY, MEGA, Survey, blocks, size_of, text
from shredder.fingerprint import FingerprintMatcher, enrol
from shredder.sweep.memory import keep_what_is_freed

PROMISED = 0.6
OF_READING = 0.9  # of the peer's rate, where that is below what is promised
FLAT = 1.1  # memory of the largest size, to that of the smallest
_SHREDDER = Path(sys.executable).with_name("shredder")
_FILES = (4_000, 64_000, MEGA, 16 * MEGA, 64 * MEGA)  # bytes; as many bytes of each kind
_SMALL = 2_000  # files of a kind
_ROUNDS = 5  # of the matcher alone
_PIECE = 256 << 10  # bytes, as the command reads
_CONFIG = """
[stores.desk]
backend = "csv"
roots = ["desk"]

[stores.share]
backend = "files"
roots = ["share"]

[datasets.survey]
sources = [{ store = "desk", path = "desk/survey.csv" }]
"""


@dataclass(frozen=True)
class Told:
    """What one run of the command took. Seconds; bytes."""

    passed: float
    used: float
    read: int
    memory: int


def fill(folder: Path, total: int, content: bytes) -> int:
    """Write files of about so many bytes in all, and return how many bytes there are."""
    shutil.rmtree(folder, ignore_errors=True)
    written = 0
    sizes = [total // 4]
    for size in _FILES:
        sizes += [size] * min(_SMALL, total * 3 // 4 // len(_FILES) // size)
    sizes += [64 * MEGA] * ((total - sum(sizes)) // (64 * MEGA))
    for number, size in enumerate(sizes):
        path = folder / f"{number % 100:02}" / f"{number}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            at, end = number * 4096 % len(content), written + size
            while written < end:
                written += file.write(content[at : at + end - written])
                at = 0
    os.sync()  # what still had to be written would be written while the command reads
    return written


class Watch(threading.Thread):
    """Sums up processor time and memory of a session's processes, from time to time.

    To look at their memory (`closely`) takes so long, and keeps them waiting, that a run that is
    looked at so is not one to take the time of.
    """

    def __init__(self, session: int, *, closely: bool) -> None:
        super().__init__(daemon=True)
        self._session = session
        self._closely = closely
        self._used: dict[int, float] = {}
        self._over = threading.Event()
        self.memory = 0  # the most at one time, all processes together

    def run(self) -> None:
        while not self._over.wait(0.05):
            self.memory = max(self.memory, sum(map(self._look, self._processes())))

    def end(self) -> float:
        """Return the seconds of processor time; of each process as it was last seen."""
        self._over.set()
        self.join()
        return sum(self._used.values())

    def _processes(self) -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    if os.getsid(int(entry.name)) == self._session:
                        found.append(int(entry.name))
        return found

    def _look(self, process: int) -> int:
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            rollup = Path(f"/proc/{process}/smaps_rollup").read_text() if self._closely else ""
        except OSError:
            return 0
        self._used[process] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        found = re.search(r"^Pss_Anon: +([0-9]+) kB", rollup, re.MULTILINE)
        return 1024 * int(found[1]) if found else 0


def located(folder: Path, size: int, *, closely: bool = False) -> Told:
    """Run the command; what it has of memory is known where it is watched `closely`."""
    # As it is installed: Python keeps what it has compiled of the code.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    begun = time.perf_counter()
    with subprocess.Popen(
        [_SHREDDER, "locate", "survey", "--full", "--json"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        watch = Watch(process.pid, closely=closely)
        watch.start()
        said, problems = process.communicate()
    passed = time.perf_counter() - begun
    used = watch.end()
    answer = json.loads(said)
    if answer.get("outcome") != "nothing-found" or answer["bytes_read"] < size:
        raise SystemExit(f"not all was read, or too much found: {said[:2000]}{problems}")
    return Told(passed, used, size, watch.memory)


def read_through(folder: Path) -> float:
    """Return how many seconds it takes to read all files, by the clock."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    context = multiprocessing.get_context("fork")
    turn = context.Value("q", 0)

    def read() -> None:
        while True:
            with turn.get_lock():
                number = turn.value
                turn.value += 1
            if number >= len(paths):
                return
            with paths[number].open("rb", buffering=0) as file:
                while file.read(_PIECE):
                    pass

    processes = [context.Process(target=read) for _ in os.sched_getaffinity(0)]
    begun = time.perf_counter()
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return time.perf_counter() - begun


def matcher_rate(path: Path, content: bytes) -> float:
    """Return bytes a second of processor time, in one thread; the best of some rounds."""
    work = blocks(content)
    keep_what_is_freed()  # as a sweep does
    scan = FingerprintMatcher(path, KEY).scan()
    scan.feed(*work[0])
    best = float("inf")
    for _ in range(_ROUNDS):
        begun = time.thread_time()
        for block, ends in work:
            scan.feed(block, ends)
        best = min(best, time.thread_time() - begun)
    return len(content) / best


def several(folder: Path, size: int, rounds: int) -> Told:
    """Run the command some times, of which the best is told, and once more for its memory."""
    told = [located(folder, size) for _ in range(rounds)]
    passed, used = min(each.passed for each in told), min(each.used for each in told)
    return Told(passed, used, size, located(folder, size, closely=True).memory)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=size_of, nargs="+", default=[size_of("1GB")])
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    content = text(64 * MEGA)
    survey = Survey(given.tokens)
    results: list[Told] = []
    good: list[bool] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        enrol([survey], roles={}, key=KEY, path=folder / "catalogue")
        alone = matcher_rate(folder / "catalogue", content)
        subprocess.run([_SHREDDER, "init"], cwd=folder, check=True, capture_output=True)
        (folder / "shredder.toml").write_text(_CONFIG)
        (folder / "desk").mkdir()
        rows = [",".join(survey.columns), *(",".join(map(str, row)) for row in survey)]
        (folder / "desk" / "survey.csv").write_text("\n".join(rows) + "\n")
        (folder / "share").mkdir()
        enroll = [_SHREDDER, "enroll", "survey", "--json"]
        subprocess.run(enroll, cwd=folder, check=True, capture_output=True)
        (folder / "desk" / "survey.csv").unlink()
        located(folder, fill(folder / "share", 20 * MEGA, content))  # compiles, warms the cache
        shutil.rmtree(folder / "share")
        (folder / "share").mkdir()
        empty = several(folder, 0, given.rounds)
        print(f"matcher alone, one thread, {given.tokens:,} tokens: {alone / MEGA:.0f} MB/s")
        print(f"locate, nothing: {empty.passed:.1f} s, {empty.used:.1f} s of processor time")
        for size in sorted(given.sizes):
            written = fill(folder / "share", size, content)
            told = several(folder, written, given.rounds)
            read = min(read_through(folder / "share") for _ in range(given.rounds))
            show(told, empty, alone, written / read)
            results.append(told)
            good.append(judged(told.read / told.passed / alone, written / read / alone))
    growth = results[-1].memory / results[0].memory
    if len(results) > 1:
        good.append(growth <= FLAT)
        print(
            f"memory, largest size to smallest: {growth:.2f} (at most {FLAT}) "
            f"{'PASS' if good[-1] else 'short'}"
        )
    return 0 if all(good) else 1


def show(told: Told, empty: Told, alone: float, reading: float) -> None:
    """Print what a run took, beside the matcher and beside reading alone (bytes a second)."""
    rate, net = told.read / told.passed, told.read / (told.passed - empty.passed)
    used = 1000 * MEGA * (told.used - empty.used) / told.read
    print(
        f"locate: {told.read / MEGA:6.0f} MB in {told.passed:5.1f} s: {rate / MEGA:.0f} MB/s, "
        f"{rate / alone:.2f} of the matcher; without beginning {net / MEGA:.0f} MB/s, "
        f"{net / alone:.2f}, {used:.2f} s of processor time a GB "
        f"({1000 * MEGA / used / alone:.2f} of the matcher, a processor); "
        f"{told.memory / MEGA:.0f} MB; reading alone: {reading / MEGA:.0f} MB/s",
        flush=True,
    )


def judged(ratio: float, reading: float) -> bool:
    """Print what became of the promise; both are rates by that of the matcher."""
    good = ratio >= PROMISED
    print(f"  ratio {ratio:.2f} (promised: {PROMISED}) {'PASS' if good else 'short'}")
    if reading < PROMISED:
        good = ratio >= OF_READING * reading
        print(
            f"  reading alone is {reading:.2f}, of which {ratio / reading:.2f} is reached "
            f"(at least {OF_READING}) {'PASS' if good else 'short'}"
        )
    return good


if __name__ == "__main__":
    raise SystemExit(main())
