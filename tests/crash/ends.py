"""What a run comes to, disturbed or not, and how the two are compared."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from attestations import Bundle
from attestations.report import TimeVerdict, Verdict
from shredder.errors import ExitCode
from tests.crash.world import DESTROY, RESUME, Came, World, digest

SURVIVE = ("canteen", "menu.csv", "newsletter.csv", "notes.txt", "x.csv.txt")


@dataclass(frozen=True)
class End:
    """All that must not depend on where a run was broken off."""

    code: int
    contents: dict[str, list[str]]
    survivors: dict[str, int]
    statuses: list[tuple[Any, ...]]
    bundles: int
    authentic: Verdict
    time: TimeVerdict
    outcome: str
    obstacles: tuple[str, ...]
    keys: list[str]  # how far the life of each has come
    logged: bool  # both envelopes, with their proofs in the bundle
    log_check: int


def end(world: World, came: Came) -> End:
    """How things stand after the last command of a run."""
    bundles = world.bundles()
    assert bundles, f"no attestation; exit code {came.code}: {came.output[-500:]}"
    report, bundle = world.audit(bundles[-1]), Bundle.load(bundles[-1])
    return End(
        code=came.code,
        contents=digest(world.contents()),
        survivors=world.survivors(),
        statuses=[
            tuple(str(each).replace(world.name, "world") for each in row)
            for row in world.statuses()
        ],
        bundles=len(bundles),
        authentic=report.authentic,
        time=report.time,
        outcome=str(report.computed),
        obstacles=report.obstacles,
        keys=world.keys(),
        logged=None not in {bundle.plan.log, bundle.result.log},
        log_check=world.run(("log", "check")).code,
    )


def renamed(world: World, contents: dict[str, list[str]]) -> dict[str, list[str]]:
    """Contents without the world's own name, so that two worlds can be compared."""
    return {name.replace(world.name, "world"): each for name, each in contents.items()}


def finish(world: World) -> Came:
    """What an operator does after a crash: resume; if there is nothing to resume, destroy."""
    came = world.run(RESUME)
    return world.run(DESTROY) if came.code == ExitCode.USAGE else came


class Lanes:
    """Worlds side by side; each crash has one to itself."""

    def __init__(self, worlds: Sequence[World]) -> None:
        self._worlds = worlds

    @cached_property
    def undisturbed(self) -> tuple[End, list[str]]:
        """How a run ends that nothing disturbs, and its points."""
        world = self._worlds[0]
        world.plant()
        before = digest(world.contents())
        came = world.run(DESTROY)
        assert came.code == 0, came.output
        ended = end(world, came)
        for name in before:
            if name.endswith(SURVIVE):
                assert ended.contents[name] == before[name], name
        return self._compared(world, ended), came.points

    def any(self) -> World:
        """One of the worlds."""
        return self._worlds[0]

    def crash(self, crashes: Iterable[Any], how: Callable[[World, Any], Came]) -> dict[Any, End]:
        """Carry out crashes, and say how each ended whose end is not that of a quiet run."""
        expected, _ = self.undisturbed
        free: queue.SimpleQueue[World] = queue.SimpleQueue()
        for world in self._worlds:
            free.put(world)

        def one(crash: Any) -> End:
            world = free.get()
            try:
                world.plant()
                return self._compared(world, end(world, how(world, crash)))
            finally:
                free.put(world)

        crashes = list(crashes)
        with ThreadPoolExecutor(len(self._worlds)) as pool:
            ends = dict(zip(crashes, pool.map(one, crashes), strict=True))
        return {crash: ended for crash, ended in ends.items() if ended != expected}

    @staticmethod
    def _compared(world: World, ended: End) -> End:
        return replace(ended, contents=renamed(world, ended.contents))
