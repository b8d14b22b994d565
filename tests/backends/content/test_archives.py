"""zip by its directory, 7z by its header, zstd by its frames, base64 by what comes out."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import base64
import gzip
import io
import lzma
import random
import string
import zipfile

import py7zr
import pytest
import zstandard

from backends.content import Limits, Reading, examine_stream
from backends.reference import ReferenceMatcher
from tests.backends.content.wrapping import (
    FOREIGN,
    MATCHER,
    RECORDS,
    TEXT,
    Dribble,
    read,
    record,
    seven_zipped,
    stored_forward,
    zipped,
)


def found(reading: Reading) -> tuple[int, int | None, str]:
    return reading.evidence.records, reading.foreign_records, reading.reason


def test_the_directory_has_the_sizes_that_headers_leave_open() -> None:
    data = stored_forward(a=record(1), b=FOREIGN, c=record(2))
    assert (2, 1, "") == found(examine_stream(io.BytesIO(data), MATCHER))
    one_way = examine_stream(Dribble(data, 999), MATCHER)
    assert "container-not-opened" == one_way.reason
    assert one_way.foreign_records is None


def test_the_directory_leads_on_behind_the_damage() -> None:
    data = bytearray(zipped(a=record(1), b=record(2), c=record(3)))
    second = data.index(b"PK\x03\x04", 4)
    data[second : second + 4] = b"gone"
    reading = examine_stream(io.BytesIO(bytes(data)), MATCHER)
    assert (2, "damaged-container") == (reading.evidence.records, reading.reason)


def test_members_of_a_zip_that_zstandard_packed() -> None:
    """APPNOTE 4.4.5: method 93, whose content is a frame."""
    packed = zstandard.ZstdCompressor().compress(TEXT + FOREIGN)
    data = zipped(zipfile.ZIP_STORED, a=packed)
    for head, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        place = data.index(head) + at
        data = data[:place] + (93).to_bytes(2, "little") + data[place + 2 :]
    reading = read(data)
    assert (200, 1, "") == found(reading)
    assert ("zip", "zstd") == reading.layers


FILTERS = {
    "lzma": [{"id": py7zr.FILTER_LZMA, "preset": 6}],
    "lzma2": [{"id": py7zr.FILTER_LZMA2, "preset": 6}],
    "x86": [{"id": py7zr.FILTER_X86}, {"id": py7zr.FILTER_LZMA2, "preset": 6}],
    "arm": [{"id": py7zr.FILTER_ARM}, {"id": py7zr.FILTER_LZMA, "preset": 6}],
    "delta": [{"id": py7zr.FILTER_DELTA}, {"id": py7zr.FILTER_LZMA2, "preset": 6}],
    "bzip2": [{"id": py7zr.FILTER_BZIP2}],
    "deflate": [{"id": py7zr.FILTER_DEFLATE}],
    "ppmd": [{"id": py7zr.FILTER_PPMD, "order": 6, "mem": 24}],
    "copy": [{"id": py7zr.FILTER_COPY}],
}


@pytest.mark.parametrize("method", FILTERS)
def test_the_files_in_a_7z_are_found(method: str) -> None:
    data = seven_zipped(TEXT, b"", record(3) + FOREIGN, filters=FILTERS[method])
    assert (200, 1, "") == found(read(data))


def test_a_7z_that_has_a_password_is_a_gap() -> None:
    assert (0, None, "encrypted") == found(read(seven_zipped(TEXT, password="secret")))


def test_a_7z_with_its_header_encrypted_is_a_gap() -> None:
    file = io.BytesIO()
    with py7zr.SevenZipFile(file, "w", password="secret", header_encryption=True) as archive:
        archive.writestr(TEXT, "a")
    assert (0, None, "encrypted") == found(read(file.getvalue()))


def test_a_7z_with_any_byte_altered_is_whole_or_a_gap() -> None:
    whole = seven_zipped(RECORDS[:900], record(50))
    for at in range(8, len(whole)):
        data = bytearray(whole)
        data[at] ^= 0x55
        reading = read(bytes(data))
        assert reading.reason or found(reading) == found(read(whole)), at


def test_a_7z_with_a_large_dictionary_is_a_bomb() -> None:
    filters = [{"id": py7zr.FILTER_LZMA2, "preset": 6, "dict_size": 8 << 20}]
    data = seven_zipped(TEXT, filters=filters)
    assert (0, None, "bomb-limit") == found(read(data, limits=Limits(memory=4 << 20)))
    assert (200, 0, "") == found(read(data, limits=Limits(memory=16 << 20)))


def test_zstd_in_all_its_shapes() -> None:
    skipped = b"\x53\x2a\x4d\x18\x05\x00\x00\x00hello"
    for level in (1, 19):
        for checked, sized in ((False, True), (True, False)):
            compress = zstandard.ZstdCompressor(
                level, write_checksum=checked, write_content_size=sized
            ).compress
            data = skipped + compress(RECORDS * 40) + skipped + compress(record(3) + FOREIGN)
            assert (200, 1, "") == found(read(data))
    streamed = zstandard.ZstdCompressor().compressobj()
    assert (200, 0, "") == found(read(streamed.compress(TEXT) + streamed.flush()))


def test_zstd_with_a_checksum_that_does_not_check_is_damaged() -> None:
    data = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(TEXT))
    data[-1] ^= 1
    assert "damaged-container" == read(bytes(data)).reason


def test_zstd_with_a_dictionary_is_a_gap() -> None:
    words = zstandard.train_dictionary(2000, [record(n % 200) * 3 for n in range(500)])
    data = zstandard.ZstdCompressor(dict_data=words).compress(TEXT)
    assert (0, None, "container-not-opened") == found(read(data))


def test_zstd_with_a_huge_window_is_a_bomb() -> None:
    """Section 3.1.1.1.2 of RFC 8878: a window descriptor of 0xf8 asks for 2 TiB."""
    whole = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    data = bytearray(whole.compress(TEXT) + whole.flush())
    data[5] = 0xF8
    assert (0, None, "bomb-limit") == found(read(bytes(data)))


@pytest.mark.parametrize("encode", [base64.b64encode, base64.encodebytes])
def test_base64_is_opened_and_what_is_in_it(encode: object) -> None:
    assert callable(encode)
    assert (200, 0, "") == found(read(encode(TEXT)))
    assert (200, 0, "") == found(read(encode(gzip.compress(TEXT))))
    assert (200, 0, "") == found(read(encode(lzma.compress(TEXT)), step=1001))


@pytest.mark.parametrize("size", range(16, 150))
def test_base64_of_any_length_is_opened(size: int) -> None:
    text = (record(1).rstrip() + b" Z\xc3\xbcrich, ja" * 9)[:size].decode(errors="ignore").encode()
    for packed in (
        base64.b64encode(text),
        base64.encodebytes(text),
        b" %b\n" % base64.b64encode(text),
    ):
        reading = read(packed)
        assert (1, 0, "") == found(reading)
        assert ("base64",) == reading.layers
    small = gzip.compress(record(1))
    assert ("base64", "gzip") == read(base64.b64encode(small)).layers


def test_a_short_text_in_the_letters_of_base64_is_looked_at_as_it_is() -> None:
    """Also where by chance something else comes out of it."""
    matcher = ReferenceMatcher(["SGVsbG8gdGhlcmUsIHlvdSE0"], [])
    reading = examine_stream(io.BytesIO(b"SGVsbG8gdGhlcmUsIHlvdSE0\n"), matcher)
    assert (1, ("base64",)) == (reading.evidence.records, reading.layers)
    draw = random.Random(7)
    for _ in range(3000):
        word = "".join(draw.choices(string.ascii_letters + string.digits, k=24))
        assert () == read(word.encode()).layers


def test_what_only_looks_like_base64_is_a_text() -> None:
    """Codes are looked at as they are: what comes out of them has no form."""
    rng = random.Random(7)
    alphabet = string.ascii_letters + string.digits
    for length in (64, 76):
        codes = ["".join(rng.choices(alphabet, k=length)) for _ in range(50)]
        matcher = ReferenceMatcher([codes[30]], [])
        data = "".join(code + "\n" for code in codes).encode()
        assert 1 == examine_stream(io.BytesIO(data), matcher).evidence.records
    digests = b"".join(b"%064x\n" % (n << 200) for n in range(40))
    assert () == read(digests).layers
