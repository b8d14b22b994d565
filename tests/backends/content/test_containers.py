"""Containers: what is in them is found, and what cannot be looked into is never a pass."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import lzma
import struct
import zipfile

import pytest

from backends.content import Limits
from backends.contract import Verdict
from tests.backends.content.wrapping import (
    FOREIGN,
    IDS,
    MATCHER,
    RECORDS,
    TEXT,
    WRAPPERS,
    read,
    record,
    tarred,
    zipped,
    zipped_forward,
)


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("step", [7, 4096, 1 << 20])
def test_every_record_is_found_in_every_wrapper(wrapper: str, step: int) -> None:
    reading = read(WRAPPERS[wrapper](TEXT), step=step)
    assert (200, 0, "") == (reading.evidence.records, reading.foreign_records, reading.reason)
    assert reading.layers == (wrapper.partition("-")[0],)


@pytest.mark.parametrize(
    "pair", list(itertools.product(["gzip", "xz", "zip", "tar", "zstd", "7z"], repeat=2))
)
def test_wrappers_within_wrappers(pair: tuple[str, str]) -> None:
    outer, inner = pair
    reading = read(WRAPPERS[outer](WRAPPERS[inner](TEXT)))
    assert (200, 0, "") == (reading.evidence.records, reading.foreign_records, reading.reason)


def test_members_of_archives_are_all_read() -> None:
    for archive in (zipped, zipped_forward, tarred):
        reading = read(archive(one=record(1), two=FOREIGN, three=record(2)))
        assert (2, 1, "") == (reading.evidence.records, reading.foreign_records, reading.reason)


def test_members_one_after_the_other_are_all_read() -> None:
    for compress in (gzip.compress, bz2.compress, lzma.compress):
        for padding in (b"", bytes(512)):
            reading = read(compress(record(1)) + padding + compress(record(2)))
            assert (2, "") == (reading.evidence.records, reading.reason)


def test_archives_one_after_the_other_are_all_read() -> None:
    for archive in (zipped, tarred):
        reading = read(archive(one=record(1)) + archive(two=record(2)))
        assert (2, "") == (reading.evidence.records, reading.reason)


def test_text_after_a_container_is_read() -> None:
    for wrapper, wrap in WRAPPERS.items():
        reading = read(wrap(record(1)) + record(2))
        assert reading.evidence.records == 2, wrapper


def test_a_member_deleted_from_the_directory_is_still_seen() -> None:
    """Its bytes are in the archive for whoever looks."""
    both, one = zipped(a=record(1), b=record(2)), zipped(a=record(1))
    cut = both[: both.index(b"PK\x01\x02")] + one[one.index(b"PK\x01\x02") :]
    assert read(cut).evidence.records == 2


def test_the_digest_is_over_the_whole_stream_whatever_happens_in_it() -> None:
    for data in (TEXT, gzip.compress(TEXT), gzip.compress(TEXT)[:-30] + TEXT, zipped(a=TEXT)[:-40]):
        expected = MATCHER.digest()
        expected.update(data)
        reading = read(data, step=1000)
        assert (expected.hexdigest(), len(data)) == (reading.digest, reading.bytes_read)


@pytest.mark.parametrize(
    "wrapper",
    [w for w in WRAPPERS if w not in {"tar-gnu", "tar-pax", "zip-bz2"}],
)
def test_a_cut_container_is_damaged_and_not_foreign_free(wrapper: str) -> None:
    whole = WRAPPERS[wrapper](TEXT)
    reading = read(whole[: len(whole) // 2])
    assert reading.reason == "damaged-container"
    assert reading.foreign_records is None


def test_what_was_readable_before_the_damage_is_evidence() -> None:
    reading = read(gzip.compress(RECORDS, mtime=0)[:-400])
    assert reading.reason == "damaged-container"
    assert reading.evidence.verdict is Verdict.COPY


def test_of_a_small_damaged_text_every_readable_record_is_found() -> None:
    reading = read(gzip.compress(record(1) + record(2), 0)[:-9])
    assert ("damaged-container", 2) == (reading.reason, reading.evidence.records)


def test_a_bomb_is_stopped() -> None:
    bomb = gzip.compress(bytes(80 << 20))
    assert read(bomb, limits=Limits(free=1 << 20)).reason == "bomb-limit"
    assert read(gzip.compress(RECORDS), limits=Limits(output=1000)).reason == "bomb-limit"
    assert read(zipped(**{f"m{n}": b"x" for n in range(9)}), limits=Limits(members=8)).reason == (
        "bomb-limit"
    )
    assert read(lzma.compress(b"x" * 99), limits=Limits(memory=1000)).reason == "bomb-limit"


def test_depth_has_a_limit() -> None:
    data = TEXT
    for _ in range(8):
        data = gzip.compress(data)
    assert (200, "") == (read(data).evidence.records, read(data).reason)
    deeper = read(gzip.compress(data))
    assert (0, "bomb-limit") == (deeper.evidence.records, deeper.reason)


@pytest.mark.parametrize(
    "head",
    [
        b"\x02\x21\x4c\x18",
        b"\x50\x2a\x4d\x18\x04",
        b"Rar!\x1a\x07\x01",
        b"\x5d\x00\x00\x80\x00",
    ],
)
def test_containers_without_an_opener_are_gaps_and_their_bytes_are_looked_at(head: bytes) -> None:
    reading = read(head + b"\n" + record(3))
    assert reading.reason == "container-not-opened"
    assert reading.evidence.records == 1
    assert reading.foreign_records is None


def test_a_text_that_begins_like_one_is_a_text() -> None:
    for word in (b"ORCHID", b"PAR1S", b"BZhang", b"PACKAGE"):
        assert read(word + b",1\n" + record(3)).reason == ""


def test_a_spreadsheet_is_a_gap() -> None:
    names = {"[Content_Types].xml": b"<Types/>", "xl/sharedStrings.xml": record(1)}
    reading = read(zipped(**names))
    assert reading.reason == "container-not-opened"
    assert reading.foreign_records is None
    assert reading.evidence.records == 1


@pytest.mark.parametrize(
    "head",
    [
        b"age-encryption.org/v1\n",
        b"-----BEGIN AGE ENCRYPTED FILE-----\n",
        b"-----BEGIN PGP MESSAGE-----\n",
        b"\x85\x01\x0c\x03",
        b"\x8c\x0d\x04\x09",
        b"Salted__12345678",
        b"$ANSIBLE_VAULT;1.1;AES256\n",
    ],
)
def test_encrypted_is_a_gap_of_its_own(head: bytes) -> None:
    assert read(head + b"\x01\x02\x03" * 50).reason == "encrypted"


def test_an_encrypted_member_hides_itself_and_no_other() -> None:
    data = bytearray(zipped(a=record(1), b=record(2)))
    data[6] |= 1  # the flag of the first member
    reading = read(bytes(data))
    assert (1, "encrypted") == (reading.evidence.records, reading.reason)


def test_an_unknown_method_hides_itself_and_no_other() -> None:
    data = bytearray(zipped(a=record(1), b=record(2)))
    struct.pack_into("<H", data, 8, 98)
    reading = read(bytes(data))
    assert (1, "container-not-opened") == (reading.evidence.records, reading.reason)


def test_large_zip_members_have_their_sizes_in_the_extra_field() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("a", "w", force_zip64=True) as member:
            member.write(RECORDS)
        archive.writestr("b", FOREIGN)
    reading = read(file.getvalue())
    assert (200, 1, "") == (reading.evidence.records, reading.foreign_records, reading.reason)


def test_nothing_in_an_empty_stream() -> None:
    reading = read(b"")
    assert (0, 0, None) == (
        reading.evidence.windows,
        reading.foreign_records,
        reading.evidence.verdict,
    )
    assert len(IDS) == 200
