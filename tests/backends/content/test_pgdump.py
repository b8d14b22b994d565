"""Dumps of a real server by its own pg_dump, in every format and by every method."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import io
import os
import struct
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import lz4.frame
import psycopg
import pytest
import zstandard

from backends.content import Limits, examine_stream
from demo.servers.postgres import PostgresServer
from tests.backends.content.wrapping import IDS, MATCHER, TEXT, read, record, zipped
from tests.needs import POSTGRES_15

ROWS = 20_000  # some chunks of data


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with PostgresServer(tmp_path_factory.mktemp("older"), bin_dir=POSTGRES_15) as server:
        yield server


def fill(server: PostgresServer) -> None:
    with psycopg.connect(server.conninfo, password=server.password) as connection:
        connection.execute("DROP TABLE IF EXISTS answers, others, few")
        connection.execute("CREATE TABLE answers (id text, said text)")
        connection.execute(f"COMMENT ON TABLE answers IS 'the first one was {IDS[199]}'")
        with connection.cursor().copy("COPY answers FROM STDIN") as copy:
            for n in range(ROWS):
                copy.write_row((IDS[n % 190], f"line one\n{n}\\two\tthree" + "x" * (n % 50)))
        connection.execute(
            "CREATE TABLE others AS SELECT 'elsewhere'||g AS id FROM generate_series(1, 3) g"
        )
        connection.execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
        for content in (record(195) * 9, zipped(a=record(196))):
            connection.execute("SELECT lo_from_bytea(0, %s)", [content])


def dump(server: PostgresServer, *options: str) -> bytes:
    done = subprocess.run(
        [server.bin_dir / "pg_dump", "--dbname", server.conninfo, "--blobs", *options],
        env={**os.environ, "PGPASSWORD": server.password}, capture_output=True, check=True,
    )  # fmt: skip
    return done.stdout


def found(data: bytes, step: int = 1 << 20) -> tuple[int, int, int | None, str]:
    reading = read(data, step=step)
    evidence = reading.evidence
    return evidence.records, evidence.matched, evidence.foreign, reading.reason


@pytest.mark.parametrize("step", [77, 1 << 20])
@pytest.mark.parametrize("method", ["none", "gzip:1"])
def test_the_custom_format(postgres: PostgresServer, method: str, step: int) -> None:
    fill(postgres)
    data = dump(postgres, "--format=custom", f"--compress={method}")
    records, matched, _, reason = found(data, step)
    # 190 in the table, one in a comment, one in each large object.
    assert (193, "") == (records, reason)
    assert ROWS + 9 + 1 + 1 == matched
    assert read(data).layers[0] == "pg_dump"


@pytest.mark.parametrize(
    ("method", "compress"), [(2, lz4.frame.compress), (3, zstandard.ZstdCompressor().compress)]
)
def test_methods_that_the_wheel_s_pg_dump_lacks(
    postgres: PostgresServer, method: int, compress: Callable[[bytes], bytes]
) -> None:
    """Its archive, packed as others pack it: the method's number, and one chunk of one table."""
    with psycopg.connect(postgres.conninfo, password=postgres.password) as connection:
        connection.execute("DROP TABLE IF EXISTS few")
        connection.execute("CREATE TABLE few AS SELECT unnest(%s::text[]) AS id", [IDS])
    data = dump(postgres, "--format=custom", "--compress=none", "--table=few")
    rows = "".join(f"{id_}\n" for id_ in IDS).encode()
    begin = at = data.index(struct.pack("<BI", 0, len(IDS[0]) + 1) + IDS[0].encode())
    while size := struct.unpack_from("<BI", data, at)[1]:
        at += 5 + size
    before, after = data[:begin], data[at:]
    assert before[7:12] == b"\0\x04\x08\x01\0"
    packed = compress(rows)
    halves = (packed[:100], packed[100:])
    chunks = b"".join(b"\0" + struct.pack("<I", len(half)) + half for half in halves)
    reading = read(before[:11] + bytes([method]) + before[12:] + chunks + after)
    assert (200, "") == (reading.evidence.records, reading.reason)


@pytest.mark.needs("postgres-15")
@pytest.mark.parametrize("level", ["0", "6"])
def test_the_custom_format_of_an_older_release(older: PostgresServer, level: str) -> None:
    fill(older)
    records, matched, _, reason = found(dump(older, "--format=custom", f"--compress={level}"))
    assert (193, ROWS + 9 + 1 + 1, "") == (records, matched, reason)


def test_the_plain_and_the_tar_format(postgres: PostgresServer) -> None:
    fill(postgres)
    data = dump(postgres, "--format=tar")
    records, _, _, reason = found(data)
    assert (193, "") == (records, reason)
    assert read(data).layers[:2] == ("tar", "pg_dump")
    assert read(dump(postgres, "--format=plain")).evidence.records >= 191


def test_the_directory_format(postgres: PostgresServer, tmp_path: Path) -> None:
    fill(postgres)
    for method in ("none", "gzip"):
        target = tmp_path / method
        dump(postgres, "--format=directory", f"--compress={method}", f"--file={target}")
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as archive:
            archive.add(target, "dump")
        records, _, _, reason = found(file.getvalue())
        assert (193, "") == (records, reason)


def test_damage_ends_as_a_reason(postgres: PostgresServer) -> None:
    fill(postgres)
    data = dump(postgres, "--format=custom", "--compress=gzip:1")
    cut = read(data[: len(data) * 2 // 3])
    assert "damaged-container" == cut.reason
    assert cut.evidence.records >= 150
    for at in range(5, 2000, 29):
        hurt = bytearray(data[:60_000])
        hurt[at] ^= 0xFF
        reading = examine_stream(io.BytesIO(bytes(hurt)), MATCHER)
        assert reading.reason != ""
        assert reading.foreign_records is None


def test_an_unknown_version_is_not_guessed_at() -> None:
    for version in (b"\x01\x09", b"\x01\x63", b"\x02\x0f"):
        reading = read(b"PGDMP" + version + b"\x00\x04\x08\x01\n" + TEXT)
        assert ("container-not-opened", 200) == (reading.reason, reading.evidence.records)


def test_claims_of_size_are_bounded() -> None:
    head = b"PGDMP\x01\x10\x00\x04\x08\x01\x00" + bytes(5) * 7
    huge = b"\x00\xff\xff\xff\x7f"
    assert "bomb-limit" == read(head + huge + bytes(100)).reason
    entry = bytes(5) * 16 + b"\x01\x01\0\0\0" + bytes(9)
    entries = head + bytes(5) * 3 + huge + entry * 100
    assert "bomb-limit" == read(entries, limits=Limits(members=50)).reason
