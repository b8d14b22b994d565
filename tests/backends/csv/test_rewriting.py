"""Taking records out of delimited files: every foreign byte stays, whatever happens."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import csv
import gzip
import io
import os
import struct
import subprocess
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from backends.contract import Context, Destruction, Finding, Order, Result, Store, Technique
from backends.csv import BACKEND
from backends.fsops import linux
from tests.backends.dying import Recorder, dies_at
from tests.backends.trees import (
    HEADER,
    IDS,
    MATCHER,
    RECORDS,
    holdings,
    line,
    order,
    stranger,
    units,
)

Opener = Callable[..., Store]
OTHERS = [stranger(n) for n in range(6)]
MIXED = HEADER + line(1) + OTHERS[0] + line(2) + line(3) + b"".join(OTHERS[1:]) + line(4)
KEPT = HEADER + b"".join(OTHERS)


def destroy(store: Store, *orders: Order) -> list[Destruction]:
    return list(store.destroy(orders, MATCHER))


def outcome(answer: Destruction) -> tuple[Result, str]:
    return answer.result, answer.reason


def finding(store: Store, one: Order) -> Finding:
    (answer,) = store.verify([one], MATCHER)
    return answer.finding


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def place(exports: Path) -> Path:
    (exports / "mixed.csv").write_bytes(MIXED)
    return exports / "mixed.csv"


@pytest.fixture
def planned(place: Path, open_store: Opener) -> Order:
    one = order(holdings(open_store())["exports/mixed.csv"])
    assert Technique.REWRITE_WITHOUT_RECORDS is one.technique
    return one


def test_records_go_and_every_other_byte_stays(
    place: Path, planned: Order, open_store: Opener
) -> None:
    (answer,) = destroy(open_store(), planned)
    assert (Result.DESTROYED, "") == outcome(answer)
    assert KEPT == place.read_bytes()
    assert {
        "bytes-overwritten": len(MIXED),
        "bytes-read-back": len(MIXED),
        "records-removed": 4,
    } == answer.numbers
    assert ["mixed.csv"] == names_in(place.parent)
    assert Finding.ABSENT is finding(open_store(), planned)
    assert [Result.ALREADY_ABSENT] == [a.result for a in destroy(open_store(), planned)]


def test_the_old_blocks_are_overwritten(place: Path, planned: Order, open_store: Opener) -> None:
    with place.open("rb") as file:
        inode = os.fstat(file.fileno()).st_ino
    seen: list[bytes] = []
    with pytest.MonkeyPatch.context() as patch:
        real = os.ftruncate

        def ftruncate(fd: int, size: int) -> None:
            assert inode == os.fstat(fd).st_ino
            seen.append(os.pread(fd, 1 << 20, 0))
            real(fd, size)

        patch.setattr(os, "ftruncate", ftruncate)
        destroy(open_store(), planned)
    (content,) = seen
    assert len(MIXED) == len(content)
    assert b"resp" not in content


def test_owner_mode_times_and_attributes_stay(place: Path, open_store: Opener) -> None:
    if os.geteuid() == 0:
        os.chown(place, 1234, 5678)
    place.chmod(0o640)
    acl = struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", tag, perm, who)
        for tag, perm, who in [
            (1, 6, 2**32 - 1),
            (2, 4, 4321),
            (4, 4, 2**32 - 1),
            (16, 4, 2**32 - 1),
            (32, 0, 2**32 - 1),
        ]
    )
    os.setxattr(place, "system.posix_acl_access", acl)
    os.setxattr(place, "user.origin", b"quarterly")
    os.utime(place, ns=(1_500_000_000_123_456_789, 1_400_000_000_987_654_321))
    before = place.stat()
    attributes = {name: os.getxattr(place, name) for name in os.listxattr(place)}
    destroy(open_store(), order(holdings(open_store())["exports/mixed.csv"]))
    after = place.stat()
    assert KEPT == place.read_bytes()
    for fact in ("st_mode", "st_uid", "st_gid", "st_mtime_ns", "st_atime_ns", "st_nlink"):
        assert getattr(before, fact) == getattr(after, fact), fact
    assert attributes == {name: os.getxattr(place, name) for name in os.listxattr(place)}


def test_a_person_s_own_record_elsewhere_is_never_taken(exports: Path, open_store: Opener) -> None:
    """The same address in another context is foreign."""
    newsletter = b"elsewhere77777,person1@example.org,a newsletter\n"
    (exports / "x.csv").write_bytes(HEADER + line(1) + newsletter)
    one = order(holdings(open_store())["exports/x.csv"])
    assert 1 == one.holding.foreign_records
    destroy(open_store(), one)
    assert HEADER + newsletter == (exports / "x.csv").read_bytes()
    assert Finding.ABSENT is finding(open_store(), one)


def test_killed_before_any_step_it_ends_as_if_undisturbed(
    exports: Path, open_store: Opener
) -> None:
    """And at no step does the name lead to anything but a file with all foreign records."""
    place = exports / "mixed.csv"
    number = 0
    while True:
        place.write_bytes(MIXED)
        os.setxattr(place, "user.origin", b"quarterly")
        one = order(holdings(open_store())["exports/mixed.csv"], id_=f"order-{number}")
        died = dies_at(number, lambda one=one: destroy(open_store(), one))  # type: ignore[misc]
        assert place.read_bytes() in {MIXED, KEPT}, f"killed before step {number}"
        (answer,) = destroy(open_store(), one)
        assert answer.result in {Result.DESTROYED, Result.ALREADY_ABSENT}, number
        assert KEPT == place.read_bytes(), f"killed before step {number}"
        assert b"quarterly" == os.getxattr(place, "user.origin")
        assert ["mixed.csv"] == names_in(exports), f"killed before step {number}"
        assert Finding.ABSENT is finding(open_store(), one)
        if not died:
            break
        number += 1
    assert number >= 15


def test_killed_before_any_step_without_an_exchange_of_names(
    exports: Path, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File systems without RENAME_EXCHANGE take a link and a renaming."""

    def unsupported(*_: object) -> None:
        raise linux.ExchangeUnsupported(22, "Invalid argument")

    monkeypatch.setattr(linux, "exchange", unsupported)
    place = exports / "mixed.csv"
    number = 0
    while True:
        place.write_bytes(MIXED)
        one = order(holdings(open_store())["exports/mixed.csv"], id_=f"order-{number}")
        died = dies_at(number, lambda one=one: destroy(open_store(), one))  # type: ignore[misc]
        assert place.read_bytes() in {MIXED, KEPT}, f"killed before step {number}"
        (answer,) = destroy(open_store(), one)
        assert answer.result in {Result.DESTROYED, Result.ALREADY_ABSENT}, number
        assert KEPT == place.read_bytes(), f"killed before step {number}"
        assert ["mixed.csv"] == names_in(exports), f"killed before step {number}"
        if not died:
            break
        number += 1
    assert number >= 12


def test_the_successor_is_durable_before_the_exchange(
    planned: Order, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(monkeypatch)
    destroy(open_store(), planned)
    calls = recorder.calls
    exchange = calls.index("renameat2")
    assert "fsync" in calls[:exchange]  # the successor
    assert "fsync" == calls[exchange + 1]  # the folder
    assert "pwrite" not in calls[:exchange]
    assert ["unlink", "fsync"] == calls[-2:]


# --- what the csv module writes, in any dialect, comes out less the records ---------------

_VALUE = st.text(st.sampled_from("ab ,;|\t\"'\n\r€üЖ"), max_size=8)
_ROW = st.tuples(st.sampled_from(["", *IDS[:6]]), _VALUE, _VALUE)


@settings(max_examples=80, deadline=None)
@given(
    rows=st.lists(_ROW, min_size=3, max_size=12),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]),
    final=st.booleans(),
    header=st.booleans(),
    packed=st.booleans(),
)
def test_exactly_the_foreign_bytes_are_left(
    rows: list[tuple[str, str, str]],
    delimiter: str,
    end: str,
    encoding: str,
    final: bool,
    header: bool,
    packed: bool,
) -> None:
    """The oracle: the csv module writes each record by itself; foreign ones are joined again."""
    texts: list[tuple[bool, str]] = []
    if header:
        texts.append((False, delimiter.join(["respondent_id", "email", "answer"]) + end))
    for number, (identity, *values) in enumerate(rows):
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
        writer.writerow([identity or f"elsewhere{number:05}", *values])
        texts.append((bool(identity), text.getvalue()))
    if not final:
        texts[-1] = (texts[-1][0], texts[-1][1].removesuffix(end))

    def file_of(parts: list[str]) -> bytes:
        bom = "\ufeff" if encoding in {"utf-8-sig", "utf-16", "utf-32"} else ""
        plain = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
        data = (bom + "".join(parts)).encode(plain.get(encoding, encoding))
        return gzip.compress(data, mtime=0) if packed else data

    before = file_of([text for _, text in texts])
    expected = file_of([text for dataset, text in texts if not dataset])
    records = sum(dataset for dataset, _ in texts)
    with tempfile.TemporaryDirectory() as folder:
        exports = Path(folder) / "exports"
        exports.mkdir()
        place = exports / "x"
        place.write_bytes(before)
        store = BACKEND.open(
            "exports",
            {"roots": ["exports"], "delimiter": delimiter},
            Context(exports.parent, exports.parent / "none"),
        )
        found = holdings(store)
        if not records:
            assert {} == found
            return
        holding = found["exports/x"]
        if holding.partial is None:
            assert holding.obstacle in {"not-delimited", "irregular-dialect"}, holding.obstacle
            event(f"refused: {holding.obstacle}")  # the next test bounds how often
            return
        event("rewritten")
        one = Order("order-1", holding, Technique.REWRITE_WITHOUT_RECORDS, whole=False)
        (answer,) = destroy(store, one)
        assert (Result.DESTROYED, "") == outcome(answer)
        after = place.read_bytes()
        if packed:
            assert gzip.decompress(expected) == gzip.decompress(after)
        else:
            assert expected == after
        assert ["x"] == names_in(exports)


def test_most_generated_files_are_rewritten_rather_than_refused(
    exports: Path, open_store: Opener
) -> None:
    """The property above must not hold by refusing: plain exports of all dialects are parted."""
    for number, (delimiter, end, encoding) in enumerate(
        (d, e, c)
        for d in ",;\t|"
        for e in ("\n", "\r\n", "\r")
        for c in ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32-le", "cp1252")
    ):
        text = MIXED.decode().replace("nothing of yours", "nüthing").replace(",", delimiter)
        text = text.replace("nüthing 3", f'"nüthing{delimiter} of\nyours"').replace("\n", end)
        (exports / f"{number:03}.csv").write_bytes(text.encode(encoding))
    found = holdings(open_store())
    assert 72 == len(found)
    refused = {h.locator: h.obstacle for h in found.values() if h.partial is None}
    assert {} == refused
    orders = [order(h, id_=h.locator[-7:]) for h in found.values()]
    store = open_store()
    for one in orders:
        assert [Result.DESTROYED] == [a.result for a in destroy(store, one)]
    left = {c for p in exports.iterdir() for c in [p.read_bytes().replace(b"\0", b"")]}
    assert all(b"resp0" not in content for content in left)
    assert all(content.count(b"elsewhere") == 6 for content in left)


def test_gzip_headers_stay(exports: Path, open_store: Opener) -> None:
    file = io.BytesIO()
    with gzip.GzipFile("Quartal ä.csv", "wb", fileobj=file, mtime=1_234_567_890) as packed:
        packed.write(MIXED)
    before = file.getvalue()
    place = exports / "x.csv.gz"
    place.write_bytes(before)
    (answer,) = destroy(open_store(), order(holdings(open_store())["exports/x.csv.gz"]))
    assert Result.DESTROYED is answer.result
    after = place.read_bytes()
    assert KEPT == gzip.decompress(after)
    length = before.index(b"\0", 10) + 1
    assert before[:length] == after[:length]
    subprocess.run(["gzip", "-t"], input=after, check=True)


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


def test_large_files_are_rewritten_block_by_block(exports: Path, open_store: Opener) -> None:
    many = [stranger(n) if n % 3 else line(n % 100) for n in range(90_000)]
    (exports / "x.csv").write_bytes(HEADER + b"".join(many))
    one = order(holdings(open_store())["exports/x.csv"])
    assert (100, 60_000) == (one.holding.records, one.holding.foreign_records)
    (answer,) = destroy(open_store(), one)
    assert 30_000 == answer.numbers["records-removed"]
    kept = HEADER + b"".join(row for row in many if row.startswith(b"elsewhere"))
    assert kept == (exports / "x.csv").read_bytes()
