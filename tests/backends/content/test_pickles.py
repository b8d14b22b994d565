"""Pickles: followed by their opcodes, and never loaded."""

from __future__ import annotations

import collections
import datetime as dt
import gzip
import io
import os
import pickle
import random
import uuid
from pathlib import Path
from typing import Any

import pytest

from backends.content import Bounds, Limits, Rows, Source, examine_stream
from backends.content.openers.pickles import PICKLE
from tests.backends.content.wrapping import IDS, MATCHER, read

TUPLES = [(i, f"person{n}@example.org", n * 1000.0) for n, i in enumerate(IDS)]
DICTS = [dict(zip(("id", "email", "income"), row, strict=True)) for row in TUPLES]
FOREIGN = ("else00000001", "other@example.com", 5.0)


class Person:
    def __init__(self, row: tuple[Any, ...]) -> None:
        self.id, self.email, self.income = row


def rows_of(data: bytes) -> list[str]:
    found: list[str] = []
    for part in PICKLE.open(Source(iter((data,))), Bounds(Limits())):
        if isinstance(part, Rows):
            for block, ends in part.blocks:
                starts = [0, *ends[:-1]]
                found += [block[a : b - 1].decode() for a, b in zip(starts, ends, strict=True)]
    return found


SHAPES: dict[str, Any] = {
    "tuples": [*TUPLES, FOREIGN],
    "dicts": DICTS,
    "by key": {row[0]: row for row in TUPLES},
    "columns": {"id": IDS, "n": list(range(200))},
    "objects": [Person(row) for row in TUPLES],
    "within": {"version": 1, "data": {"respondents": [list(row) for row in TUPLES]}},
    "ordered": [collections.OrderedDict(record) for record in DICTS],
    "tuple of tuples": tuple(TUPLES),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("protocol", range(6))
def test_records_are_found_and_nobody_can_say_what_else_is_there(shape: str, protocol: int) -> None:
    reading = read(pickle.dumps(SHAPES[shape], protocol))
    assert (reading.evidence.records, reading.reason) == (200, "")
    assert reading.layers == ("pickle",)
    assert reading.foreign_records is None


@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_record_is_a_window(protocol: int) -> None:
    for value in (TUPLES[:3], DICTS[:3]):
        shown = rows_of(pickle.dumps(value, protocol))
        assert len(shown) == 3
        assert all(IDS[n] in row and f"person{n}@" in row for n, row in enumerate(shown))


def test_values_that_are_objects() -> None:
    key = uuid.UUID("11223344-5566-4788-99aa-bbccddeeff00")
    values = (key, dt.date(2018, 5, 15), dt.datetime(2018, 5, 15, 10, 30), 52000.0, 2**40)
    (row,) = rows_of(pickle.dumps([values], 5))
    for text in (str(key), "2018-05-15", "2018-05-15 10:30:00", "52000", str(2**40)):
        assert text in row.split("\x1f")


def test_one_after_the_other_and_documents_within() -> None:
    inner = gzip.compress(IDS[2].encode() + b",x\n")
    data = pickle.dumps([(IDS[0], 1)]) + pickle.dumps([(IDS[1], inner)])
    reading = read(data)
    assert (reading.evidence.records, reading.reason) == (3, "")
    assert reading.layers == ("pickle", "gzip")


def test_texts_that_begin_like_one_are_texts() -> None:
    for text in (b"(1) first\n", b"]\n", b"}\n", b"(see below)\n", b"(lists,of)\n", b"\x80abc\n"):
        assert read(text + f"{IDS[0]},x\n".encode()).layers == ()


# --- Enemies -------------------------------------------------------------------------------


class Evil:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_is_run(tmp_path: Path, protocol: int) -> None:
    reading = read(pickle.dumps([Evil(tmp_path / "mark"), (IDS[0], "x")], protocol))
    assert reading.evidence.records == 1
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    "bomb",
    [
        b"\x80\x02X\x05\0\0\0aaaaa" + b"2\x86" * 200 + b".",  # doubles, and doubles again
        b"\x80\x02" + b"N" * 2_000_000 + b".",
        b"\x80\x02X\x05\0\0\0aaaaa" + b"2\x85" * 3_000_000 + b".",
        b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f" + b"a" * 99,
        b"\x80\x02X\xff\xff\xff\x7f" + b"a" * 99,
    ],
)
def test_bombs_end_as_a_reason(bomb: bytes) -> None:
    reading = read(bomb)
    assert reading.reason in {"bomb-limit", "damaged-container", "too-large-to-open"}


def test_a_memo_of_itself_ends() -> None:
    loop: list[Any] = [IDS[0]]
    loop.append(loop)
    assert read(pickle.dumps(loop)).evidence.records == 1


def test_more_than_may_be_held_is_a_reason_and_its_bytes_are_probed() -> None:
    data = pickle.dumps(TUPLES, 4)
    reading = examine_stream(io.BytesIO(data), MATCHER, limits=Limits(memory=2000))
    assert (reading.reason, reading.evidence.records) == ("too-large-to-open", 200)


def test_mutants_end_as_records_or_as_a_reason() -> None:
    rng = random.Random(1)
    for protocol in range(6):
        data = pickle.dumps(SHAPES["objects"], protocol)
        for _ in range(40):
            mutant = bytearray(data)
            for _ in range(rng.choice((1, 4, 32))):
                mutant[rng.randrange(2, len(mutant))] = rng.randrange(256)
            reason = read(
                bytes(mutant[: rng.choice((len(mutant), rng.randrange(9, len(mutant))))])
            ).reason
            assert reason in {
                "",
                "damaged-container",
                "bomb-limit",
                "too-large-to-open",
                "container-not-opened",
            }
