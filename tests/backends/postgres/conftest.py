"""Real servers, started once; every test has a database of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from demo.servers.postgres import PostgresServer
from tests.backends.postgres.place import OPERATOR, Place
from tests.needs import POSTGRES_15

# What is committed need not outlive the machine here: tests are quick this way.
_SETTINGS = {
    "fsync": "off",
    "autovacuum": "off",
    "max_connections": "40",
    "max_prepared_transactions": "2",
    "shared_preload_libraries": "pg_stat_statements",
}
VERSIONS = [18, pytest.param(15, marks=pytest.mark.needs("postgres-15"))]


class _Places:
    """A server of each version that is asked for, and one database on it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stack = contextlib.ExitStack()
        self._places: dict[int, Place] = {}

    def of(self, version: int) -> Place:
        if version not in self._places:
            server = PostgresServer(
                self._directory / str(version),
                bin_dir=POSTGRES_15 if version == 15 else None,
                settings=_SETTINGS,
            )
            self._stack.enter_context(server)
            with psycopg.connect(server.conninfo, password=server.password) as connection:
                connection.execute(f"CREATE ROLE {OPERATOR} LOGIN PASSWORD '{server.password}'")
            scratch = self._directory / f"scratch-{version}"
            scratch.mkdir()
            place = Place(server, scratch)
            self._stack.callback(place.close)
            self._places[version] = place
        return self._places[version]

    def close(self) -> None:
        self._stack.close()


@pytest.fixture(scope="session")
def _places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Places]:
    places = _Places(tmp_path_factory.mktemp("postgres"))
    yield places
    places.close()


@pytest.fixture(params=VERSIONS, ids="postgres-{}".format)
def any_place(request: pytest.FixtureRequest, _places: _Places) -> Iterator[Place]:
    """A database of the wheel's server, and one of Debian's older server."""
    place = _places.of(request.param)
    yield place
    place.clean()


@pytest.fixture
def old_place(_places: _Places) -> Iterator[Place]:
    """A database of Debian's older server."""
    place = _places.of(15)
    yield place
    place.clean()


@pytest.fixture
def new_place(_places: _Places) -> Iterator[Place]:
    """A database of the wheel's server."""
    place = _places.of(18)
    yield place
    place.clean()
