"""A share to plant files in, and a store on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backends.contract import Context, Store
from backends.files import BACKEND


@pytest.fixture
def share(tmp_path: Path) -> Path:
    (tmp_path / "share").mkdir()
    return tmp_path / "share"


@pytest.fixture
def open_store(share: Path) -> Callable[..., Store]:
    def opened(**more: object) -> Store:
        state = share.parent / ".state"
        state.mkdir(exist_ok=True)
        return BACKEND.open("share", {"roots": ["share"], **more}, Context(share.parent, state))

    return opened
