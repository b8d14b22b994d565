"""The benchmarks of sealing run; what they measure is not judged here."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.structure.tree import ROOT


@pytest.mark.needs("age")
def test_it_prints_a_rate_for_each_way() -> None:
    command = [sys.executable, str(ROOT / "bench" / "sealing.py"), "--size", "1MB", "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for what in ("sealing", "opening"):
        assert re.search(rf"^{what}: age \d+ MB/s, ours \d+ MB/s$", done.stdout, re.MULTILINE)


def test_it_prints_how_values_fare() -> None:
    command = [sys.executable, str(ROOT / "bench" / "values.py"), "--values", "30", "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for what in ("sealing", "opening", "sealing under a record"):
        assert re.search(rf"^{what}: [\d,]+ values/s, [\d.]+ of ", done.stdout, re.MULTILINE)


def test_it_prints_what_sealed_holdings_cost() -> None:
    command = [sys.executable, str(ROOT / "bench" / "keyed.py"), "--holdings", "3", "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for what in ("key destroy:", "plan ", "destroy ", "verify ", "journal"):
        assert re.search(rf"^ +3  {what}.* \d", done.stdout, re.MULTILINE), what
