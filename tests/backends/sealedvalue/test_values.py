"""Values sealed for a cell: whole, secret, and in no other cell."""

from __future__ import annotations

import struct

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from backends.sealedvalue import (
    Altered,
    Cell,
    Misplaced,
    NotSealed,
    OtherKey,
    SealedValueError,
    Values,
    _xaes,
    is_sealed,
    of_text,
    to_text,
)

KEY, OTHER = bytes(range(32)), bytes(32)
CELL = Cell("answers", "email", "7")
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@pytest.mark.parametrize(
    ("key", "associated", "expected"),
    [
        (1, b"", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
        (
            3,
            b"c2sp.org/XAES-256-GCM",
            "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d",
        ),
    ],
)
def test_the_published_vectors(key: int, associated: bytes, expected: str) -> None:
    """Those of the specification, c2sp.org/XAES-256-GCM."""
    nonce, text = b"ABCDEFGHIJKLMNOPQRSTUVWX", b"XAES-256-GCM"
    whole = bytes([key]) * 32
    assert _xaes.encrypted(whole, nonce, text, associated).hex() == expected
    assert _xaes.decrypted(whole, nonce, bytes.fromhex(expected), associated) == text


@given(
    st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.binary()), NAMES, NAMES, NAMES
)
def test_there_and_back(value: str | bytes, table: str, column: str, row: str) -> None:
    cell = Cell(table, column, row)
    with Values(KEY) as values:
        sealed = values.seal(value, cell)
        assert is_sealed(sealed)
        assert values.open(sealed, cell) == value
        assert values.found(of_text(to_text(sealed))) == (cell, value)


def test_another_hand_reads_it() -> None:
    """By the description alone, from primitives: HKDF, CMAC, AES-GCM."""
    sealed = Values(KEY).seal("jane@example.org", CELL)
    key = HKDF(SHA256(), 32, None, b"shredder sealed value v1 key").derive(KEY)
    tag = HKDF(SHA256(), 8, None, b"shredder sealed value v1 tag").derive(KEY)
    assert sealed[:15] == bytes.fromhex("48400b103bf5") + b"\x01" + tag
    nonce = sealed[15:39]
    halves = []
    for number in (1, 2):
        mac = CMAC(AES(key))
        mac.update(struct.pack(">H", number) + b"X\0" + nonce[:12])
        halves.append(mac.finalize())
    plain = AESGCM(b"".join(halves)).decrypt(nonce[12:], sealed[39:], sealed[:15])
    assert plain == b"\0\7answers\0\5email\0\0017jane@example.org"


@pytest.mark.parametrize(
    "cell",
    [Cell("answers", "email", "8"), Cell("answers", "name", "7"), Cell("people", "email", "7")],
)
def test_in_another_cell_it_is_refused(cell: Cell) -> None:
    values = Values(KEY)
    with pytest.raises(Misplaced) as told:
        values.open(values.seal("jane", CELL), cell)
    assert "jane" not in str(told.value)


def test_names_are_not_run_together() -> None:
    """A table `ab` with a column `c` is another cell than `a` with `bc`."""
    values = Values(KEY)
    with pytest.raises(Misplaced):
        values.open(values.seal("x", Cell("ab", "c", "1")), Cell("a", "bc", "1"))


def test_every_altered_byte_is_noticed() -> None:
    values = Values(KEY)
    sealed = values.seal("jane", CELL)
    for place in range(len(sealed)):
        for bit in (1, 128):
            altered = bytearray(sealed)
            altered[place] ^= bit
            with pytest.raises(SealedValueError):
                values.found(bytes(altered))
    for size in range(len(sealed)):
        with pytest.raises(SealedValueError):
            values.found(sealed[:size])
    with pytest.raises(Altered):
        values.found(sealed + b"\0")


def test_what_is_no_such_value() -> None:
    for data in (b"", b"jane@example.org", b"H@", b"SEALEDv1"):
        with pytest.raises(NotSealed):
            Values(KEY).found(data)
    for text in ("", "jane", "SEALEDv1*", "SEALEDv1A"):
        with pytest.raises(NotSealed):
            of_text(text)


def test_of_another_key_it_is_told_and_not_tried() -> None:
    with pytest.raises(OtherKey):
        Values(OTHER).found(Values(KEY).seal("jane", CELL))


def test_the_same_value_twice_shows_nothing() -> None:
    values = Values(KEY)
    sealed = {values.seal("jane", CELL) for _ in range(1000)}
    assert len({each[15:] for each in sealed}) == 1000
    assert len({each[:15] for each in sealed}) == 1
    assert not any(b"jane" in each or b"answers" in each for each in sealed)


def test_a_closed_one_gives_nothing() -> None:
    with Values(KEY) as values:
        sealed = values.seal("jane", CELL)
    with pytest.raises(ValueError, match="closed"):
        values.found(sealed)
    with pytest.raises(ValueError, match="closed"):
        values.seal("jane", CELL)


def test_a_key_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Values(bytes(16))


def test_a_name_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="65,535"):
        Values(KEY).seal("x", Cell("t", "c", "x" * 65536))
