"""The backend ``csv`` keeps the contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backends.conformance import BackendConformance, Harness
from backends.csv import BACKEND
from tests.backends.trees import TreeHarness


@pytest.mark.needs("root")  # refusing a unit takes another user
class TestCsv(BackendConformance, cannot={}):
    @pytest.fixture
    def harness(self) -> Iterator[Harness]:
        harness = TreeHarness(BACKEND)
        yield harness
        harness.remove_all()
