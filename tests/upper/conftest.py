"""Fixtures of the upper floor's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.upper.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """One store in memory."""
    made = Place(tmp_path)
    yield made
    made.close()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Place]:
    """Two stores in memory: ``left`` and ``right``."""
    made = Place(tmp_path, ("left", "right"))
    yield made
    made.close()
