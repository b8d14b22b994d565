"""Record windows: where they end, whatever sizes the text arrives in."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import csv
import io
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.content import Block, Dialect, examine_stream
from tests.backends.content.wrapping import (
    FOREIGN,
    HEADER,
    IDS,
    MATCHER,
    TEXT,
    Dribble,
    read,
    record,
)

ENCODINGS = ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]


def windows(data: bytes, *, dialect: Dialect | None = None, step: int = 1 << 20) -> list[bytes]:
    found: list[bytes] = []

    def sink(block: Block, classes: bytes) -> None:
        assert len(classes) == len(block.ends)
        assert block.ends[-1] == len(block.data)
        found.extend(block.data[a:b] for a, b in pairwise([0, *block.ends]))

    examine_stream(Dribble(data, step), MATCHER, dialect=dialect, sink=sink)
    assert b"".join(found) == data
    return found


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("step", [3, 1 << 20])
def test_wide_encodings_hold_the_same_records(encoding: str, step: int) -> None:
    reading = read(TEXT.decode().encode(encoding), step=step)
    assert (200, 0, 200) == (
        reading.evidence.records,
        reading.foreign_records,
        reading.evidence.matched,
    )


def test_a_byte_order_mark_does_not_hide_the_first_record() -> None:
    for bom in ("utf-8-sig", "utf-16", "utf-32"):
        assert read(f"{IDS[0]}\n{IDS[1]}\n".encode(bom)).evidence.records == 2


def test_joined_files_with_byte_order_marks_hide_nothing() -> None:
    data = (IDS[0] + "\n").encode("utf-8-sig") + (IDS[1] + "\n").encode("utf-8-sig")
    assert read(data).evidence.records == 2


def test_bytes_appended_to_a_wide_text_are_seen() -> None:
    """A script that appends ASCII to a UTF-16 log hides nothing, and nothing foreign in it."""
    reading = read((FOREIGN.decode() * 40).encode("utf-16") + record(5) + record(6))
    assert reading.evidence.records == 2
    assert reading.foreign_records is None


def test_line_ends_of_all_kinds() -> None:
    assert [b"a\n", b"b\r\n", b"c\r", b"d"] == windows(b"a\nb\r\nc\rd")
    assert [b"a\r", b"b\r"] == windows(b"a\rb\r")
    assert [b"a\r\n", b"\r\n", b"b"] == windows(b"a\r\n\r\nb")


@pytest.mark.parametrize("step", [1, 2, 3, 1 << 20])
def test_a_line_end_is_never_split_between_reads(step: int) -> None:
    assert [b"a\r\n", b'"b\r\n"\r\n', b"c\r\n"] == windows(b'a\r\n"b\r\n"\r\nc\r\n', step=step)


def test_quoted_line_breaks_are_part_of_the_record() -> None:
    text = b'1,"a\nb",x\n2,"c""\n""d",y\n'
    assert [b'1,"a\nb",x\n', b'2,"c""\n""d",y\n'] == windows(text)


@pytest.mark.parametrize(
    "text",
    [
        b'a "word\nb\nc" d\n',  # within a field
        b'5" pipe,1\n6" pipe,2\n',
        b'a,"never closed\nb\nc\n',
        b'a,"b"c\nd\n',
        b'{"a": "b"}\n{"a": "c"}\n',
        b'a, "b\nc"\n',
    ],
)
def test_irregular_quotes_fall_back_to_lines(text: bytes) -> None:
    assert text.splitlines(keepends=True) == windows(text)
    assert not read(text).regular


def test_records_before_the_irregularity_stay_whole() -> None:
    text = b'1,"a\nb"\n2,"c" d"\n3,"e\nf"\n'
    assert [b'1,"a\nb"\n', b'2,"c" d"\n', b'3,"e\n', b'f"\n'] == windows(text)


def test_a_quote_that_never_closes_swallows_no_more_than_a_block() -> None:
    """One stray mark at the top of a large file must not make one record of it."""
    text = b'a,"\n' + b"some line\n" * 400_000
    assert windows(text) == text.splitlines(keepends=True)


_FIELD = st.text(st.sampled_from('ab1é,;"\n\r \t|@'), max_size=6)
_TABLE = st.lists(st.lists(_FIELD, min_size=2, max_size=2), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None)
@given(
    _TABLE,
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 40),
)
def test_records_are_what_the_csv_module_writes(
    table: list[list[str]], delimiter: str, end: str, step: int
) -> None:
    """An independent writer and the splitter agree on every record, in any reading size."""
    rows = []
    for row in table:
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL).writerow(
            row
        )
        rows.append(text.getvalue().encode())
    assert rows == windows(b"".join(rows), dialect=Dialect(delimiter.encode()), step=step)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_are_covered_once_and_the_same_in_any_step(data: bytes, step: int) -> None:
    first, second = read(data), read(data, step=step)
    assert first == second


def test_a_long_line_is_cut_between_tokens_only() -> None:
    words = [f"word{n:05}" for n in range(300_000)]
    words[150_000] = IDS[7]
    found = windows(" ".join(words).encode())
    assert len(found) > 1
    assert max(map(len, found)) <= 2 << 20
    assert [w for part in found for w in part.decode().split()] == words


def test_a_long_line_without_white_space_is_cut_between_tokens() -> None:
    words = [f"word{n:05}" for n in range(300_000)]
    found = windows(";".join(words).encode())
    assert [w for part in found for w in part.decode().rstrip(";").split(";")] == words


def test_a_record_astride_blocks_is_found() -> None:
    """Every place near the edge of a block is tried."""
    for shift in range(-12, 3):
        padding = b"x" * 63 + b"\n"
        size = (1 << 20) + shift
        filler = padding * (size // 64) + b"y" * (size % 64 - 1) + b"\n"
        assert read(filler + record(9)).evidence.records == 1


@pytest.mark.parametrize(
    ("opening", "joint", "closing"),
    [
        ("[{a:", "},{a:", "}]"),
        ("[{a: ", "}, {a: ", "}]"),
        ("INSERT INTO t VALUES (", "),(", ");"),
        ("[[", "],[", "]]"),
    ],
)
def test_lines_that_pack_records_are_counted_by_record(
    opening: str, joint: str, closing: str
) -> None:
    """A foreign record on the same line is foreign: it must not go with the others."""
    values = [*IDS[:50], "elsewhere1", "elsewhere2"]
    for end in ("\n", ""):
        reading = read((opening + joint.join(values) + closing + end).encode())
        assert (50, 2) == (reading.evidence.matched, reading.foreign_records)


def test_long_lines_that_pack_records_are_counted_by_record() -> None:
    values = [IDS[n % 200] for n in range(300_000)] + ["elsewhere1"]
    reading = read(("INSERT INTO t VALUES (" + "),(".join(values) + ");\n").encode())
    assert (300_000, 1) == (reading.evidence.matched, reading.foreign_records)


def test_joints_within_quotes_part_nothing() -> None:
    text = HEADER + f'{IDS[0]},p@example.net,"[(a),(b)]"\n[{IDS[1]},"(a),(b)",x\n'.encode()
    assert (2, 0) == (read(text).evidence.matched, read(text).foreign_records)


@pytest.mark.parametrize(
    "text",
    [
        f"{IDS[0]}\x00elsewhere1\x00",
        f"{IDS[0]}\x1eelsewhere1",
        IDS[0] + " elsewhere" * 500,
    ],
)
def test_a_window_that_may_hold_several_records_is_not_called_pure(text: str) -> None:
    reading = read(text.encode())
    assert reading.evidence.records == 1
    assert reading.foreign_records is None


@pytest.mark.parametrize("dialect", [None, Dialect(b",")])
def test_two_records_that_stray_quotes_make_one_are_not_called_pure(
    dialect: Dialect | None,
) -> None:
    """By RFC 4180 it is one record; by the number of its fields it is not."""
    text = TEXT + f'{IDS[0]},x,"stray\nelsewhere99,y,"\n'.encode()
    swallowed = TEXT + f'{IDS[0]},x@example.org,a,"stray\nelsewhere99,y,"\n'.encode()
    assert read(text, dialect=dialect).foreign_records == 0  # as many fields: nothing tells
    assert read(swallowed, dialect=dialect).foreign_records is None
    long = f'{IDS[0]},x@example.org,"an answer\nof two lines, and more"\n'.encode()
    assert read(TEXT + long, dialect=dialect).foreign_records == 0


def test_json_lines_with_nested_lists_are_one_record_each() -> None:
    line = '{"id":"%s","answers":[{"q":1},{"q":2}]}\n'
    reading = read("".join(line % i for i in IDS[:9]).encode())
    assert (9, 0) == (reading.evidence.matched, reading.foreign_records)
