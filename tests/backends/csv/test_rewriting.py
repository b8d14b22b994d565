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
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from backends.contract import Context, Finding, Order, Result, Store, Technique
from backends.csv import BACKEND
from backends.fsops import linux
from tests.backends.csv.mixed import KEPT, MIXED
from tests.backends.dying import Recorder, dies_at
from tests.backends.trees import (
    HEADER,
    IDS,
    destroy,
    finding,
    holdings,
    line,
    names_in,
    order,
    outcome,
)

Opener = Callable[..., Store]


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
