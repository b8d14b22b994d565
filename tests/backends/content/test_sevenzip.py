"""What 7-Zip itself packs is opened: its methods, its filters for code, and its trees of them."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import py7zr
import pytest

from backends.content import Bounds, Limits, Member, Reading, Source
from backends.content.openers.sevenzip import SEVEN_ZIP
from tests.backends.content.wrapping import FOREIGN, RECORDS, TEXT, read, record, seven_zipped

pytestmark = pytest.mark.needs("7zip")

METHODS = {
    "PPMd": ["-m0=PPMd"],
    "PPMd, short of memory": ["-m0=PPMd:mem=64k:o=16"],
    "PPMd, then ARM": ["-m0=ARM", "-m1=PPMd", "-mb0:1"],
    "BCJ2": ["-m0=BCJ2", "-m1=LZMA", "-m2=LZMA", "-m3=LZMA", "-mb0:1", "-mb0s1:2", "-mb0s2:3"],
    "BCJ2 of PPMd": ["-m0=BCJ2", "-m1=PPMd", "-m2=LZMA", "-m3=Copy", "-mb0:1", "-mb0s1:2", "-mb0s2:3"],
    "BCJ of bzip2": ["-m0=BCJ", "-m1=BZip2"],
    "BCJ of nothing": ["-m0=BCJ", "-m1=Copy"],
    "PPC": ["-m0=PPC", "-m1=LZMA2"],
    "Deflate64": ["-m0=Deflate64"],
    "IA64": ["-m0=IA64", "-m1=Deflate"],
    "ARMT": ["-m0=ARMT", "-m1=LZMA"],
    "SPARC": ["-m0=SPARC", "-m1=LZMA2"],
    "ARM64": ["-m0=ARM64", "-m1=LZMA2"],
    "Delta": ["-m0=Delta:4", "-m1=BZip2"],
    "Swap2": ["-m0=Swap2", "-m1=LZMA2"],
    "Swap4": ["-m0=Swap4", "-m1=LZMA2"],
}  # fmt: skip


def packed(folder: Path, members: dict[str, bytes], *options: str) -> bytes:
    for name, content in members.items():
        (folder / name).write_bytes(content)
    command = ["7zz", "a", "-bd", "-mf=off", *options, "packed.7z", *members]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return (folder / "packed.7z").read_bytes()


def found(reading: Reading) -> tuple[int, int | None, str]:
    return reading.evidence.records, reading.foreign_records, reading.reason


def code(size: int) -> bytes:
    """Bytes with as many jumps of all processors as there can be, near and far."""
    draw = random.Random(4)
    pieces: list[Callable[[], bytes]] = [
        lambda: draw.choice([b"\xe8", b"\xe9", b"\x0f\x84", b"\x0f\x0f\x8f", b"\xe8\xe9"]),
        lambda: draw.choice([bytes(4), b"\xff\xff\xff\xff", b"\x10\x02\0\x0f", b"\0"]),
        lambda: draw.randrange(0, 1 << 26, 3).to_bytes(4, "little"),
    ]
    words: list[Callable[[], int]] = [
        lambda: 0x94000000 | draw.getrandbits(26),
        lambda: 0x90000000 | draw.getrandbits(31) & 0x60FFFFFF,
        lambda: 0xEB000000 | draw.getrandbits(24),
    ]
    jumps = b"".join(draw.choice(pieces)() for _ in range(size // 6))
    aligned = b"".join(draw.choice(words)().to_bytes(4, "little") for _ in range(size // 8))
    return jumps[: len(jumps) // 4 * 4] + aligned + jumps[::-1]


def members_of(data: bytes) -> list[bytes]:
    opened = SEVEN_ZIP.open(Source(iter((data,))), Bounds(Limits()))
    return [b"".join(part.source.chunks()) for part in opened if isinstance(part, Member)]


@pytest.mark.parametrize("method", METHODS)
def test_files_come_out_as_they_went_in(method: str, tmp_path: Path) -> None:
    members = {"a.txt": TEXT, "b.exe": code(300_000), "c.csv": record(3) + FOREIGN}
    data = packed(tmp_path, members, *METHODS[method])
    assert list(members.values()) == members_of(data)
    (tmp_path / "packed.7z").unlink()
    texts = packed(tmp_path, {n: members[n] for n in ("a.txt", "c.csv")}, *METHODS[method])
    assert (200, 1, "") == found(read(texts))


def test_what_nobody_asked_for_is_left_out(tmp_path: Path) -> None:
    """Of a document in pieces the rest does not become another one."""
    data = packed(tmp_path, {"a": RECORDS * 99, "b": record(3)}, "-m0=PPMd")
    opened = SEVEN_ZIP.open(Source(iter((data,))), Bounds(Limits()))
    for number, part in enumerate(opened):
        assert isinstance(part, Member)
        if number:
            assert record(3) == b"".join(part.source.chunks())


@pytest.mark.parametrize("method", ["-m0=RISCV"])
def test_a_method_that_is_not_opened_is_a_gap(method: str, tmp_path: Path) -> None:
    reading = read(packed(tmp_path, {"a": TEXT}, method))
    assert (0, None, "container-not-opened") == found(reading)


def zipped_by_it(folder: Path, method: str, content: bytes) -> bytes:
    (folder / "a").write_bytes(content)
    command = ["7zz", "a", "-bd", "-tzip", f"-mm={method}", "packed.zip", "a"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return (folder / "packed.zip").read_bytes()


@pytest.mark.parametrize("method", ["Deflate64", "LZMA", "BZip2", "Deflate", "Copy"])
def test_zip_archives_of_its_are_opened(method: str, tmp_path: Path) -> None:
    data = zipped_by_it(tmp_path, method, TEXT + FOREIGN)
    assert (200, 1, "") == found(read(data))
    for at in range(40, 31 + int.from_bytes(data[18:22], "little"), 17):
        mutant = bytearray(data)
        mutant[at] ^= 0x55
        assert read(bytes(mutant)).reason == "damaged-container", at


def test_deflate64_in_a_zip_is_bounded(tmp_path: Path) -> None:
    data = zipped_by_it(tmp_path, "Deflate64", bytes(64 << 20))
    reading = read(data, limits=Limits(free=8 << 20, ratio=50))
    assert (0, None, "bomb-limit") == found(reading)


def test_a_method_of_zip_that_is_not_opened_is_a_gap(tmp_path: Path) -> None:
    data = zipped_by_it(tmp_path, "PPMd", TEXT)
    assert (0, None, "container-not-opened") == found(read(data))


def test_memory_for_ppmd_is_bounded() -> None:
    data = seven_zipped(TEXT, filters=[{"id": py7zr.FILTER_PPMD, "order": 6, "mem": 26}])
    assert (0, None, "bomb-limit") == found(read(data, limits=Limits(memory=32 << 20)))


def test_what_grows_out_of_ppmd_is_a_bomb(tmp_path: Path) -> None:
    data = packed(tmp_path, {"a": bytes(24 << 20)}, "-m0=PPMd:mem=1m")
    reading = read(data, limits=Limits(free=8 << 20, ratio=50))
    assert (0, None, "bomb-limit") == found(reading)


@pytest.mark.parametrize("method", ["PPMd", "BCJ2", "ARM64"])
def test_damage_is_whole_or_a_gap(method: str, tmp_path: Path) -> None:
    whole = packed(tmp_path, {"a": RECORDS[:900], "b": record(50)}, *METHODS[method])
    expected = found(read(whole))
    for at in range(8, len(whole), 1 if method == "BCJ2" else 7):
        data = bytearray(whole)
        data[at] ^= 0x55
        reading = read(bytes(data))
        assert reading.reason or found(reading) == expected, at
    for end in range(32, len(whole), 31):
        assert read(whole[:end]).reason
