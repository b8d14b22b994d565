"""The package of the wheel, in a new venv with its two libraries and no network, judges a bundle."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from attestations import Sealed
from tests.attestations import made
from tests.attestations.forge import Forge
from tests.attestations.judge import timed
from tests.attestations.kinds import issued
from tests.attestations.made import NOW

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ("cryptography", "rfc3161-client")

AUDIT = """
import socket, sys

def refuse(event, _):
    if event.startswith("socket."):
        raise RuntimeError("no network here")

sys.addaudithook(refuse)
try:
    socket.socket()
except RuntimeError:
    pass
else:
    raise SystemExit("sockets are not forbidden")
from datetime import datetime
from pathlib import Path
import attestations
from attestations import Policy, check_file
now = datetime.fromisoformat(sys.argv[2])
policy = Policy.load(Path("policy.json"))
report = check_file(Path(sys.argv[1]), policy, now=now)
print(Path(attestations.__file__).parents[1].name, report.authentic, report.time, *report.codes)
"""


def needed(name: str, seen: set[str]) -> set[str]:
    """A distribution with all that it cannot do without, on this machine."""
    if name in seen:
        return seen
    seen.add(name)
    for line in importlib.metadata.requires(name) or []:
        wanted, _, marker = line.partition(";")
        other = re.split(r"[^\w.-]", wanted.strip())[0]
        if "extra" not in marker:
            try:
                importlib.metadata.version(other)
            except importlib.metadata.PackageNotFoundError:
                continue  # for another Python or platform
            needed(other, seen)
    return seen


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new venv: its site-packages are links to what is installed here."""
    folder = tmp_path_factory.mktemp("fresh")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        own = [name for name in archive.namelist() if name.startswith("attestations/")]
        archive.extractall(site, own)
    names = set[str]().union(*(needed(name, set()) for name in LIBRARIES))
    for name in names:
        files = importlib.metadata.files(name) or []
        tops = {file.parts[0] for file in files if file.parts[0] not in {"..", "__pycache__"}}
        for top in tops:
            where = Path(str(importlib.metadata.distribution(name).locate_file(top)))
            (site / top).symlink_to(where)
    return folder / "venv" / "bin" / "python"


def audited(python: Path, folder: Path, data: bytes, policy: bytes) -> str:
    (folder / "bundle.json").write_bytes(data)
    (folder / "policy.json").write_bytes(policy)
    command = [str(python), "-I", "-W", "error", "-c", AUDIT, "bundle.json", NOW.isoformat()]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.strip()


def test_it_judges_good_and_bad_bundles(python: Path, tmp_path: Path) -> None:
    forge = Forge()
    of, policy = issued(stamp=forge.plain), timed(forge).to_bytes()
    assert audited(python, tmp_path, of.to_bytes(), policy) == "site-packages valid valid"
    spoilt = replace(of, result=Sealed(of.result.envelope, of.plan.timestamps))
    said = audited(python, tmp_path, spoilt.to_bytes(), policy)
    assert said == "site-packages invalid invalid E_TS_IMPRINT"
    stranger = issued(signers=[made.ed25519_signer(9)], stamp=forge.plain)
    said = audited(python, tmp_path, stranger.to_bytes(), policy)
    assert said == "site-packages invalid indeterminate E_SIG"


@pytest.mark.parametrize("name", ["numpy", "boto3", "psycopg", "shredder", "backends", "pytest"])
def test_nothing_else_is_there(python: Path, name: str) -> None:
    """Otherwise the venv would show nothing."""
    command = [str(python), "-I", "-c", f"import {name}"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
