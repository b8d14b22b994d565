"""Two worlds, so that two crashes can be seen to at once; planted anew for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from demo.servers.postgres import PostgresServer
from demo.servers.seaweedfs import SeaweedFS
from demo.servers.tsa import TimestampAuthority
from tests.crash.ends import Lanes
from tests.crash.world import World


@pytest.fixture(scope="session")
def lanes(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: PostgresServer,
    seaweedfs: SeaweedFS,
    authority: TimestampAuthority,
) -> Iterator[Lanes]:
    with ExitStack() as stack:
        worlds = []
        for name in ("crashone", "crashtwo"):
            world = World(tmp_path_factory.mktemp(name), postgres, seaweedfs, authority, name)
            stack.callback(world.close)
            worlds.append(world)
        yield Lanes(worlds)
