"""Real servers, started once; every test has a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from demo.servers.postgres import PostgresServer
from tests.backends.postgres.place import OPERATOR, Place
from tests.needs import POSTGRES_15

# What is committed need not outlive the machine here: tests are quick this way.
_SETTINGS = {"fsync": "off", "autovacuum": "off", "max_connections": "40"}
_VERSIONS = [18, pytest.param(15, marks=pytest.mark.needs("postgres-15"))]


def _started(directory: Path, version: int) -> Iterator[PostgresServer]:
    bin_dir = POSTGRES_15 if version == 15 else None
    with PostgresServer(directory / str(version), bin_dir=bin_dir, settings=_SETTINGS) as server:
        with psycopg.connect(server.conninfo, password=server.password) as connection:
            connection.execute(f"CREATE ROLE {OPERATOR} LOGIN PASSWORD '{server.password}'")
        yield server


@pytest.fixture(scope="session", params=_VERSIONS, ids="postgres-{}".format)
def any_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostgresServer]:
    """The wheel's server, and Debian's older one."""
    yield from _started(tmp_path_factory.mktemp("postgres"), request.param)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    yield from _started(tmp_path_factory.mktemp("postgres"), 18)


@pytest.fixture
def any_place(any_server: PostgresServer, tmp_path: Path) -> Iterator[Place]:
    place = Place(any_server, tmp_path)
    yield place
    place.drop()


@pytest.fixture
def place(server: PostgresServer, tmp_path: Path) -> Iterator[Place]:
    place = Place(server, tmp_path)
    yield place
    place.drop()
