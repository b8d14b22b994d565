"""Pages of a real server, as its own extension reads them, and pages that are no such thing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.postgres.raw import packed
from backends.postgres.raw.access import files_of
from backends.postgres.raw.pages import ENTRY, FREED, PAGE, ROW, Reader, Windows
from backends.postgres.raw.toast import Gatherer
from tests.backends.postgres.place import Place

READER = Reader(4)


def file_of(place: Place, name: str) -> bytes:
    """Return a relation's file, through the server, as it is after a checkpoint."""
    place.sql("CHECKPOINT")
    ((path,),) = place.sql("SELECT pg_relation_filepath(%s)", name)
    files = files_of(place.connection)
    size = files.size(path)
    assert size is not None
    return files.read(path, 0, size)


def windows(found: Windows) -> list[bytes]:
    begins = [0, *found.ends[:-1].tolist()]
    return [found.text[a:b] for a, b in zip(begins, found.ends.tolist(), strict=True)]


def read(data: bytes) -> list[tuple[int, bytes]]:
    out: list[tuple[int, bytes]] = []
    for at in range(0, len(data), READER.bytes):
        found = READER.read(data[at : at + READER.bytes])
        out += zip(found.kinds.tolist(), windows(found), strict=True)
    return out


def test_every_value_is_told_apart(any_place: Place) -> None:
    """Their headers are letters or digits at many lengths: a word of 36 bytes follows a K."""
    any_place.sql("CREATE TABLE t (a text, n int, b text, c text)")
    any_place.sql(
        "INSERT INTO t SELECT repeat('x', n % 100) || n, n, gen_random_uuid()::text, md5(n::text)"
        "  FROM generate_series(1, 3000) n"
    )
    rows = [text for kind, text in read(file_of(any_place, "t")) if kind == ROW]
    expected = any_place.sql("SELECT a, b, c FROM t ORDER BY ctid")
    assert len(rows) == len(expected) == 3000
    whole = [
        {value.encode() for value in values} <= set(row.split())
        for row, values in zip(rows, expected, strict=True)
    ]
    # Now and then an integer, with what follows it, looks like a value.
    assert whole.count(False) < 3000 / 100


def test_what_was_deleted_is_there_and_is_no_row(any_place: Place) -> None:
    any_place.sql("CREATE TABLE t (n int, a text)")
    any_place.sql("INSERT INTO t SELECT n, 'deleted-' || n FROM generate_series(1, 500) n")
    any_place.sql("INSERT INTO t SELECT n, 'kept-' || n FROM generate_series(1, 500) n")
    any_place.sql("DELETE FROM t WHERE a LIKE 'deleted%%'")
    any_place.sql("VACUUM (TRUNCATE FALSE) t")
    found = read(file_of(any_place, "t"))
    rows = b"".join(text for kind, text in found if kind == ROW)
    freed = b"".join(text for kind, text in found if kind == FREED)
    assert b"deleted-" not in rows
    assert all(b"kept-%d" % n in rows.split() for n in range(1, 501))
    # The rows that stay are moved over some of them.
    assert sum(b"deleted-%d" % n in freed.split() for n in range(1, 501)) > 200


def test_entries_of_an_index_are_told_apart(any_place: Place) -> None:
    any_place.sql("CREATE TABLE t (a text)")
    any_place.sql("INSERT INTO t SELECT 'entry-' || n FROM generate_series(1, 2000) n")
    any_place.sql("CREATE INDEX i ON t (a)")
    words = b"".join(text for kind, text in read(file_of(any_place, "i")) if kind == ENTRY).split()
    assert {b"entry-%d" % n for n in range(1, 2001)} <= set(words)


def compressions(place: Place) -> list[str]:
    """The methods that a server was built with."""
    ((found,),) = place.sql(
        "SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression'"
    )
    return list(found)


@pytest.mark.needs("postgres-15")
def test_both_methods_are_tried(any_place: Place) -> None:
    older = any_place.connection.info.server_version < 160000
    assert compressions(any_place) == (["pglz", "lz4"] if older else ["pglz"])


@pytest.mark.parametrize("storage", ["main", "extended", "external"])
def test_values_that_are_compressed_or_lie_apart_are_put_together(
    any_place: Place, storage: str
) -> None:
    for method in compressions(any_place):
        any_place.sql("DROP TABLE IF EXISTS t")
        any_place.sql(f"CREATE TABLE t (a text COMPRESSION {method})")
        any_place.sql(f"ALTER TABLE t ALTER a SET STORAGE {storage}")
        any_place.sql(
            "INSERT INTO t SELECT string_agg(md5((n * m)::text) || repeat(' word', m % 9), ',')"
            "  FROM generate_series(1, 60) n, generate_series(1, 40 + n * 5) m GROUP BY n"
        )
        expected = {row[0].encode() for row in any_place.sql("SELECT a FROM t")}
        ((toast,),) = any_place.sql(
            "SELECT reltoastrelid::regclass::text FROM pg_class WHERE relname = 't'"
        )
        assert expected <= opened(any_place, "t", toast)


def opened(place: Place, table: str, toast: str) -> set[bytes]:
    """All values of a table that are compressed in it, or lie in its TOAST table."""
    seen: set[bytes] = set()
    gatherer = Gatherer()
    for name in (table, toast):
        data = file_of(place, name)
        for at in range(0, len(data), READER.bytes):
            block = data[at : at + READER.bytes]
            found = READER.read(block)
            seen |= {value for _, value in packed.values(block, found.packed)}
            for number in np.flatnonzero(found.chunks).tolist() if name == toast else ():
                begin, place_, stop = (
                    int(each[number]) for each in (found.begins, found.chunks, found.stops)
                )
                ids = np.frombuffer(block, "<u4", 2, begin + block[begin + 22])
                seen |= set(gatherer.take(int(ids[0]), int(ids[1]), block[place_:stop]))
    return seen | set(gatherer.rest())


_CHANGES = st.lists(
    st.tuples(st.integers(0, PAGE - 1), st.binary(min_size=1, max_size=8)), max_size=30
)


@pytest.fixture(scope="module")
def some_pages() -> list[bytes]:
    """Pages as a server makes them, made by hand: a table's, an index's, and noise."""
    rng = np.random.default_rng(5)
    pages = []
    for special in (PAGE, PAGE - 16):
        page = bytearray(PAGE)
        upper, pointers = special, b""
        for number in range(60):
            body = b"user%d@example.org" % number
            data = bytes([2 * len(body) + 3]) + body
            head = (
                bytes(18) + (1).to_bytes(2, "little") + bytes(2) + bytes([24, 0])
                if special == PAGE
                else bytes(8)
            )
            item = head + data
            upper -= -(-len(item) // 8) * 8
            page[upper : upper + len(item)] = item
            pointers += (upper | 1 << 15 | len(item) << 17).to_bytes(4, "little")
        page[12:20] = b"".join(
            n.to_bytes(2, "little") for n in (24 + len(pointers), upper, special, PAGE | 4)
        )
        page[24 : 24 + len(pointers)] = pointers
        pages.append(bytes(page))
    return [*pages, rng.integers(0, 256, PAGE, np.uint8).tobytes()]


@settings(deadline=None)
@given(which=st.integers(0, 2), changes=_CHANGES)
def test_no_page_is_too_odd(
    some_pages: list[bytes], which: int, changes: list[tuple[int, bytes]]
) -> None:
    page = bytearray(some_pages[which])
    for at, data in changes:
        page[at : at + len(data)] = data
    block = bytes(page[:PAGE])
    found = READER.read(block)
    assert len(found.text) <= 2 * PAGE + 3100
    assert (np.diff(found.ends) >= 0).all()
    assert all(0 <= a <= b <= PAGE for a, b in zip(found.begins, found.stops, strict=True))
    for _, value in packed.values(block, found.packed):
        assert len(value) <= 300 * PAGE


@settings(deadline=None)
@given(at=st.integers(0, 7000), value=st.text("abcdefghij0123456789", min_size=8, max_size=60))
def test_a_value_behind_its_header_is_a_word_wherever_it_lies(at: int, value: str) -> None:
    data = value.encode()
    page = bytearray(PAGE)
    page[at : at + len(data) + 2] = bytes([2 * len(data) + 3]) + data + b"\0"
    assert data in b"".join(windows(READER.read(bytes(page)))).split()
