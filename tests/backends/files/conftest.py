"""A share to plant files in, and a store on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backends.contract import Context, Order, Store
from backends.files import BACKEND
from tests.backends.trees import RECORDS, holdings, order, stranger

Opener = Callable[..., Store]


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


@pytest.fixture
def place(share: Path) -> Path:
    """The holding, with a neighbour that must stay."""
    (share / "neighbour.csv").write_bytes(stranger(1))
    (share / "export-x.csv").write_bytes(RECORDS)
    return share / "export-x.csv"


@pytest.fixture
def planned(place: Path, open_store: Opener) -> Order:
    return order(holdings(open_store())["share/export-x.csv"])
