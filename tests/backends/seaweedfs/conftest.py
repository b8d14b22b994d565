"""A SeaweedFS of the tests' own, whose files they may look at, and a store that knows it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from backends import s3
from backends.contract import Context, Gap, Holding, Order, Step, Store
from backends.reference import ReferenceMatcher
from demo.servers.seaweedfs import SeaweedFS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

IDS = [f"7c1f0000-0000-4000-8000-{n:012}" for n in range(200)]
MATCHER = ReferenceMatcher(IDS, [])
_numbers = itertools.count(1)


class Place:
    """A fresh bucket on the server."""

    def __init__(self, server: SeaweedFS, tmp_path: Path) -> None:
        self.server = server
        self.data = server.directory / "data"
        self.client: S3Client = server.client()
        self.name = f"bucket-{next(_numbers)}"
        self.client.create_bucket(Bucket=self.name)
        self._tmp_path = tmp_path
        self._stores: list[Store] = []
        self.told: list[Step] = []

    def put(self, key: str, body: bytes, **more: Any) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=body, **more)

    def open(self, **settings: str) -> Store:
        given = {
            "endpoint_url": self.server.endpoint_url,
            "buckets": [self.name],
            "server": "seaweedfs",
            "master": self.server.master_url,
            **settings,
        }
        context = Context(self._tmp_path, self._tmp_path, self.told.append)
        self._stores.append(s3.BACKEND.open("lake", given, context))
        return self._stores[-1]

    def seeing(self, **settings: str) -> Store:
        """A store that may look at the server's files."""
        return self.open(data_directory=str(self.data), **settings)

    def close(self) -> None:
        for store in self._stores:
            store.close()
        self.client.close()


def swept(store: Store) -> list[Holding]:
    """What a sweep finds, without what belongs to it."""
    found: list[Holding] = []
    for scope in store.scopes():
        for unit in store.units(scope.name):
            assert not isinstance(unit, Gap), unit.reason
            examination = store.examine(unit, MATCHER)
            assert examination.gap is None, examination.gap.reason
            found += examination.holdings
    return found


def swept_in_part(store: Store) -> list[Holding]:
    """The same, of what can be examined."""
    units = [unit for scope in store.scopes() for unit in store.units(scope.name)]
    seen = [store.examine(unit, MATCHER) for unit in units if not isinstance(unit, Gap)]
    return [holding for each in seen for holding in each.holdings]


def orders(holdings: list[Holding]) -> list[Order]:
    return [
        Order(f"o{number}", each, each.whole, whole=True)
        for number, each in enumerate(holdings)
        if each.whole is not None
    ]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """Not the one of other tests: what they delete would be found in its files."""
    with SeaweedFS(tmp_path_factory.mktemp("seaweedfs-seen")) as server:
        yield server


@pytest.fixture
def place(server: SeaweedFS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    place = Place(server, tmp_path)
    yield place
    place.close()
