"""Held to the reference tool: what it makes is read here, and what is made here it reads."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from backends.agefile import NoMatch, identity_text, is_age, recipient_text
from tests.backends.agefile.made import KEY, OTHER, SIZES, content, opened, public, sealed

pytestmark = pytest.mark.needs("age")


def age(*words: str | Path, data: bytes = b"") -> bytes:
    return subprocess.run(["age", *words], input=data, capture_output=True, check=True).stdout


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    path = tmp_path / "key.txt"
    path.write_text(f"{identity_text(KEY)}\n")
    return path


@pytest.mark.parametrize("size", SIZES)
def test_age_reads_what_is_made_here(identity: Path, size: int) -> None:
    assert age("-d", "-i", identity, data=sealed(content(size))) == content(size)


@pytest.mark.parametrize("armor", [(), ("-a",)], ids=["binary", "armored"])
@pytest.mark.parametrize("size", SIZES)
def test_what_age_makes_is_read_here(size: int, armor: tuple[str, ...]) -> None:
    data = age("-r", recipient_text(public(KEY)), *armor, data=content(size))
    assert is_age(data)
    assert opened(data) == content(size)


def test_one_of_several_recipients(tmp_path: Path) -> None:
    both = [word for key in (OTHER, KEY) for word in ("-r", recipient_text(public(key)))]
    data = age(*both, data=b"for two")
    assert opened(data) == opened(data, [OTHER]) == b"for two"
    with pytest.raises(NoMatch):
        opened(data, [bytes(31) + b"\x07"])


def test_a_key_of_the_tool_s_own(tmp_path: Path) -> None:
    """Its recipient is the one that age-keygen tells of our text of the same key."""
    ours = tmp_path / "ours"
    ours.write_text(f"{identity_text(OTHER)}\n")
    told = subprocess.run(["age-keygen", "-y", ours], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == recipient_text(public(OTHER))


def test_white_space_before_an_armor() -> None:
    """The specification allows it; the tool itself takes such a file for none of its own."""
    data = b" \n\r\n" + age("-r", recipient_text(public(KEY)), "-a", data=b"armored")
    assert opened(data) == b"armored"
