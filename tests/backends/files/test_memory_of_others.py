"""Where the content of a file is in memory: other processes, and what is swapped out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backends import csv, postgres, s3
from backends.contract import Backend, Context, Order, Result, Store
from backends.fsops import linux
from backends.fsops import swap as module
from backends.fsops.handles import Use, use_of
from backends.fsops.swap import Medium, Swap, swap
from tests.backends.trees import RECORDS, destroy, outcome

Opener = Callable[..., Store]

_HOLD = """
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR if sys.argv[2] == "write" else os.O_RDONLY)
if "map" in sys.argv[3:]:
    access = mmap.ACCESS_WRITE if sys.argv[2] == "write" else mmap.ACCESS_READ
    kept = mmap.mmap(fd, 0, access=access)
    os.close(fd)
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def held(path: Path, *how: str) -> Iterator[None]:
    """Have another process hold a file for as long as the context lasts."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, path, *how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        yield
        process.communicate()


HOLDING = [("read",), ("write",), ("read", "map"), ("write", "map")]


@pytest.mark.parametrize("leases", [True, False])
@pytest.mark.parametrize("how", HOLDING, ids=" ".join)
def test_a_reader_is_named_and_a_writer_refused(
    place: Path,
    planned: Order,
    open_store: Opener,
    monkeypatch: pytest.MonkeyPatch,
    how: tuple[str, ...],
    leases: bool,
) -> None:
    """The same of a mapping whose file was closed, and where the kernel grants no lease."""
    if not leases:
        monkeypatch.setattr(linux, "take_lease", lambda _: linux.Lease.UNKNOWN)
        monkeypatch.setattr(linux, "has_writers", lambda _: False)
    with held(place, *how):
        (answer,) = destroy(open_store(), planned)
    if how[0] == "write":
        assert outcome(answer) == (Result.FAILED, "in-use")
        assert place.read_bytes() == RECORDS
    else:
        assert outcome(answer) == (Result.DESTROYED, "")
        assert "open-elsewhere" in answer.limitations
        assert ("writers-not-excluded" in answer.limitations) == (not leases)


def test_nobody_who_can_be_seen_is_nobody_else(place: Path, open_store: Opener) -> None:
    with place.open("rb"):
        assert use_of(place.stat()) is Use.NONE_SEEN
    with held(place, "read"):
        assert use_of(place.stat()) is Use.READING
        other = place.with_name("other")
        other.touch()
        assert use_of(other.stat()) is Use.NONE_SEEN


# --- Swap ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("areas", "used", "spots"),
    [
        ((), False, ()),
        ((), True, ("swap",)),
        ((), None, ("swap",)),
        (None, False, ("swap",)),
        ((Medium.PLAIN,), False, ("swap",)),
        ((Medium.MEMORY,), True, ()),
        ((Medium.ENCRYPTED, Medium.MEMORY), True, ("swap-encrypted",)),
        ((Medium.ENCRYPTED, Medium.PLAIN), True, ("swap",)),
    ],
)
def test_swap_is_a_blind_spot_unless_nothing_can_be_there(
    areas: tuple[Medium, ...] | None, used: bool | None, spots: tuple[str, ...]
) -> None:
    assert Swap(areas, used).blind_spots == spots
    assert Swap(areas, used).told


HEAD = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose kernel tells what a test writes."""
    for name in ("proc", "sys/dev/block"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(module, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(module, "_SYS", tmp_path / "sys")
    (tmp_path / "proc" / "swaps").write_text(HEAD)
    (tmp_path / "proc" / "vmstat").write_text("pswpin 0\npswpout 0\n")
    return tmp_path


def test_what_the_kernel_does_not_tell_is_not_known(machine: Path) -> None:
    assert swap() == Swap((), used=False)
    (machine / "proc" / "vmstat").write_text("pswpin 0\npswpout 12\n")
    assert swap() == Swap((), used=True)
    for name in ("vmstat", "swaps"):
        (machine / "proc" / name).unlink()
    assert swap() == Swap(None, used=None)


def test_a_file_lies_on_what_its_file_system_lies_on(machine: Path) -> None:
    place = machine / "swap file"
    place.touch()
    number = place.stat().st_dev
    device = machine / "sys/devices/dm-0"
    (device / "dm").mkdir(parents=True)
    (machine / f"sys/dev/block/{os.major(number)}:{os.minor(number)}").symlink_to(device)
    name = str(place).replace(" ", "\\040")
    (machine / "proc" / "swaps").write_text(f"{HEAD}{name}  file  1024  0  -2\n")
    assert swap().areas == (Medium.PLAIN,)
    (device / "dm" / "uuid").write_text("CRYPT-LUKS2-0123-root\n")
    assert swap().areas == (Medium.ENCRYPTED,)
    (device / "dm" / "uuid").write_text("LVM-0123\n")
    for name in ("dm-1", "dm-2"):
        (device / "slaves" / name / "dm").mkdir(parents=True)
        (device / "slaves" / name / "dm" / "uuid").write_text("CRYPT-PLAIN-x\n")
    assert swap().areas == (Medium.ENCRYPTED,)
    (device / "slaves" / "dm-2" / "dm" / "uuid").unlink()
    assert swap().areas == (Medium.PLAIN,)
    place.unlink()
    assert swap().areas == (Medium.PLAIN,), "a name that leads nowhere"


@pytest.mark.alone
@pytest.mark.needs("root", "loop")
def test_swap_that_is_switched_on_is_seen(tmp_path: Path) -> None:
    image = tmp_path / "swap"
    image.write_bytes(bytes(1 << 20))
    found = subprocess.run(
        ["losetup", "--find", "--show", image], check=True, capture_output=True, text=True
    )
    device = found.stdout.strip()
    try:
        subprocess.run(["mkswap", device], check=True, capture_output=True)
        before = swap().areas
        assert before is not None
        subprocess.run(["swapon", device], check=True)
        try:
            assert swap().areas == (*before, Medium.PLAIN)
        finally:
            subprocess.run(["swapoff", device], check=True)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def test_doctor_and_traits_say_the_same_of_swap(
    share: Path, open_store: Opener, machine: Path
) -> None:
    store = open_store()
    assert "swap" not in store.traits.blind_spots
    assert {c.what: c.detail for c in store.check()}["swap of this machine"].startswith("none is")
    (machine / "proc" / "swaps").write_text(f"{HEAD}/dev/none  partition  1024  0  -2\n")
    store = open_store()
    assert store.traits.blind_spots[-1] == "swap"
    told = {check.what: check.detail for check in store.check()}
    assert told["swap of this machine"] == "active: 1 plain"


@pytest.mark.parametrize(
    ("backend", "settings"),
    [
        (csv.BACKEND, {"roots": ["share"]}),
        (postgres.BACKEND, {"conninfo": "host=db.invalid"}),
        (s3.BACKEND, {"endpoint_url": "http://s3.invalid", "buckets": ["lake"]}),
    ],
    ids=["csv", "postgres", "s3"],
)
def test_whatever_a_store_reads_may_be_swapped_out(
    backend: Backend, settings: dict[str, object], machine: Path
) -> None:
    context = Context(machine, machine / "none")
    assert not set(backend.open("place", settings, context).traits.blind_spots) & {"swap"}
    (machine / "proc" / "swaps").write_text(f"{HEAD}/dev/none  partition  1024  0  -2\n")
    assert "swap" in backend.open("place", settings, context).traits.blind_spots
