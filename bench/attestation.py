"""How fast a bundle is verified, beside openssl in the same run, and how it grows.

    python bench/attestation.py --holdings 1000 100000 1000000

Verifications: whole ones (two envelopes with a signature and a timestamp each, the policy read
already) for a second of processor time, beside the four processes of ``openssl`` that check the
same two signatures and two timestamps, and beside the bare two Ed25519 checks of `cryptography`.
Growth: plan and result over so many holdings, each committed to by a salted leaf of two trees, as
a run does it; then the bundle's size, the growth of its process's memory, processor time a
holding, and the hashes that prove one. Seconds are of processor time, so that other work on the
machine counts less. Needs ``openssl``.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from attestations import (
    Bundle,
    Envelope,
    Sealed,
    Tree,
    Verdict,
    check,
    inclusion_path,
    seal,
    to_payload,
)
from attestations.commitment import MerkleBuilder
from tests.attestations import made
from tests.attestations.forge import Forge
from tests.attestations.judge import timed
from tests.attestations.kinds import issued
from tests.attestations.made import COMMITTER, NOW

RECORD = b'{"store":"share","locator":"projects/2018/a-rather-usual-path/of-a-holding-%07d.csv"}'


def spent() -> float:
    """Processor seconds of this process and of those that it waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def rate(call: Callable[[], object], seconds: float = 1.0) -> float:
    """Calls a second of processor time."""
    call()
    begin, count = spent(), 0
    while (used := spent() - begin) < seconds:
        call()
        count += 1
    return count / used


def openssl(folder: Path, of: Bundle, forge: Forge) -> Callable[[], object]:
    """What openssl has to do for the same two signatures and timestamps."""
    (folder / "root.pem").write_text(forge.root.pem)
    (folder / "key.pem").write_text(made.OPERATOR.public_key.pem)
    commands: list[list[str]] = []
    moment = str(int(NOW.timestamp()))
    for name, sealed in (("plan", of.plan), ("result", of.result)):
        envelope = Envelope.from_bytes(sealed.envelope)
        (folder / f"{name}.pae").write_bytes(envelope.signed_bytes)
        (folder / f"{name}.sig").write_bytes(envelope.signatures[0].sig)
        (folder / f"{name}.tsr").write_bytes(sealed.timestamps[0])
        (folder / name).write_bytes(sealed.envelope)
        key, root = ["-pubin", "-inkey", "key.pem"], ["-CAfile", "root.pem", "-attime", moment]
        signature = ["-rawin", "-in", f"{name}.pae", "-sigfile", f"{name}.sig"]
        token = ["-in", f"{name}.tsr", "-data", name]
        commands.append(["openssl", "pkeyutl", "-verify", *key, *signature])
        commands.append(["openssl", "ts", "-verify", *token, *root])

    def run() -> None:
        for command in commands:
            subprocess.run(command, cwd=folder, check=True, capture_output=True)

    return run


def bare(of: Bundle) -> Callable[[], object]:
    """Two signature checks and nothing else."""
    envelopes = [Envelope.from_bytes(each.envelope) for each in (of.plan, of.result)]
    pairs = [(each.signed_bytes, each.signatures[0].sig) for each in envelopes]
    key = made.OPERATOR.public_key

    def run() -> None:
        for message, signature in pairs:
            key.verify(signature, message)

    return run


def speed() -> None:
    forge = Forge()
    of, policy = issued(stamp=forge.plain), timed(forge)
    data = of.to_bytes()
    assert check(data, policy, now=NOW).authentic is Verdict.VALID
    ours = rate(lambda: check(data, policy, now=NOW))
    with tempfile.TemporaryDirectory() as folder:
        theirs = rate(openssl(Path(folder), of, forge))
    least = rate(bare(of))
    ratios = f"{ours / theirs:6.2f} x openssl   {ours / least:6.3f} x bare"
    print(f"{'verify, whole':26} {ours:9,.0f} /s   {ratios}")
    print(f"{'openssl, 4 processes':26} {theirs:9,.0f} /s")
    print(f"{'two bare Ed25519 checks':26} {least:9,.0f} /s")


def sealed(size: int) -> Bundle:
    """Plan and result over so many holdings, leaf by leaf."""
    trees = {}
    for name in ("inventory", "results"):
        builder = MerkleBuilder()
        for index in range(size):
            builder.add(COMMITTER.leaf(name, index, RECORD % index))
        trees[name] = Tree(root="sha256:" + builder.root().hex(), size=size)
    base = made.plan()
    found = replace(base.sweep.found, copy=size)
    plan = made.plan(
        inventory=trees["inventory"],
        targets=(made.planned(holdings=size),),
        sweep=replace(base.sweep, found=found),
    )
    first = Sealed(seal(to_payload(plan), [made.OPERATOR]).raw)
    result = made.result(plan, results=trees["results"], targets=(made.target(holdings=size),))
    last = Sealed(seal(to_payload(replace(result, plan=first.digest)), [made.OPERATOR]).raw)
    return Bundle(first, last)


def growth(size: int) -> None:
    """To be run in a process of its own, whose memory says something."""
    begin, before = spent(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    data = sealed(size).to_bytes()
    each = 1e6 * (spent() - begin) / size
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    leaves = (COMMITTER.leaf("inventory", n, RECORD % n) for n in range(size))
    path = len(inclusion_path(leaves, size // 3, size))
    policy = made.policy()
    assert check(data, policy, now=NOW).authentic is Verdict.VALID
    verified = 1000 / rate(lambda: check(data, policy, now=NOW), 0.5)
    print(
        f"{size:11,} holdings: bundle {len(data):,} bytes, {each:.1f} µs a holding, memory grown "
        f"by {grown:,} KiB, verified in {verified:.1f} ms, one holding proven by {path} hashes",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--holdings", type=int, nargs="+", default=(1000, 100_000, 1_000_000))
    options = parser.parse_args()
    speed()
    for size in options.holdings:
        child = multiprocessing.get_context("fork").Process(target=growth, args=(size,))
        child.start()
        child.join()
        if child.exitcode:
            sys.exit(child.exitcode)


if __name__ == "__main__":
    main()
