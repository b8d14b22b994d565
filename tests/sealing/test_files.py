"""Files sealed into others and opened: whole or not at all, in little memory."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from backends.agefile import encrypted
from shredder.errors import Inconclusive, UsageError
from shredder.observer import Nobody
from shredder.sealing.files import open_file, seal_file
from tests.backends.agefile.made import CHUNK, KEY, OTHER, content, public
from tests.structure.tree import ROOT


def sealed(folder: Path, data: bytes, key: bytes = KEY) -> Path:
    (folder / "plain").write_bytes(data)
    assert seal_file(folder / "plain", folder / "sealed", public(key), Nobody()) == len(data)
    return folder / "sealed"


def opened(source: Path, output: Path) -> int:
    return open_file(source, output, bytearray(KEY), "survey", Nobody())


def test_there_and_back(tmp_path: Path) -> None:
    data = content(2 * CHUNK + 5)
    source = sealed(tmp_path, data)
    assert opened(source, tmp_path / "out") == len(data)
    assert (tmp_path / "out").read_bytes() == data == (tmp_path / "plain").read_bytes()
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600
    assert data[:100] not in source.read_bytes()


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda data: data[:-1], Inconclusive, "thrown away"),
        (lambda data: data[: 2 * CHUNK], Inconclusive, "cut short"),
        (lambda data: data + b"x", Inconclusive, "thrown away"),
        (lambda data: b"id,name\n", UsageError, "not sealed"),
        (lambda data: b"", UsageError, "not sealed"),
        (
            lambda data: b"".join(encrypted(io.BytesIO(b"theirs"), public(OTHER))),
            UsageError,
            "not sealed to the key of survey",
        ),
    ],
)
def test_of_what_does_not_hold_together_nothing_is_left(
    tmp_path: Path, spoil: object, error: type[Exception], words: str
) -> None:
    source = sealed(tmp_path, content(4 * CHUNK))
    source.write_bytes(spoil(source.read_bytes()))  # type: ignore[operator]
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(error, match=words):
        opened(source, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize("theirs", ["a file", "a second name", "a link"])
def test_what_lies_where_it_is_written_first_stays_as_it_is(tmp_path: Path, theirs: str) -> None:
    """It may be anybody's: of a name like that, or put there to be read or written over."""
    source = sealed(tmp_path, content(CHUNK))
    (tmp_path / "precious").write_bytes(b"another's")
    there = tmp_path / "out.partial"
    if theirs == "a second name":
        there.hardlink_to(tmp_path / "precious")
    elif theirs == "a link":
        there.symlink_to("precious")
    else:
        there.write_bytes(b"another's")
    with pytest.raises(UsageError, match=r"out\.partial is in the way") as told:
        opened(source, tmp_path / "out")
    assert "remove it" in told.value.hint
    assert there.read_bytes() == (tmp_path / "precious").read_bytes() == b"another's"
    assert not (tmp_path / "out").exists()
    there.unlink()
    assert opened(source, tmp_path / "out") == CHUNK


@pytest.mark.parametrize("links", [True, False], ids=["with links", "without"])
def test_what_comes_there_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """Looked at when it begins, that no file is there counts for nothing in the end."""
    source, out = sealed(tmp_path, content(2 * CHUNK)), tmp_path / "out"

    class Slow(Nobody):
        def progress(self, *given: object, **told: object) -> None:
            out.write_bytes(b"theirs")

    def refused(*_: object) -> None:
        raise PermissionError  # as of FAT

    if not links:
        monkeypatch.setattr("os.link", refused)
        assert opened(source, tmp_path / "fresh") == 2 * CHUNK
    with pytest.raises(UsageError, match="out exists already"):
        open_file(source, out, bytearray(KEY), "survey", Slow())
    assert out.read_bytes() == b"theirs"
    assert not list(tmp_path.glob("*.partial"))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        seal_file(tmp_path / "none", tmp_path / "out", public(KEY), Nobody())
    assert list(tmp_path.iterdir()) == []


PEAK = """
import resource, sys
from pathlib import Path
from shredder.observer import Nobody
from shredder.sealing.files import open_file, seal_file
source, sealed, opened, key, public = sys.argv[1:]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
seal_file(Path(source), Path(sealed), bytes.fromhex(public), Nobody())
open_file(Path(sealed), Path(opened), bytearray.fromhex(key), "survey", Nobody())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """96 MiB there and back; the process may grow by 16."""
    with (tmp_path / "plain").open("wb") as file:
        file.truncate(96 << 20)
    places = [tmp_path / name for name in ("plain", "sealed", "opened")]
    told = subprocess.run(
        [sys.executable, "-c", PEAK, *places, KEY.hex(), public(KEY).hex()],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert int(told.stdout) < 16 << 10
    assert (tmp_path / "opened").stat().st_size == 96 << 20
