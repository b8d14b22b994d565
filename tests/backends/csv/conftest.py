"""A folder of exports, and a store on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backends.contract import Context, Order, Store, Technique
from backends.csv import BACKEND
from tests.backends.csv.mixed import MIXED
from tests.backends.trees import holdings, order

Opener = Callable[..., Store]


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


@pytest.fixture
def place(exports: Path) -> Path:
    (exports / "mixed.csv").write_bytes(MIXED)
    return exports / "mixed.csv"


@pytest.fixture
def planned(place: Path, open_store: Opener) -> Order:
    one = order(holdings(open_store())["exports/mixed.csv"])
    assert Technique.REWRITE_WITHOUT_RECORDS is one.technique
    return one
