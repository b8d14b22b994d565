"""Sealed files are opened by the dataset's key, wherever they lie; those of others stay shut."""

from __future__ import annotations

import base64
import gzip
import io
import zipfile

import pyrage
import pytest

from backends.agefile import recipient_text
from backends.content import Reading, examine_stream
from backends.contract import Verdict
from backends.reference import ReferenceMatcher
from tests.backends.agefile.made import CHUNK, KEY, OTHER, public, sealed

IDS = [f"resp-{n:08d}" for n in range(5000)]
ROWS = "".join(f"{each},answer\n" for each in IDS).encode()


def read(data: bytes, *keys: bytes) -> Reading:
    return examine_stream(io.BytesIO(data), ReferenceMatcher(IDS, identities=keys))


def armored(data: bytes) -> bytes:
    text = base64.b64encode(data)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    label = b"AGE ENCRYPTED FILE-----"
    return b"\n".join([b"-----BEGIN " + label, *lines, b"-----END " + label, b""])


def zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("sealed.age", data)
        archive.writestr("other.txt", b"somebody else\n")
    return buffer.getvalue()


def by_pyrage(*keys: bytes) -> bytes:
    """Sealed to several by another's code."""
    to = [pyrage.x25519.Recipient.from_str(recipient_text(public(key))) for key in keys]
    return bytes(pyrage.encrypt(ROWS, to))


def test_every_record_of_a_sealed_copy_is_found() -> None:
    assert len(ROWS) > CHUNK, "several chunks"
    reading = read(sealed(ROWS), KEY)
    assert (reading.evidence.records, reading.evidence.verdict) == (len(IDS), Verdict.COPY)
    assert (reading.reason, reading.layers, reading.limitations) == ("", ("age",), ("sealed",))
    assert reading.foreign_records == 0


@pytest.mark.parametrize(
    ("wrap", "layers"),
    [
        (armored, ("age",)),
        (gzip.compress, ("gzip", "age")),
        (zipped, ("zip", "age")),
        (sealed, ("age",)),
        (base64.b64encode, ("base64", "age")),
    ],
    ids=["armored", "in gzip", "in zip", "sealed twice", "in base64"],
)
def test_sealed_within_others(wrap: object, layers: tuple[str, ...]) -> None:
    reading = read(wrap(sealed(ROWS)), OTHER, KEY)  # type: ignore[operator]
    assert (reading.evidence.records, reading.reason, reading.layers) == (len(IDS), "", layers)


@pytest.mark.parametrize(
    ("data", "alone"),
    [
        (sealed(ROWS), True),
        (armored(sealed(ROWS)), True),
        (sealed(gzip.compress(ROWS)), True),
        (by_pyrage(KEY, OTHER), False),
        (zipped(sealed(ROWS)), False),
        (b"as agreed:\n" + base64.b64encode(sealed(ROWS)), False),
        (gzip.compress(ROWS) + sealed(ROWS), False),
        (ROWS, False),
    ],
    ids=[
        "sealed", "in text form", "packed first", "to another, too", "in an archive", "in a text",
        "behind a copy in the clear", "not at all",
    ],
)  # fmt: skip
def test_what_the_end_of_the_key_destroys_is_sealed_to_it_alone(data: bytes, alone: bool) -> None:
    reading = read(data, KEY)
    assert reading.evidence.records == len(IDS)
    assert reading.sealed is alone


def test_packed_and_then_sealed() -> None:
    assert read(sealed(gzip.compress(ROWS)), KEY).evidence.records == len(IDS)


@pytest.mark.parametrize("keys", [(), (OTHER,)], ids=["no key", "another's"])
def test_what_stays_shut_is_a_gap(keys: tuple[bytes, ...]) -> None:
    for data in (sealed(ROWS), armored(sealed(ROWS)), gzip.compress(sealed(ROWS))):
        reading = read(data, *keys)
        assert reading.reason == "encrypted"
        assert reading.evidence.verdict is None
        assert reading.limitations == ()


def test_what_breaks_off_is_a_gap_and_what_came_before_is_found() -> None:
    data = sealed(ROWS)
    first = read(sealed(ROWS[:CHUNK]), KEY).evidence.records
    for cut in (CHUNK + 5000, len(data) - 1):
        reading = read(data[:cut], KEY)
        assert reading.reason == "damaged-container"
        assert reading.evidence.records == first


def test_a_text_about_the_format_is_a_text() -> None:
    reading = read(b"age-encryption.org is a site\n" + ROWS, KEY)
    assert (reading.evidence.records, reading.layers) == (len(IDS), ())


def test_a_bomb_in_a_sealed_file_is_one() -> None:
    reading = read(sealed(gzip.compress(bytes(512 << 20))), KEY)
    assert reading.reason == "bomb-limit"
