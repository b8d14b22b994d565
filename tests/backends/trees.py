"""What the tests of directory trees share: stores on real folders, written to by other means."""

from __future__ import annotations

import contextlib
import csv
import ctypes
import io
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from backends.conformance import Harness, Row
from backends.contract import (
    Backend,
    Destruction,
    Finding,
    Gap,
    Holding,
    Order,
    Result,
    SourceSpec,
    Store,
    Unit,
)
from backends.reference import ReferenceMatcher
from tests.support.mounts import unmount

IDS = [f"resp{n:08}" for n in range(100)]
MATCHER = ReferenceMatcher(IDS, [f"person{n}@example.org" for n in range(100)])
HEADER = b"respondent_id,email,answer\n"


def line(number: int) -> bytes:
    """One record of the dataset."""
    return f"{IDS[number]},person{number}@example.org,I said {number}\n".encode()


def stranger(number: int) -> bytes:
    """One record of somebody else."""
    return f"elsewhere{number:05},other{number}@example.com,nothing of yours {number}\n".encode()


RECORDS = b"".join(line(n) for n in range(100))


def units(store: Store, scope: str = "") -> list[Unit]:
    scopes = [scope] if scope else [scope.name for scope in store.scopes()]
    return [u for s in scopes for u in store.units(s) if isinstance(u, Unit)]


def gaps(store: Store) -> list[Gap]:
    return [u for s in store.scopes() for u in store.units(s.name) if isinstance(u, Gap)]


def holdings(store: Store) -> dict[str, Holding]:
    return {h.locator: h for u in units(store) for h in store.examine(u, MATCHER).holdings}


def order(holding: Holding, *, whole: bool = False, id_: str = "order-1") -> Order:
    technique = holding.partial if holding.mixed and not whole else holding.whole
    assert technique is not None
    return Order(id_, holding, technique, whole)


def destroy(store: Store, *orders: Order) -> list[Destruction]:
    return list(store.destroy(orders, MATCHER))


def outcome(answer: Destruction) -> tuple[Result, str]:
    return answer.result, answer.reason


def finding(store: Store, one: Order) -> Finding:
    (answer,) = store.verify([one], MATCHER)
    return answer.finding


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def as_csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Row._fields)
    writer.writerows(rows)
    return text.getvalue().encode()


def let_others_near(place: Path) -> None:
    """Let another user enter the folders above a place: pytest keeps its own to their owner.

    A folder that others may enter anyhow is left as it is: one of them may be the machine's.
    """
    for folder in place.parents:
        mode = folder.stat().st_mode & 0o7777
        if mode & 0o055 != 0o055:
            folder.chmod(mode | 0o055)


@contextlib.contextmanager
def another_user() -> Iterator[None]:
    """Give up root's rights for a while."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def without_passage() -> contextlib.AbstractContextManager[None]:
    """Give up, of root's rights, that to pass by the modes of files and folders."""
    return _without(1 << 1 | 1 << 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


def without_mounting() -> contextlib.AbstractContextManager[None]:
    """Give up, of root's rights, that to mount, and to see beneath mounts."""
    return _without(1 << 21)  # CAP_SYS_ADMIN


@contextlib.contextmanager
def _without(rights: int) -> Iterator[None]:
    """See capset(2)."""
    libc, head = ctypes.CDLL(None, use_errno=True), struct.pack("=Ii", 0x20080522, 0)
    told = ctypes.create_string_buffer(24)  # effective, permitted, inheritable, twice
    assert libc.capget(head, told) == 0
    effective, *rest = struct.unpack("=6I", told.raw)
    assert libc.capset(head, struct.pack("=6I", effective & ~rights, *rest)) == 0
    try:
        yield
    finally:
        assert libc.capset(head, told) == 0


class TreeHarness(Harness):
    """Real files; the state is read by os.walk, with the metadata that must not change."""

    def __init__(self, backend: Backend) -> None:
        # Outside pytest's own folders: another user must be able to get near, to be refused.
        self.folder = Path(tempfile.mkdtemp(prefix="tree-"))
        self.folder.chmod(0o755)
        super().__init__(self.folder)
        self.root = self.folder / "root"
        (self.root / "sub").mkdir(parents=True)
        (self.folder / ".state").mkdir()  # the one who is refused could not make it
        self._backend = backend

    def remove_all(self) -> None:
        shutil.rmtree(self.folder)

    @property
    def backend(self) -> Backend:
        return self._backend

    def settings(self) -> Mapping[str, object]:
        return {"roots": [str(self.root)]}

    def plant(self, name: str, rows: Sequence[Row]) -> str:
        place = self.root / "sub" / f"{name}.csv"
        place.write_bytes(as_csv(rows))
        return str(place)

    def state(self) -> Mapping[str, bytes]:
        found = {}
        for folder, _, names in os.walk(self.root):
            for name in names:
                place = Path(folder) / name
                status = place.lstat()
                facts = f"{status.st_mode} {status.st_uid} {status.st_nlink}".encode()
                found[str(place)] = place.read_bytes() + facts
        return found

    def alter(self, locator: str, rows: Sequence[Row]) -> None:
        Path(locator).write_bytes(as_csv(rows))

    def remove(self, locator: str) -> None:
        Path(locator).unlink()

    @contextlib.contextmanager
    def sever(self) -> Iterator[None]:
        """Take the root away, as unmounting does."""
        away = self.root.with_name("away")
        self.root.rename(away)
        yield
        away.rename(self.root)

    @contextlib.contextmanager
    def deny(self, locator: str) -> Iterator[None]:
        """Become somebody who may not read the file."""
        Path(locator).chmod(0o600)
        with another_user():
            yield
        Path(locator).chmod(0o644)

    def source(self, locator: str) -> SourceSpec:
        return SourceSpec("place", path=locator)


@contextlib.contextmanager
def mounted(kind: str, place: Path) -> Iterator[Path]:
    """Mount a file system that needs no device on a new folder. Needs root."""
    place.mkdir()
    subprocess.run(["mount", "-t", kind, "none", place], check=True)
    try:
        yield place
    finally:
        unmount(place)
