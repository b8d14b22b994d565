"""The registry of openers, and what examining does with the parts that they yield."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import io
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import ClassVar

import pytest

from backends.content import (
    Bounds,
    Declined,
    Limits,
    Member,
    Opaque,
    Opener,
    Part,
    Raw,
    Rows,
    Source,
    Stop,
    _examine,
    _registry,
    examine_stream,
    installed_openers,
)
from backends.contract import CheckStatus, Verdict
from tests.backends.content.wrapping import IDS, MATCHER, Dribble, read, record, tarred
from tests.structure.docs import DOCS
from tests.structure.tree import ROOT


def declared() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    points: dict[str, str] = project["entry-points"]["shredder.openers"]
    return points


def test_the_installed_entry_points_are_those_declared() -> None:
    installed = {point.name: point.value for point in entry_points(group="shredder.openers")}
    assert declared().items() <= installed.items()


def test_an_opener_has_the_name_of_its_entry_point() -> None:
    assert set(declared()) <= {opener.name for opener in installed_openers()}
    assert all(isinstance(opener, Opener) for opener in installed_openers())


def test_every_opener_is_in_the_documents() -> None:
    """In the order of names, each with what it does not open."""
    rows = re.findall(r"^\| `([\w-]+)` \|", (DOCS / "formats.md").read_text("utf-8"), re.MULTILINE)
    assert rows == sorted(declared())


def test_the_narrower_kind_is_asked_first() -> None:
    names = [opener.name for opener in installed_openers()]
    wrong = [
        (opener.name, later)
        for opener in installed_openers()
        for later in opener.precedes
        if names.index(opener.name) > names.index(later)
    ]
    assert wrong == []


class Made(Opener):
    """Opens documents that begin with its mark, as a test says."""

    name: ClassVar[str] = "made"

    def __init__(self, *parts: Part | Exception, needs: tuple[str, ...] = ()) -> None:
        self.parts = parts
        self.needs = needs  # type: ignore[misc]

    def recognises(self, head: bytes) -> bool:
        return head.startswith(b"MADE")

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        if self.parts and isinstance(self.parts[0], Declined):
            raise self.parts[0]
        source.exactly(4)
        for part in self.parts:
            if isinstance(part, Exception):
                raise part
            yield part


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[Opener]:
    """The openers that are asked: what a test puts there, then the real ones."""
    found: list[Opener] = []
    real = installed_openers()
    monkeypatch.setattr(_examine, "installed_openers", lambda: (*found, *real))
    monkeypatch.setattr(_registry, "installed_openers", lambda: (*found, *real))
    return found


def rows(*records: str) -> Rows:
    blocks = [record.encode() for record in records]
    ends = [sum(map(len, blocks[: n + 1])) for n in range(len(blocks))]
    return Rows(iter([(b"".join(blocks), ends)]))


def test_rows_are_records_whatever_is_in_them(installed: list[Opener]) -> None:
    long = "x " * 2000
    installed.append(
        Made(rows(f"{IDS[0]}\x1f[(1), (2)]\n\n\x1f{long}", f"{IDS[1]}\x1fa", "else99\x1fb"))
    )
    reading = read(b"MADE")
    assert (2, 1) == (reading.evidence.records, reading.foreign_records)
    assert reading.layers == ("made",)


def test_a_header_row_is_no_foreign_record(installed: list[Opener]) -> None:
    installed.append(Made(rows("respondent_id\x1femail", f"{IDS[0]}\x1fperson0@example.org")))
    assert read(b"MADE").foreign_records == 0


def test_raw_bytes_are_probed_and_nobody_can_say_what_else_is_there(
    installed: list[Opener],
) -> None:
    data = b"\0\1" + b"x" * 7 + IDS[5].encode() + b"y" * 9
    installed.append(Made(Raw(iter([data[:13], data[13:]]))))
    reading = read(b"MADE")
    assert (1, Verdict.COPY, None) == (
        reading.evidence.records,
        reading.evidence.verdict,
        reading.foreign_records,
    )


def test_nothing_is_found_across_two_runs(installed: list[Opener]) -> None:
    data = IDS[5].encode()
    installed.append(Made(Raw(iter([data[:6]])), Raw(iter([data[6:]]))))
    assert read(b"MADE").evidence.verdict is None


def test_members_are_opened_in_their_turn(installed: list[Opener]) -> None:
    inner = tarred(a=record(1))
    installed.append(Made(Member(Source(iter([inner[:100], inner[100:]])))))
    reading = read(b"MADE")
    assert (1, ("made", "tar")) == (reading.evidence.records, reading.layers)


def test_opaque_is_a_reason_and_the_rest_is_examined(installed: list[Opener]) -> None:
    installed.append(Made(Opaque("encrypted"), rows(IDS[1])))
    reading = read(b"MADE")
    assert ("encrypted", 1, None) == (
        reading.reason,
        reading.evidence.records,
        reading.foreign_records,
    )


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Stop("bomb-limit"), "bomb-limit"),
        (ValueError("a library's"), "damaged-container"),
        (RecursionError(), "bomb-limit"),
        (MemoryError(), "bomb-limit"),
    ],
)
def test_whatever_is_raised_ends_as_a_reason(
    installed: list[Opener], error: Exception, reason: str
) -> None:
    installed.append(Made(rows(IDS[1]), error))
    reading = read(b"MADE\n" + record(2))
    assert (reason, 2) == (reading.reason, reading.evidence.records)


def test_what_the_stream_raises_goes_through(installed: list[Opener]) -> None:
    class Broken(Dribble):
        def read(self, size: int = -1, /) -> bytes:
            if not (data := super().read(size)):
                raise OSError("the device")
            return data

    class Reads(Made):
        def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
            while source.read():
                pass
            yield from ()

    for opener in (Reads(), Made(Member(Source(iter([]))))):
        installed[:] = [opener]
        with pytest.raises(OSError, match="the device"):
            examine_stream(Broken(b"MADE", 2), MATCHER)


def test_who_declines_leaves_it_to_the_next(installed: list[Opener]) -> None:
    installed += [Made(Declined()), Made(rows(IDS[1]))]
    reading = read(b"MADE")
    assert (1, ("made",)) == (reading.evidence.records, reading.layers)
    installed[:] = [Made(Declined())]
    reading = read(b"MADE\n" + record(1))
    assert (1, ()) == (reading.evidence.records, reading.layers)


def test_a_missing_library_is_a_gap_and_doctor_says_so(installed: list[Opener]) -> None:
    assert [line.status for line in _registry.check()] == [CheckStatus.OK]
    installed.append(Made(rows(IDS[1]), needs=("no_such_module",)))
    reading = read(b"MADE\n" + record(2))
    assert ("opener-not-installed", 1, None) == (
        reading.reason,
        reading.evidence.records,
        reading.foreign_records,
    )
    (line,) = _registry.check()
    assert line.status is CheckStatus.MISSING
    assert "made" in line.detail
    assert "shredder-toolkit[formats]" in line.hint


class Seeks(Made):
    """Reads its documents from the end."""

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        file = source.seekable()
        file.seek(-4, io.SEEK_END)
        if file.read(4) != b"MADE":
            raise Stop("damaged-container")
        file.seek(4)
        yield rows(file.read()[:-4].decode())


@pytest.mark.parametrize("before", [b"", tarred(a=record(3))])
@pytest.mark.parametrize("seekable", [True, False])
def test_a_document_is_read_at_any_place(
    installed: list[Opener], before: bytes, *, seekable: bool
) -> None:
    """By seeking where the stream can; the digest is over all of it, once, all the same."""
    installed.append(Seeks())
    data = before + b"MADE" + record(1) * 9000 + b"MADE"
    stream = io.BytesIO(data) if seekable else Dribble(data, 1000)
    reading = examine_stream(stream, MATCHER)
    digest = MATCHER.digest()
    digest.update(data)
    assert (len(data), digest.hexdigest(), "") == (
        reading.bytes_read,
        reading.digest,
        reading.reason,
    )
    assert reading.evidence.records == 1 + bool(before)
    assert reading.evidence.windows == 1 + bool(before)


def test_what_cannot_seek_and_is_large_is_a_gap_and_its_bytes_are_looked_at(
    installed: list[Opener],
) -> None:
    installed.append(Seeks())
    data = b"MADE\n" + record(1) * 9000 + b"MADE"
    limits = Limits(memory=100_000)
    reading = examine_stream(Dribble(data, 1000), MATCHER, limits=limits)
    assert ("too-large-to-open", 1) == (reading.reason, reading.evidence.records)
    assert examine_stream(io.BytesIO(data), MATCHER, limits=limits).reason == ""


def test_a_damaged_one_that_was_read_by_seeking_is_looked_at_as_it_is(
    installed: list[Opener],
) -> None:
    installed.append(Seeks())
    reading = examine_stream(io.BytesIO(b"MADE\n" + record(1)), MATCHER)
    assert ("damaged-container", 1) == (reading.reason, reading.evidence.records)


def test_a_file_that_says_it_is_empty_and_is_not_is_held_in_memory(
    installed: list[Opener],
) -> None:
    class Proc(io.BytesIO):
        def seek(self, offset: int, whence: int = 0, /) -> int:
            return 0 if whence == io.SEEK_END else super().seek(offset, whence)

    installed.append(Seeks())
    reading = examine_stream(Proc(b"MADE" + record(1) + b"MADE"), MATCHER)
    assert (1, "") == (reading.evidence.records, reading.reason)
