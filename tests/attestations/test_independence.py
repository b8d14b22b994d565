"""What the package needs of its surroundings: two libraries, no network, little time."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import cryptography
import pytest

from attestations import Bundle, TimeVerdict, Verdict, check
from tests.attestations import made
from tests.attestations.forge import Forge
from tests.attestations.judge import timed
from tests.attestations.made import NOW, bundle

ROOT = Path(__file__).resolve().parents[2]


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_importing_it_loads_nothing_of_the_rest() -> None:
    names = "numpy boto3 botocore psycopg structlog typer clevercsv shredder backends demo urllib.request http.client"  # fmt: skip
    code = f"import sys, attestations; print([n for n in {names.split()!r} if n in sys.modules])"
    done = run(code)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_two_libraries_are_enough(tmp_path: Path) -> None:
    """With no other package in reach, not even by accident, it verifies and signs."""
    forge = Forge()
    (tmp_path / "bundle").write_bytes(bundle(stamp=forge.plain).to_bytes())
    (tmp_path / "policy").write_bytes(timed(forge).to_bytes())
    alone = tmp_path / "site"
    alone.mkdir()
    site = Path(cryptography.__file__).parents[1]
    for name in ("cryptography", "rfc3161_client", "cffi", "_cffi_backend*", "pycparser"):
        for found in site.glob(name):
            (alone / found.name).symlink_to(found)
    (alone / "attestations").symlink_to(ROOT / "attestations")
    code = f"""
import sys
sys.path.insert(0, {str(alone)!r})
from datetime import datetime
from pathlib import Path
from attestations import KeyFileSigner, Policy, check_file
here = Path({str(tmp_path)!r})
now = datetime.fromisoformat({NOW.isoformat()!r})
print(check_file(here / "bundle", Policy.load(here / "policy"), now=now).time)
KeyFileSigner.create(here / "key").sign(b"message")
"""
    command = [sys.executable, "-I", "-S", "-c", code]  # no site-packages, no PYTHONPATH
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("valid", "")


def test_it_names_what_it_offers_in_order() -> None:
    import attestations

    assert attestations.__all__ == sorted(attestations.__all__)
    for name in attestations.__all__:
        assert getattr(attestations, name) is not None


def test_importing_it_is_quick() -> None:
    """In CPU time, the best of five: other work on the machine does not count."""

    def spent(code: str) -> float:
        before = os.times()
        assert run(code).returncode == 0
        after = os.times()
        used = after.children_user - before.children_user
        return used + after.children_system - before.children_system

    bare = min(spent("pass") for _ in range(3))
    assert min(spent("import attestations") for _ in range(5)) - bare < 0.25


def test_verification_opens_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    forge = Forge()
    data = bundle(stamp=forge.plain).to_bytes()

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a socket was asked for")

    for name in ("socket", "create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)
    with pytest.raises(AssertionError):
        socket.socket()
    report = check(data, timed(forge), now=NOW)
    assert (report.authentic, report.time) == (Verdict.VALID, TimeVerdict.VALID)


AUDITED = """
import sys
from datetime import datetime
from pathlib import Path
from attestations import Policy, check
data, policy = Path(sys.argv[1]).read_bytes(), Policy.load(Path(sys.argv[2]))
now = datetime.fromisoformat(sys.argv[3])
check(data, policy, now=now)  # what is loaded late is loaded now
seen = []
sys.addaudithook(lambda event, _: seen.append(event))
report = check(data, policy, now=now)
print(report.time, sorted(e for e in set(seen) if e.split(".")[0] in sys.argv[4:]))
"""


def test_verification_touches_no_file_program_or_network(tmp_path: Path) -> None:
    """By the interpreter's own audit events, in a process of its own."""
    forge = Forge()
    (tmp_path / "bundle").write_bytes(bundle(stamp=forge.plain).to_bytes())
    (tmp_path / "policy").write_bytes(timed(forge).to_bytes())
    watched = ["open", "socket", "subprocess", "os", "shutil", "urllib", "ctypes", "http"]
    command = [sys.executable, "-c", AUDITED, str(tmp_path / "bundle"), str(tmp_path / "policy")]
    done = subprocess.run(
        [*command, NOW.isoformat(), *watched], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("valid []", "")


def test_a_million_holdings_make_a_small_bundle() -> None:
    """One entry a group: the statement is as long for a million holdings as for three."""
    size = 1_000_000
    plan = made.plan(
        inventory=replace(made.plan().inventory, size=size),
        targets=(made.planned(holdings=size),),
        sweep=replace(made.plan().sweep, found=replace(made.plan().sweep.found, copy=size)),
    )
    results = replace(made.tree("results", 3), size=size)
    big = bundle(
        plan_of=plan, changes={"targets": (made.target(holdings=size),), "results": results}
    )
    assert len(big.to_bytes()) < len(bundle().to_bytes()) + 200
    assert check(big.to_bytes(), made.policy(), now=NOW).authentic is Verdict.VALID


def widest() -> Bundle:
    """As many scopes, groups and codes as a large estate has."""
    codes = tuple(f"limitation-{n}" for n in range(40))
    scopes = tuple(made.scope(f"store-{n % 50}", f"scope {n}") for n in range(1000))
    planned = tuple(
        made.planned(store=f"store-{n % 50}", kind=f"kind-{n}", holdings=1) for n in range(300)
    )
    targets = tuple(
        made.target(store=f"store-{n % 50}", kind=f"kind-{n}", holdings=1, limitations=codes[:8])
        for n in range(300)
    )
    base = made.plan()
    plan = made.plan(
        inventory=made.tree("inventory", 300),
        targets=planned,
        sweep=replace(base.sweep, coverage=scopes, found=replace(base.sweep.found, copy=300)),
        limitations=codes,
    )
    return bundle(plan_of=plan, changes={"targets": targets})


def test_the_widest_bundle_is_verified_within_a_second_and_100_megabytes() -> None:
    data = widest().to_bytes()
    assert len(data) > 1_000_000
    begin = time.process_time()
    report = check(data, made.policy(), now=NOW)
    spent = time.process_time() - begin
    assert report.authentic is Verdict.VALID
    assert spent < 1
    tracemalloc.start()
    check(data, made.policy(), now=NOW)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000_000
