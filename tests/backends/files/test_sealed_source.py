"""A file that is sealed, as a source of records."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.contract import SourceSpec, Store
from backends.errors import SourceError
from tests.backends.agefile.made import KEY, OTHER, sealed

Opener = Callable[..., Store]
# More than a chunk of the format, and than what a format is guessed by.
ROWS = [(str(n), f"answer {n}, and more of it") for n in range(9000)]
TEXT = ("id;answer\n" + "".join(f"{a};{b}\n" for a, b in ROWS)).encode()
SPEC = SourceSpec("share", path="share/source.age", sealed=True, keys=(OTHER, KEY))


def armored(data: bytes) -> bytes:
    text = base64.b64encode(data).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    marks = (f"-----{word} AGE ENCRYPTED FILE-----" for word in ("BEGIN", "END"))
    return "\n".join((next(marks), *lines, next(marks), "")).encode()


@pytest.mark.parametrize(
    "data",
    [sealed(TEXT), sealed(gzip.compress(TEXT)), armored(sealed(TEXT))],
    ids=["plain", "packed", "armored"],
)
def test_it_is_opened_by_the_key_that_fits(share: Path, open_store: Opener, data: bytes) -> None:
    (share / "source.age").write_bytes(data)
    source = open_store().source(SPEC)
    assert source.columns == ("id", "answer")
    assert list(source) == ROWS
    assert list(source) == ROWS, "and once more"
    assert source.locator == "share/source.age"
    assert [each.name for each in share.iterdir()] == ["source.age"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (TEXT, "is not sealed"),
        (b"", "is not sealed"),
        (sealed(TEXT, bytes(range(2, 34))), "not sealed to the dataset's key"),
        (sealed(TEXT)[:-1], "does not hold together"),
        (sealed(TEXT)[:90_000], "does not hold together"),
        (sealed(TEXT[:5000])[:-9] + bytes(9), "does not hold together"),
        (sealed(b""), "is not delimited text"),
    ],
    ids=["bare", "empty", "another's", "cut at its end", "cut", "altered", "sealed emptiness"],
)
def test_what_is_not_sealed_whole_is_no_source(
    share: Path, open_store: Opener, data: bytes, words: str
) -> None:
    (share / "source.age").write_bytes(data)
    with pytest.raises(SourceError, match=words):
        list(open_store().source(SPEC))


def test_a_key_is_not_shown() -> None:
    assert repr(KEY) not in repr(SPEC)
    assert str(KEY) not in repr(SPEC)
