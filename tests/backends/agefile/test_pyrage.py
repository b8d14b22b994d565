"""Held to another implementation, byte for byte: what one refuses the other must refuse."""

from __future__ import annotations

import base64
import io
import secrets
import textwrap
from collections.abc import Callable

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.agefile import (
    AgeError,
    Damaged,
    NoMatch,
    NotAge,
    decrypted,
    identity_text,
    recipient_text,
)
from tests.backends.agefile.made import CHUNK, KEY, OTHER, SIZES, content, opened, public, sealed

IDENTITY = pyrage.x25519.Identity.from_str(identity_text(KEY))
SMALL = sealed(b"a small file")


def theirs(data: bytes) -> bytes | None:
    try:
        return bytes(pyrage.decrypt(data, [IDENTITY]))
    except (pyrage.DecryptError, OSError):
        return None


def ours(data: bytes) -> bytes | None:
    try:
        return opened(data)
    except AgeError:
        return None


@given(st.binary(min_size=32, max_size=32))
def test_keys_have_the_same_text(key: bytes) -> None:
    other = pyrage.x25519.Identity.from_str(identity_text(key))
    assert str(other) == identity_text(key)
    assert str(other.to_public()) == recipient_text(public(key))


@pytest.mark.parametrize("size", SIZES)
def test_each_reads_the_other_s(size: int) -> None:
    data = content(size)
    assert theirs(sealed(data)) == data
    assert opened(pyrage.encrypt(data, [IDENTITY.to_public()])) == data


@given(st.integers(0, len(SMALL) - 1), st.integers(1, 255))
def test_an_altered_byte_is_refused(at: int, by: int) -> None:
    altered = SMALL[:at] + bytes([SMALL[at] ^ by]) + SMALL[at + 1 :]
    assert ours(altered) is None
    assert theirs(altered) is None


@pytest.mark.parametrize("cut", range(len(SMALL)))
def test_a_file_cut_short_is_refused(cut: int) -> None:
    assert ours(SMALL[:cut]) is None


@pytest.mark.parametrize("size", [1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_chunks_left_out_added_or_swapped_are_refused(size: int) -> None:
    data = sealed(content(size))
    start = len(sealed(b"")) - 16
    chunks = [data[at : at + CHUNK + 16] for at in range(start, len(data), CHUNK + 16)]
    made = {
        "without the last": chunks[:-1],
        "the last twice": [*chunks, chunks[-1]],
        "garbage after it": [*chunks, b"x"],
        "nothing": [],
    }
    if len(chunks) > 1:
        made |= {"without the first": chunks[1:], "backwards": chunks[::-1]}
    for what, each in made.items():
        altered = data[:start] + b"".join(each)
        assert ours(altered) is None, what
        assert theirs(altered) is None, what
    assert ours(data[:start] + b"".join(chunks)) == content(size)


HEADERS = {
    "another version": (b"org/v1", b"org/v2"),
    "carriage returns": (b"v1\n", b"v1\r\n"),
    "a line too many": (b"v1\n", b"v1\n\n"),
    "no recipient": (SMALL[SMALL.index(b"-> ") : SMALL.index(b"---")], b""),
    "two spaces": (b"-> X25519 ", b"-> X25519  "),
    "an argument more": (b"-> X25519 ", b"-> X25519 x "),
    "another kind": (b"-> X25519 ", b"-> x25519 "),
    "no space at the end": (b"--- ", b"---"),
    "padding": (b"\n--- ", b"=\n--- "),
}


@pytest.mark.parametrize("case", HEADERS)
def test_headers_of_another_form_are_refused(case: str) -> None:
    old, new = HEADERS[case]
    assert SMALL.count(old) == 1
    altered = SMALL.replace(old, new)
    assert ours(altered) is None
    assert theirs(altered) is None


def test_a_header_without_end_takes_no_memory_without_end() -> None:
    endless = b"age-encryption.org/v1\n-> X25519 " + b"x" * (3 << 20)
    with pytest.raises(Damaged, match="too long"):
        opened(endless)
    with pytest.raises(Damaged):
        opened(b"age-encryption.org/v1\n" + b"-> a b\n\n" * (1 << 18))


def test_what_is_wrong_has_its_own_name() -> None:
    with pytest.raises(NotAge):
        opened(b"id,name\n1,Ada\n")
    with pytest.raises(NotAge):
        opened(b"")
    with pytest.raises(NoMatch):
        opened(SMALL, [OTHER])
    with pytest.raises(NoMatch):
        opened(SMALL, [])
    with pytest.raises(Damaged):
        opened(SMALL[:-1])


def armored(data: bytes, columns: int = 64) -> str:
    lines = textwrap.wrap(base64.b64encode(data).decode(), columns)
    begin, end = "-----BEGIN AGE ENCRYPTED FILE-----", "-----END AGE ENCRYPTED FILE-----"
    return "\n".join([begin, *lines, end, ""])


ARMORS: dict[str, Callable[[str], str]] = {
    "as it must be": lambda text: text,
    "white space after it": lambda text: f"{text} \n\n",
    "ends of lines of DOS": lambda text: text.replace("\n", "\r\n"),
    "no last line": lambda text: text[: text.index("-----END")],
    "words after it": lambda text: f"{text}x\n",
    "words before it": lambda text: f"x\n{text}",
    "an empty line": lambda text: text.replace("\n", "\n\n", 1),
    "a short line": lambda text: armored(SMALL, 60),
    "a long line": lambda text: armored(SMALL, 68),
    "another label": lambda text: text.replace("AGE", "PGP"),
    "lower case": lambda text: text.replace("AGE ENCRYPTED", "age encrypted"),
    "a space in it": lambda text: text[:80] + " " + text[80:],
}


@pytest.mark.parametrize("case", ARMORS)
def test_armors(case: str) -> None:
    text = ARMORS[case](armored(SMALL)).encode()
    assert (ours(text) is None) == (theirs(text) is None)
    if case in {"as it must be", "white space after it", "ends of lines of DOS"}:
        assert ours(text) == b"a small file"
    else:
        assert ours(text) is None


def test_no_two_files_are_alike() -> None:
    seen = {sealed(b"the same")[22:200] for _ in range(20)}
    assert len(seen) == 20


def test_what_is_given_out_before_an_error_is_authentic() -> None:
    data = secrets.token_bytes(3 * CHUNK)
    altered = bytearray(sealed(data))
    altered[-CHUNK] ^= 1
    chunks = decrypted(io.BufferedReader(io.BytesIO(altered)), [KEY])
    got = next(chunks) + next(chunks)
    assert got == data[: 2 * CHUNK]
    with pytest.raises(Damaged):
        next(chunks)
