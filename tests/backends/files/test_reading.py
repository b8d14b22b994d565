"""A file is read once, and a holding once more: what is told is what the digest is of."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from backends.contract import Matcher, Store
from backends.files import _plain
from backends.files.reader import Content
from tests.backends.trees import MATCHER, RECORDS, holdings, line, stranger

Opener = Callable[[], Store]
Reads = list[bool]  # whether each was digested


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], Reads]:
    """Something is done after a first reading; the answer tells what was read."""

    def after_the_first(do: Callable[[], None]) -> Reads:
        read, reads = _plain.PlainReader.read, Reads()

        def watched(
            self: _plain.PlainReader, file: BinaryIO, matcher: Matcher, *, digested: bool
        ) -> Content:
            reads.append(digested)
            content = read(self, file, matcher, digested=digested)
            if len(reads) == 1:
                do()
            return content

        monkeypatch.setattr(_plain.PlainReader, "read", watched)
        return reads

    return after_the_first


Between = Callable[[Callable[[], None]], Reads]


@pytest.mark.parametrize(
    ("content", "expected"), [(stranger(1) * 5, [False]), (RECORDS, [False, True])]
)
def test_only_a_holding_is_read_twice(
    content: bytes, expected: Reads, share: Path, open_store: Opener, between: Between
) -> None:
    reads = between(lambda: None)
    (share / "a").write_bytes(content)
    assert len(expected) - 1 == len(holdings(open_store()))
    assert expected == reads


def test_what_is_told_is_what_the_second_reading_found(
    share: Path, open_store: Opener, between: Between
) -> None:
    """A program that has mapped a file writes to it without a trace in its times."""
    path = share / "a"
    path.write_bytes(RECORDS)
    left = line(7)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[:] = RECORDS  # its pages are dirty from here on

        def write() -> None:
            memory[:] = (left + stranger(1) * len(RECORDS))[: len(RECORDS)]

        between(write)
        (found,) = holdings(open_store()).values()
        digest = MATCHER.digest()
        digest.update(memory[:])
    assert found.records == 1
    assert found.version.endswith(":" + digest.hexdigest())
