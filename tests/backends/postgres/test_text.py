"""Rows in COPY's form, made readable: no token is glued, and nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.postgres._text import has_container, readable

TOKEN = "8c1f6f2e-token-77"


def copied(value: str | None) -> bytes:
    """Write a value as COPY does (Postgres manual, COPY, text format)."""
    if value is None:
        return b"\\N"
    escapes = {
        "\\": "\\\\",
        "\b": "\\b",
        "\f": "\\f",
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\v": "\\v",
    }
    return "".join(escapes.get(char, char) for char in value).encode()


def row(*values: str | None) -> bytes:
    return b"\t".join(map(copied, values)) + b"\n"


def tokens(window: bytes) -> list[str]:
    return [word.strip('"{},:') for word in window.decode("utf-8", "replace").split()]


VALUES = st.one_of(
    st.none(), st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"))
)


def read(*rows: bytes) -> tuple[bytes, Sequence[int]]:
    """Read rows as windows, as they come in one block."""
    return readable(b"".join(rows), list(accumulate(map(len, rows))))


@given(st.lists(st.lists(VALUES, min_size=1, max_size=4), max_size=6))
def test_every_row_is_one_window(rows: list[list[str | None]]) -> None:
    block, ends = read(*[row(*values) for values in rows])
    assert len(rows) == len(ends)
    assert sorted(set(ends)) == list(ends)
    assert (ends[-1] if ends else 0) == len(block)


@given(st.lists(st.lists(VALUES, min_size=1, max_size=4), max_size=6))
def test_a_row_reads_the_same_whatever_stands_beside_it(rows: list[list[str | None]]) -> None:
    """A block without a backslash in a value takes another way than one with some."""
    copied = [row(*values) for values in rows]
    block, ends = read(*copied)
    windows = [block[start:end] for start, end in pairwise([0, *ends])]
    assert windows == [read(one)[0] for one in copied]


@given(VALUES, st.sampled_from("\n\t\r\b\f\v\\ "), VALUES)
def test_a_token_after_any_escape_stands_by_itself(
    before: str | None, between: str, after: str | None
) -> None:
    value = f"{(before or '').rstrip()}{between}{TOKEN} {after or ''}"
    block, _ = read(row(before, value, after))
    assert TOKEN in tokens(block)


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=9), st.booleans())
def test_a_token_in_json_stands_by_itself(before: str, ascii_only: bool) -> None:
    document = json.dumps({"key": [f"{before}\n{TOKEN}"]}, ensure_ascii=ascii_only)
    block, _ = read(row(document))
    assert any(TOKEN in word.split('"') for word in tokens(block))


def test_a_name_in_escaped_json_is_read() -> None:
    block, _ = read(row(json.dumps({"name": "Zoë 𝔘nicode"})))
    assert "Zoë" in tokens(block)
    assert "𝔘nicode" in tokens(block)


def test_the_windows_path_of_a_token_is_kept_as_it_is() -> None:
    block, _ = read(row("C:\\new\\token-1"))
    assert b"new" in block
    assert b"token-1" in block


@pytest.mark.parametrize(
    "magic", [b"\x1f\x8b\x08", b"PK\x03\x04", b"\xfd7zXZ\x00", b"7z\xbc\xaf\x27\x1c"]
)
def test_a_container_is_known_anywhere_in_an_array(magic: bytes) -> None:
    escaped = "".join(chr(byte) if 0x20 <= byte <= 0x7E else f"\\{byte:03o}" for byte in magic)
    assert has_container(row("1", "{x," + escaped + "more}"))
    assert has_container(row("(" + escaped + "more)", "1"))
    assert not has_container(row("1", "x" + escaped))


def test_plain_text_is_no_container() -> None:
    assert not has_container(row("1", "PK is a gene", None))
