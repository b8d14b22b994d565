"""Lines of a server's log: records are masked in them, and nothing else is altered."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import CouldNotTell
from backends.postgres.residue import log_lines
from backends.postgres.residue.log_lines import Masking, comes_from, pieces
from tests.backends.postgres import leftovers

DATASET = leftovers.matcher()
RECORD = leftovers.row("m", 3).respondent_id.encode()
HEAD = b"2026-11-26 12:00:00.000 UTC [17] ERROR:  "
OTHERS = st.binary(max_size=40).map(lambda text: text.replace(b"\n", b" "))
OURS = st.sampled_from(
    [HEAD + RECORD + b" is no number", b"\t('" + RECORD + b"', 7)", RECORD + b": at the head:  x"]
)


def masked(text: bytes, name: str = "a.log") -> bytes:
    masking = Masking(name, DATASET, promoted=False)
    out = b""
    for at, piece in pieces(lambda at, size: text[at : at + size]):
        for offset, length, instead in masking.parts(at, piece):
            assert len(out) == offset
            out += text[offset : offset + length] if instead is None else instead
    return out


@given(st.lists(OTHERS | OURS), st.booleans())
def test_lines_of_others_stay_as_they_are(lines: list[bytes], ended: bool) -> None:
    text = b"\n".join(lines) + (b"\n" if ended else b"")
    after = masked(text)
    assert len(text) == len(after)
    assert RECORD not in after
    assert [line for line in text.split(b"\n") if RECORD not in line] == [
        new for line, new in zip(text.split(b"\n"), after.split(b"\n"), strict=True)
        if RECORD not in line
    ]  # fmt: skip
    assert comes_from(after, text)


def test_the_head_stays_unless_it_has_a_record() -> None:
    assert masked(HEAD + RECORD + b"\n").startswith(HEAD)
    assert b"x1xxxx11" in masked(HEAD + RECORD + b"\n")
    assert masked(b"12:00 " + RECORD + b" LOG:  9\n").startswith(b"11:11 x1xxxx11-")


def test_a_line_that_goes_on_with_a_message_has_no_head() -> None:
    assert masked(b"\tJane said:  " + RECORD + b"\n").startswith(b"\txxxx xxxx:  x1xxxx11-")
    row = b"2018-05-01,Jane" + b',"a"' * 15 + b"," + RECORD + b"\n"
    assert masked(row, "a.csv").startswith(b'1111-11-11,xxxx,"x",')
    head = b'2026-11-26 12:00:00.000 UTC,"me","db",17' + b",x" * 9 + b","
    assert masked(head + RECORD + b"\n", "a.csv").startswith(head + b"x1xxxx11-")


def test_escapes_stay_valid() -> None:
    line = b'{"timestamp":"2026","message":"a\\n\\u0007\\"' + RECORD + b'\\\\","query_id":-34}\n'
    after = masked(line, "a.json")
    assert after.startswith(b'{"timestamp":"2026","message":"x\\n\\u0007\\"x1xxxx11-')
    assert after.endswith(b'\\\\","xxxxx_xx":-11}\n')


def test_lines_are_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "_PIECE", 8)
    monkeypatch.setattr(log_lines, "_LONGEST", 64)
    text = b"a\nbc\n" + b"d" * 40 + b"\ne"
    assert [(0, b"a\nbc\n"), (5, b"d" * 40 + b"\n"), (46, b"e")] == list(
        pieces(lambda at, size: text[at : at + size])
    )
    with pytest.raises(CouldNotTell) as raised:
        list(pieces(lambda at, size: (b"d" * 65)[at : at + size]))
    assert "log-not-of-lines" == raised.value.code


def test_what_else_stands_there_does_not_come_from_it() -> None:
    assert comes_from(b"x1-", b"a7-")
    assert comes_from(b"x1-", b"\0\0\0")
    assert not comes_from(b"x1-", b"a7+")
    assert not comes_from(b"a7-", b"x1-")
    assert not comes_from(b"x1-", b"a7")


def test_parts_that_stay_are_copied_at_once_as_far_as_that_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_lines, "_AT_ONCE", 20)
    given = [(0, 10, None), (10, 5, None), (15, 3, b"xxx"), (18, 12, None), (30, 9, None)]
    parts = log_lines.Parts()
    assert given == list(parts.noted(given))
    assert [(0, 15, None), *given[2:]] == list(parts)
    assert [[(0, 15, None), given[2]], given[3:]] == list(parts.batches(18))
    assert [[each] for each in parts] == list(parts.batches(1))
    parts.close()
