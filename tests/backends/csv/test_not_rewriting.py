"""Delimited files that are not parted, and others who work on them meanwhile."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import base64
import gzip
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.contract import Order, Result, Store, Technique
from backends.fsops import linux
from tests.backends.csv.mixed import KEPT, MIXED, OTHERS
from tests.backends.trees import (
    HEADER,
    IDS,
    RECORDS,
    destroy,
    holdings,
    line,
    names_in,
    order,
    outcome,
    stranger,
    units,
)

Opener = Callable[..., Store]


@pytest.mark.parametrize(
    ("content", "obstacle"),
    [
        (gzip.compress(gzip.compress(MIXED)), "not-delimited"),
        (gzip.compress(MIXED) + stranger(8), "not-delimited"),
        (gzip.compress(MIXED, 0)[:-9], "damaged-container"),
        (
            b"\x1f\x8b\x08\x04"
            + gzip.compress(MIXED, mtime=0)[4:10]
            + b"\x02\x00ab"
            + gzip.compress(MIXED, mtime=0)[10:],
            "gzip-extra-field",
        ),
        (MIXED.replace(b"nothing of yours 3", b'5" pipe'), "irregular-dialect"),
        (MIXED.replace(b"nothing of yours 3", b'"never closed'), "irregular-dialect"),
        (MIXED.replace(b"nothing of yours 3", b"a stray \r return"), "irregular-dialect"),
        (MIXED.decode().encode("utf-16") + b"\n", "irregular-encoding"),
        (MIXED.replace(b"nothing of yours 3", base64.b64encode(line(1) * 2)), "not-delimited"),
        (
            MIXED.replace(b"nothing of yours 3", base64.b64encode(gzip.compress(MIXED))),
            "not-delimited",
        ),
        (b"A letter to " + IDS[1].encode() + b"\nand nobody else.\nBye\n", "not-delimited"),
        (
            HEADER + f'{IDS[1]},a,"x\n{stranger(1).decode()}",b\n'.encode() + b"".join(OTHERS),
            "irregular-dialect",
        ),
    ],
)
def test_what_cannot_be_parted_safely_is_not(
    exports: Path, open_store: Opener, content: bytes, obstacle: str
) -> None:
    (exports / "x").write_bytes(content)
    holding = holdings(open_store())["exports/x"]
    assert (None, obstacle) == (holding.partial, holding.obstacle)
    forced = Order("order-1", holding, Technique.REWRITE_WITHOUT_RECORDS, whole=False)
    (answer,) = destroy(open_store(), forced)
    assert Result.FAILED is answer.result
    assert content == (exports / "x").read_bytes()
    assert ["x"] == names_in(exports)
    (answer,) = destroy(open_store(), order(holding, whole=True))
    assert Result.DESTROYED is answer.result
    assert [] == names_in(exports)


def test_a_hard_linked_file_is_not_parted(place: Path, planned: Order, open_store: Opener) -> None:
    """Its other name would keep the records, or lose the foreign ones."""
    os.link(place, place.with_name("other.csv"))
    holding = holdings(open_store())["exports/mixed.csv"]
    assert (None, "hard-linked") == (holding.partial, holding.obstacle)
    (answer,) = destroy(open_store(), planned)
    assert (Result.FAILED, "hard-linked") == outcome(answer)
    assert MIXED == place.read_bytes()
    assert ["mixed.csv", "other.csv"] == names_in(place.parent)


def test_without_whole_the_mixed_file_is_not_overwritten(
    place: Path, planned: Order, open_store: Opener
) -> None:
    (answer,) = destroy(open_store(), replace(planned, technique=Technique.OVERWRITE))
    assert (Result.FAILED, "foreign-records-inside") == outcome(answer)
    assert MIXED == place.read_bytes()


def test_a_file_that_is_open_anywhere_is_left_alone(
    place: Path, planned: Order, open_store: Opener
) -> None:
    """A reader would go on with the old file, a writer would lose what it appends to that."""
    for mode in ("rb", "ab"):
        with place.open(mode):
            (answer,) = destroy(open_store(), planned)
            assert (Result.FAILED, "in-use") == outcome(answer)
    assert MIXED == place.read_bytes()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_whoever_opens_the_file_meanwhile_loses_nothing(
    place: Path, planned: Order, open_store: Opener, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """An appender whose open() comes before or after the exchange waits, and then appends."""
    real = linux.exchange
    addition = stranger(42)

    def append() -> None:
        with place.open("ab") as file:
            file.write(addition)

    appender = threading.Thread(target=append)

    def exchange(one: bytes, other: bytes, folder: int) -> None:
        if moment == "after":
            real(one, other, folder)
        if not appender.ident:
            appender.start()
            appender.join(0.2)
        if moment == "before":
            real(one, other, folder)

    monkeypatch.setattr(linux, "exchange", exchange)
    (answer,) = destroy(open_store(), planned)
    appender.join()
    expected = {Result.FAILED: MIXED, Result.DESTROYED: KEPT}[answer.result]
    assert expected + addition == place.read_bytes()
    assert ["mixed.csv"] == names_in(place.parent)


def test_a_write_without_a_lease_to_stop_it_is_noticed(
    place: Path, planned: Order, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On file servers nobody can be kept out: the times are compared around the exchange."""
    monkeypatch.setattr(linux, "take_lease", lambda _: linux.Lease.UNKNOWN)
    real = linux.exchange

    def exchange(one: bytes, other: bytes, folder: int) -> None:
        with place.open("ab") as file:
            file.write(stranger(42))
        monkeypatch.setattr(linux, "exchange", real)
        real(one, other, folder)

    monkeypatch.setattr(linux, "exchange", exchange)
    (answer,) = destroy(open_store(), planned)
    assert (Result.CHANGED, "content-changed") == outcome(answer)
    assert MIXED + stranger(42) == place.read_bytes()
    assert ["mixed.csv"] == names_in(place.parent)


def test_a_file_put_under_the_name_at_the_last_moment_gets_it_back(
    place: Path, planned: Order, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, theirs = linux.exchange, iter([stranger(9)])

    def late(one: bytes, other: bytes, folder: int) -> None:
        if content := next(theirs, None):
            place.with_name("saved").write_bytes(content)
            place.with_name("saved").rename(place)
        real(one, other, folder)

    monkeypatch.setattr(linux, "exchange", late)
    (answer,) = destroy(open_store(), planned)
    assert (Result.CHANGED, "another-file") == outcome(answer)
    assert stranger(9) == place.read_bytes()
    assert ["mixed.csv"] == names_in(place.parent)


def test_a_full_disk_leaves_the_file_as_it_was(
    place: Path, planned: Order, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal comes at the successor's fsync, where delayed allocation shows it."""
    real = os.fsync

    def fsync(fd: int) -> None:
        if Path(f"/proc/self/fd/{fd}").readlink().name.endswith(".new"):
            raise OSError(28, "No space left on device")
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    (answer,) = destroy(open_store(), planned)
    assert (Result.FAILED, "disk-full") == outcome(answer)
    assert MIXED == place.read_bytes()
    assert ["mixed.csv"] == names_in(place.parent)


def test_a_successor_that_reads_otherwise_than_written_is_not_used(
    place: Path, planned: Order, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system that loses a byte is the fault that only a double gives."""
    real = os.fsync

    def fsync(fd: int) -> None:
        if Path(f"/proc/self/fd/{fd}").readlink().name.endswith(".new"):
            os.pwrite(fd, b"X", 100)
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    (answer,) = destroy(open_store(), planned)
    assert (Result.FAILED, "successor-differs") == outcome(answer)
    assert MIXED == place.read_bytes()
    assert ["mixed.csv"] == names_in(place.parent)


def test_attributes_that_cannot_be_carried_over_stop_it(
    place: Path, planned: Order, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchmod", refuse)
    (answer,) = destroy(open_store(), planned)
    assert (Result.FAILED, "access-denied") == outcome(answer)
    assert MIXED == place.read_bytes()
    assert ["mixed.csv"] == names_in(place.parent)


def test_a_file_that_is_wholly_the_dataset_s_is_overwritten(
    exports: Path, open_store: Opener
) -> None:
    (exports / "x.csv").write_bytes(HEADER + RECORDS)
    one = order(holdings(open_store())["exports/x.csv"])
    assert (Technique.OVERWRITE, 0) == (one.technique, one.holding.foreign_records)
    assert [Result.DESTROYED] == [a.result for a in destroy(open_store(), one)]
    assert [] == names_in(exports)


def test_files_that_are_not_delimited_are_looked_at_all_the_same(
    exports: Path, open_store: Opener
) -> None:
    (exports / "notes.txt").write_bytes(b"Dear all,\nremember " + IDS[5].encode() + b"\n")
    (exports / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9)
    (exports / "list.jsonl").write_bytes(f'{{"id": "{IDS[6]}", "n": 1}}\n'.encode() * 3)
    found = holdings(open_store())
    assert {"exports/notes.txt", "exports/list.jsonl"} == set(found)
    assert 3 == len(units(open_store()))


def test_a_statement_that_packs_rows_into_a_line_is_cut_into_them(
    exports: Path, open_store: Opener
) -> None:
    rows = ",".join(f"('{id_}','yes','no')" for id_ in [*IDS[:3], "stranger-1", "stranger-2"])
    text = f"LOCK TABLES `r` WRITE;\nINSERT INTO `r` VALUES {rows};\nUNLOCK TABLES;\n"
    (exports / "x.csv").write_text(text)
    found = holdings(open_store())["exports/x.csv"]
    assert (3, "not-delimited") == (found.records, found.obstacle)
    assert found.foreign_records is not None
    assert found.foreign_records >= 2


def test_large_files_are_rewritten_block_by_block(exports: Path, open_store: Opener) -> None:
    many = [stranger(n) if n % 3 else line(n % 100) for n in range(90_000)]
    (exports / "x.csv").write_bytes(HEADER + b"".join(many))
    one = order(holdings(open_store())["exports/x.csv"])
    assert (100, 60_000) == (one.holding.records, one.holding.foreign_records)
    (answer,) = destroy(open_store(), one)
    assert 30_000 == answer.numbers["records-removed"]
    kept = HEADER + b"".join(row for row in many if row.startswith(b"elsewhere"))
    assert kept == (exports / "x.csv").read_bytes()
