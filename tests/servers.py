"""Real servers for all tests, each started at most once in a run, when the first test asks.

Whoever writes to them cleans up: a Postgres of one's own content is had by a database of one's
own, an S3 by a bucket.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.servers.postgres import PostgresServer
from demo.servers.seaweedfs import SeaweedFS
from demo.servers.tsa import TimestampAuthority
from tests.support.openbao import OpenBao

# What is committed need not outlive the machine here: tests are quick this way.
_POSTGRES = {"fsync": "off", "autovacuum": "off", "max_connections": "40"}


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A Postgres of the version that the demo has, with a superuser."""
    with PostgresServer(tmp_path_factory.mktemp("postgres"), settings=_POSTGRES) as server:
        yield server


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """An S3 server; the identity `nobody` has a key and no right."""
    directory = tmp_path_factory.mktemp("seaweedfs")
    with SeaweedFS(directory, identities={"nobody": []}) as server:
        yield server


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """A server of keys. Each test has a transit engine of its own."""
    with OpenBao(tmp_path_factory.mktemp("openbao")) as server:
        yield server


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimestampAuthority]:
    """A timestamp authority. Needs the program openssl."""
    with TimestampAuthority(tmp_path_factory.mktemp("tsa"), name="Test TSA") as server:
        yield server
