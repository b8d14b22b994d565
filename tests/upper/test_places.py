"""Roots that overlap, or that hold the state directory, are refused with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from shredder.config import load
from shredder.errors import UsageError


def written(folder: Path, *roots: str, state: str = ".shredder") -> Path:
    stores = "".join(
        f'[stores.s{n}]\nbackend = "files"\nroots = ["{root}"]\n' for n, root in enumerate(roots)
    )
    path = folder / "shredder.toml"
    path.write_text(f'state = "{state}"\n{stores}')
    return path


@pytest.mark.parametrize(
    ("roots", "line"),
    [
        (("a", "a/b"), 4),
        (("a/b", "a"), 7),
        (("a", "a"), 4),
        (("a", "b/../a"), 4),
        (("a", "link"), 4),
    ],
)
def test_overlapping_roots(tmp_path: Path, roots: tuple[str, ...], line: int) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("a")
    with pytest.raises(UsageError, match=rf":{line}: stores\.s\d\.roots overlaps a root of s\d"):
        load(written(tmp_path, *roots))


@pytest.mark.parametrize("root", [".", ".shredder", "state/.."])
def test_the_state_directory_below_a_root(tmp_path: Path, root: str) -> None:
    with pytest.raises(UsageError, match="has the state directory below it"):
        load(written(tmp_path, root))


def test_roots_side_by_side(tmp_path: Path) -> None:
    assert {"s0", "s1"} == set(load(written(tmp_path, "a", "ab")).stores)


def test_the_file_of_keys_below_a_root(tmp_path: Path) -> None:
    """No store examines it, and none destroys it: it has an end of its own."""
    path = written(tmp_path, "a")
    path.write_text(path.read_text() + '[keys]\nfile = "a/b/keys"\n')
    with pytest.raises(UsageError, match="has the file of keys below it"):
        load(path)
    path.write_text(path.read_text().replace("a/b/keys", "b/keys"))
    assert load(path).keys.file == tmp_path / "b" / "keys"
