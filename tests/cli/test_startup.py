"""What a command loads: help is quick, and an auditor needs no driver."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from demo.servers.tsa import TimestampAuthority
from tests.cli.operating import COMMAND, SURVEY, HereOperator, Operator

_MODULE = re.compile(r"^import time: +\d+ \| +\d+ \| +(?P<name>[\w.]+)$", re.MULTILINE)

DRIVERS = {"boto3", "botocore", "psycopg"}
HEAVY = {"numpy", "numba", "sqlite3", "structlog", "clevercsv", "charset_normalizer"}


def loaded(folder: Path, *words: str, environment: dict[str, str] | None = None) -> set[str]:
    """The top-level modules that Python's own list of imports names for a command."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", COMMAND, *words], cwd=folder,
        env={"PATH": "", "LANG": "C.UTF-8", **(environment or {})},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    modules = {match["name"] for match in _MODULE.finditer(done.stderr)}
    assert "shredder.cli.app" in modules
    return {name.partition(".")[0] for name in modules}


def told(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [COMMAND, *words, "--help"], cwd=folder, env={"LANG": "C.UTF-8", "COLUMNS": "80"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize("words", [[], ["policy"], ["log"], ["key"]])
def test_a_list_of_commands_cuts_nothing_off(tmp_path: Path, words: Sequence[str]) -> None:
    lines = told(tmp_path, *words).partition("Commands:\n")[2].splitlines()
    assert lines
    assert [line for line in lines if not line.endswith(".") or line.endswith("...")] == []


@pytest.mark.parametrize("words", [["--help"], ["destroy", "--help"], ["policy", "--help"]])
def test_help_loads_nothing_that_takes_time(tmp_path: Path, words: Sequence[str]) -> None:
    unwanted = DRIVERS | HEAVY | {"cryptography", "attestations", "backends", "asyncio"}
    assert loaded(tmp_path, *words) & unwanted == set()


def test_an_auditors_commands_load_no_driver_and_no_backend(
    desk: Operator, authority: TimestampAuthority, tmp_path: Path
) -> None:
    operator = HereOperator(desk.folder, desk.environment)
    bundle = operator.run("destroy", SURVEY, "--yes", "--json").json["attestation"]
    key = str(desk.state / "keys" / "signing.pub.pem")
    (tmp_path / "root.pem").write_text(authority.root_pem)
    (tmp_path / "tsa.pem").write_text(authority.leaf_pem)
    making = ("policy", "new", "policy.json", "--key", key)
    trusting = ("--tsa-root", "root.pem", "--tsa-certificate", "tsa.pem")
    judging = (bundle, "--policy", "policy.json")
    for words in ((*making, *trusting), ("verify", *judging), ("show", *judging)):
        found = loaded(tmp_path, *words)
        assert "cryptography" in found
        assert found & (DRIVERS | HEAVY | {"backends"}) == set(), words[0]


def test_locate_loads_only_the_drivers_of_the_stores_there_are(desk: Operator) -> None:
    found = loaded(desk.folder, "locate", SURVEY, environment=desk.environment)
    assert "numpy" in found
    assert found & DRIVERS == set()
