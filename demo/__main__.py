"""``make demo``: the main job on real input, with real servers, from planting to audit.

Everything lies in ``demo-world`` below the current folder, which is made anew each time; the
servers' data lies in the temporary folder and goes with them. What shredder says is never the
only witness: the stores are counted by psycopg, boto3 and grep, before and after.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demo.servers.postgres import PostgresServer
from demo.servers.seaweedfs import SeaweedFS
from demo.servers.tsa import TimestampAuthority
from demo.survey import NAME
from demo.world import World

_MARK = ".shredder-demo"
_BAR = "─" * 88


class Failed(Exception):
    """The demonstration did not show what it is there to show."""


def main() -> int:
    """Run the demonstration; 0 if all of it held."""
    begun = time.monotonic()
    place = _fresh(Path.cwd() / "demo-world")
    try:
        with tempfile.TemporaryDirectory(prefix="shredder-demo-") as scratch:
            _demonstrate(place, Path(scratch))
    except Failed as failure:
        print(f"\nthe demonstration FAILED: {failure}", file=sys.stderr)
        return 1
    print(f"\nAll of it held, in {time.monotonic() - begun:.0f} s. Look at {place.name}/audit.")
    return 0


def _demonstrate(place: Path, scratch: Path) -> None:
    _title("1  Real servers: Postgres, S3 (SeaweedFS), a timestamp authority")
    with (
        PostgresServer(scratch / "postgres") as postgres,
        SeaweedFS(scratch / "s3") as s3,
        TimestampAuthority(scratch / "tsa", name="Demonstration TSA") as tsa,
    ):
        print("  The authority runs here and now: this shows the format, and proves no time.")
        world = _plant(place, postgres, s3)
        secrets = scratch / "secrets"
        secrets.mkdir(mode=0o700)
        environment = {**os.environ, **world.environment(secrets)}
        before = world.snapshot_decoys()
        head = 'controller = "Demonstration Ltd"\n\n'
        (place / "shredder.toml").write_text(head + world.configuration([tsa.url]))
        bundle = _destroy(place, environment)
        _count(world, before)
        _audit(place, bundle, tsa)
        _again(place, environment)


def _plant(place: Path, postgres: PostgresServer, s3: SeaweedFS) -> World:
    _title("2  A survey that should not have been, scattered over four kinds of stores")
    world = World.plant(place, postgres, s3)
    for planted in world.holdings():
        print(f"  {planted.store:10} {planted.records:7,} records  {planted.what}")
    decoys, survivors = world.snapshot_decoys(), sum(world.count_survivors().values())
    print(f"  … among {len(decoys)} things that must survive, byte for byte.")
    print(f"  psycopg, boto3 and grep count {survivors:,} records of the survey.")
    _hold(survivors > 0, "the independent count finds nothing, even before")
    return world


def _destroy(place: Path, environment: Mapping[str, str]) -> Path:
    _title("3  The operator: init, enroll, destroy")
    _shredder(place, environment, "init")
    _shredder(place, environment, "enroll", NAME)
    words = ("--yes", "--include", "likely", "--dismiss", "maybe")
    _shredder(place, environment, "destroy", NAME, *words)
    found = sorted((place / ".shredder" / "attestations").glob("*.json"))
    _hold(len(found) == 1, "no attestation was left")
    return found[0]


def _count(world: World, before: Mapping[str, str]) -> None:
    _title("4  Other witnesses than shredder: psycopg, boto3, grep")
    survivors = {where: n for where, n in world.count_survivors().items() if n}
    print(f"  records of the survey left in all stores: {sum(survivors.values())}")
    _hold(not survivors, f"records survive in {sorted(survivors)}")
    after = world.snapshot_decoys()
    changed = {what for what in before.keys() | after.keys() if before.get(what) != after.get(what)}
    print(f"  things that had to survive: {len(after)} of {len(before)} byte-identical")
    _hold(not changed, f"decoys have changed: {sorted(changed)}")


def _audit(place: Path, bundle: Path, tsa: TimestampAuthority) -> None:
    _title("5  The auditor: another folder, nothing but the bundle and a trust policy")
    audit = place / "audit"
    audit.mkdir()
    shutil.copy(bundle, audit / "bundle.json")
    # What an auditor gets by other ways than from the operator.
    shutil.copy(place / ".shredder" / "keys" / "signing.pub.pem", audit / "operator.pem")
    (audit / "tsa-root.pem").write_text(tsa.root_pem)
    (audit / "tsa.pem").write_text(tsa.leaf_pem)
    nothing = {"PATH": os.defpath, "HOME": str(audit), "LANG": "C.UTF-8"}
    _shredder(
        audit, nothing, "policy", "new", "policy.json", "--key", "operator.pem",
        "--tsa-root", "tsa-root.pem", "--tsa-certificate", "tsa.pem", "--dataset", NAME,
        "--store", "warehouse", "--store", "lake", "--store", "share", "--store", "exports",
    )  # fmt: skip
    _shredder(audit, nothing, "verify", "bundle.json", "--policy", "policy.json")


def _again(place: Path, environment: Mapping[str, str]) -> None:
    _title("6  A runbook does it again: nothing is there, and the attestation stands")
    answer = _shredder(place, environment, "destroy", NAME, "--yes", "--json", quiet=True)
    report: dict[str, Any] = json.loads(answer)
    print(f"  outcome {report['outcome']}, exit code {report['exit_code']}")
    _hold(report["outcome"] == "complete", "the second run does not say complete")


def _shredder(
    folder: Path, environment: Mapping[str, str], *words: str, quiet: bool = False
) -> str:
    """Run the command as an operator would; it has to succeed."""
    shown = " ".join(words)
    print(f"\n  $ shredder {shown}", flush=True)
    done = subprocess.run(
        [Path(sys.executable).with_name("shredder"), *words],
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if not quiet:
        print("".join(f"  {line}\n" for line in done.stdout.splitlines()), end="", flush=True)
    _hold(done.returncode == 0, f"shredder {words[0]} ended with exit code {done.returncode}")
    return done.stdout


def _fresh(place: Path) -> Path:
    """Make the world's folder anew; never remove a folder that is not a demo's."""
    if place.exists():
        if not (place / _MARK).is_file():
            raise SystemExit(f"{place} is not a demonstration's folder: move it away")
        shutil.rmtree(place)
    place.mkdir()
    (place / _MARK).touch()
    return place


def _title(text: str) -> None:
    print(f"\n{_BAR}\n{text}\n{_BAR}", flush=True)


def _hold(right: object, otherwise: str) -> None:
    if not right:
        raise Failed(otherwise)


if __name__ == "__main__":
    sys.exit(main())
