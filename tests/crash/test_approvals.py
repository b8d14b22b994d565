"""Killed at any moment, a plan that another person signed loses no signature and gains none.

The points are those from the proposal to the announcement: what comes after is a run like any
other. What an operator does after a crash is `resume`; where nothing was taken up yet, the same
command once more, with the same approvals.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from attestations import Bundle, Envelope, KeyFileSigner, PublicKey
from attestations.text import sha256
from demo.servers.postgres import PostgresServer
from demo.servers.seaweedfs import SeaweedFS
from demo.servers.tsa import TimestampAuthority
from demo.survey import NAME
from shredder.errors import ExitCode
from shredder.journal import Phase
from shredder.sealed import read_plan
from tests.crash.world import RESUME, Came, World, digest

pytestmark = [pytest.mark.slow, pytest.mark.needs("openssl")]

PLAN = ("plan", NAME, "--output", "plan.jsonl", "--include", "likely", "--dismiss", "maybe")
PROPOSE = ("propose", NAME, "--plan", "plan.jsonl", "--output", "proposal.json")
APPROVE = (
    *("approve", "proposal.json", "--plan", "plan.jsonl", "--key", "officer.pem"),
    *("--operator", ".shredder/keys/signing.pub.pem", "--by-role", "data-protection-officer"),
    *("--reference", "staff-3", "--output", "approval.json", "--yes"),
)
DESTROY = ("destroy", NAME, "--plan", "plan.jsonl", "--approval", "approval.json", "--json")


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: PostgresServer,
    seaweedfs: SeaweedFS,
    authority: TimestampAuthority,
) -> Iterator[World]:
    made = World(
        tmp_path_factory.mktemp("approved"), postgres, seaweedfs, authority, "crashapproved"
    )
    officer = KeyFileSigner.create(made.folder / "officer.pem")
    (made.folder / "officer.pub.pem").write_text(officer.public_key.pem)
    config = made.folder / "shredder.toml"
    text = config.read_text()
    basis = 'basis = "gdpr-art-17-1-d"\n'
    assert text.count(basis) == 1
    names = made.folder / "names.toml"
    names.write_text('[names]\nunstated = "Ada Example"\nstaff-3 = "Grace Example"\n')
    names.chmod(0o600)
    config.write_text(
        'names = "names.toml"\n'
        + text.replace(basis, f"{basis}approvals = 1\n")
        + '[approvers.dpo]\nrole = "data-protection-officer"\nreference = "staff-3"\n'
        + 'public_key = "officer.pub.pem"\n'
    )
    yield made
    made.close()


def prepare(world: World, *commands: tuple[str, ...]) -> None:
    world.plant()
    for name in ("plan.jsonl", "proposal.json", "approval.json"):
        (world.folder / name).unlink(missing_ok=True)
    for words in commands:
        came = world.run(words)
        # An unfinished upload cannot be read, which a plan says by its exit code.
        assert came.code in {0, ExitCode.INCONCLUSIVE if words is PLAN else 0}, came.output


def until_announced(world: World) -> int:
    """How many points there are up to the announcement, of a run that nothing disturbs."""
    prepare(world, PLAN, PROPOSE, APPROVE)
    came = world.run(DESTROY)
    assert came.code == 0, came.output
    signed_by_both(world)
    return came.points.index("after commit announced") + 1


def keys(world: World) -> set[PublicKey]:
    own = world.state / "keys" / "signing.pub.pem"
    return {
        PublicKey.from_pem(path.read_text()) for path in (own, world.folder / "officer.pub.pem")
    }


def signed_by_both(world: World) -> None:
    """One bundle, of which each of two keys has signed the plan once."""
    (bundle,) = world.bundles()
    assert world.survivors() == {}
    assert str(world.audit(bundle).computed) == "complete"
    plan = Envelope.from_bytes(Bundle.load(bundle).plan.envelope)
    annex = read_plan(Bundle.load(bundle).plan).annex
    kept = [path.read_bytes() for path in (world.state / "runs").glob("*/annex-*.json")]
    assert annex in [sha256(data) for data in kept]
    makers = plan.made_by(sorted(keys(world), key=lambda key: key.keyid))
    assert (len(makers), set(makers)) == (2, keys(world))


def go_on(world: World) -> Came:
    came = world.run(RESUME)
    return world.run(DESTROY) if came.code == ExitCode.USAGE else came


def test_killed_at_every_point_up_to_the_announcement(world: World) -> None:
    for point in range(1, until_announced(world) + 1):
        prepare(world, PLAN, PROPOSE, APPROVE)
        before, approval = digest(world.contents()), read(world, "approval.json")
        assert world.run(DESTROY, kill_at=point).killed
        assert digest(world.contents()) == before, "touched before it was announced"
        came = go_on(world)
        assert came.code == 0, (point, came.output)
        signed_by_both(world)
        assert read(world, "approval.json") == approval


def test_killed_twice_before_the_announcement(world: World) -> None:
    points = until_announced(world)
    for first in range(1, points + 1, 3):
        prepare(world, PLAN, PROPOSE, APPROVE)
        world.run(DESTROY, kill_at=first)
        if world.runs()[-1].facts.get("destroying"):
            world.run(RESUME, kill_at=2)
        came = go_on(world)
        assert came.code == 0, (first, came.output)
        signed_by_both(world)


def test_killed_in_a_second_proposal_the_first_one_stands_or_the_second(world: World) -> None:
    """What was signed of the first counts exactly as long as the journal names the first."""
    prepare(world, PLAN, PROPOSE, APPROVE)
    (world.folder / "proposal.json").unlink()
    points = world.run(PROPOSE).points
    assert "after commit proposed" in points
    for point in range(1, len(points) + 1):
        prepare(world, PLAN, PROPOSE, APPROVE)
        first = world.runs()[-1].facts["proposed_digest"]
        (world.folder / "proposal.json").unlink()
        assert world.run(PROPOSE, kill_at=point).killed
        run = world.runs()[-1]
        assert run.phase is Phase.PLANNED
        replaced = run.facts["proposed_digest"] != first
        assert replaced == (point > points.index("before commit proposed") + 1)
        came = world.run(DESTROY)
        if replaced:
            assert came.code == ExitCode.REFUSED, came.output
            for name in ("proposal.json", "proposal.json.partial", "approval.json"):
                (world.folder / name).unlink(missing_ok=True)
            for words in (PROPOSE, APPROVE):
                assert world.run(words).code == 0
            came = world.run(DESTROY)
        assert came.code == 0, (point, came.output)
        signed_by_both(world)


def read(world: World, name: str) -> bytes:
    path: Path = world.folder / name
    return path.read_bytes()
