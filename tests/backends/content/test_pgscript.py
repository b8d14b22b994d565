"""Binary values in what pg_dump writes as text."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import gzip

import pytest

from backends.content import Limits
from tests.backends.content.wrapping import read, record

SCRIPT = b"--\n-- PostgreSQL database dump\n--\n\nCOPY public.a (n, v) FROM stdin;\n"


@pytest.mark.parametrize("step", [17, 1 << 20])
def test_binary_values_in_a_script_are_read_and_opened(step: int) -> None:
    values = [record(1), gzip.compress(record(2)), "".join(map(chr, range(1000))).encode("utf-16")]
    rows = b"".join(b"%d\t\\\\x%s\n" % (n, v.hex().encode()) for n, v in enumerate(values))
    reading = read(SCRIPT + rows + b"\\.\n", step=step)
    assert ("", 2) == (reading.reason, reading.evidence.records)
    assert ("pg_dump-script", "gzip") == reading.layers


def test_more_binary_values_than_can_be_held_are_a_gap() -> None:
    packed = gzip.compress(record(2)).hex().encode()
    rows = b"".join(b"%d\t\\\\x%s\n" % (n, packed) for n in range(100))
    reading = read(SCRIPT + rows, limits=Limits(memory=1000))
    assert ("too-large-to-open", 1) == (reading.reason, reading.evidence.records)


def test_rows_without_a_script_around_them_are_known_by_a_binary_value() -> None:
    row = b"7\t\\\\x%s\tx\n" % gzip.compress(record(2)).hex().encode()
    reading = read(row + b"8\t\\\\x%s\t\\\\N\n" % record(3).hex().encode())
    assert (("copy-rows", "gzip"), 2, "") == (
        reading.layers,
        reading.evidence.records,
        reading.reason,
    )
    for text in (b"C:\\\\x64\n" + record(1), b"7\t\\\\x7\tx\n" + record(1)):
        assert ((), 1) == (read(text).layers, read(text).evidence.records)
