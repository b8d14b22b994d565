"""Killed at any moment, a run over real Postgres, S3, files and exports ends as a quiet one does.

`kill -9` leaves the process no time for anything. What stands is what was made durable; what an
operator does is `shredder resume`. In the end the same holdings have the same statuses, the
stores the same contents, and the attestation verifies for somebody who trusts neither.
"""

from __future__ import annotations

import random

import pytest

from attestations.report import TimeVerdict, Verdict
from shredder.run.results import Status
from tests.crash.ends import Lanes, finish
from tests.crash.world import DESTROY, RESUME, Came, World, digest

pytestmark = [pytest.mark.slow, pytest.mark.needs("openssl")]


def killed_at(world: World, point: int) -> Came:
    """Kill a run at a point, look that nothing is attested yet that is not done, and go on."""
    came = world.run(DESTROY, kill_at=point)
    assert came.killed
    assert len(came.points) == point
    if world.bundles():
        assert world.survivors() == {}, "attested before it was done"
        assert world.keys() == ["destroyed"], "attested with a key that lives"
    return finish(world)


def test_a_quiet_run_is_complete(lanes: Lanes) -> None:
    """What the others are held against: all of it gone, and proved."""
    ended, points = lanes.undisturbed
    assert ended.survivors == {}
    assert (ended.authentic, ended.time, ended.outcome) == (
        Verdict.VALID,
        TimeVerdict.VALID,
        "complete",
    )
    assert (ended.logged, ended.log_check) == (True, 0)
    by_status = {str(status) for *_, status, _ in ended.statuses}
    assert by_status == {str(Status.VERIFIED), str(Status.DISMISSED)}
    assert ended.keys == ["destroyed"]
    for store in ("warehouse", "lake", "share", "exports", "keys"):
        assert f"after destroy in {store}" in points


def test_killed_at_every_point_a_run_ends_as_a_quiet_one(lanes: Lanes) -> None:
    _, points = lanes.undisturbed
    assert lanes.crash(range(1, len(points) + 1), killed_at) == {}


def test_killed_again_and_again_a_run_ends_as_a_quiet_one(lanes: Lanes) -> None:
    """A kill in the run, and two in what should have brought it to its end."""
    _, points = lanes.undisturbed
    rng = random.Random("again and again")
    crashes = [tuple(rng.randint(1, len(points)) for _ in range(3)) for _ in range(8)]

    def killed(world: World, crash: tuple[int, ...]) -> Came:
        world.run(DESTROY, kill_at=crash[0])
        for point in crash[1:]:
            world.run(RESUME, kill_at=point)  # if it has fewer points, it comes to its end
        return finish(world)

    assert lanes.crash(crashes, killed) == {}


def test_killed_in_mid_work_a_run_ends_as_a_quiet_one(lanes: Lanes) -> None:
    """At moments that no point marks: in a sweep, in a rewriting, in a transaction."""
    rng = random.Random("mid-work")
    moments = [round(rng.uniform(0.05, 1.5), 3) for _ in range(10)]

    def killed(world: World, moment: float) -> Came:
        world.run(DESTROY, kill_after=moment)
        world.run(RESUME, kill_after=moment / 2)
        return finish(world)

    assert lanes.crash(moments, killed) == {}


def test_killed_before_the_first_order_nothing_is_touched(lanes: Lanes) -> None:
    """Everything up to the announcement leaves the stores as they were."""
    _, points = lanes.undisturbed
    announced = points.index("before commit announced") + 1
    world = lanes.any()
    for point in (1, announced // 2, announced):
        world.plant()
        before = digest(world.contents())
        assert world.run(DESTROY, kill_at=point).killed
        assert digest(world.contents()) == before
        assert world.bundles() == []
