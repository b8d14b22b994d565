"""How fast the matcher is on dense foreign text, beside ``grep -F -f`` in the same run.

    python bench/matcher.py --size 256MB

Prints MB/s on one thread, for each route and number of tokens, and the ratio to ``grep -F -f``
with as many patterns. A second is one of processor time, so that other work on the machine
counts less; MB is 10**6 bytes. The text is made up: CSV, JSON lines, logs and prose, dense with
UUIDs and e-mail addresses, none of which is in the catalogue. It lies in memory for the matcher,
cut into lines beforehand, and in a file in the page cache for grep. *Probing* is the search at
every position that bytes without delimiters need. Both find nothing. grep runs in the C locale,
which is its fastest. Getting ready (grep takes ten seconds over a million patterns, and not always
the same; the matcher opens its catalogue) is measured several times by itself, in the median, and
is not in the rates, nor in the ratios that are judged; what it is with it is told beside. What is
promised of the compiled route is told with each ratio. Two processes are compared with one by the
clock, so that says something only where two processors are free.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import random
import re
import resource
import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import cast

import numpy as np

from shredder.fingerprint import FingerprintMatcher, Role, enrol
from shredder.fingerprint.engine import ROUTE
from shredder.sweep.memory import keep_what_is_freed

KEY = bytes(range(32))
MEGA = 10**6
BLOCK = 1 << 20
DISTINCT = 64 * MEGA  # after so much the text repeats itself
TOKENS = (10_000, 1_000_000)
_ROUNDS = 3
ROUTES = ("numpy", "numba")

PROSE = (
    "The quick brown fox considered something entirely different, and wrote a rather long "
    "sentence about the considerable merits of data protection.\n"
)

Block = tuple[bytes, Sequence[int]]


class Survey:
    """Made-up records: an id of two forms and an e-mail address, so three tokens each."""

    columns = ("respondent_id", "email")
    locator = ""

    def __init__(self, tokens: int) -> None:
        self._records = tokens // 3

    def __iter__(self) -> Iterator[tuple[str | None, ...]]:
        chance = random.Random(1)
        for number in range(self._records):
            name = str(uuid.UUID(int=chance.getrandbits(128)))
            yield name, f"person{number}@survey{number % 100}.example"

    def patterns(self) -> Iterator[str]:
        """Yield what grep has to look for."""
        for name, email in self:
            yield from (str(name), str(name).replace("-", ""), str(email))


class Answers:
    """Made-up records without an id: a name, and an answer in common words."""

    columns = ("full_name", "comment")
    locator = ""
    records = 20_000

    def __iter__(self) -> Iterator[tuple[str | None, ...]]:
        chance = random.Random(3)
        words = [*PROSE.rstrip(".\n").split(), *(f"word{n}" for n in range(2000))]
        for number in range(self.records):
            name = f"{chance.choice(words)} person{number}"
            yield name, " ".join(chance.choices(words, k=15))


def text(size: int) -> bytes:
    """Make foreign text of about `size` bytes."""
    chance = random.Random(2)
    lines: list[str] = []
    total = number = 0
    while total < min(size, DISTINCT):
        name = uuid.UUID(int=chance.getrandbits(128))
        email = f"user{chance.randrange(10**6)}@example{chance.randrange(100)}.org"
        lines += (
            f"{name},{email},{chance.randrange(10**5)},yes,no,2018-05-04\n",
            f'{{"id":"{name}","email":"{email}","answers":{{"q1":{number},"q2":"agree"}}}}\n',
            f"2018-05-04T12:01:11.{number % 1000:03}Z INFO web request={name} user={email} ok\n",
            PROSE,
        )
        total += sum(map(len, lines[-4:]))
        number += 1
    once = "".join(lines).encode()
    return once * max(1, round(size / len(once)))


def blocks(data: bytes) -> list[Block]:
    """Cut text into blocks at line ends, with the offsets of these."""
    found: list[Block] = []
    start = 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + BLOCK) + 1
        block = data[start:end]
        ends = np.flatnonzero(np.frombuffer(block, np.uint8) == 10) + 1
        found.append((block, cast("Sequence[int]", ends)))
        start = end
    return found


def matcher_rate(route: str, path: Path, work: list[Block]) -> tuple[float, float]:
    """Return bytes a second once the matcher is ready, and with the time that this takes."""
    os.environ[ROUTE] = route
    FingerprintMatcher(path, KEY).scan().feed(*work[0])  # compiles where that is to be done
    begun = time.thread_time()
    matcher = FingerprintMatcher(path, KEY)
    matcher.scan()
    ready = time.thread_time() - begun
    scan = matcher.scan()
    start = time.thread_time()
    for block, ends in work:
        scan.feed(block, ends)
    taken = time.thread_time() - start
    evidence = scan.evidence()
    if evidence.verdict is not None or evidence.windows != sum(len(ends) for _, ends in work):
        raise SystemExit(f"the matcher is wrong: {evidence}")
    size = sum(len(block) for block, _ in work)
    return size / taken, size / (taken + ready)


def gain_of_two(path: Path, work: list[Block]) -> float:
    """Return how much more text two processes get through in the same time than one does."""
    os.environ[ROUTE] = "numba"
    context = multiprocessing.get_context("fork")  # so that the text need not travel
    taken = []
    for count in (1, 2):
        barrier = context.Barrier(count + 1)

        def run(barrier: Barrier = barrier) -> None:
            scan = FingerprintMatcher(path, KEY).scan()
            scan.feed(*work[0])
            barrier.wait()
            for block, ends in work:
                scan.feed(block, ends)
            barrier.wait()

        processes = [context.Process(target=run) for _ in range(count)]
        for process in processes:
            process.start()
        barrier.wait()
        start = time.perf_counter()
        barrier.wait()
        taken.append(time.perf_counter() - start)
        for process in processes:
            process.join()
    return 2 * taken[0] / taken[1]


def judged(name: str, value: float, promised: float) -> None:
    """Print what became of a promise."""
    said = "PASS" if value >= promised else "short"
    print(f"  {name}: {value:.2f}, promised {promised:g}: {said}", flush=True)


def probe_rate(route: str, path: Path, data: bytes) -> float:
    """Return bytes a second of the same text as if it had no delimiters, up to 64 MB of it."""
    os.environ[ROUTE] = route
    scan = FingerprintMatcher(path, KEY).scan()
    scan.probe(data[:BLOCK])
    data = data[: 64 * MEGA]
    start = time.thread_time()
    for at in range(0, len(data), BLOCK >> 2):
        scan.probe(data[at : at + (BLOCK >> 2)])
    taken = time.thread_time() - start
    if scan.evidence().verdict is not None:
        raise SystemExit("the matcher is wrong: it finds what is not there")
    return len(data) / taken


def grep_rate(patterns: list[str], file: Path, data: bytes) -> tuple[float, float]:
    """Return bytes a second once grep is ready, and with the time that this takes."""
    ready, whole = (
        statistics.median(_grepped(patterns, file, content) for _ in range(_ROUNDS))
        for content in (b"\n", data)
    )
    # Too little to be measured is no rate.
    return len(data) / (whole - ready) if whole > ready else math.nan, len(data) / whole


def _grepped(patterns: list[str], file: Path, content: bytes) -> float:
    """Return the processor time that grep takes."""
    file.write_bytes(content)
    subprocess.run(["cat", file], stdout=subprocess.DEVNULL, check=True)
    start = children_time()
    found = subprocess.run(
        ["grep", "-c", "-F", *patterns, str(file)],
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    if found.stdout.strip() != "0":
        raise SystemExit(f"grep found {found.stdout.strip()} lines: {found.stderr.strip()}")
    return children_time() - start


def children_time() -> float:
    """Return the processor time of all processes that were started and have ended, in seconds."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def size_of(words: str) -> int:
    """Read ``256MB`` or ``1GB``."""
    match = re.fullmatch(r"([0-9]+)(MB|GB)", words)
    if not match:
        raise argparse.ArgumentTypeError("a size is written as 256MB or 1GB")
    return int(match[1]) * (MEGA if match[2] == "MB" else 1000 * MEGA)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=size_of, default=size_of("256MB"))
    parser.add_argument("--tokens", type=int, nargs="+", default=TOKENS, metavar="N")
    options = parser.parse_args()
    keep_what_is_freed()  # as a sweep does
    size: int = options.size
    data = text(size)
    work = blocks(data)
    print(f"{len(data) / MEGA:.0f} MB of foreign text, {sum(len(ends) for _, ends in work)} lines")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "text")
        one, _ = grep_rate(["person0@survey0.example"], file, data)
        print(f"{'grep -F, one literal':26} {'':>9} {one / MEGA:8.0f} MB/s")
        for tokens in options.tokens:
            survey = Survey(tokens)
            path, patterns = Path(folder, f"catalogue-{tokens}"), Path(folder, "patterns")
            enrol([survey], roles={}, key=KEY, path=path)
            patterns.write_text("\n".join(survey.patterns()) + "\n")
            many, readied = grep_rate(["-f", str(patterns)], file, data)
            print(
                f"{'grep -F -f':26} {tokens:9,} {many / MEGA:8.1f} MB/s, "
                f"{readied / MEGA:.1f} with getting ready"
            )
            for route in ROUTES:
                rate, begun = matcher_rate(route, path, work)
                ratios = (
                    f"{rate / many:6.1f} x grep -F -f ({begun / readied:.1f} with getting ready)"
                    f"   {rate / one:5.2f} x grep -F"
                )
                print(f"{'matcher, ' + route:26} {tokens:9,} {rate / MEGA:8.0f} MB/s {ratios}")
                if route == "numba":
                    least = 100 if tokens >= 1_000_000 else 10
                    judged("of grep -F -f", rate / many, least)
                    judged("of grep -F", rate / one, 0.5)
                probed = probe_rate(route, path, data)
                print(f"{'probing, ' + route:26} {tokens:9,} {probed / MEGA:8.0f} MB/s")
            judged("two processes of one, by the clock", gain_of_two(path, work), 1.6)
        path = Path(folder, "catalogue-answers")
        enrol([Answers()], roles={"comment": Role.PRIVATE}, key=KEY, path=path)
        for route in ROUTES:
            rate, _ = matcher_rate(route, path, work)
            print(
                f"{'with names and texts, ' + route:26} {Answers.records:9,} "
                f"{rate / MEGA:8.0f} MB/s {'':26} {rate / one:5.2f} x grep -F"
            )


if __name__ == "__main__":
    main()
