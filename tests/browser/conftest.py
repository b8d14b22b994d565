"""The page, open in one browser for all of its tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.servers.tsa import TimestampAuthority
from tests.browser.page import Page
from tests.support.browser import Browser


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The committed file as an auditor opens it; who uses it needs Chromium."""
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield Page(browser)


@pytest.fixture(scope="session")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimestampAuthority]:
    """A real authority; who uses it needs openssl."""
    with TimestampAuthority(tmp_path_factory.mktemp("tsa")) as authority:
        yield authority
