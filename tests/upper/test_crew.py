"""Workers: they find what threads find, whoever of them is lost on the way."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.contract import Context, CoverageStatus, Matcher, Store, Unit
from backends.files import BACKEND
from backends.reference import ReferenceMatcher
from shredder.errors import Inconclusive, UsageError
from shredder.registry import for_workers
from shredder.sweep import Cluster, Crew, Job, Means, Processes, hands
from shredder.sweep.worker import Task, examine_all
from tests.upper.kept import Kept, kept
from tests.upper.place import IDS, Watcher, foreign, rows

MATCHER = ReferenceMatcher(IDS)
FILES = 1200  # more than are worth calling workers for


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    for n in range(FILES):
        content = rows(n % 8) if n % 100 == 7 else foreign(n % 8)
        (folder / f"{n:04}.csv").write_bytes(content * 20)
    return folder


def swept(
    tree: Path,
    crew: Crew | None = None,
    *,
    backend: str = "files",
    matcher: Matcher = MATCHER,
    store: Store | None = None,
    watcher: Watcher | None = None,
) -> Kept:
    settings: Mapping[str, object] = {"roots": [str(tree)]}
    context = Context(tree.parent, tree.parent / "state")
    job = Job("share", backend, settings, context, matcher)
    opened = store or BACKEND.open("share", settings, context)
    means = Means(crew=crew, jobs={"share": job.packed})
    return kept({"share": opened}, matcher, observer=watcher, means=means)


def gist(found: Kept) -> Any:
    coverage = [replace(scope, as_of="") for scope in found.coverage]  # tells the time
    return list(found.holdings), coverage, list(found.problems), found.bytes_read


def test_processes_find_what_threads_find(tree: Path) -> None:
    with Processes(2) as crew:
        found = swept(tree, crew)
        assert crew._executor is not None, "nothing was sent to it"
    assert gist(found) == gist(swept(tree))
    assert found.coverage[0].examined == FILES
    assert len(found.holdings) == FILES // 100


def test_a_small_store_is_examined_here(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a.csv").write_bytes(rows(1))
    with Processes(2) as crew:
        assert len(swept(tmp_path / "tree", crew).holdings) == 1
        assert crew._executor is None


class Slow(ReferenceMatcher):
    """Takes long enough for somebody to be killed, and says where it works."""

    def __init__(self, notes: Path) -> None:
        super().__init__(IDS)
        self.notes = notes

    def scan(self, *, promoted: bool = False) -> Any:
        (self.notes / str(os.getpid())).touch()
        time.sleep(0.002)
        return super().scan(promoted=promoted)


@contextmanager
def killing(notes: Path, *, but: int) -> Iterator[list[int]]:
    """Kill the first worker that is seen at work."""
    killed: list[int] = []

    def kill() -> None:
        until = time.monotonic() + 30
        while not killed and time.monotonic() < until:
            for name in (int(path.name) for path in notes.iterdir()):
                if name != but:
                    os.kill(name, signal.SIGKILL)
                    killed.append(name)
                    return
            time.sleep(0.005)

    notes.mkdir()
    thread = threading.Thread(target=kill)
    thread.start()
    yield killed
    thread.join()


def test_a_worker_that_is_killed_loses_nothing(tree: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    with killing(notes, but=os.getpid()) as killed, Processes(2) as crew:
        found = swept(tree, crew, matcher=Slow(notes))
    assert len(killed) == 1
    assert len(list(notes.iterdir())) > 1, "no other worker took its place"
    assert gist(found) == gist(swept(tree))


GRIM = """
import os, signal
from backends.files import BACKEND as FILES

class Grim:
    settings, required = FILES.settings, FILES.required
    def open(self, name, settings, context):
        store = FILES.open(name, settings, context)
        examine = store.examine
        def deadly(unit, matcher):
            if unit.locator.endswith(DEADLY):
                os.kill(os.getpid(), signal.SIGKILL)
            return examine(unit, matcher)
        store.examine = deadly
        return store

DEADLY = ("0300.csv", "0301.csv", "1111.csv")
BACKEND = Grim()
"""


def test_a_unit_that_kills_each_worker_is_a_gap_and_the_rest_is_examined(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shredder_grim.py").write_text(GRIM)
    info = tmp_path / "shredder_grim-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shredder-grim\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[shredder.backends]\ngrim = shredder_grim:BACKEND\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    watcher = Watcher()
    with Processes(2) as crew:
        found = swept(tree, crew, backend="grim", watcher=watcher)
    (coverage,) = found.coverage
    assert (coverage.examined, coverage.failed) == (FILES - 3, 3)
    assert dict(coverage.reasons) == {"worker-lost": 3}
    lost = [p.gap.locator.rsplit("/", 1)[-1] for p in found.problems]
    assert lost == ["0300.csv", "0301.csv", "1111.csv"]
    assert list(found.holdings) == list(swept(tree).holdings)
    assert [e for e, _ in watcher.events if e == "unit-not-examined"] == ["unit-not-examined"] * 3


def test_a_worker_that_cannot_begin_makes_gaps(tree: Path) -> None:
    job = Job("share", "no-such-backend", {}, Context(tree, tree), MATCHER).packed()
    unit = Unit(str(tree), "a", "1", "file", 1, "a")
    (seen,) = examine_all(job, [Task(unit)])
    assert seen.examination.gap is not None
    assert seen.examination.gap.status is CoverageStatus.FAILED
    assert seen.examination.gap.reason == "worker-not-ready"


def test_workers_end_with_the_one_they_work_for(tmp_path: Path) -> None:
    script = """
        import time
        from shredder.sweep.crew import Processes
        if __name__ == "__main__":
            made = Processes(2)
            pool = made._make(2)
            print(*pool.map(abs, [1, 2]), flush=True)
            print(*pool._processes, flush=True)
            time.sleep(60)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "1 2\n"
    workers = [int(word) for word in process.stdout.readline().split()]
    assert workers
    assert all(alive(pid) for pid in workers)
    process.kill()
    process.wait()
    process.stdout.close()
    assert within(10, lambda: not any(alive(pid) for pid in workers))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def within(seconds: float, true: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


# --- a cluster ---


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[Any]]]:
    """A real scheduler with two workers, each a process; the address, and the workers."""
    folder = tmp_path_factory.mktemp("dask")
    file = folder / "scheduler.json"
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", *words], cwd=folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
        started.append(process)
        return process

    start("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0",
          "--no-dashboard", "--scheduler-file", str(file))  # fmt: skip
    assert within(30, file.exists)
    workers = [
        start("distributed.cli.dask_worker", "--scheduler-file", str(file), "--nthreads", "1",
              "--no-dashboard", "--no-nanny", "--host", "127.0.0.1")
        for _ in range(2)
    ]  # fmt: skip
    import json

    assert within(10, lambda: file.read_text().strip().endswith("}"))
    yield json.loads(file.read_text())["address"], workers
    for process in started:
        process.kill()
        process.wait()


def test_a_cluster_finds_the_same_though_one_of_its_workers_is_killed(
    tree: Path, tmp_path: Path, cluster: tuple[str, list[Any]]
) -> None:
    address, workers = cluster
    notes = tmp_path / "notes"
    assert within(30, lambda: _threads(address) == 2)
    with killing(notes, but=os.getpid()) as killed, Cluster(address) as crew:
        assert crew.size == 2
        found = swept(tree, crew, matcher=Slow(notes))
    assert killed[0] in {worker.pid for worker in workers}
    assert gist(found) == gist(swept(tree))


def _threads(address: str) -> int:
    with Cluster(address) as crew:
        return sum(crew._client.nthreads().values())


@pytest.mark.parametrize("address", ["tcp://10.0.0.7:8786", "ucx://127.0.0.1:1", "10.0.0.7:8786"])
def test_the_key_never_travels_unencrypted(address: str) -> None:
    with pytest.raises(UsageError, match="unencrypted"):
        Cluster(address)


def test_a_cluster_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shredder.sweep.crew._PATIENCE", 0.5)
    with pytest.raises(Inconclusive, match="does not answer"):
        Cluster("tcp://127.0.0.1:9")


def test_batches_are_bounded_by_size_and_number() -> None:
    def task(size: int) -> Task:
        return Task(Unit("s", "l", "1", "file", size, "c"))

    tasks = [task(1)] * 450 + [task(hands._BATCH)] * 2 + [task(1)]
    assert [len(batch) for batch in hands._batches(tasks)] == [200, 200, 51, 1, 1]


def test_what_workers_are_forked_from_has_loaded_the_compiled_code_and_has_one_thread() -> None:
    code = """
import sys
for name in ["shredder.sweep.loaded", *map(for_workers, ("csv", "files"))]:
    __import__(name)
threads = next(line for line in open("/proc/self/status") if line.startswith("Threads:"))
wanted = "shredder.fingerprint.fast", "backends.files._plain", "backends.content.openers.zip"
print(threads.split()[1], set(wanted) <= set(sys.modules), "boto3" in sys.modules)
"""
    code = "from shredder.registry import for_workers\n" + code
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "1 True False\n"


def test_a_backend_without_more_to_load_is_loaded_by_itself() -> None:
    assert for_workers("postgres") == "backends.postgres"
    assert for_workers("memory") == "backends.memory"  # no package
    assert for_workers("csv") == "backends.csv.loaded"
    assert for_workers("nobody's") == ""


def test_workers_do_not_look_through_what_was_loaded() -> None:
    with Processes(2) as crew:
        assert crew._current().submit(gc.get_freeze_count).result() > 10_000
