"""What is left on the medium: the raw image of a file system, searched by other means."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends import csv, files
from backends.contract import Context, Order, Result, Store, Technique
from tests.backends.trees import IDS, MATCHER, RECORDS, holdings, line, order, stranger
from tests.support.mounts import unmount

pytestmark = [pytest.mark.needs("root", "loop")]


class Image:
    """An ext4 file system in a file."""

    def __init__(self, folder: Path, size: int, *options: str) -> None:
        self.file = folder / "image"
        self.place = folder / "share"
        self.place.mkdir()
        with self.file.open("wb") as file:
            file.truncate(size)
        subprocess.run(["mkfs.ext4", "-q", *options, self.file], check=True)

    def mount(self) -> None:
        subprocess.run(["mount", "-o", "loop", self.file, self.place], check=True)

    def unmount(self) -> None:
        subprocess.run(["sync", "-f", self.place], check=True)
        unmount(self.place)

    def fill(self) -> None:
        """Leave no free block."""
        with (self.place / "filler").open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4095 + b"\n")
            except OSError as error:
                assert errno.ENOSPC == error.errno  # noqa: PT017 - the way to fill a disk

    def store(self, backend: files.FilesBackend | csv.CsvBackend) -> Store:
        base = self.place.parent
        return backend.open("share", {"roots": ["share"]}, Context(base, base / "none"))

    def count(self, words: list[str]) -> int:
        """Return how many of these words are anywhere in the image."""
        data = self.file.read_bytes()
        return sum(word.encode() in data for word in words)


@pytest.fixture
def image(tmp_path: Path) -> Iterator[Image]:
    image = Image(tmp_path, 16 << 20)
    image.mount()
    yield image
    if os.path.ismount(image.place):
        image.unmount()


def test_no_content_is_left_in_the_raw_image(image: Image) -> None:
    """Where the journal takes no content. Without the overwriting all of it would be left."""
    for name in ("destroyed.csv", "unlinked.csv"):
        prefix = name[:3]
        rows = [f"{prefix}{row}\n" for row in RECORDS.decode().splitlines()]
        (image.place / name).write_text(f"{IDS[0]}\n" + "".join(rows))
    subprocess.run(["sync", "-f", image.place], check=True)
    store = image.store(files.BACKEND)
    holding = holdings(store)["share/destroyed.csv"]
    one = Order("order-1", holding, Technique.OVERWRITE, whole=True)
    assert [Result.DESTROYED] == [a.result for a in store.destroy([one], MATCHER)]
    (image.place / "unlinked.csv").unlink()
    image.unmount()
    assert 0 == image.count([f"des{identity}" for identity in IDS])
    assert 100 == image.count([f"unl{identity}" for identity in IDS])


def test_no_record_of_a_mixed_file_is_left_in_the_raw_image(image: Image) -> None:
    others = [stranger(n) for n in range(50)]
    (image.place / "mixed.csv").write_bytes(RECORDS + b"".join(others))
    subprocess.run(["sync", "-f", image.place], check=True)
    store = image.store(csv.BACKEND)
    one = order(holdings(store)["share/mixed.csv"])
    assert [Result.DESTROYED] == [a.result for a in store.destroy([one], MATCHER)]
    assert b"".join(others) == (image.place / "mixed.csv").read_bytes()
    image.unmount()
    assert 0 == image.count(IDS)
    assert 50 == image.count([f"elsewhere{n:05}" for n in range(50)])


def test_a_disk_without_room_for_the_successor_leaves_everything(tmp_path: Path) -> None:
    image = Image(tmp_path, 4 << 20, "-O", "^has_journal", "-m", "0")
    image.mount()
    try:
        content = RECORDS + b"".join(stranger(n) for n in range(20_000))
        (image.place / "mixed.csv").write_bytes(content)
        image.fill()
        store = image.store(csv.BACKEND)
        one = order(holdings(store)["share/mixed.csv"])
        (answer,) = store.destroy([one], MATCHER)
        assert (Result.FAILED, "disk-full") == (answer.result, answer.reason)
        assert content == (image.place / "mixed.csv").read_bytes()
        assert {"mixed.csv", "filler", "lost+found"} == {p.name for p in image.place.iterdir()}
        whole = order(holdings(store)["share/mixed.csv"], whole=True)
        assert [Result.DESTROYED] == [a.result for a in store.destroy([whole], MATCHER)]
    finally:
        image.unmount()


def test_a_full_disk_does_not_save_a_sparse_file(tmp_path: Path) -> None:
    """Its holes are not filled, so its data is overwritten where it lies."""
    image = Image(tmp_path, 4 << 20, "-O", "^has_journal", "-m", "0")
    image.mount()
    try:
        with (image.place / "sparse").open("wb") as file:
            file.write(RECORDS)
            file.seek(20 << 20)
            file.write(b"\n" + line(1))
        image.fill()
        store = image.store(files.BACKEND)
        one = order(holdings(store)["share/sparse"], whole=True)
        assert [Result.DESTROYED] == [a.result for a in store.destroy([one], MATCHER)]
    finally:
        image.unmount()
    assert 0 == image.count(IDS)
