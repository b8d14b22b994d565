"""The in-memory backend: the contract, and the little it adds to it."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from backends import memory
from backends.conformance import BackendConformance, Harness, Row
from backends.contract import Backend, Context, SourceSpec
from backends.errors import SourceError, Unreachable


def as_csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Row._fields)
    writer.writerows(rows)
    return text.getvalue().encode()


class MemoryHarness(Harness):
    """A space of its own for each test; writes to it as any other code of the process would."""

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        self.space = memory.space(f"space of {scratch.name}")

    @property
    def backend(self) -> Backend:
        return memory.BACKEND

    def settings(self) -> Mapping[str, object]:
        return {"space": self.space.name}

    def plant(self, name: str, rows: Sequence[Row]) -> str:
        self.space.put("desk", name, as_csv(rows))
        return f"desk/{name}"

    def state(self) -> Mapping[str, bytes]:
        return {
            f"{scope}/{key}": content for (scope, key), content in self.space.contents().items()
        }

    def alter(self, locator: str, rows: Sequence[Row]) -> None:
        scope, key = locator.split("/", 1)
        self.space.put(scope, key, as_csv(rows))

    def remove(self, locator: str) -> None:
        scope, key = locator.split("/", 1)
        self.space.remove(scope, key)

    @contextlib.contextmanager
    def sever(self) -> Iterator[None]:
        memory.discard(self.space.name)
        yield
        memory.register(self.space)

    def source(self, locator: str) -> SourceSpec:
        return SourceSpec("place", key=locator)


class TestMemory(BackendConformance, cannot={"deny": "a process may read all of its own memory"}):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> Iterator[Harness]:
        harness = MemoryHarness(tmp_path)
        yield harness
        memory.discard(harness.space.name)


def test_a_space_that_this_process_does_not_have_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="no space nowhere"):
        memory.BACKEND.open("desk", {"space": "nowhere"}, Context(tmp_path, tmp_path))


def test_a_name_leads_to_one_space() -> None:
    try:
        assert memory.space("one place") is memory.space("one place")
    finally:
        memory.discard("one place")


def test_a_scope_has_no_slash_that_would_blur_its_locators() -> None:
    with pytest.raises(ValueError, match="slash"):
        memory.Space("any").put("a/b", "c", b"")


def test_a_write_between_reading_and_exchanging_wins() -> None:
    """The exchange is the last word: another program's write in between is never lost."""
    place = memory.Space("raced")
    place.put("desk", "unit", b"old")
    old = place.entry("desk", "unit")
    assert old is not None
    place.put("desk", "unit", b"theirs")
    assert not place.exchange("desk", "unit", old, None)
    assert place.contents() == {("desk", "unit"): b"theirs"}


def test_the_same_bytes_written_again_are_another_version() -> None:
    place = memory.Space("rewritten")
    place.put("desk", "unit", b"same")
    first = place.entry("desk", "unit")
    place.put("desk", "unit", b"same")
    second = place.entry("desk", "unit")
    assert first is not None
    assert second is not None
    assert first.version != second.version


def test_a_unit_that_is_no_text_is_no_source(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are refused in the operator's words."""
    place = memory.space("binary")
    place.put("desk", "unit", b"\xff\xfe\x00")
    try:
        store = memory.BACKEND.open("desk", {"space": "binary"}, Context(tmp_path, tmp_path))
        with pytest.raises(SourceError, match="UTF-8"):
            store.source(SourceSpec("desk", key="desk/unit"))
    finally:
        memory.discard("binary")
