"""A service of keys for this folder's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.keystores.account import Account
from tests.support.kms import CREDENTIALS, World, serving


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[World, str]]:
    world = World()
    with serving(world) as url:
        yield world, url


@pytest.fixture
def account(served: tuple[World, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    world, url = served
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("shredder.keystores.kms._PAUSES", (0, 0))
    vars(world).update(vars(World()))
    return Account(world, url, tmp_path)
