"""Containers made to exhaust their reader: bounded time and memory, and a reason."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import pickle
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator

import fastavro
import lz4.frame
import numpy as np
import pyarrow as pa
import pytest
import zstandard
from pyarrow import feather, orc
from pyarrow import parquet as pq

from backends.content import Bounds, Limits, Member, Part, Source, examine_stream
from tests.backends.content.test_openers import Made, installed
from tests.backends.content.test_spreadsheets import cell, ods
from tests.backends.content.wrapping import MATCHER, read, record, seven_zipped, tarred, zipped

__all__ = ["installed"]  # a fixture

ZEROS = bytes(1 << 20)
SIZE = 96 << 20


def streamed(compressor: object) -> bytes:
    """Zeros by an incremental compressor."""
    compress, flush = compressor.compress, compressor.flush  # type: ignore[attr-defined]
    return b"".join(compress(ZEROS) for _ in range(SIZE // len(ZEROS))) + bytes(flush())


def zipped_zeros() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a", "w") as one:
        for _ in range(SIZE // len(ZEROS)):
            one.write(ZEROS)
    return file.getvalue()


def lz4_zeros() -> bytes:
    with lz4.frame.LZ4FrameCompressor() as compressor:
        packed = compressor.begin()
        packed += b"".join(compressor.compress(ZEROS) for _ in range(SIZE // len(ZEROS)))
        return bytes(packed + compressor.flush())


BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: streamed(zlib.compressobj(9, wbits=31)),
    "bz2": lambda: streamed(bz2.BZ2Compressor()),
    "xz": lambda: streamed(lzma.LZMACompressor(preset=0)),
    "lzma": lambda: streamed(lzma.LZMACompressor(lzma.FORMAT_ALONE, preset=0)),
    "zstd": lambda: streamed(zstandard.ZstdCompressor().compressobj()),
    "lz4": lz4_zeros,
    "zip": zipped_zeros,
    "7z": lambda: seven_zipped(bytes(SIZE)),
    "tar.gz": lambda: gzip.compress(tarred(a=bytes(SIZE)), 1),
    "gzip twice": lambda: gzip.compress(streamed(zlib.compressobj(9, wbits=31))),
}


LONG = "x" * (1 << 20)
TABLE = pa.table({"v": [LONG] * (SIZE >> 20)})


def written(write: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def avro() -> bytes:
    schema = {"type": "record", "name": "r", "fields": [{"name": "v", "type": "string"}]}
    rows = [{"v": LONG}] * (SIZE >> 20)
    return written(lambda file: fastavro.writer(file, schema, rows, codec="deflate"))


def repeated() -> bytes:
    """Rows that a sheet has once, and says to have very often."""
    return ods(' table:number-rows-repeated="1000000">' + cell("x" * 1000))


BOMBS |= {
    "parquet": lambda: written(lambda file: pq.write_table(TABLE, file)),
    "arrow": lambda: written(lambda file: feather.write_feather(TABLE, file, compression="zstd")),
    "orc": lambda: written(lambda file: orc.write_table(TABLE, file, compression="zlib")),
    "avro": avro,
    "ods": repeated,
    "npz": lambda: written(lambda file: np.savez_compressed(file, a=np.full(SIZE >> 22, LONG))),
    "pickle.gz": lambda: gzip.compress(pickle.dumps([LONG + str(n) for n in range(SIZE >> 20)])),
    "base64": lambda: base64.encodebytes(streamed(zlib.compressobj(9, wbits=31))),
    "eml": lambda: (
        b"From: a@b\nMIME-Version: 1.0\nContent-Type: application/gzip\n"
        b"Content-Transfer-Encoding: base64\n\n"
        + base64.encodebytes(streamed(zlib.compressobj(9, wbits=31)))
    ),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_what_unpacks_to_very_much_ends_as_a_reason_in_little_memory(kind: str) -> None:
    data = BOMBS[kind]()
    limits = Limits(free=16 << 20, ratio=50)
    tracemalloc.start()
    try:
        reading = examine_stream(io.BytesIO(data), MATCHER, limits=limits)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "bomb-limit" == reading.reason
    assert peak < 48 << 20


def test_archives_that_multiply_are_stopped_by_the_number_of_members() -> None:
    """As in 42.zip: sixteen copies in each level, six levels, sixteen million files."""
    data = record(1)
    for _ in range(6):
        data = zipped(**{f"m{n}": data for n in range(16)})
    reading = read(data, limits=Limits(members=2000))
    assert ("bomb-limit", 1) == (reading.reason, reading.evidence.records)


def test_depth_hides_nothing_that_lies_beside_it() -> None:
    deep = record(1)
    for _ in range(12):
        deep = gzip.compress(deep)
    reading = read(tarred(a=deep, b=record(2)))
    assert ("bomb-limit", 1) == (reading.reason, reading.evidence.records)


def test_a_container_that_holds_itself_comes_to_an_end(installed: list[object]) -> None:
    class Quine(Made):
        def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
            bounds.member()
            data = b"".join(source.chunks())
            yield Member(Source(iter([data])))
            yield Member(Source(iter([data])))

    installed.append(Quine())
    reading = read(b"MADE\n" + record(1))
    assert ("bomb-limit", 1) == (reading.reason, reading.evidence.records)


def test_a_tar_of_very_many_members_is_stopped() -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for number in range(3000):
            archive.addfile(tarfile.TarInfo(f"{number}"), None)
    assert "bomb-limit" == read(file.getvalue(), limits=Limits(members=1000)).reason


def test_entities_that_multiply_are_text() -> None:
    """Nothing here expands an entity: a thousand million laughs stay as short as they are."""
    laughs = b'<!DOCTYPE x [<!ENTITY a0 "ha">' + b"".join(
        b'<!ENTITY a%d "%s">' % (n + 1, b"&a%d;" % n * 10) for n in range(9)
    )
    reading = read(b'<?xml version="1.0"?>' + laughs + b"]><x><r>" + record(1) + b"</r>&a9;</x>")
    assert ("", 1) == (reading.reason, reading.evidence.records)


END = 0xFFFFFFFE


def ole(*names: str) -> bytes:
    """A compound file whose streams are empty: header, table, directory; [MS-CFB] 2.2, 2.3, 2.6."""
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + b"\x3e\0\x03\0\xfe\xff\x09\0\x06\0"
    head = head.ljust(44, b"\0") + struct.pack("<8I", 1, 1, 0, 4096, END, 0, END, 0)
    table = struct.pack("<2I", 0xFFFFFFFD, END)
    entries = b"".join(
        (name.encode("utf-16-le").ljust(64, b"\0") + bytes([2 * len(name) + 2, 0, 2 if n else 5]))
        .ljust(116, b"\0") + struct.pack("<IQ", END, 0)
        for n, name in enumerate(names)
    )  # fmt: skip
    whole = (head + bytes(4)).ljust(512, b"\xff") + table.ljust(512, b"\xff")
    return whole + entries.ljust(512, b"\0")


def test_office_documents_that_have_a_password_are_named() -> None:
    assert "encrypted" == read(ole("Root Entry", "EncryptionInfo", "EncryptedPackage")).reason
    plain = read(ole("Root Entry", "WordDocument") + b"\1\2" + record(1))
    assert ("container-not-opened", 1) == (plain.reason, plain.evidence.records)
    assert plain.foreign_records is None


RAR4, RAR5 = b"Rar!\x1a\x07\x00", b"Rar!\x1a\x07\x01\x00"
MAIN5 = b"\1\2\3\4" + b"\x03" + b"\x01\x00\x00"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (RAR4 + b"\0\0\x73\x80\0\x0d\0" + bytes(6), "encrypted"),
        (RAR4 + b"\0\0\x73\0\0\x0d\0" + bytes(6) + b"\0\0\x74\x04\x80\x20\0", "encrypted"),
        (RAR4 + b"\0\0\x73\0\0\x0d\0" + bytes(6) + b"\0\0\x74\0\x80\x20\0", "container-not-opened"),
        (RAR5 + b"\1\2\3\4" + b"\x21\x04\x00", "encrypted"),
        (RAR5 + MAIN5 + b"\1\2\3\4" + b"\x08\x02\x01\x03" + bytes(2) + b"\x02\x01\x00", "encrypted"),
        (RAR5 + MAIN5 + b"\1\2\3\4" + b"\x08\x02\x01\x03" + bytes(2) + b"\x02\x03\x00", "container-not-opened"),
    ],
)  # fmt: skip
def test_rar_archives_that_have_a_password_are_named(data: bytes, reason: str) -> None:
    """By the layouts in RAR's technical notes, versions 4 and 5."""
    assert reason == read(data + bytes(40)).reason
