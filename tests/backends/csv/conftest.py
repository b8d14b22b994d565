"""A folder of exports, and a store on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backends.contract import Context, Store
from backends.csv import BACKEND


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    (tmp_path / "exports").mkdir()
    return tmp_path / "exports"


@pytest.fixture
def open_store(exports: Path) -> Callable[..., Store]:
    def opened(**more: object) -> Store:
        state = exports.parent / ".state"
        state.mkdir(exist_ok=True)
        settings = {"roots": ["exports"], **more}
        return BACKEND.open("exports", settings, Context(exports.parent, state))

    return opened
