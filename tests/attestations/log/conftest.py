"""What the tests of the log share."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here cuts the power, so that fsync would only wait; one looks at its order."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
