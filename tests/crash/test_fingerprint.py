"""Killed at any moment of its destruction, a fingerprint is gone in the end, and that is attested.

The points are those from the end of the second sweep on: what comes before is a run like any other.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from attestations import Bundle, FingerprintStatus
from attestations.report import Verdict
from demo.servers.postgres import PostgresServer
from demo.servers.seaweedfs import SeaweedFS
from demo.servers.tsa import TimestampAuthority
from demo.survey import NAME
from shredder.errors import ExitCode
from shredder.sealed import read_result
from tests.crash.world import DESTROY, RESUME, World

pytestmark = [pytest.mark.slow, pytest.mark.needs("openssl")]

LOOK = ("locate", NAME, "--json")


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: PostgresServer,
    seaweedfs: SeaweedFS,
    authority: TimestampAuthority,
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("forgotten")
    made = World(folder, postgres, seaweedfs, authority, "crashforgotten")
    config = made.folder / "shredder.toml"
    text = config.read_text()
    basis = 'basis = "gdpr-art-17-1-d"\n'
    assert text.count(basis) == 1
    config.write_text(text.replace(basis, f'{basis}fingerprint = "destroy"\n'))
    yield made
    made.close()


def files(world: World) -> set[str]:
    """What is there of the fingerprint, and that it was destroyed."""
    folders = [
        world.state / name
        for name in ("keys", "catalogues", "sweeps")
        if (world.state / name).is_dir()
    ]
    return {p.name for folder in folders for p in folder.iterdir() if p.name.startswith(NAME)}


def check(world: World) -> None:
    (bundle,) = world.bundles()
    report = world.audit(bundle)
    assert (report.authentic, str(report.computed)) == (Verdict.VALID, "complete")
    fate = read_result(Bundle.load(bundle).result).fingerprint
    assert fate.status is FingerprintStatus.DESTROYED
    assert files(world) == {f"{NAME}.destroyed"}
    assert world.survivors() == {}


def test_killed_at_every_point_of_it_it_is_destroyed_and_attested(world: World) -> None:
    world.plant()
    quiet = world.run(DESTROY)
    assert quiet.code == 0, quiet.output
    check(world)
    assert world.run(LOOK).code == ExitCode.INCONCLUSIVE
    first = quiet.points.index("after commit verified") + 1
    assert "before commit destroying fingerprint" in quiet.points[first:]
    for point in range(first, len(quiet.points) + 1):
        world.plant()
        assert world.run(DESTROY, kill_at=point).killed
        name = quiet.points[point - 1]
        if world.bundles():
            assert f"{NAME}.fingerprint" not in files(world), f"attested before it was done: {name}"
        came = world.run(RESUME)
        done = name == "after commit attested" or quiet.points[:point].count(
            "after commit attested"
        )
        assert came.code == (ExitCode.USAGE if done else 0), (name, came.output)
        check(world)
