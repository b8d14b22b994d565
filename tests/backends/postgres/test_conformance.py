"""The backend keeps the contract, on a real server and as a role that is no superuser."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from psycopg import sql

from backends.conformance import BackendConformance, Harness, Row
from backends.contract import Backend, SourceSpec
from backends.postgres import BACKEND
from tests.backends.postgres.place import OPERATOR, Place


class PostgresHarness(Harness):
    """A database whose tables are units."""

    def __init__(self, place: Place, scratch: Path) -> None:
        super().__init__(scratch)
        self.place = place
        self.tables: dict[str, str] = {}

    @property
    def backend(self) -> Backend:
        return BACKEND

    @property
    def secrets(self) -> Sequence[str]:
        return [self.place.server.password]

    def settings(self) -> Mapping[str, object]:
        return self.place.settings(OPERATOR)

    def plant(self, name: str, rows: Sequence[Row]) -> str:
        at = self.place.plant(name, rows)
        self.tables[at] = name
        return at

    def state(self) -> Mapping[str, bytes]:
        return {at: self._content(name) for at, name in self.tables.items()}

    def alter(self, locator: str, rows: Sequence[Row]) -> None:
        self._run("DELETE FROM {}", locator)
        self.place.fill(self.tables[locator], rows)

    def remove(self, locator: str) -> None:
        self._run("DROP TABLE {}", locator)
        del self.tables[locator]

    @contextlib.contextmanager
    def sever(self) -> Iterator[None]:
        self.place.connection.close()
        self.place.server.stop()
        try:
            yield
        finally:
            self.place.server.start()
            self.place.connection = self.place.connect()

    @contextlib.contextmanager
    def deny(self, locator: str) -> Iterator[None]:
        self._run(f"REVOKE SELECT ON {{}} FROM {OPERATOR}", locator)
        yield
        self._run(f"GRANT SELECT ON {{}} TO {OPERATOR}", locator)

    def source(self, locator: str) -> SourceSpec:
        return SourceSpec("place", table=f'public."{self.tables[locator]}"')

    def _run(self, statement: str, locator: str) -> None:
        name = sql.Identifier(self.tables[locator])
        self.place.connection.execute(sql.SQL(statement).format(name))

    def _content(self, name: str) -> bytes:
        query = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(name))
        with self.place.connection.cursor() as cursor, cursor.copy(query) as copy:
            return b"".join(map(bytes, copy))


class TestPostgres(BackendConformance, cannot={}):
    @pytest.fixture
    def harness(self, new_place: Place, tmp_path: Path) -> PostgresHarness:
        return PostgresHarness(new_place, tmp_path)
