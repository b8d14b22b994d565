"""numpy's arrays: records of every type and order, objects as pickles, and what lies about itself."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import io
import pickle
import random
import struct
from typing import Any

import numpy as np
import pytest

from backends.content import Bounds, Limits, Reading, Rows, Source
from backends.content.openers.npy import NPY
from tests.backends.content.wrapping import IDS, read, record

STRUCTURE = [("respondent_id", "U12"), ("email", "S30"), ("income", "<f8"), ("on", "<M8[D]")]
PEOPLE = [(i, f"person{n}@example.org".encode(), n * 1000, "2018-05-01") for n, i in enumerate(IDS)]
OTHER = ("else00000001", b"other@example.com", 5, "2018-05-02")


def npy(array: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def made(header: str, body: bytes, version: int = 1) -> bytes:
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode() + body


def found(reading: Reading) -> tuple[int, int | None, str]:
    return reading.evidence.records, reading.foreign_records, reading.reason


def rows_of(data: bytes) -> list[list[str]]:
    rows: list[list[str]] = []
    for part in NPY.open(Source(iter((data,))), Bounds(Limits())):
        assert isinstance(part, Rows)
        for block, ends in part.blocks:
            starts = [0, *ends[:-1]]
            rows += [
                block[a : b - 1].decode().split("\x1f") for a, b in zip(starts, ends, strict=True)
            ]
    return rows


def test_records_of_a_structured_array_are_counted_exactly() -> None:
    array = np.array([*PEOPLE, OTHER], STRUCTURE)
    for data in (
        npy(array),
        npy(array.reshape(3, 67)),
        npy(array.astype(array.dtype.newbyteorder(">"))),
    ):
        reading = read(data)
        assert (200, 1, "") == found(reading)
        assert ("npy",) == reading.layers


def test_an_array_of_texts_is_read_along_its_last_axis() -> None:
    rows = [[i, f"person{n}@example.org"] for n, i in enumerate([*IDS, "else00000001"])]
    for array in (np.array(rows), np.array(rows).astype("S"), np.asfortranarray(rows)):
        assert (200, 1, "") == found(read(npy(array)))
    assert (200, 1, "") == found(read(npy(np.array(rows).reshape(3, 67, 2))))
    assert (200, 0, "") == found(read(npy(np.array(IDS))))
    assert (1, 0, "") == found(read(npy(np.array(IDS[0]))))


def test_an_archive_of_arrays() -> None:
    for write in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        write(
            file, a=np.array(PEOPLE[:100], STRUCTURE), b=np.array([*PEOPLE[100:], OTHER], STRUCTURE)
        )
        reading = read(file.getvalue())
        assert (200, 1, "") == found(reading)
        assert ("zip", "npy") == reading.layers


def test_values_are_written_as_they_are_meant() -> None:
    single = np.array([52000.1, 3, -0.5], np.float32)
    assert [["52000.1"], ["3"], ["-0.5"]] == rows_of(npy(single))
    assert [["52000.1", "3", "-0.5"]] == rows_of(npy(single.reshape(1, 3)))
    assert [["1", "2"], ["3", "4"]] == rows_of(npy(np.array([[1, 2], [3, 4]], ">i4")))
    assert [["1", "2"], ["3", "4"]] == rows_of(npy(np.array([[1, 2], [3, 4]], "<u8", order="F")))
    times = np.array(
        [("2018-05-01T10:30", True, [1, 2])], [("t", "M8[s]"), ("b", "?"), ("a", "i2", 2)]
    )
    assert [["2018-05-01 10:30:00", "true", "1\x1e2"]] == rows_of(npy(times))
    inner = np.array([(1, (2.5, "x"))], [("a", "i1"), ("b", [("c", "f8"), ("d", "U1")])])
    assert [["1", "2.5", "x"]] == rows_of(npy(inner))


class Runs:
    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit('unpickled')",)


def test_objects_are_pickles_and_nothing_is_unpickled() -> None:
    rows = np.array([[i, Runs()] for i in IDS[:3]], object)
    reading = read(npy(rows, allow_pickle=True))
    assert (3, None, "") == found(reading)
    assert ("npy", "pickle") == reading.layers
    assert b"unpickled" in pickle.dumps(Runs())


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("{'descr': '<i8', 'fortran_order': False, 'shape': (9,)}", "damaged-container"),
        ("{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000,)}", "damaged-container"),
        ("{'descr': '<i8', 'fortran_order': True, 'shape': (2, 100000000000,)}", "too-large-to-open"),
        ("{'descr': '<i8', 'fortran_order': True, 'shape': (999999, 2)}", "damaged-container"),
        ("{'descr': '<i8', 'fortran_order': False, 'shape': (-1,)}", "damaged-container"),
        ("{'descr': '|V0', 'fortran_order': False, 'shape': (10**9,)}", "damaged-container"),
        ("{'descr': '<i8', 'fortran_order': False, 'shape': (1, 9000000)}", "too-large-to-open"),
        ("__import__('os').abort()", "damaged-container"),
        ("(" * 9000, "damaged-container"),
        ("{'descr': 'nonsense'}", "damaged-container"),
        ("{}".ljust(10_001), "container-not-opened"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("version", [1, 2, 3])
def test_what_lies_about_itself_is_a_gap(header: str, reason: str, version: int) -> None:
    reading = read(made(header, record(1), version))
    assert (reason, None) == (reading.reason, reading.foreign_records)


def test_elements_of_no_size_are_not_counted() -> None:
    header = "{'descr': '|V0', 'fortran_order': False, 'shape': (1000000000000,)}"
    assert (1, 0, "") == found(read(made(header, record(1))))


def test_damage_is_a_gap_or_says_what_it_has() -> None:
    whole = npy(np.array([*PEOPLE, OTHER], STRUCTURE))
    draw = random.Random(2)
    for end in range(8, len(whole), 997):
        assert read(whole[:end]).reason
    for _ in range(200):
        data = bytearray(whole)
        data[draw.randrange(200)] = draw.randrange(256)
        assert read(bytes(data)).reason in {"", "damaged-container", "container-not-opened", "too-large-to-open"}  # fmt: skip
