"""Bytes that are no text: looked at line by line, and besides as if nothing parted them."""

from __future__ import annotations

import io
import random

import pytest

from backends.content import Reading, examine_stream
from backends.contract import Verdict
from backends.reference import ReferenceMatcher

ID = "resp-0001112"
MATCHER = ReferenceMatcher([ID], ["ada@example.org"])


def read(data: bytes) -> Reading:
    return examine_stream(io.BytesIO(data), MATCHER)


@pytest.mark.parametrize("size", [0, 100, 3 << 20])
def test_a_value_that_is_glued_to_others_is_found_in_a_binary(size: int) -> None:
    noise = random.Random(1).randbytes(size)
    reading = read(b"\x01\x02\x17\x05" + noise + b"\x02agree" + ID.encode() + b"yes" + noise)
    assert reading.evidence.verdict is Verdict.COPY
    assert reading.evidence.signs.probed == 1
    assert reading.foreign_records is None


def test_a_value_across_two_blocks_of_a_binary_is_found() -> None:
    head = b"\x01\x02\x03x" * (1 << 18)
    for before in range(4, 12):
        reading = read(head[:-before] + b"y" + ID.encode() + b"y" + head)
        assert reading.evidence.verdict is Verdict.COPY


def test_the_same_in_text_is_another_value() -> None:
    for text in (
        f"agree{ID}yes\n",
        f"x\0agree{ID}yes\0z\n",
        "\x1b[0m",
    ):
        reading = read(text.encode() * 1000)
        assert reading.evidence.verdict is None
        assert reading.evidence.signs.probed == 0
