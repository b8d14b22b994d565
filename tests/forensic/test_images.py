"""Looking through raw bytes: what lies across two pieces that are read is found, and counted once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.forensic import images
from tests.forensic.images import Image


@pytest.mark.parametrize("size", [1, 32, 74, 300])
def test_what_lies_anywhere_is_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(images, "_STEP", 100)
    image = Image(tmp_path / "image", tmp_path, tmp_path)
    wanted = {"long": b"<" * size, "short": b">", "none": b"-" * 32}
    for at in range(101):
        image.file.write_bytes(bytes(at) + wanted["long"] + wanted["short"] + bytes(200))
        assert image.counts(wanted) == {"long": 1, "short": 1}
