"""What the tests of the attestations share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.servers.tsa import TimestampAuthority
from tests.attestations.forge import Forge


@pytest.fixture(scope="session")
def forge() -> Forge:
    """An authority that signs whatever it is told."""
    return Forge()


@pytest.fixture(scope="session")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimestampAuthority]:
    """A real authority; who uses it needs openssl."""
    with TimestampAuthority(tmp_path_factory.mktemp("tsa")) as authority:
        yield authority
