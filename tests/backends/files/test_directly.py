"""Large files are overwritten past the cache, and read back while more is written."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from backends.contract import Step
from backends.fsops.directly import pieces_of, rest_of
from backends.fsops.keystream import BLOCK, CutShort, ReadBackDiffers
from backends.fsops.overwrite import overwrite, overwrite_with_zeros

KEY = bytes(range(32))
SIZE = 70 * BLOCK + 12_345  # more than a stretch, and an end that is no whole sector


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, int]]:
    monkeypatch.setattr("secrets.token_bytes", lambda _: KEY)
    place = tmp_path / "large"
    place.write_bytes(b"answer, " * (SIZE // 8) + b"x" * (SIZE % 8))
    fd = os.open(place, os.O_RDWR)
    yield place, fd
    os.close(fd)


def expected() -> bytes:
    """By the library's own cipher, in one go."""
    return Cipher(algorithms.AES(KEY), modes.CTR(bytes(16))).encryptor().update(bytes(SIZE))


def test_all_of_it_is_the_keystream(large: tuple[Path, int]) -> None:
    place, fd = large
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    told: list[Step] = []
    done = overwrite(fd, SIZE, told.append)
    assert (done.written, done.read_back, done.direct) == (SIZE, SIZE, True)
    assert {(each.name, each.total, each.size) for each in told} == {("overwriting", SIZE, True)}
    assert [each.done for each in told] == sorted({each.done for each in told})
    assert SIZE > told[-1].done > 0, "what was read back before the last stretch was"
    assert place.read_bytes() == expected()
    assert fcntl.fcntl(fd, fcntl.F_GETFL) == flags


def test_zeros_go_the_same_way(large: tuple[Path, int], monkeypatch: pytest.MonkeyPatch) -> None:
    place, fd = large
    done = overwrite_with_zeros(fd, SIZE)
    assert (done.written, done.read_back, done.direct) == (SIZE, SIZE, True)
    assert place.read_bytes() == bytes(SIZE)
    with_other_byte(place, 30 * BLOCK + 77, monkeypatch)
    with pytest.raises(ReadBackDiffers):
        overwrite_with_zeros(fd, SIZE)


def test_holes_stay_holes(large: tuple[Path, int]) -> None:
    place, fd = large
    place.write_bytes(b"")
    with place.open("r+b") as file:
        for at in (0, 20 * BLOCK, 50 * BLOCK):
            file.seek(at)
            file.write(b"answer, " * 200_000)
        os.fsync(file.fileno())
        size, blocks = os.fstat(file.fileno()).st_size, os.fstat(file.fileno()).st_blocks
    done = overwrite(fd, size)
    assert place.stat().st_blocks == blocks
    assert 3 * 1_600_000 <= done.written == done.read_back < 3 * 1_700_000
    assert b"answer" not in place.read_bytes()


def test_a_byte_that_differs_is_seen(
    large: tuple[Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes to the medium in between: what is read is not what was written."""
    place, fd = large
    with_other_byte(place, 30 * BLOCK + 77, monkeypatch)
    with pytest.raises(ReadBackDiffers):
        overwrite(fd, SIZE)


def with_other_byte(place: Path, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have somebody write to the file whenever it was flushed."""
    real = os.fdatasync

    def synced(descriptor: int) -> None:
        real(descriptor)
        other = os.open(place, os.O_WRONLY)
        os.pwrite(other, b"other", at)
        real(other)
        os.close(other)

    monkeypatch.setattr(os, "fdatasync", synced)


def failing(code: int, after: int) -> Callable[..., int]:
    real, calls = os.pwrite, iter(range(10_000))

    def pwrite(fd: int, data: bytes, at: int) -> int:
        direct = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT
        if direct and next(calls) >= after:
            raise OSError(code, os.strerror(code))
        return real(fd, data, at)

    return pwrite


def test_an_error_of_the_device_says_how_far_it_came(
    large: tuple[Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, fd = large
    monkeypatch.setattr(os, "pwrite", failing(errno.EIO, 10))
    with pytest.raises(CutShort) as raised:
        overwrite(fd, SIZE)
    assert raised.value.cause.errno == errno.EIO
    assert raised.value.written == 10 * BLOCK
    right = expected()
    content = place.read_bytes()
    overwritten = sum(
        content[at : at + BLOCK] == right[at : at + BLOCK] for at in range(0, SIZE, BLOCK)
    )
    assert overwritten == 10


@pytest.mark.parametrize("after", [0, 10])
def test_where_the_cache_cannot_be_passed_it_is_used(
    large: tuple[Path, int], monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    place, fd = large
    monkeypatch.setattr(os, "pwrite", failing(errno.EINVAL, after))
    done = overwrite(fd, SIZE)
    assert (done.written, done.read_back) == (SIZE, SIZE)
    assert place.read_bytes() == expected()


def test_nothing_is_read_before_it_is_flushed(
    large: tuple[Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, fd = large
    told: list[tuple[str, int]] = []
    for name, place in (("pwrite", 2), ("preadv", 2), ("fdatasync", 0)):
        real = getattr(os, name)

        def call(*args: object, real: Callable[..., object] = real, name: str = name,
                 place: int = place) -> object:  # fmt: skip
            answer = real(*args)
            told.append((name, args[place] if place else -1))  # type: ignore[arg-type]
            return answer

        monkeypatch.setattr(os, name, call)
    overwrite(fd, SIZE)
    flushed: set[int] = set()
    waiting: set[int] = set()
    for name, at in told:
        if name == "pwrite":
            waiting.add(at)
        elif name == "fdatasync":
            flushed |= waiting
        else:
            assert at in flushed or at % BLOCK
    first = told.index(("preadv", 0))
    assert any(name == "pwrite" for name, _ in told[first:]), "one after the other"


_RANGES = st.lists(st.integers(0, 10 * BLOCK), max_size=8, unique=True).map(
    lambda cuts: list(zip(*[iter(sorted(cuts))] * 2, strict=False))
)


@given(_RANGES)
def test_pieces_and_ends_are_all_there_is(ranges: list[tuple[int, int]]) -> None:
    pieces = list(pieces_of(ranges))
    assert all(at % 4096 == size % 4096 == 0 and 0 < size <= BLOCK for at, size in pieces)
    together = sorted([*((at, at + size) for at, size in pieces), *rest_of(ranges)])
    assert sum(end - start for start, end in together) == sum(e - s for s, e in ranges)
    joined: list[list[int]] = []
    for start, end in together:
        if joined and joined[-1][1] == start and not any(start == s for s, _ in ranges):
            joined[-1][1] = end
        else:
            joined.append([start, end])
    assert [tuple(each) for each in joined] == [each for each in ranges if each[0] < each[1]]
    assert len(rest_of(ranges)) <= 2 * len(ranges)
