"""The write-ahead log of real servers beside what pg_waldump makes of it, and logs that are none."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.postgres.raw import packed
from backends.postgres.raw.wal import WAL_PAGE, Stream, Stretch
from demo.servers.postgres import PostgresServer
from tests.backends.postgres.conftest import VERSIONS
from tests.backends.postgres.place import Place
from tests.needs import POSTGRES_15

_COUNT = re.compile(r"^rmgr:", re.MULTILINE)


def stretches(data: bytes, step: int = 1 << 20) -> list[Stretch]:
    stream = Stream()
    found = [s for at in range(0, len(data), step) for s in stream.take(data[at : at + step])]
    return [*found, *stream.rest()]


@pytest.fixture(params=VERSIONS, ids="postgres-{}".format)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PostgresServer]:
    bin_dir = POSTGRES_15 if request.param == 15 else None
    settings = {"autovacuum": "off", "wal_compression": "pglz", "wal_keep_size": "1GB"}
    with PostgresServer(tmp_path / "server", bin_dir=bin_dir, settings=settings) as server:
        yield server


def written(server: PostgresServer, tmp_path: Path) -> list[Path]:
    """Have a server write more than a segment, stop it, and return its segments in order."""
    import psycopg

    with psycopg.connect(server.conninfo, password=server.password, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (n int, a text)")
        connection.execute(
            "INSERT INTO t SELECT n, md5(n::text) || repeat('-', 300) FROM generate_series(1, 90000) n"
        )
        connection.execute("CHECKPOINT")
        connection.execute("DELETE FROM t WHERE n % 50 = 0")
    server.stop()
    return sorted((server.data_directory / "pg_wal").glob("0*"))


def test_records_and_images_are_as_many_as_pg_waldump_tells(
    server: PostgresServer, tmp_path: Path
) -> None:
    segments = written(server, tmp_path)
    assert len(segments) > 2
    told = subprocess.run(
        [server.bin_dir / "pg_waldump", segments[0], segments[-1]],
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    found = stretches(b"".join(path.read_bytes() for path in segments))
    records = sum(len(each.ends) for each in found)
    assert abs(records - len(_COUNT.findall(told))) < 0.001 * records
    images = [image for each in found for image in each.images]
    assert len(images) == len(re.findall(r"\bFPW\b", told)) > 1000
    pages = [packed.page(image) for image in images]
    assert all(page is not None and len(page) == 8192 for page in pages)
    rows = b"".join(filter(None, pages))
    digests = {b"%d" % n for n in range(50, 90001, 50)}
    assert rows.count(b"-" * 300) > len(digests)


def test_nothing_depends_on_where_it_is_cut(server: PostgresServer, tmp_path: Path) -> None:
    """A record that goes over the end of a segment is whole."""
    data = b"".join(path.read_bytes() for path in written(server, tmp_path))
    whole = stretches(data, len(data))
    parts = stretches(data, 3 * WAL_PAGE)
    assert b"".join(s.data for s in whole) == b"".join(s.data for s in parts)
    images = [image for each in whole for image in each.images]
    assert images == [image for each in parts for image in each.images]


@settings(deadline=None, max_examples=60)
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 65535), st.binary(min_size=1, max_size=12)), max_size=20
    ),
    step=st.sampled_from([WAL_PAGE, 3 * WAL_PAGE, 8 * WAL_PAGE]),
)
def test_no_log_is_too_odd(changes: list[tuple[int, bytes]], step: int) -> None:
    data = bytearray(made())
    for at, piece in changes:
        data[at : at + len(piece)] = piece
    block = bytes(data[: 8 * WAL_PAGE])
    found = stretches(block, step)
    assert sum(len(each.data) for each in found) <= len(block)
    for each in found:
        assert (np.diff(each.ends) >= 0).all()
        assert each.ends[-1] == len(each.data)
        for image in each.images:
            page = packed.page(image)
            assert page is None or len(page) == 8192


def made() -> bytes:
    """Eight pages of a log, of records with an image each, made by hand."""
    image = bytes(range(256)) * 4
    body = bytes([0, 0x10, 0, 0]) + len(image).to_bytes(2, "little") + (100).to_bytes(2, "little")
    body += bytes([1]) + bytes(12) + bytes(4) + bytes([255, 3]) + image + b"abc"
    record = (24 + len(body)).to_bytes(4, "little") + bytes(20) + body
    record += bytes(-len(record) % 8)
    stream = record * (8 * WAL_PAGE // len(record))
    pages = []
    for number in range(8):
        head = (0xD118).to_bytes(2, "little") + bytes(2) + (1).to_bytes(4, "little")
        head += (number * WAL_PAGE).to_bytes(8, "little")
        taken = number * (WAL_PAGE - 24)
        head += (-taken % len(record)).to_bytes(4, "little") + bytes(4)
        pages.append((head + stream[taken : taken + WAL_PAGE - 24]).ljust(WAL_PAGE, b"\0"))
    return b"".join(pages)


def test_images_made_by_hand_are_found() -> None:
    images = [image for each in stretches(made()) for image in each.images]
    assert len(images) > 50
    assert {image.data for image in images} == {bytes(range(256)) * 4}


def test_a_recycled_rest_is_a_run_of_its_own() -> None:
    older = bytearray(made())
    for number in range(8):  # as written at another address
        at = number * WAL_PAGE + 8
        older[at : at + 8] = ((100 + number) * WAL_PAGE).to_bytes(8, "little")
    block = made()[: 3 * WAL_PAGE] + bytes(older[3 * WAL_PAGE :])
    found = stretches(block)
    assert sum(each.begins for each in found) == 2
    assert sum(len(each.images) for each in found) > 50


def test_the_place_has_a_log(any_place: Place) -> None:
    from backends.postgres.raw.access import files_of

    entries = list(files_of(any_place.connection).walk("pg_wal"))
    assert any(re.fullmatch(r"pg_wal/[0-9A-F]{24}", entry.path) for entry in entries)
